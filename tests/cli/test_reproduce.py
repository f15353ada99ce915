"""``harmoniq reproduce``: several datasets, from their regional tables or from raw images, to the scorecard."""

import json
import shutil

import pandas as pd
import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.tables import read_tsv
from harmoniq.regions.studies import gather, plan_datasets
from harmoniq.settings.dump import to_toml
from harmoniq.settings.load import as_dict, load_settings

SITES = ("site1", "site2", "site3")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Three sites with tables only, each calling its participants 001 and so on; the third has no column site."""
    from harmoniq.simulation.tables import write_cohort_tables

    root = tmp_path_factory.mktemp("study")
    write_cohort_tables(root / "all", sites=3, subjects_per_site=30, patients=24, seed=3)
    people, regions = (read_tsv(root / "all" / f"{name}.tsv") for name in ("participants", "regions"))
    for site in SITES:
        mine = people[people["site"] == site].reset_index(drop=True)
        labels = {who: f"{number:03d}" for number, who in enumerate(mine["participant_id"], start=1)}
        part = regions[regions["participant_id"].isin(labels)]
        (root / site).mkdir()
        for name, frame in (("participants", mine), ("regions", part)):
            frame = frame.assign(participant_id=frame["participant_id"].map(labels))
            frame = frame.drop(columns="site") if name == "participants" and site == "site3" else frame
            frame.to_csv(root / site / f"{name}.tsv", sep="\t", index=False, na_rep="n/a")
    text = "".join(f'[datasets.{site}]\nresults = "{site}/regions.tsv"\n' for site in SITES)
    (root / "study.toml").write_text('[study]\nname = "three"\nmethods = ["raw", "gam"]\n' + text)
    return root


def plan(config, out, **overrides):
    return plan_datasets(load_settings(config), config, out, **overrides)


def test_labels_that_repeat_get_the_datasets_name(study, tmp_path):
    config = study / "study.toml"
    regions, participants = gather(plan(config, tmp_path), load_settings(config), tmp_path)
    people, table = read_tsv(participants), read_tsv(regions)
    assert people["participant_id"].is_unique and len(people) == 3 * 30 + 24
    # Of the third site there are 30 labels only, and the others have those too; 031 on is the second site's own.
    assert {"sub-site1001", "sub-site2001", "sub-site3001", "sub-054"} <= set(people["participant_id"])
    assert people.set_index("participant_id")["site"]["sub-site3001"] == "site3"
    assert set(table["participant_id"]) == set(people["participant_id"])
    truth = read_tsv(study / "site2" / "regions.tsv").query("participant_id == '001'")["value"].to_numpy()
    assert table[table["participant_id"] == "sub-site2001"]["value"].to_numpy() == pytest.approx(truth, rel=1e-9)


def test_acquisitions_follow_the_labels(study, tmp_path):
    """Tables that were gathered before have the parameters of many participants in their sidecars."""
    folders = {site: tmp_path / site for site in ("site1", "site2")}
    text = ""
    for number, (site, folder) in enumerate(folders.items()):
        shutil.copytree(study / site, folder)
        parameters = {"sub-001": {"MEGRE": {"FlipAngle": 10 + number}}}
        (folder / "regions.json").write_text(json.dumps({"Acquisitions": parameters}))
        text += f'[datasets.{site}]\nresults = "{site}/regions.tsv"\n'
    config = tmp_path / "study.toml"
    config.write_text(text)
    regions, _ = gather(plan(config, tmp_path), load_settings(config), tmp_path / "out")
    found = json.loads(regions.with_suffix(".json").read_text())["Acquisitions"]
    angles = {who: facts["MEGRE"]["FlipAngle"] for who, facts in found.items()}
    assert angles == {"sub-site1001": 10, "sub-site2001": 11}


def test_ratings_follow_the_labels(study, tmp_path):
    from harmoniq.regions.studies import labels_of_study

    told = {"site1": {"sub-001": "moved"}, "site2": {"sub-001_ses-2": "dark", "sub-054": "cut off"}}
    config = study / "study.toml"
    assert labels_of_study(plan(config, tmp_path), load_settings(config), told) == {
        "sub-site1001": "moved", "sub-site2001_ses-2": "dark", "sub-054": "cut off",
    }  # fmt: skip


def test_who_failed_is_left_out_with_the_reason(study, tmp_path):
    """A folder of results: one participant whose table is of an earlier run, one without age, one without values."""
    from harmoniq.regions.excluded import excluded_participants

    people, regions = (read_tsv(study / "site1" / f"{name}.tsv") for name in ("participants", "regions"))
    results = tmp_path / "results"
    for who in ("001", "002", "003"):
        part = regions[regions["participant_id"] == who]
        (results / f"sub-{who}").mkdir(parents=True)
        part.to_csv(results / f"sub-{who}" / f"sub-{who}_regions.tsv", sep="\t", index=False, na_rep="n/a")
    people.loc[people["participant_id"] == "003", "age"] = None
    people[people["participant_id"] <= "004"].to_csv(results / "participants.tsv", sep="\t", index=False, na_rep="n/a")
    (results / "excluded.tsv").write_text("participant_id\treason\nsub-002\tthe disk was full\n")
    config = tmp_path / "study.toml"
    config.write_text('[datasets.a]\nresults = "results"\n')
    out = tmp_path / "out"
    regions_file, participants = gather(
        plan(config, out), load_settings(config), out, left_out={"a": {"sub-002"}}
    )  # fmt: skip
    assert set(read_tsv(regions_file)["participant_id"]) == {"sub-001", "sub-003"}
    found = excluded_participants(participants, {}, ["sub-001"])
    assert dict(zip(found["participant_id"], found["reason"])) == {
        "sub-002": "the disk was full", "sub-003": "lacks age", "sub-004": "no regional values",
    }  # fmt: skip


def test_settings_make_the_same_settings_again(tmp_path):
    """settings.toml of a run is a config that means the same."""
    config = tmp_path / "study.toml"
    config.write_text(
        '[study]\nname = "a \\"b\\" é"\n[sites."St. Ä".MP2RAGE]\nNumberShots = [1, 2]\n[columns]\nage = "Alter"\n'
    )
    settings = as_dict(load_settings(config))
    again = tmp_path / "settings.toml"
    again.write_text(to_toml(settings), encoding="utf-8")
    assert {**as_dict(load_settings(again)), "source": ""} == {**settings, "source": ""}


def test_the_command_that_makes_it_again_is_the_command():
    from harmoniq.cli.parser import build_parser
    from harmoniq.cli.rerun import rerun_command

    line = "reproduce study.toml out --methods raw gam --bootstrap 50 --alternatives --dataset a=b --seed 3"
    args = build_parser().parse_args(line.split())
    again = build_parser().parse_args(rerun_command(args).split()[1:])
    assert {**vars(again), "execute": 0} == {**vars(args), "execute": 0}
    args = build_parser().parse_args(["analyze", "r.tsv", "p.tsv", "out dir", "--bootstrap", "50"])
    assert rerun_command(args) == "harmoniq analyze r.tsv p.tsv 'out dir' --config settings.toml --seed 0"


def test_what_is_wrong_with_the_datasets_is_said(tmp_path):
    config = tmp_path / "study.toml"
    for text, words in (
        ("", "names no data"),
        ('[datasets.a]\nbids = "absent"\n', "not found"),
        ("[datasets.a]\n", "needs one of bids and results"),
        ('[datasets.a]\nresults = "."\n', "participants.tsv"),
        ('[datasets.a]\nbid = "x"\n', "did you mean bids"),
        ('[datasets.a]\nderivatives = "x"\n', "must be a list of paths"),
    ):
        config.write_text(text)
        with pytest.raises(InputError, match=words):
            plan(config, tmp_path / "out")


def test_the_papers_study_has_no_data(harmoniq, tmp_path):
    """Its images are not public: a sentence, not a traceback."""
    config = tmp_path / "chen2026.toml"
    from harmoniq.configs import read_builtin

    config.write_text(read_builtin("chen2026.toml"))
    done = harmoniq("reproduce", config, "out")
    assert done.returncode == 2 and "names no data" in done.stderr and "--rehearse" in done.stderr
    assert not (tmp_path / "out").exists()


def test_from_tables_to_the_scorecard(harmoniq, study, tmp_path):
    done = harmoniq("reproduce", study / "study.toml", "out", "--bootstrap", "50", "--nprocs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    group = tmp_path / "out" / "group"
    card = read_tsv(group / "scorecard.tsv").set_index(["quantity", "metric", "tissue", "data"])
    assert card["n_controls"]["eta2_mean", "R1", "all", "gam"] == 90
    assert card["here"]["eta2_mean", "R1", "all", "gam"] < 0.01 < card["here"]["eta2_mean", "R1", "all", "raw"]
    assert card["here"].notna().sum() > 60
    text = (group / "report.html").read_text()
    assert "<h1>three" in text and "harmoniq reproduce" in text and "Two readings" in text
    for name in ("figure4_z_maps", "figure5_edss"):
        assert (group / "figures" / f"{name}.svg").is_file()
    assert read_tsv(group / "excluded.tsv").empty
    assert load_settings(group / "settings.toml").study.methods == ("raw", "gam")


def test_published_figures_of_ones_own(harmoniq, study, tmp_path):
    """A table that cannot be used is refused before anything is computed."""
    (tmp_path / "mine.toml").write_text('[study]\npublished = "mine.tsv"\n')
    words = (
        "analyze",
        study / "all" / "regions.tsv",
        study / "all" / "participants.tsv",
        "out",
        "--config",
        "mine.toml",
    )
    done = harmoniq(*words)
    assert done.returncode == 2 and "mine.tsv" in done.stderr and not (tmp_path / "out").exists()


@pytest.mark.nightly
def test_from_raw_images_of_several_sites(harmoniq, cohort, tmp_path):
    """One BIDS dataset per site, the other readings too: table 2 and what mid-cortex and the fit change."""
    people = read_tsv(cohort / "participants.tsv")
    lines = []
    for site, mine in people.groupby("site"):
        folder = tmp_path / site
        folder.mkdir()
        shutil.copy(cohort / "dataset_description.json", folder)
        mine.drop(columns="site").to_csv(folder / "participants.tsv", sep="\t", index=False, na_rep="n/a")
        for who in mine["participant_id"]:
            shutil.copytree(cohort / who, folder / who)
            for kind in ("freesurfer", "pyafq"):
                shutil.copytree(cohort / "derivatives" / kind / who, folder / "derivatives" / kind / who)
        shutil.copy(cohort / "derivatives" / "pyafq" / "dataset_description.json", folder / "derivatives" / "pyafq")
        lines.append(f'[datasets.{site}]\nbids = "{site}"\n')
    (tmp_path / "study.toml").write_text("".join(lines))
    words = ("study.toml", "out", "--alternatives", "--bootstrap", "20", "--skip-bids-validation", "--nprocs", "2")
    done = harmoniq("reproduce", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    group = tmp_path / "out" / "group"
    acquired = read_tsv(group / "table2_acquisition.tsv").set_index(["sequence", "parameter"])
    assert acquired.loc[("MP2RAGE", "TR/TI1, TI2 (ms)"), "site1"] == "6000/700, 2400"
    assert acquired.loc[("MEGRE", "TR/TE1/ΔTE (ms)/echoes"), "site2"] == "49/6.69/4.06/10"
    assert acquired.loc[("DWI", "b-values (s/mm²)"), "site1"] == "0/1250/2500"
    other = read_tsv(group / "alternatives.tsv")
    depth = other[other["setting"] == "surfaces.cgm_depth"]
    assert set(depth["metric"]) == {"R1", "R2star"} and (depth["change"].abs() > 0).any()
    fits = other[other["setting"] == "r2star.method"]
    assert set(fits["tissue"]) == {"cGM", "sWM", "WM"} and set(fits["metric"]) == {"R2star"}
    assert isinstance(read_tsv(group / "table1_demographics.tsv"), pd.DataFrame)
