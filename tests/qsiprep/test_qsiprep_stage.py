"""The small dataset that QSIPrep is given."""

import pytest

from harmoniq.data.errors import InputError
from harmoniq.qsiprep.stage import stage_dataset


def touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


@pytest.mark.parametrize("session", [None, "a"])
def test_one_session_with_mp2rage_as_t1w(tmp_path, session):
    bids, out = tmp_path / "bids", tmp_path / "staged"
    folder, stem = ("sub-1/ses-a", "sub-1_ses-a") if session else ("sub-1", "sub-1")
    touch(bids, *(f"{folder}/dwi/{stem}_dwi.{end}" for end in ("nii.gz", "bval", "bvec", "json")),
          f"{folder}/fmap/{stem}_dir-PA_epi.nii.gz", f"{folder}/fmap/{stem}_TB1map.nii.gz", "dwi.json",
          "participants.tsv", "sub-2/dwi/sub-2_dwi.nii.gz", f"{folder}/anat/{stem}_UNIT1.nii.gz")  # fmt: skip
    touch(tmp_path, "robust.nii.gz")
    stage_dataset(bids, "1", session, tmp_path / "robust.nii.gz", out)
    files = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert files == sorted([
        "dataset_description.json", "dwi.json", f"{folder}/anat/{stem}_T1w.json", f"{folder}/anat/{stem}_T1w.nii.gz",
        *(f"{folder}/dwi/{stem}_dwi.{end}" for end in ("nii.gz", "bval", "bvec", "json")),
        f"{folder}/fmap/{stem}_dir-PA_epi.nii.gz",
    ])  # fmt: skip
    assert (out / folder / "anat" / f"{stem}_T1w.nii.gz").read_text() == "robust.nii.gz"
    assert not any(path.is_symlink() for path in out.rglob("*"))


def test_no_diffusion_images(tmp_path):
    touch(tmp_path, "bids/sub-1/anat/sub-1_UNIT1.nii.gz", "t1.nii.gz")
    with pytest.raises(InputError, match="no diffusion images"):
        stage_dataset(tmp_path / "bids", "1", None, tmp_path / "t1.nii.gz", tmp_path / "out")
