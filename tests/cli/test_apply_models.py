"""Saved models through the command line: new participants of known sites, new sites, and what does not fit."""

import json

import numpy as np
import pytest

from harmoniq.cli.main import main
from harmoniq.data.tables import read_tsv
from harmoniq.harmonization.harmonize import harmonize_cohort
from harmoniq.harmonization.hbr.run import HbrRun
from harmoniq.regions.cohort import cohort_from_files
from harmoniq.simulation.tables import write_cohort_tables


def save(frame, path):
    frame.to_csv(path, sep="\t", index=False, na_rep="n/a")
    return path


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Tables of four sites: the fourth and a few of the others are not in the fit. Regions: five of each tissue."""
    folder = tmp_path_factory.mktemp("study")
    write_cohort_tables(folder / "all", sites=4, subjects_per_site=40, patients=30, seed=3)
    regions, people = (read_tsv(folder / "all" / f"{name}.tsv") for name in ("regions", "participants"))
    few = regions[["tissue", "region"]].drop_duplicates().groupby("tissue").head(5)
    regions = regions.merge(few, on=["tissue", "region"])
    held = (people["site"] == "site4") | people["participant_id"].str.endswith(("01", "02", "03"))
    for name, who in (("fit", ~held), ("new", held)):
        part = people[who]
        save(part, folder / f"{name}_participants.tsv")
        save(regions[regions["participant_id"].isin(part["participant_id"])], folder / f"{name}.tsv")
    return folder


@pytest.fixture(scope="module")
def fitted(study):
    """Models as the group level saves them (`test_analyze.py` applies those of a whole run)."""
    cohort, _ = cohort_from_files([study / "fit.tsv"], study / "fit_participants.tsv", columns={}, control_group="HC")
    done = harmonize_cohort(cohort, ["combat", "gam"], reference_site="site1", models_dir=study / "fitted" / "models")
    assert set(done.values) == {"combat", "gam"}
    return study / "fitted"


def new_tables(study, folder, keep, change=None):
    """Write tables of the new participants at some sites; return their paths."""
    people = read_tsv(study / "new_participants.tsv")
    people = people[people["site"].isin(keep)]
    regions = read_tsv(study / "new.tsv")
    regions = regions[regions["participant_id"].isin(people["participant_id"])]
    if change is not None:
        people, regions = change(people, regions)
    return save(regions, folder / "r.tsv"), save(people, folder / "p.tsv")


def run(capsys, *words):
    """Call the command in this process; return the code and what it says on standard error."""
    code = main([str(word) for word in words])
    return code, capsys.readouterr()


KNOWN = ("site1", "site2", "site3")


def test_new_participants_of_known_sites(harmoniq, study, fitted, tmp_path):
    """As a user does it, in a process of its own: the same values as among the others, bit by bit at the reference."""
    regions, people = new_tables(study, tmp_path, KNOWN)
    done = harmoniq("analyze", regions, people, "new", "--apply-models", fitted / "models")
    assert done.returncode == 0, done.stderr
    assert "Applied combat, gam to" in done.stdout
    out = tmp_path / "new"
    for name in ("regions_harmonized", "zscores"):
        frame = read_tsv(out / f"{name}.tsv")
        assert set(frame.columns) <= set(json.loads((out / f"{name}.json").read_text()))
    assert not (out / "models").exists() and not (out / "adaptation.tsv").exists()
    values, who = read_tsv(out / "regions_harmonized.tsv"), read_tsv(people).set_index("participant_id")
    at_reference = values["participant_id"].map(who["site"]) == "site1"
    for method in ("combat", "gam"):
        np.testing.assert_array_equal(values.loc[at_reference, method], values.loc[at_reference, "raw"])
        assert values[method].notna().all() and (values[method] != values["raw"])[~at_reference].all()
    scores = read_tsv(out / "zscores.tsv")
    assert set(scores["data"]) == {"gam"} and len(scores) == len(values)
    # Z of controls whom the model has not seen: mean 0, SD 1, over some 9 persons of correlated regions.
    controls = scores[scores["group"] == "HC"]
    assert abs(controls["z"].mean()) < 0.7 and 0.6 < controls["z"].std() < 1.5
    assert "Z-scores" in (out / "report.html").read_text()


def test_a_new_site_is_refused_without_adapt_and_taken_with_it(capsys, study, fitted, tmp_path):
    regions, people = new_tables(study, tmp_path, (*KNOWN, "site4"))
    command = ("analyze", regions, people, tmp_path / "out", "--apply-models", fitted)
    code, said = run(capsys, *command)
    assert code == 2 and "site = site4: was not in the fit" in said.err and "--adapt" in said.err
    assert not (tmp_path / "out").exists()
    code, said = run(capsys, *command, "--adapt")
    assert code == 0, said.err
    table = read_tsv(tmp_path / "out" / "adaptation.tsv")
    assert set(table["site"]) == {"site4"} and set(table["data"]) == {"combat", "gam"} and set(table["n"]) == {40}
    truth = read_tsv(study / "all" / "truth.tsv").merge(
        table[table["data"] == "gam"], on=["metric", "tissue", "region"]
    )
    off = (truth["shift"] - truth["additive_site4"]) / truth["shift_se"]
    # The stated error holds: standardized errors of about 1 (they are correlated between regions).
    assert 0.4 < np.sqrt((off**2).mean()) < 2.0
    # The extended models know the site: applied without --adapt, they give the same.
    code, said = run(capsys, "analyze", regions, people, tmp_path / "known", "--apply-models", tmp_path / "out")
    assert code == 0, said.err
    first, second = (read_tsv(tmp_path / name / "regions_harmonized.tsv") for name in ("out", "known"))
    np.testing.assert_array_equal(first["gam"], second["gam"])
    # What they hold of the old sites has not moved.
    old = first["participant_id"].map(read_tsv(people).set_index("participant_id")["site"]) != "site4"
    code, _ = run(capsys, "analyze", *new_tables(study, tmp_path, KNOWN), tmp_path / "old", "--apply-models", fitted)
    before = read_tsv(tmp_path / "old" / "regions_harmonized.tsv")
    np.testing.assert_array_equal(first.loc[old, "gam"], before["gam"])


def test_hbr_is_applied_and_scored_and_taken_to_a_new_site(capsys, study, tmp_path):
    """Of two regions: the study's normative model scores the sites that it knows, the harmonization's the others."""
    cohort, _ = cohort_from_files([study / "fit.tsv"], study / "fit_participants.tsv", columns={}, control_group="HC")
    keep = (cohort.features["metric"] == "R1") & cohort.features["region"].isin(["BA1", "FA"])
    cohort = cohort.select(columns=keep.to_numpy() & (cohort.features["tissue"] != "sWM").to_numpy())
    models = tmp_path / "models"
    harmonize_cohort(cohort, ["hbr"], reference_site="site1", models_dir=models, patient_group="MS",
                     hbr=HbrRun(fit="all"))  # fmt: skip

    def few(people, regions):
        keep = (regions["metric"] == "R1") & (regions["tissue"] != "sWM") & regions["region"].isin(["BA1", "FA"])
        return people, regions[keep]

    tables = new_tables(study, tmp_path, (*KNOWN, "site4"), few)
    code, said = run(capsys, "analyze", *tables, tmp_path / "out", "--apply-models", models)
    assert code == 2 and "site4" in said.err
    code, said = run(capsys, "analyze", *tables, tmp_path / "out", "--apply-models", models, "--adapt")
    assert code == 0, said.err
    people = read_tsv(tables[1]).set_index("participant_id")
    scores, values = (read_tsv(tmp_path / "out" / f"{name}.tsv") for name in ("zscores", "regions_harmonized"))
    assert set(scores["data"]) == {"hbr"} and values["hbr"].notna().all()
    site = scores["participant_id"].map(people["site"])
    fresh = scores[(site == "site4") & (scores["group"] == "HC")]
    assert abs(fresh["z"].mean()) < 0.2 and fresh["z"].std() == pytest.approx(1, abs=0.15)
    table = read_tsv(tmp_path / "out" / "adaptation.tsv")
    truth = read_tsv(study / "all" / "truth.tsv").merge(table, on=["metric", "tissue", "region"])
    assert (((truth["shift"] - truth["additive_site4"]) / truth["shift_se"]).abs() < 4).all() and len(truth) == 2
    assert (tmp_path / "out" / "models" / "zscores" / "R1" / "model.json").is_file()


def without_controls(people, regions):
    return people.assign(group=people["group"].where(people["site"] != "site4", "MS")), regions


def few_controls(people, regions):
    keep = people[people["site"] == "site4"].head(4)
    return keep, regions[regions["participant_id"].isin(keep["participant_id"])]


def in_milliseconds(people, regions):
    return people, regions.assign(value=1000 / regions["value"])


def in_seconds(people, regions):
    r1 = regions[regions["metric"] == "R1"]
    return people, r1.assign(value=1 / r1["value"])


def other_engine(people, regions):
    return people, regions.assign(engine="another tool")


def other_region(people, regions):
    return people, regions.assign(region=regions["region"].replace("BA4", "BA99"))


CASES = [
    (without_controls, ("--adapt",), "site = site4: has no controls (HC) with values"),
    (few_controls, ("--adapt",), "site = site4: has 4 controls (HC) with values; adapting a model needs at least 10"),
    (in_milliseconds, (), "another unit?"),
    (in_seconds, (), "times in place of rates?"),
    (other_engine, (), "was made by another tool, but the models were fitted on simulated"),
    (other_region, (), "BA99: 2 of"),
    (None, ("--methods", "raw"), "--methods = raw: names no saved method"),
    (None, ("--methods", "hbr"), "--methods = hbr: was not saved"),
]


@pytest.mark.parametrize(("change", "options", "said"), CASES, ids=[case[2][:40] for case in CASES])
def test_what_does_not_fit_is_a_sentence(capsys, study, fitted, tmp_path, change, options, said):
    sites = (*KNOWN, "site4") if "--adapt" in options else KNOWN
    tables = new_tables(study, tmp_path, sites, change)
    code, found = run(capsys, "analyze", *tables, tmp_path / "out", "--apply-models", fitted, *options)
    assert code == 2 and said in found.err and "Traceback" not in found.err, found.err
    assert not (tmp_path / "out").exists()


def test_ages_beyond_the_fit_are_flagged_or_refused(capsys, study, fitted, tmp_path):
    tables = new_tables(study, tmp_path, ("site1",), lambda people, regions: (people.assign(age=99), regions))
    command = ("analyze", *tables, tmp_path / "out", "--apply-models", fitted)
    code, said = run(capsys, *command)
    assert code == 0 and "lie outside the controls' ages" in said.out
    (tmp_path / "study.toml").write_text('[harmonization]\noutside_ages = "refuse"\n')
    code, said = run(capsys, *command, "--config", tmp_path / "study.toml")
    assert code == 2 and "lie outside the controls' ages" in said.err and "outside_ages to flag" in said.err


def test_folders_that_are_not_models_and_adapt_alone(capsys, study, fitted, tmp_path):
    tables = new_tables(study, tmp_path, KNOWN)
    code, said = run(capsys, "analyze", *tables, tmp_path / "out", "--apply-models", tmp_path)
    assert code == 2 and "holds no saved models" in said.err
    code, said = run(capsys, "analyze", *tables, tmp_path / "out", "--adapt")
    assert code == 2 and "add --apply-models DIR" in said.err
    code, said = run(capsys, "analyze", *tables, fitted, "--apply-models", fitted / "models", "--adapt")
    assert code == 2 and "would overwrite the models" in said.err


def test_the_group_level_of_the_app_applies_them_too(capsys, study, fitted, tmp_path):
    """``run BIDS OUT group``: one table per participant, results in OUT/group."""
    regions, people = (read_tsv(path) for path in new_tables(study, tmp_path, ("site2",)))
    out = tmp_path / "derivatives"
    for label, part in regions.groupby("participant_id"):
        (out / label).mkdir(parents=True)
        save(part, out / label / f"{label}_regions.tsv")
    save(people, out / "participants.tsv")
    code, said = run(capsys, "run", tmp_path, out, "group", "--apply-models", fitted / "models")
    assert code == 0, said.err
    assert len(read_tsv(out / "group" / "zscores.tsv")) and (out / "group" / "report.html").is_file()
