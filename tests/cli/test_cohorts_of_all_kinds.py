"""Cohorts that are hard to harmonize, through the command line: each gets a result, or a sentence."""

import numpy as np
import pytest

from harmoniq.cli.main import main
from harmoniq.data.tables import read_tsv
from harmoniq.simulation.tables import write_cohort_tables

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """30 controls at three sites and 20 patients at the second; two areas, R1 and (not at the third site) R2*."""
    folder = tmp_path_factory.mktemp("study")
    write_cohort_tables(folder, sites=3, subjects_per_site=30, patients=20, seed=4)
    regions = read_tsv(folder / "regions.tsv")
    keep = regions["tissue"].eq("cGM") & regions["region"].isin(["BA1", "BA4", "BA17"])
    return regions[keep].reset_index(drop=True), read_tsv(folder / "participants.tsv")


@pytest.fixture
def analyze(study, tmp_path, capsys):
    """Change the study, analyze it in this process without figures' cost where it is refused; return what came out."""

    def run(change, *options, config=""):
        regions, people = change(*(frame.copy() for frame in study))
        regions = regions[regions["participant_id"].isin(people["participant_id"])]
        for name, frame in (("r", regions), ("p", people)):
            frame.to_csv(tmp_path / f"{name}.tsv", sep="\t", index=False, na_rep="n/a")
        (tmp_path / "study.toml").write_text("[harmonization]\nsimulations = 0\nfolds = 0\n" + config)
        words = ["analyze", tmp_path / "r.tsv", tmp_path / "p.tsv", tmp_path / "out", "--bootstrap", "10", "--config",
                 tmp_path / "study.toml", "--nprocs", "1", *options]  # fmt: skip
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        assert "Traceback" not in said.err, said.err
        return code, said.out, said.err

    return run


def values(tmp_path):
    return read_tsv(tmp_path / "out" / "regions_harmonized.tsv")


GAM = ("--methods", "raw", "combat", "gam")


def one_site(regions, people):
    return regions, people[people["site"] == "site1"]


def two_controls(regions, people):
    third = people.index[people["site"] == "site3"]
    return regions, people.drop(third[2:])


def missing_age(regions, people):
    return regions, people.assign(age=people["age"].where(people.index != 3))


def all_patients_of_one_site(regions, people):
    return regions, people[(people["site"] != "site2") | (people["group"] == "MS")]


REFUSED = [
    (one_site, "there is only one site: nothing to harmonize"),
    (two_controls, "needs at least 3 controls (HC) with values; found site3: 2"),
    (all_patients_of_one_site, "needs at least 3 controls (HC) with values; found site2: 0"),
    (lambda r, p: (r, p.assign(sex=np.where(p["site"] == "site1", "F", "M"))), "sex: cannot be told apart"),
    (lambda r, p: (r, p.assign(site=p["site"].replace("site1", "first"))), "reference_site = site1: is not a site"),
    (lambda r, p: (r.assign(value="high"), p), "value = high: must be a number"),
    (lambda r, p: (r, p.assign(age=p["age"].astype(object).where(p.index != 3, "old"))), "must be a number or n/a"),
]


@pytest.mark.parametrize(("change", "said"), REFUSED, ids=[said[:30] for _, said in REFUSED])
def test_a_sentence(analyze, tmp_path, change, said):
    code, _, err = analyze(change, *GAM)
    assert code == 2 and said in err and "\nerror: " in "\n" + err, err
    assert not (tmp_path / "out" / "report.html").exists()


def test_raw_values_of_one_site_need_no_harmonization(analyze, tmp_path):
    code, _, err = analyze(one_site, "--methods", "raw")
    assert code == 0, err
    effects = read_tsv(tmp_path / "out" / "site_effects.tsv")
    assert effects["eta2"].isna().all() and read_tsv(tmp_path / "out" / "age_models.tsv")["rmse"].notna().all()


def test_everything_at_once(analyze, tmp_path):
    """A constant region, a metric missing at a whole site, a region missing at a site, an age missing, odd labels."""
    labels = {"site1": "Nijmegen 3T", "site2": "Zürich/サイト", "site3": "a b"}

    def change(regions, people):
        regions.loc[(regions["metric"] == "R1") & (regions["region"] == "BA1"), "value"] = 0.7
        site = regions["participant_id"].map(people.set_index("participant_id")["site"])
        gone = (regions["metric"] == "R1") & (regions["region"] == "BA17") & (site == "site3")
        _, people = missing_age(regions, people)
        return regions[~gone], people.assign(site=people["site"].map(labels))

    code, _, err = analyze(change, *GAM, "--reference-site", "Nijmegen 3T")
    assert code == 0, err
    frame = values(tmp_path)
    people = read_tsv(tmp_path / "p.tsv").set_index("participant_id")
    assert frame[["combat", "gam"]].notna().all().all()
    flat = (frame["metric"] == "R1") & (frame["region"] == "BA1")
    assert (frame.loc[flat, "gam"] == 0.7).all()
    site = frame["participant_id"].map(people["site"])
    # R2* was not measured at the third site: that metric runs on the sites that have it.
    assert set(site[frame["metric"] == "R2star"]) == set(labels.values()) - {"a b"}
    moved = (frame["gam"] != frame["raw"]) & ~flat
    assert set(site[moved]) == set(labels.values()) - {"Nijmegen 3T"} and moved[(site != "Nijmegen 3T") & ~flat].all()
    absent = people.index[people["age"].isna()].item()
    assert absent not in set(frame["participant_id"])
    report = (tmp_path / "out" / "report.html").read_text()
    for note in (f"1 without site, group, age or sex left out: {absent}", "do not vary and are left as they are",
                 "not measured at a b and are harmonized over the other sites"):  # fmt: skip
        assert note in report, note
    effects = read_tsv(tmp_path / "out" / "site_effects.tsv")
    assert effects.loc[(effects["metric"] == "R1") & (effects["region"] == "BA1"), "icc_adjusted"].isna().all()
