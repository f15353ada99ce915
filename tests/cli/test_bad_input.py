"""Bad input: a sentence that names file, key and remedy, exit 2; one bad participant of many: exit 1."""

import gzip
import shutil

import nibabel as nib
import numpy as np
import pytest

RUN = ("participant", "--stages", "maps", "--nprocs", "1", "--skip-bids-validation")


def refused(done, *said):
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert errors, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    for text in said:
        assert any(text in line for line in errors), errors


def run(harmoniq, tiny, *words):
    return harmoniq("run", tiny.root, "out", *RUN, *words)


def test_no_dataset_description(harmoniq, tiny, tmp_path):
    tiny.add("01")
    (tiny.root / "dataset_description.json").unlink()
    refused(run(harmoniq, tiny), "dataset_description.json: file not found")
    assert not (tmp_path / "out").exists()


def test_unknown_label_names_the_nearest(harmoniq, tiny):
    tiny.add("01")
    refused(run(harmoniq, tiny, "--participant-label", "10"), "--participant-label = 10: unknown participant")


def test_unknown_session(harmoniq, tiny):
    tiny.add("01", "a")
    refused(run(harmoniq, tiny, "--session-label", "b"), "unknown session (the dataset has a)")


@pytest.mark.parametrize(
    "words", [("run",), ("run", "a", "b", "subject"), ("fly",), ("run", "a", "b", "group", "--nope")]
)
def test_wrong_arguments(harmoniq, words):
    refused(harmoniq(*words))


@pytest.mark.parametrize(
    ("pattern", "changes", "said"),
    [
        ("*inv-1*.json", {"InversionTime": None}, "InversionTime: missing for the first inversion"),
        ("*_MP2RAGE.json", {"NumberShots": None}, None),
        ("*MP2RAGE.json", {"NumberShots": [112, 112]}, "infeasible MP2RAGE timing: 112 shots"),
        ("*echo-2*.json", {"EchoTime": 0.001}, "EchoTime = [0.006, 0.001, 0.014, 0.018]: must rise from echo to echo"),
        ("*echo-*.json", {"EchoTime": None}, "EchoTime: missing"),
    ],
)
def test_bad_metadata(harmoniq, tiny, pattern, changes, said):
    tiny.add("01")
    if said is None:
        tiny.edit("*_UNIT1.json", NumberShots=None)
        said = "NumberShots: missing; add it to the sidecar, or give it per site in a config"
    elif "NumberShots" in changes:
        tiny.edit("*_UNIT1.json", **changes)
    tiny.edit(pattern, **changes)
    refused(run(harmoniq, tiny), said, "sub-01")


def test_echo_times_in_milliseconds(harmoniq, tiny):
    tiny.add("01")
    for echo, te in enumerate((6, 10, 14, 18), start=1):
        tiny.edit(f"*echo-{echo}*.json", EchoTime=te)
    refused(run(harmoniq, tiny), "EchoTime = [6.0, 10.0, 14.0, 18.0]: must be in seconds", "divide by 1000")


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def put_nan(path):
    image = nib.load(path)
    data = image.get_fdata().astype(np.float32)
    data[3, 4, 5] = np.nan
    nib.save(nib.Nifti1Image(data, image.affine), path)


def put_smaller(path):
    image = nib.load(path)
    nib.save(nib.Nifti1Image(image.get_fdata().astype(np.int16)[:-1], image.affine), path)


DAMAGE = [
    ("*_UNIT1.nii.gz", truncate, "UNIT1.nii.gz: the file is truncated"),
    ("*echo-3*.nii.gz", truncate, "MEGRE.nii.gz: the file is truncated"),
    ("*_UNIT1.nii.gz", put_nan, "values that are NaN or infinite"),
    ("*echo-3*.nii.gz", put_smaller, "its grid (23, 28, 20) is not (24, 28, 20)"),
    ("*_UNIT1.nii.gz", lambda path: path.write_bytes(b""), "the file is empty"),
    ("*_UNIT1.nii.gz", lambda path: path.write_bytes(gzip.compress(b"no image" * 99)), "is not a NIfTI"),
]


@pytest.mark.parametrize(("pattern", "damage", "said"), DAMAGE)
def test_damaged_images(harmoniq, tiny, tmp_path, pattern, damage, said):
    tiny.add("01")
    damage(next(tiny.root.rglob(pattern)))
    refused(run(harmoniq, tiny), said, "sub-01")
    assert not list((tmp_path / "out").rglob(".tmp-*"))


def test_one_bad_participant_of_many(harmoniq, tiny, tmp_path):
    """One is refused before the start, one fails within; the third is done."""
    for label in ("01", "02", "03"):
        tiny.add(label)
    tiny.edit("sub-01*inv-1*.json", InversionTime=None)
    truncate(next(tiny.root.rglob("sub-02*echo-3*.nii.gz")))
    done = run(harmoniq, tiny)
    assert done.returncode == 1, done.stderr
    assert "error: sub-01: " in done.stderr
    assert "error: sub-02: " in done.stderr
    assert "crash file: " in done.stderr
    assert "1 of 3 sessions done" in done.stdout
    assert (tmp_path / "out/sub-03/anat/sub-03_R2starmap.nii.gz").exists()
    for label in ("01", "02", "03"):
        assert (tmp_path / f"out/sub-{label}.html").exists(), "a report is written after a failure too"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "participants.tsv: the file is empty"),
        ("participant_id\tsite\n", "participants.tsv: has no participants"),
        ("participant_id\tsite\nsub-01\ta\nsub-01\tb\n", "participant_id = sub-01: stands in two rows"),
        ("name\tsite\nsub-01\ta\n", "participant_id: column missing"),
    ],
)
def test_bad_participants_table(harmoniq, tiny, text, said):
    tiny.add("01")
    (tiny.root / "participants.tsv").write_text(text)
    refused(run(harmoniq, tiny), said)


def test_broken_sidecar(harmoniq, tiny):
    tiny.add("01")
    next(tiny.root.rglob("*inv-1*.json")).write_text("{")
    refused(run(harmoniq, tiny), "sidecar cannot be read")


def test_output_folder_that_cannot_be_written(harmoniq, tiny, tmp_path):
    tiny.add("01")
    (tmp_path / "out").write_text("a file")
    refused(run(harmoniq, tiny), "OUT_DIR: is a file")
    refused(harmoniq("run", tiny.root, "/proc/harmoniq", *RUN), "OUT_DIR: cannot be written")


def test_full_disk(harmoniq, tiny, tmp_path):
    """A file system of its own, nearly full: refused before anything is computed."""
    import subprocess

    tiny.add("01")
    mount = tmp_path / "small"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", mount], capture_output=True).returncode:
        pytest.skip("mounting a file system is not allowed here")
    try:
        refused(harmoniq("run", tiny.root, mount / "out", *RUN), "MB are free")
        assert not list(mount.rglob("*.nii.gz"))
    finally:
        subprocess.run(["umount", mount], check=True)


def test_engines_that_are_not_here(harmoniq, tiny):
    """A reference toolbox is the user's: without it the sentence says which variable names it, or what runs it."""
    tiny.add("01")
    nowhere = {"HARMONIQ_MP2RAGE_SCRIPTS": "", "HARMONIQ_SEPIA": ""}
    for flag, engine, variable in (
        ("--r1-engine", "matlab", "HARMONIQ_MP2RAGE_SCRIPTS"),
        ("--r2star-engine", "sepia", "HARMONIQ_SEPIA"),
    ):
        done = harmoniq("run", tiny.root, "out", *RUN, flag, engine, env=nowhere)
        refused(done)
        assert variable in done.stderr or "ctave" in done.stderr


def test_the_embedded_surface_engine_needs_a_head(harmoniq, tiny):
    """Asked for by name it refuses what it cannot do; by itself it leaves such sessions without a cortex."""
    pytest.importorskip("cat_surf", reason="cat-surf is not installed (extra surfaces)")
    tiny.add("01")
    done = harmoniq("run", tiny.root, "out", "participant", "--skip-bids-validation", "--surface-engine", "catsurf")
    refused(done, "--surface-engine = catsurf", "too")
    done = harmoniq("run", tiny.root, "out", "participant", "--skip-bids-validation", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "no FreeSurfer subject, and" in done.stdout


def test_stage_without_its_input(harmoniq, tiny):
    tiny.add("01")
    done = harmoniq("run", tiny.root, "out", "participant", "--stages", "maps", "surfaces", "--skip-bids-validation")
    refused(done, "no FreeSurfer subject sub-01", "give --fs-subjects-dir")


def test_group_level_without_tables(harmoniq, tiny, tmp_path):
    tiny.add("01")
    refused(harmoniq("run", tiny.root, "out", "group"), "run the participant level first")
    (tmp_path / "out").mkdir()
    refused(harmoniq("run", tiny.root, "out", "group"), "has no *_regions.tsv")
    refused(harmoniq("run", tiny.root, "out", "group", "--stages", "surfaces", "regions"), "has no *_regions.tsv")


def test_analyze_refusals(harmoniq, tmp_path):
    regions, people = tmp_path / "r.tsv", tmp_path / "p.tsv"
    regions.write_text("participant_id\tmetric\ttissue\tregion\tvalue\nsub-1\tR1\tcGM\tBA1\t0.6\n")
    people.write_text("participant_id\tsite\tgroup\tage\tsex\nsub-1\tsite1\tHC\t30\tF\n")
    refused(harmoniq("analyze", "absent.tsv", people, "o"), "absent.tsv: file not found")
    refused(harmoniq("analyze", regions, people, "o", "--methods", "hbr"), "only one site")
    refused(harmoniq("analyze", regions, people, "o", "--reference-site", "nowhere"), "nowhere")
    people.write_text("participant_id\tsite\tgroup\tage\tsex\nsub-2\tsite1\tHC\t30\tF\n")
    refused(harmoniq("analyze", regions, people, "o"), "participant_id = sub-1: not in")
    assert not (tmp_path / "o" / "report.html").exists()


def test_simulate_refuses_a_folder_in_use(harmoniq, tmp_path):
    (tmp_path / "sim").mkdir()
    (tmp_path / "sim" / "mine.txt").write_text("x")
    refused(harmoniq("simulate", "sim", "--tables-only"), "not empty")
    refused(harmoniq("simulate", "new", "--sites", "0"), "--sites = 0")
    shutil.rmtree(tmp_path / "sim")
