"""The real programs of FreeSurfer, where there are any: ``HARMONIQ_TEST_FREESURFER`` or ``FREESURFER_HOME``.

Without their user's key they say how they are used, list what they would do, and refuse to do it: that much is tested
without one. With a key, labels and samples are compared with ours, and recon-all begins.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.images import Image
from harmoniq.surface.annotation import read_labels
from harmoniq.surface.freesurfer import FreeSurfer, find_freesurfer, freesurfer_version, run_freesurfer
from harmoniq.surface.parcellation import subject_labels
from harmoniq.surface.recon_all import ReconOptions, stage_command, stages
from harmoniq.surface.sampling import sample_depths
from harmoniq.surface.subject import FreeSurferSubject
from harmoniq.surface.surf2surf import annotation_command, map_annotation

HOME = Path(os.environ.get("HARMONIQ_TEST_FREESURFER") or os.environ.get("FREESURFER_HOME") or "/nowhere")
pytestmark = pytest.mark.skipif(not (HOME / "bin" / "mri_surf2surf").is_file(), reason="no FreeSurfer is installed")


def licensed():
    try:
        find_freesurfer()
    except InputError:
        return False
    return True


@pytest.fixture
def freesurfer(monkeypatch):
    monkeypatch.setenv("FREESURFER_HOME", str(HOME))
    return FreeSurfer(HOME, freesurfer_version((HOME / "build-stamp.txt").read_text().strip()), HOME / "license.txt")


@pytest.fixture
def with_key(monkeypatch):
    monkeypatch.setenv("FREESURFER_HOME", str(HOME))
    if not licensed():
        pytest.skip("no FreeSurfer license: the programs refuse to run")
    return find_freesurfer()


@pytest.fixture
def without_key(freesurfer, tmp_path):
    """The same installation with a license that is not there, as for a user who has none."""
    return FreeSurfer(freesurfer.home, freesurfer.version, tmp_path / "license.txt")


def say(freesurfer, *words, cwd):
    done = subprocess.run(
        [str(freesurfer.home / "bin" / words[0]), *words[1:]], capture_output=True, cwd=cwd, timeout=120, check=False,
        env=freesurfer.environment(cwd),
    )  # fmt: skip
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", errors="replace")


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("mri_surf2surf", annotation_command("s", "lh", Path("a"), Path("b"))[1:]),
        # What the sampling here stands for.
        ("mri_vol2surf", ["--mov", "--regheader", "--hemi", "--projfrac", "--projdist", "--interp", "--o"]),
    ],
)
def test_flags_stand_in_the_usage_text(freesurfer, tmp_path, program, words):
    usage = say(freesurfer, program, "--help", cwd=tmp_path)[1]
    known = set(re.findall(r"^\s+(--[\w-]+)", usage, re.MULTILINE))
    assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.skipif(shutil.which("tcsh") is None, reason="recon-all needs tcsh")
@pytest.mark.parametrize("pial", ["T1", "FLAIR", "T2"])
def test_recon_all_takes_our_command_lines(freesurfer, tmp_path, pial):
    """With -dontrun recon-all reads the whole command line and lists its steps, for which it needs no key."""
    if not (HOME / "sources.csh").is_file():
        pytest.skip("FreeSurfer's sources.csh is not there: recon-all does not start")
    image = tmp_path / "t1.nii.gz"
    nib.save(nib.Nifti1Image(np.ones((4, 4, 4), np.float32), np.eye(4)), image)
    expert = tmp_path / "expert.opts"
    expert.write_text("mris_inflate -n 50\n")
    options = ReconOptions(hires=True, pial=pial, threads=2)
    listed = {}
    for stage in stages(freesurfer.major):
        command = stage_command(stage, "x", tmp_path, options, image=image, pial_image=image, expert=expert)
        listed[stage] = say(freesurfer, *command, "-dontrun", cwd=tmp_path)[1]
        assert "unrecognized" not in listed[stage]
        assert re.search("hi-?res volumes are conformed|conformed to the min", listed[stage])
    assert not re.search(r"^\s*mri_watershed", listed["autorecon1"], re.MULTILINE), "the skull is ours to strip"
    if freesurfer.major == 7:
        second = listed["autorecon2-volonly"]
        assert "mri_em_register" in second, "the registration to the atlas must not be lost by the split"
        whole = ["mri_em_register", "mri_ca_normalize", "mri_ca_register", "mri_ca_label", "mri_segment", "mri_fill"]
        places = [second.index(name) for name in whole]
        assert places == sorted(places)
        assert re.search(r"mris_inflate .*-n 50", listed["autorecon2-perhemi"])
    if pial != "T1":
        assert f"{pial}raw.mgz" in listed["autorecon3"]


def test_refusal_without_a_key_is_one_sentence(without_key, tmp_path, make_subject):
    subject = make_subject()
    with pytest.raises(InputError, match=r"mri_surf2surf refuses to run: FreeSurfer license file .* not found; get"):
        map_annotation(without_key, subject, tmp_path / "out")


def test_refusal_reaches_the_user_of_the_command_line(freesurfer, tmp_path):
    """A dataset without surfaces, FreeSurfer asked for, no key: one sentence before anything starts."""
    if licensed():
        pytest.skip("there is a license")
    words = ("simulate", "bids", "--sites", "1", "--subjects-per-site", "1", "--patients", "0", "--voxel-size", "8")
    more = ("--modalities", "mp2rage")
    run = ("run", "bids", "out", "participant", "--surface-engine", "freesurfer", "--skip-bids-validation")
    environment = {key: value for key, value in os.environ.items() if key != "FS_LICENSE"}
    for command, code in ((words + more, 0), (run, 2)):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "harmoniq", *command], cwd=tmp_path, capture_output=True, text=True,
            check=False, env={**environment, "FREESURFER_HOME": str(HOME)},
        )  # fmt: skip
        assert done.returncode == code, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "no license file" in errors[0]
    assert "registration.html" in errors[0]
    assert not (tmp_path / "out").exists()


# With a key


@pytest.mark.nightly
def test_labels_equal_those_of_mri_surf2surf(with_key, tmp_path, make_subject, test_data):
    subject = FreeSurferSubject.load(make_subject(level=6))
    files = map_annotation(with_key, subject.path, tmp_path / "out")
    ours = subject_labels(subject, atlas=str(test_data / "atlas"), merged=True)
    for side, file in zip("LR", files, strict=True):
        keys, names = read_labels(file)
        theirs = np.array([int(names.get(int(k), "x.0").split(".")[-1].replace("WALL", "-1") or 0) for k in keys])
        assert np.mean(ours.labels[side] == theirs) > 0.999


@pytest.mark.nightly
def test_samples_equal_those_of_mri_vol2surf(with_key, tmp_path, make_subject):
    """Noise on an oblique, anisotropic grid, at both depths; 3e-4 of its range is what float32 leaves."""
    folder = make_subject(level=5)
    subject = FreeSurferSubject.load(folder)
    affine = np.array([[1.7, -0.4, 0.3, -70], [0.4, 2.0, 0.2, -80], [-0.3, -0.1, 2.4, -75], [0, 0, 0, 1]])
    data = np.random.default_rng(1).uniform(0.5, 2, (90, 90, 70)).astype(np.float32)
    nib.save(nib.Nifti1Image(data, affine), tmp_path / "map.nii.gz")
    for kind, value in (("projfrac", 0.5), ("projdist", -0.5)):
        out = tmp_path / f"{kind}.mgh"
        command = [
            "mri_vol2surf", "--mov", str(tmp_path / "map.nii.gz"), "--regheader", folder.name, "--hemi", "lh",
            f"--{kind}", str(value), "--interp", "trilinear", "--o", str(out),
        ]  # fmt: skip
        run_freesurfer(command, with_key, subjects_dir=folder.parent, log=tmp_path / "log")
        theirs = np.asarray(nib.load(out).dataobj).ravel()
        (((ours, inside),),) = sample_depths(
            subject.hemispheres["L"], [(Image(data, affine), subject.tkr_to_scanner)], [(kind, value)]
        )
        np.testing.assert_allclose(ours[inside], theirs[inside], atol=3e-4 * 1.5)


@pytest.mark.nightly
def test_recon_all_begins(with_key, tmp_path):
    """The first stage on a simulated head: minutes; the whole takes hours."""
    words = ("simulate", "bids", "--sites", "1", "--subjects-per-site", "1", "--patients", "0", "--voxel-size", "1")
    subprocess.run([sys.executable, "-P", "-m", "harmoniq", *words], cwd=tmp_path, check=True)
    image = next((tmp_path / "bids").rglob("*_UNIT1.nii.gz"))
    command = stage_command("autorecon1", "x", tmp_path / "s", ReconOptions(mask=False), image=image)
    (tmp_path / "s").mkdir()
    run_freesurfer(command, with_key, subjects_dir=tmp_path / "s", log=tmp_path / "log")
    assert (tmp_path / "s" / "x" / "mri" / "brainmask.mgz").is_file()
