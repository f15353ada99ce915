"""FreeSurfer's preflight, and recon-all in stages.

FreeSurfer refuses to run without its user's key: here a script stands in for recon-all, which keeps its manners (its
files, its refusals, its ``IsRunning``) and makes no surfaces. The real programs are tested in test_freesurfer_real.py.
"""

import json
import os
import shutil
import socket
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.surface import freesurfer as freesurfer_module
from harmoniq.surface.freesurfer import explain_failure, find_freesurfer, freesurfer_version
from harmoniq.surface.recon_all import (
    ReconOptions,
    inject_mask,
    is_reconstructed,
    is_submillimeter,
    prepare_fsaverage,
    reconstruct,
    stage_command,
    stages,
)
from harmoniq.surface.subject import FreeSurferSubject, check_finished_subject

STAND_IN = """#!/bin/sh
# Stands in for recon-all: -s SUBJECT -sd FOLDER -STAGE ...
echo "recon-all $*" >> "$SUBJECTS_DIR/calls.txt"
subject="$SUBJECTS_DIR/$2"; stage="$5"
case "$*" in *" -i "*) [ -d "$subject" ] && { echo "ERROR: You are trying to re-run"; exit 1; };; esac
mkdir -p "$subject/scripts" "$subject/mri"
touch "$subject/scripts/IsRunning.lh+rh"
[ -f "$FREESURFER_HOME/fail$stage" ] && { echo "ERROR: $stage broke"; exit 1; }
[ "$stage" = -autorecon1 ] && cp "$FREESURFER_HOME/T1.mgz" "$subject/mri/T1.mgz"
[ "$stage" = -autorecon3 ] && cp -r "$FREESURFER_HOME/finished/." "$subject/"
echo "SUBJECT $2" > "$subject/scripts/recon-all.done"
rm "$subject/scripts/IsRunning.lh+rh"
"""
AFFINE = np.array([[-1.0, 0, 0, 32], [0, 0, 1.0, -32], [0, -1.0, 0, 32], [0, 0, 0, 1]])


@pytest.fixture
def home(tmp_path, monkeypatch, make_subject):
    """An installation that looks complete, and a T1.mgz and surfaces for the stand-in to hand out."""
    folder = tmp_path / "freesurfer"
    (folder / "bin").mkdir(parents=True)
    for name in freesurfer_module.BINARIES:
        program = folder / "bin" / name
        program.write_text(STAND_IN)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (folder / "build-stamp.txt").write_text("freesurfer-linux-ubuntu22_x86_64-7.3.2-20220804-6354275\n")
    (folder / "license.txt").write_text("somebody@somewhere.org\n1\n *C\n F\n")
    (folder / "subjects" / "fsaverage" / "surf").mkdir(parents=True)
    (folder / "subjects" / "fsaverage" / "surf" / "lh.sphere.reg").touch()
    shutil.copytree(make_subject(), folder / "finished")
    t1 = np.full((64, 64, 64), 100, np.uint8)
    nib.save(nib.freesurfer.MGHImage(t1, AFFINE), folder / "T1.mgz")
    monkeypatch.setenv("FREESURFER_HOME", str(folder))
    monkeypatch.delenv("FS_LICENSE", raising=False)
    monkeypatch.setattr(freesurfer_module, "SYSTEM", ("sh",))
    return folder


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "t1.nii.gz"
    nib.save(nib.Nifti1Image(np.ones((4, 4, 4), np.float32), np.eye(4)), path)
    return path


def calls(subjects_dir):
    return (subjects_dir / "calls.txt").read_text().splitlines()


# The preflight


@pytest.mark.parametrize(
    ("stamp", "version"),
    [
        ("freesurfer-Linux-centos6_x86_64-stable-pub-v6.0.0-2beb96c", "6.0.0"),
        ("freesurfer-linux-centos7_x86_64-7.1.1-20200811-8b40551", "7.1.1"),
        ("freesurfer-linux-ubuntu22_x86_64-7.3.2-20220804-6354275", "7.3.2"),
        ("freesurfer-linux-ubuntu22_x86_64-8.0.0-20250226-5dfbb5f", "8.0.0"),
        ("freesurfer-linux-x86_64-dev", None),
    ],
)
def test_versions_of_build_stamps(stamp, version):
    assert freesurfer_version(stamp) == version


def test_a_complete_installation(home):
    found = find_freesurfer()
    assert (found.home, found.version, found.major, found.license) == (home, "7.3.2", 7, home / "license.txt")
    given = home.parent / "mine.txt"
    shutil.copy(home / "license.txt", given)
    assert find_freesurfer(given).environment(home)["FS_LICENSE"] == str(given)


def test_everything_that_is_missing_in_one_sentence(home, monkeypatch):
    (home / "bin" / "mri_surf2surf").unlink()
    (home / "license.txt").unlink()
    (home / "build-stamp.txt").write_text("freesurfer-Linux-centos4_x86_64-stable-pub-v5.3.0")
    monkeypatch.setattr(freesurfer_module, "SYSTEM", ("sh", "no-such-shell"))
    with pytest.raises(InputError) as error:
        find_freesurfer()
    said = str(error.value)
    assert "\n" not in said
    for part in ("version 5.3.0 is not among", "no mri_surf2surf", "needs no-such-shell", "no license file"):
        assert part in said


def test_licenses_that_are_none(home, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"no license file .--fs-license-file: .*nowhere"):
        find_freesurfer(tmp_path / "nowhere")
    (tmp_path / "empty").write_text("\n")
    monkeypatch.setenv("FS_LICENSE", str(tmp_path / "empty"))
    with pytest.raises(InputError, match=r"license file .*empty is empty"):
        find_freesurfer()
    monkeypatch.delenv("FREESURFER_HOME")
    with pytest.raises(InputError, match="FREESURFER_HOME = not set: FreeSurfer's recon-all is needed"):
        find_freesurfer()


@pytest.mark.parametrize(
    ("said", "code", "sentence"),
    [
        (
            "\nERROR: FreeSurfer license file /fs/.license not found.\n  If you are outside", 255,
            "refuses to run: FreeSurfer license file /fs/.license not found; get your own",
        ),
        (
            "ERROR: Systems running GNU glibc version greater than 2.15\n  require a newly formatted license file "
            "(it's free). Please\n  download", 255, "require a newly formatted license file (it's free); get your own",
        ),
        ("all well\nERROR: no disk\nlast words", 1, "recon-all failed with exit code 1: ERROR: no disk"),
        ("", 137, "recon-all was ended by signal 9, most often for want of memory"),
        ("", 2, "recon-all failed with exit code 2: it said nothing"),
    ],
)  # fmt: skip
def test_failures_become_sentences(said, code, sentence):
    assert sentence in str(explain_failure("recon-all", code, said, Path("x.log")))


# Command lines and stages


def test_command_lines():
    options = ReconOptions(hires=True, pial="FLAIR", threads=4)
    image, flair = Path("/d/t1.nii.gz"), Path("/d/flair.nii.gz")
    words = {
        s: " ".join(stage_command(s, "sub-1", Path("/s"), options, image=image, pial_image=flair)) for s in stages(7)
    }
    start = "recon-all -s sub-1 -sd /s"
    assert words["autorecon1"] == f"{start} -autorecon1 -openmp 4 -i /d/t1.nii.gz -noskullstrip -hires"
    assert words["autorecon2-volonly"] == f"{start} -autorecon2-volonly -openmp 4 -gcareg -hires"
    assert words["autorecon2-perhemi"] == f"{start} -autorecon2-perhemi -openmp 4 -hires"
    assert words["autorecon3"] == f"{start} -autorecon3 -openmp 4 -hires -FLAIR /d/flair.nii.gz -FLAIRpial"
    assert stages(8) == ("autorecon1", "autorecon2", "autorecon3")
    plain = stage_command("autorecon1", "sub-1", Path("/s"), ReconOptions(mask=False), image=image)
    assert "-noskullstrip" not in plain
    assert "-hires" not in plain


def test_resolution():
    assert is_submillimeter(np.diag([0.8, 0.8, 0.8, 1]))
    assert not is_submillimeter(np.diag([1.0, 1.0, 1.2, 1]))


def test_a_reconstruction_that_breaks_goes_on_where_it_was(home, tmp_path, image):
    """The second call repeats the stage that broke and nothing before it; a third does nothing."""
    subjects = tmp_path / "subjects"
    (home / "fail-autorecon2-perhemi").touch()
    found, options = find_freesurfer(), ReconOptions(mask=False)
    with pytest.raises(InputError, match=r"sub-01-recon-all.log: recon-all failed with exit code 1: .*perhemi broke"):
        reconstruct(found, subjects, "sub-01", image=image, options=options)
    (home / "fail-autorecon2-perhemi").unlink()
    folder = subjects / "sub-01"
    assert not is_reconstructed(folder)
    # The stand-in left its IsRunning, as a killed recon-all does; its process was on another machine.
    running = folder / "scripts" / "IsRunning.lh+rh"
    running.write_text("HOST elsewhere\nPROCESSID 12\n")
    with pytest.raises(InputError, match="still at work on this subject, or was killed"):
        reconstruct(found, subjects, "sub-01", image=image, options=options)
    dead = subprocess.Popen(["true"])
    dead.wait()
    running.write_text(f"DATE today\nHOST {socket.gethostname()}\nPROCESSID {dead.pid} \n")
    reconstruct(found, subjects, "sub-01", image=image, options=options)
    assert [line.split()[5] for line in calls(subjects)] == [
        "-autorecon1", "-autorecon2-volonly", "-autorecon2-perhemi", "-autorecon2-perhemi", "-autorecon3",
    ]  # fmt: skip
    assert is_reconstructed(folder)
    assert set(FreeSurferSubject.load(folder).hemispheres) == {"L", "R"}
    reconstruct(found, subjects, "sub-01", image=image, options=options)
    assert len(calls(subjects)) == 5


def test_an_interrupted_first_stage_begins_anew(home, tmp_path, image):
    subjects = tmp_path / "subjects"
    (home / "fail-autorecon1").touch()
    found = find_freesurfer()
    for _ in range(2):
        with pytest.raises(InputError, match="-autorecon1 broke"):
            reconstruct(found, subjects, "sub-01", image=image, options=ReconOptions(mask=False))
        shutil.rmtree(subjects / "sub-01" / "scripts")
    assert "trying to re-run" not in (subjects / "logs" / "sub-01-recon-all.log").read_text()


def test_another_image_or_options_are_not_mixed_in(home, tmp_path, image):
    subjects, found = tmp_path / "subjects", find_freesurfer()
    reconstruct(found, subjects, "sub-01", image=image, options=ReconOptions(mask=False))
    with pytest.raises(InputError, match="begun with other options"):
        reconstruct(found, subjects, "sub-01", image=image, options=ReconOptions(mask=False, hires=True))
    nib.save(nib.Nifti1Image(np.zeros((4, 4, 4), np.float32), np.eye(4)), image)
    with pytest.raises(InputError, match="begun with another image"):
        reconstruct(found, subjects, "sub-01", image=image, options=ReconOptions(mask=False))
    (subjects / "sub-02").mkdir()
    with pytest.raises(InputError, match="somebody else began"):
        reconstruct(found, subjects, "sub-02", image=image, options=ReconOptions())


def test_the_mask_strips_the_skull(home, tmp_path, image):
    """A ball on another, oblique grid: brainmask.mgz is T1.mgz within the ball grown by 2 mm."""
    from nibabel.eulerangles import euler2mat

    affine = np.eye(4)
    affine[:3, :3] = euler2mat(0.2, -0.1, 0.3) * 1.3
    affine[:3, 3] = (1, 2, 3) - affine[:3, :3] @ np.array([20, 20, 20])
    at = np.moveaxis(np.indices((41, 41, 41)), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    ball = (np.linalg.norm(at - (1, 2, 3), axis=-1) < 15).astype(np.uint8)
    nib.save(nib.Nifti1Image(ball, affine), tmp_path / "mask.nii.gz")
    subjects = tmp_path / "subjects"
    reconstruct(
        find_freesurfer(), subjects, "sub-01", image=image, options=ReconOptions(), mask=tmp_path / "mask.nii.gz"
    )
    stripped = nib.load(subjects / "sub-01" / "mri" / "brainmask.mgz")
    voxels = np.moveaxis(np.indices((64, 64, 64)), 0, -1) @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    far = np.linalg.norm(voxels - (1, 2, 3), axis=-1)
    kept = np.asarray(stripped.dataobj) > 0
    # Half a voxel of the mask's grid, and one of T1.mgz's.
    assert kept[far < 15].all()
    assert not kept[far > 19].any()
    np.testing.assert_allclose(stripped.affine, AFFINE, atol=1e-5)
    shifted = affine.copy()
    shifted[0, 3] += 500
    nib.save(nib.Nifti1Image(ball, shifted), tmp_path / "off.nii.gz")
    with pytest.raises(InputError, match="does not lie on the image"):
        inject_mask(subjects / "sub-01", tmp_path / "off.nii.gz")


def test_fsaverage_is_prepared_once_by_many(home, tmp_path):
    found, subjects = find_freesurfer(), tmp_path / "subjects"
    subjects.mkdir()
    (subjects / "fsaverage").symlink_to(tmp_path / "gone")  # a dead link of an earlier installation
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: prepare_fsaverage(found, subjects), range(32)))
    assert set(made) == {subjects / "fsaverage"}
    assert (subjects / "fsaverage").resolve() == home / "subjects" / "fsaverage"
    assert [path.name for path in subjects.iterdir()] == ["fsaverage"]
    shutil.rmtree(home / "subjects" / "fsaverage")
    with pytest.raises(InputError, match="is not complete"):
        prepare_fsaverage(found, tmp_path / "other")


def test_stale_is_running_is_told_from_a_live_one(make_subject):
    folder = make_subject()
    running = folder / "scripts" / "IsRunning.lh+rh"
    dead = subprocess.Popen(["true"])
    dead.wait()
    running.write_text(f"SUBJECT sub-01\nDATE Sun\nHOST {socket.gethostname()}\nPROCESSID {dead.pid} \n")
    with pytest.raises(InputError, match=rf"recon-all was killed on this subject: process {dead.pid} of Sun no longer"):
        check_finished_subject(folder)
    alive = subprocess.Popen(["sh", "-c", "echo; sleep 60; : recon-all"], stdout=subprocess.PIPE)
    try:
        assert alive.stdout.readline()  # it has started, and its command line can be read
        running.write_text(f"HOST {socket.gethostname()}\nPROCESSID {alive.pid} \n")
        with pytest.raises(InputError, match="still at work"):
            check_finished_subject(folder)
    finally:
        alive.kill()
        alive.wait()
    # A number that was given anew belongs to something else.
    running.write_text(f"HOST {socket.gethostname()}\nPROCESSID {os.getpid()} \n")
    with pytest.raises(InputError, match="was killed"):
        check_finished_subject(folder)


def test_the_node_gives_what_samples_need(home, tmp_path, image):
    from harmoniq.interfaces.freesurfer import ReconAll

    node = ReconAll(in_file=str(image), subjects_dir=str(tmp_path / "s"), subject="sub-01", hires="off")
    done = node.run(cwd=str(tmp_path)).outputs
    assert done.subject_dir == str(tmp_path / "s" / "sub-01")
    assert str(tmp_path / "s" / "sub-01" / "surf" / "lh.white") in done.surface_files
    state = json.loads((tmp_path / "s" / "logs" / "sub-01-recon-all.json").read_text())
    assert state["options"] == {"hires": False, "mask": False, "pial": "T1"}
