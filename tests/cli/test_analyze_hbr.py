"""The group level as it is by default, hierarchical Bayesian regression included, on a few regions."""

import json

import numpy as np
import pytest

from harmoniq.data.tables import read_tsv

COLUMNS = "metric tissue region fold rhat_max ess_min divergences rmse converged"


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    from harmoniq.simulation.tables import write_cohort_tables

    folder = tmp_path_factory.mktemp("tables")
    write_cohort_tables(folder, sites=3, subjects_per_site=40, patients=30, seed=5)
    regions = read_tsv(folder / "regions.tsv")
    few = regions[regions["region"].isin(["BA4", "CST_L"]) & (regions["tissue"] != "sWM")]
    few.to_csv(folder / "regions.tsv", sep="\t", index=False, na_rep="n/a")
    return folder


def test_all_four_methods_and_the_same_bytes_on_any_number_of_processes(harmoniq, tables, tmp_path):
    for out, nprocs in (("one", "1"), ("two", "2")):
        done = harmoniq(
            "analyze", tables / "regions.tsv", tables / "participants.tsv", out, "--bootstrap", "50", "--nprocs", nprocs
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "raw, combat, gam, hbr" in done.stdout
    for path in sorted((tmp_path / "one").rglob("*")):
        if path.suffix in (".tsv", ".npz") or path.name == "model.json":
            assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes(), path

    values = read_tsv(tmp_path / "one" / "regions_harmonized.tsv")
    people = read_tsv(tables / "participants.tsv").set_index("participant_id")
    site = values["participant_id"].map(people["site"])
    assert values["hbr"].notna().all()
    assert (values["hbr"] == values["raw"])[site == "site1"].all()
    assert not (values["hbr"] == values["raw"])[site != "site1"].any()

    fits = read_tsv(tmp_path / "one" / "hbr_diagnostics.tsv")
    described = json.loads((tmp_path / "one" / "hbr_diagnostics.json").read_text())
    assert set(COLUMNS.split()) <= set(fits.columns) <= set(described)
    of_harmonization = fits[fits["model"] == "harmonization"]
    assert (of_harmonization.groupby(["metric", "tissue", "region"]).size() == 5).all()
    # The one of lowest error in its own fifth is used.
    for _, rows in of_harmonization.groupby(["metric", "tissue", "region"]):
        assert rows["used"].astype(str).str.lower().tolist().count("true") == 1
        assert rows.loc[rows["used"].astype(str).str.lower() == "true", "rmse"].item() == rows["rmse"].min()

    z = read_tsv(tmp_path / "one" / "zscores.tsv")
    assert set(z["site"]) <= {"site1", "site2"} and set(z["group"]) == {"HC", "MS"}
    controls = z[z["group"] == "HC"]["z"]
    assert abs(controls.mean()) < 0.1 and abs(np.std(controls) - 1) < 0.1
    for folder in ("hbr/R1", "hbr/R2star", "zscores/R1"):
        assert (tmp_path / "one" / "models" / folder / "posterior.npz").is_file()
