"""``harmoniq reproduce --participant-level slurm``: several datasets as array jobs, and the group job after them."""

import json
import re
import shutil

import pytest

from harmoniq.cli.bookkeeping import options_digest
from harmoniq.cli.parser import build_parser
from harmoniq.cli.reproduce import _named
from harmoniq.cli.run import settings_from
from harmoniq.data.errors import InputError
from harmoniq.data.tables import read_tsv
from harmoniq.regions.studies import plan_datasets


@pytest.fixture
def study(tmp_path, make_tiny):
    """Two datasets that call their participants alike; site a has settings of its own and no column site."""
    for name in ("a", "b"):
        dataset = make_tiny(tmp_path / name)
        for label in ("01", "02"):
            dataset.add(label)
        (tmp_path / name / "participants.tsv").write_text(
            "participant_id\tgroup\tage\tsex\nsub-01\tHC\t30\tF\nsub-02\tHC\t40\tM\n"
        )
    (tmp_path / "fs").mkdir()
    text = '[r2star]\nmethod = "arlo"\n[sites.a.MP2RAGE]\nInversionEfficiency = 0.9\n'
    text += "".join(f'[datasets.{name}]\nbids = "{name}"\n' for name in ("a", "b"))
    (tmp_path / "study.toml").write_text(text + 'fs_subjects_dir = "fs"\n')
    return tmp_path


def run(*words):
    args = build_parser().parse_args(["reproduce", *map(str, words)])
    return args.execute(args)


def test_what_would_be_submitted(study, capsys, monkeypatch):
    """Two arrays with the datasets' own options and one group job; nothing is written, relative paths become whole."""
    monkeypatch.chdir(study)
    words = ("study.toml", "out", "--participant-level", "slurm", "--stages", "maps", "--bootstrap", 50, "--seed", 3)
    assert run(*words, "--dry-run", "--", "--account", "lab", "--cpus", 3, "--group-mem", 2) == 0
    scripts = capsys.readouterr().out.split(f"\n# {study}")[1:]
    assert len(scripts) == 3 and not (study / "out").exists()
    for name, script in zip(("a", "b"), scripts):
        (line,) = [line for line in script.splitlines() if f" {study}/{name} " in line]
        assert f"run {study}/{name} {study}/out/{name} participant --config {study}/out/{name}/logs/slurm/" in line
        assert "--stages maps" in line and "--seed 3" in line and "bootstrap" not in line
        assert (f"--fs-subjects-dir {study}/fs" in line) == (name == "b")
        assert f"--work-dir {study}/out/work/{name}" in line
        assert "#SBATCH --account=lab" in script and "#SBATCH --cpus-per-task=3" in script
    (line,) = [line for line in scripts[2].splitlines() if " reproduce " in line]
    assert f"{study}/study.toml {study}/out --participant-level skip" in line
    assert "--bootstrap 50" in line and "--seed 3" in line and "#SBATCH --mem=2048M" in scripts[2]
    assert "dry-run" not in line and "#SBATCH --account=lab" in scripts[2]


def test_readings_and_a_container(study, capsys):
    words = (study / "study.toml", study / "out", "--participant-level", "slurm", "--alternatives", "--dry-run")
    assert run(*words, "--participant-label", "02", "--", "--container", study / "h.sif", "--no-group") == 0
    scripts = capsys.readouterr().out.split(f"\n# {study}")[1:]
    folders = [re.search(r"participant --config (\S+)/logs/slurm/", script)[1] for script in scripts]
    assert [folder.removeprefix(f"{study}/out/") for folder in folders] == [
        "a", "b", "alternatives/cgm_depth/a", "alternatives/cgm_depth/b", "alternatives/r2star_method/a",
        "alternatives/r2star_method/b",
    ]  # fmt: skip
    assert all("--array=0-0" in script and "apptainer exec" in script for script in scripts)
    assert f"--bind {study}/fs:{study}/fs" in scripts[1] and f"--bind {study}/b:{study}/b:ro" in scripts[1]
    capsys.readouterr()
    assert run(*words, "--", "--container", study / "h.sif") == 0
    group = capsys.readouterr().out.split(f"\n# {study}")[-1]
    assert f"--bind {study}/out:{study}/out" in group and f"--bind {study}/a:{study}/a" in group
    assert "h.sif harmoniq reproduce" in group and "--alternatives" in group


def test_the_tasks_do_what_a_run_here_does(study, monkeypatch):
    """Tasks read the settings from a file: the digest is that of the local run, so that either continues the other."""
    from harmoniq.cli.reproduce_datasets import dataset_args
    from harmoniq.cli.reproduce_slurm import _plan
    from harmoniq.settings.dump import to_toml
    from harmoniq.settings.load import as_dict, load_settings

    words = [str(study / "study.toml"), str(study / "out"), "--stages", "maps", "--r1-engine", "native"]
    args = build_parser().parse_args(["reproduce", *words, "--participant-level", "slurm"])
    settings = settings_from(args)
    for dataset in plan_datasets(settings, args.config, args.out_dir, overrides=_named([])):
        arrays, text = _plan(args, settings, dataset)
        file = study / f"{dataset.name}.toml"
        file.write_text(text)
        assert '[sites.""' in text or dataset.name == "b"
        theirs = options_digest(dataset_args(args, dataset), load_settings(file))
        ours = options_digest(dataset_args(args, dataset), dataset.settings(settings))
        assert arrays.digest == theirs == ours
        assert {**as_dict(load_settings(file)), "source": ""} == {
            **as_dict(dataset.settings(settings)), "source": "", "datasets": {},
        }  # fmt: skip
        assert to_toml(as_dict(load_settings(file))) == text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--participant-level", "slurm", "--", "--participant-label", "01"), "belongs before --"),
        (("--participant-level", "slurm", "--dry-run", "--", "--scheduler", "pbs"), "reproduce submits to Slurm alone"),
        (("--participant-level", "slurm", "--dry-run", "--", "--group-cpus", "0"), "must be at least 1"),
        (("--participant-level", "slurm", "--dry-run", "--", "--time", "x"), "is not a time"),
        (("--participant-label", "9"), "in no dataset"),
        (("--", "--cpus", "2"), "add --participant-level slurm"),
    ],
)
def test_refusals(study, words, expected):
    with pytest.raises(InputError, match=expected):
        run(study / "study.toml", study / "out", *words)
    assert not (study / "out").exists()


@pytest.mark.nightly
def test_from_raw_images_to_the_scorecard(slurm, cohort, tmp_path):
    """Two datasets on a real Slurm, one participant broken, another reading; a second submission mends it."""
    people = read_tsv(cohort / "participants.tsv")
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
    sites = sorted(set(people["site"]))
    (tmp_path / "study.toml").write_text("".join(f'[datasets.{site}]\nbids = "{site}"\n' for site in sites))
    (broken,) = tmp_path.glob("site2/sub-S2C001/anat/*_echo-2_part-mag_MEGRE.nii*")
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    words = ("reproduce", "study.toml", "out", "--participant-level", "slurm", "--bootstrap", 20)
    small = ("--cpus", 1, "--mem", 1.5, "--group-cpus", 1, "--group-mem", 1.5, "--time", "20:00")

    def submit():
        done = slurm.harmoniq(*words, "--skip-bids-validation", "--", *small, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        slurm.wait_for_jobs(500)
        return done.stdout

    assert submit().count("submitted job") == len(sites) + 1
    out = tmp_path / "out"
    told = slurm.harmoniq("status", out / "site2", "--json", cwd=tmp_path)
    states = {row["label"]: row["state"] for row in json.loads(told.stdout)["sessions"]}
    assert states == {"sub-S2C001": "failed", "sub-S2P001": "done"}
    group = out / "group"
    assert (group / "report.html").is_file(), slurm.logs()
    assert set(read_tsv(group / "excluded.tsv")["participant_id"]) == {"sub-S2C001"}
    broken.write_bytes(whole)
    again = submit()
    assert "2 tasks: 1 done, 0 pending or running, 1 to submit" in again and again.count("submitted job") == 2
    assert read_tsv(group / "excluded.tsv").empty and (group / "scorecard.tsv").is_file()
    # What is done is not submitted again: the group job alone.
    once_more = submit()
    assert "2 tasks: 2 done, 0 pending or running, 0 to submit" in once_more and once_more.count("submitted job") == 1
