"""The group level from tables alone: the contract's files and columns, and the same bytes every time."""

import json

import numpy as np
import pytest

from harmoniq.data.tables import read_tsv

COLUMNS = {
    "regions_harmonized": "participant_id metric tissue region raw combat gam hbr",
    "site_effects": "metric tissue region data n icc_unadjusted icc_adjusted singular_unadjusted singular_adjusted "
    "eta2 partial_eta2",
    "pca": "metric tissue data participant_id site PC1 PC2",
    "pca_summary": "metric tissue data variance_PC1 variance_PC2 eta2_PC1 eta2_PC2",
    "age_models": "metric tissue region data n b0 b_age b_age2 b_sex lrt_chi2 lrt_p peak_age se_peak se_peak_paper "
    "se_peak_boot ci_low ci_high kept rmse",
    "peak_age_summary": "metric tissue data mean se n_kept n_regions",
    "peak_age_correlation": "metric tissue data_x data_y n rho p",
    "rmse_change": "metric tissue data mean q25 q75",
    "group_differences": "metric tissue region comparison n_controls n_patients d ci_low ci_high p p_fdr direction",
    "table1_demographics": "description",
    "zscores": "participant_id group site metric tissue region z",
    "edss": "metric tissue region n beta se p p_fdr adj_r2 selected",
    "scorecard": "quantity metric tissue data paper here difference",
    "alternatives": "setting chosen other value_chosen value_other change",
    "held_out_bias": "metric tissue region data site n bias_held_out eta2 eta2_held_out bias_simulated",
    "harmonization_diagnostics": "check metric tissue region data site value limit flag message",
    "table3_group_differences": "metric tissue comparison",
}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    from harmoniq.simulation.tables import write_cohort_tables

    folder = tmp_path_factory.mktemp("tables")
    write_cohort_tables(folder, sites=3, subjects_per_site=60, patients=40, seed=11)
    return folder


def analyze(harmoniq, tables, out, *options):
    words = ("analyze", tables / "regions.tsv", tables / "participants.tsv", out, "--bootstrap", "100")
    done = harmoniq(*words, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_contract_and_same_bytes(harmoniq, tables, tmp_path):
    fast = ("--methods", "raw", "combat", "gam")
    said = analyze(harmoniq, tables, "one", "--nprocs", "1", *fast).stdout
    assert "hbr was not run: the harmonized comparison uses gam" in said
    assert "report.html" in said
    for name, columns in COLUMNS.items():
        frame = read_tsv(tmp_path / "one" / f"{name}.tsv")
        assert set(columns.split()) <= set(frame.columns), name
        assert len(frame)
        described = json.loads((tmp_path / "one" / f"{name}.json").read_text())
        assert set(frame.columns) <= set(described), name
    analyze(harmoniq, tables, "two", "--nprocs", "2", "--omp-nthreads", "2", *fast)
    written = sorted((tmp_path / "one").rglob("*.tsv"))
    for path in written:
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes(), path

    values = read_tsv(tmp_path / "one" / "regions_harmonized.tsv")
    people = read_tsv(tables / "participants.tsv").set_index("participant_id")
    reference = values["participant_id"].map(people["site"]) == "site1"
    for method in ("combat", "gam"):
        np.testing.assert_array_equal(values.loc[reference, method], values.loc[reference, "raw"])
    assert values["hbr"].isna().all()
    effects = read_tsv(tmp_path / "one" / "site_effects.tsv").groupby(["metric", "data"])["eta2"].mean()
    assert effects["R1", "gam"] < 0.01 < effects["R1", "combat"] < effects["R1", "raw"]

    # The saved models give their own cohort the same values, bit by bit.
    analyze(harmoniq, tables, "again", "--apply-models", "one")
    again = read_tsv(tmp_path / "again" / "regions_harmonized.tsv")
    for method in ("raw", "combat", "gam"):
        np.testing.assert_array_equal(again[method], values[method])


def test_rows_in_another_order_give_the_same_tables(harmoniq, tables, tmp_path):
    """Also a table of another pipeline: five columns, labels without prefix."""
    analyze(harmoniq, tables, "plain", "--methods", "raw", "combat")
    regions = read_tsv(tables / "regions.tsv")
    keys = ["participant_id", "metric", "tissue", "region"]
    bare = regions.groupby(keys, sort=False, as_index=False)["value"].mean().sample(frac=1, random_state=1)
    bare["participant_id"] = bare["participant_id"].str.removeprefix("sub-")
    other = tmp_path / "other"
    other.mkdir()
    bare.to_csv(other / "regions.tsv", sep="\t", index=False, na_rep="n/a")
    people = read_tsv(tables / "participants.tsv").sample(frac=1, random_state=2)
    people.columns = [name.upper() if name != "participant_id" else name for name in people.columns]
    people.to_csv(other / "participants.tsv", sep="\t", index=False, na_rep="n/a")
    analyze(harmoniq, other, "shuffled", "--methods", "raw", "combat")
    for name in ("site_effects", "group_differences", "age_models"):
        first, second = (read_tsv(tmp_path / folder / f"{name}.tsv") for folder in ("plain", "shuffled"))
        numeric = first.select_dtypes("number").columns
        np.testing.assert_allclose(first[numeric], second[numeric], rtol=1e-9, atol=1e-12)


def test_columns_of_other_names(harmoniq, tables, tmp_path):
    people = read_tsv(tables / "participants.tsv").rename(columns={"group": "diagnosis", "site": "scanner"})
    people.to_csv(tmp_path / "participants.tsv", sep="\t", index=False, na_rep="n/a")
    (tmp_path / "study.toml").write_text('[columns]\ngroup = "diagnosis"\nsite = "scanner"\n')
    words = ("analyze", tables / "regions.tsv", "participants.tsv", "out", "--bootstrap", "50", "--methods", "raw")
    assert harmoniq(*words).returncode == 2
    assert harmoniq(*words, "--config", "study.toml").returncode == 0
