"""SAMSEG: its command line against its own parser, and what is said where FreeSurfer cannot run it."""

import os
import subprocess
import sys

import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.tools import run_tool
from harmoniq.lesions.samseg import find_samseg, samseg_arguments, segment_lesions

STAMPS = {
    "7.3.2": "freesurfer-linux-ubuntu18_x86_64-7.3.2-20220804-6354275",
    "8.0.0": "freesurfer-linux-ubuntu22_x86_64-8.0.0-20250225-abcdef",
    "6.0.0": "freesurfer-Linux-centos6_x86_64-stable-pub-v6.0.0-2beb96c",
}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Make a FreeSurfer of a version whose run_samseg is this script."""
    monkeypatch.delenv("FS_LICENSE", raising=False)

    def make(version="7.3.2", script="exit 0", licensed=True):
        folder = tmp_path / "freesurfer"
        (folder / "bin").mkdir(parents=True)
        (folder / "build-stamp.txt").write_text(STAMPS[version] + "\n")
        program = folder / "bin" / "run_samseg"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        if licensed:
            (folder / "license.txt").write_text("a key\n")
        monkeypatch.setenv("FREESURFER_HOME", str(folder))
        return folder

    return make


@pytest.mark.parametrize("flair", [None, "flair.nii.gz"])
def test_command_line_is_what_samseg_s_own_parser_takes(flair):
    """With the parser of the package samseg, in the environment that HARMONIQ_SAMSEG_PYTHON names, or in this one."""
    python = os.environ.get("HARMONIQ_SAMSEG_PYTHON", sys.executable)
    code = (
        "import json, sys\nfrom samseg.cli.run_samseg import parseArguments\n"
        "print(json.dumps(vars(parseArguments(sys.argv[1:]))))"
    )
    arguments = samseg_arguments("t1.nii.gz", flair, "out", threads=3)
    done = subprocess.run([python, "-c", code, *arguments], capture_output=True, text=True, check=False)
    if "ModuleNotFoundError" in done.stderr:
        pytest.skip("the package samseg is not installed: set HARMONIQ_SAMSEG_PYTHON to a Python that has it")
    assert done.returncode == 0, done.stderr
    import json

    parsed = json.loads(done.stdout)
    assert parsed["inputFileNames"] == ["t1.nii.gz", *([flair] if flair else [])]
    assert parsed["lesion_mask_pattern"] == [0, *([1] if flair else [])]
    assert (parsed["outputDirectory"], parsed["threads"], parsed["lesion"]) == ("out", 3, True)


@pytest.mark.parametrize("version", ["7.3.2", "8.0.0"])
def test_finds_freesurfer(home, version):
    folder = home(version)
    found = find_samseg()
    assert (found.version, found.license) == (version, folder / "license.txt")


def test_no_freesurfer(monkeypatch):
    monkeypatch.delenv("FREESURFER_HOME", raising=False)
    with pytest.raises(InputError, match="FREESURFER_HOME = not set: SAMSEG needs FreeSurfer 7 or later"):
        find_samseg()


def test_too_old(home):
    home("6.0.0")
    with pytest.raises(InputError, match=r"this one is 6\.0\.0"):
        find_samseg()


def test_no_license(home, tmp_path, monkeypatch):
    home(licensed=False)
    with pytest.raises(InputError, match="SAMSEG cannot run: no license file"):
        find_samseg()
    with pytest.raises(InputError, match=r"no license file \(--fs-license-file"):
        find_samseg(tmp_path / "nowhere.txt")
    (tmp_path / "key").write_text("a key")
    assert find_samseg(tmp_path / "key").license == tmp_path / "key"
    monkeypatch.setenv("FS_LICENSE", str(tmp_path / "key"))
    assert find_samseg().license == tmp_path / "key"


def test_a_failure_names_the_log(home, tmp_path):
    home(script="echo 'ERROR: cannot read t1' >&2; exit 3")
    with pytest.raises(InputError, match="run_samseg failed with exit code 3: ERROR: cannot read t1") as caught:
        segment_lesions(find_samseg(), tmp_path / "t1.nii.gz", None, tmp_path / "out")
    assert str(caught.value.file) == str(tmp_path / "out" / "run_samseg.log")
    assert "--lesion" in (tmp_path / "out" / "run_samseg.log").read_text()


def test_no_result_is_a_failure(home, tmp_path):
    home(script="exit 0")
    with pytest.raises(InputError, match="ended without a segmentation"):
        segment_lesions(find_samseg(), tmp_path / "t1.nii.gz", None, tmp_path / "out")


def test_a_kill_is_told_as_memory(tmp_path):
    with pytest.raises(InputError, match="SIGKILL, most often for want of memory"):
        run_tool(["sh", "-c", "kill -9 $$"], title="A tool", log=tmp_path / "log.txt")


def test_a_program_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot be started"):
        run_tool(["no-such-program-here"], title="A tool", log=tmp_path / "log.txt")


def test_node_brings_the_flair_to_the_t1_grid(home, tmp_path, volume):
    """The script stands for FreeSurfer's program: it hands its second image back as the segmentation."""
    home(script='mkdir -p "$5" && cp "$3" "$5/flair.nii.gz" && cp "$2" "$5/seg.mgz"')
    from harmoniq.data.images import load_image
    from harmoniq.interfaces.lesions import SamsegLesions
    from harmoniq.registration.itk import write_itk

    grid = np.diag([2.0, 2, 2, 1])
    moved = grid.copy()
    moved[:3, 3] = (4, -2, 0)
    data = np.random.default_rng(0).random((8, 9, 10)).astype(np.float32)
    shift = np.eye(4)
    shift[:3, 3] = (4, -2, 0)
    node = SamsegLesions(
        t1=str(volume("t1.nii.gz", data, grid)), flair=str(volume("flair.nii.gz", data, moved)),
        transform=str(write_itk(shift, tmp_path / "xfm.txt")),
    )  # fmt: skip
    done = node.run(cwd=str(tmp_path))
    assert done.outputs.engine == "samseg, freesurfer 7.3.2"
    np.testing.assert_allclose(load_image(tmp_path / "samseg" / "flair.nii.gz").data, data, atol=1e-6)


def test_real_samseg_segments_lesions(tmp_path):
    """Ready for a machine with FreeSurfer and its user's license; never run where this was written."""
    license_file = os.environ.get("FS_LICENSE")
    if not (license_file and os.environ.get("HARMONIQ_TEST_T1")):
        pytest.skip("needs FREESURFER_HOME (7 or later), FS_LICENSE and HARMONIQ_TEST_T1 (and _FLAIR on its grid)")
    from pathlib import Path

    flair = os.environ.get("HARMONIQ_TEST_FLAIR")
    samseg = find_samseg()
    out = segment_lesions(samseg, Path(os.environ["HARMONIQ_TEST_T1"]), Path(flair) if flair else None, tmp_path)
    assert out.is_file()
