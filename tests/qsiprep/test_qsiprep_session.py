"""What QSIPrep has done is not done twice; another version of it, or another image, is another matter."""

import dataclasses

import pytest

from harmoniq.data.errors import InputError
from harmoniq.qsiprep.command import Job
from harmoniq.qsiprep.runtime import Runtime
from harmoniq.qsiprep.session import process_session

#: Counts its calls, and leaves a bundle where QSIPrep 0.18 does.
PROGRAM = """#!/bin/sh
echo called >> "$2/calls"
folder="$2/qsirecon/sub-1/dwi/sub-1_space-T1w_desc-preproc/clean_bundles"
[ -e "$1/sub-1/dwi/none" ] && exit 0
mkdir -p "$folder" && touch "$folder/sub-1_desc-CSTL_tractography.trk"
"""


@pytest.fixture
def session(tmp_path):
    for name in ("dwi.nii.gz", "dwi.bval", "dwi.bvec"):
        path = tmp_path / "bids" / "sub-1" / "dwi" / f"sub-1_{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "t1w.nii.gz").write_text("t1w")
    (tmp_path / "qsiprep").write_text(PROGRAM)
    (tmp_path / "qsiprep").chmod(0o755)
    return tmp_path


def run(folder, version="0.18.0", **changes):
    """Process the session in a work folder of its own; return how often the program has been called in all."""
    job = Job(folder / "staged", folder / "out", folder / "work", "1")
    runtime = Runtime("native", str(folder / "qsiprep"), "", version)
    bundles, space = process_session(
        dataclasses.replace(job, **changes), folder / "bids", folder / "t1w.nii.gz", runtime, None
    )
    assert list(bundles) == ["CST_L"] and space.acpc
    return (folder / "out" / "calls").read_text().count("called")


def test_only_what_changed_is_done_again(session):
    assert [run(session), run(session), run(session, bids_dir=session / "elsewhere")] == [1, 1, 1]
    (session / "bids" / "sub-1" / "dwi" / "sub-1_dwi.bvec").write_text("another")
    assert [run(session), run(session)] == [2, 2]
    (session / "t1w.nii.gz").write_text("another")
    assert [run(session), run(session)] == [3, 3]
    assert [run(session, version="0.19.0"), run(session, version="0.19.0")] == [4, 4]


def test_an_end_without_bundles_names_the_log(session):
    (session / "bids" / "sub-1" / "dwi" / "none").touch()
    with pytest.raises(InputError, match=r"qsiprep.log: QSIPrep ended without bundles"):
        run(session)
