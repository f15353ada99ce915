"""Where lesion masks are found, in which space they lie, and what is said where that is not known."""

import json

import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.lesions.find import find_lesion_files
from harmoniq.lesions.place import place_mask

AFFINE = np.array([[1.0, 0, 0, -10], [0, 1, 0, -12], [0, 0, 1, -8], [0, 0, 0, 1]])

LAYOUTS = {
    "BIDS label": ("lesions/sub-01/anat/sub-01_label-lesion_mask.nii.gz", "mask"),
    "BIDS desc": ("lesions/sub-01/ses-a/anat/sub-01_ses-a_space-FLAIR_desc-lesion_mask.nii", "mask"),
    "BIDS roi": ("sub-01/anat/sub-01_space-T1w_label-lesion_roi.nii.gz", "mask"),
    "BIDS described": ("sub-01/anat/sub-01_space-FLAIR_label-lesion_desc-manual_mask.nii.gz", "mask"),
    "BIDS probabilities": ("sub-01/anat/sub-01_label-lesion_probseg.nii.gz", "probability"),
    "flat": ("sub-01_label-lesion_mask.nii.gz", "mask"),
    "LST LPA": ("lst/sub-01/anat/ples_lpa_msub-01_FLAIR.nii", "probability"),
    "LST LGA": ("lst/sub-01/ples_lga_0.3_rmsub-01_FLAIR.nii", "probability"),
    "LST binary": ("lst/sub-01/bles_0.5_lpa_msub-01_FLAIR.nii", "mask"),
    "LST-AI": ("lst-ai/sub-01/space-flair_seg-lst.nii.gz", "mask"),
    "LST-AI in BIDS": ("sub-01/ses-a/anat/sub-01_ses-a_space-FLAIR_seg-lst.nii.gz", "mask"),
    "SAMSEG": ("samseg/sub-01/seg.mgz", "samseg"),
    "SAMSEG by session": ("samseg/sub-01_ses-a/seg.mgz", "samseg"),
    "SAMSEG within": ("out/sub-01/anat/samseg/seg.mgz", "samseg"),
}


def touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path, layout):
    path, kind = LAYOUTS[layout]
    touch(tmp_path, path, "sub-02/anat/sub-02_label-lesion_mask.nii.gz")
    for session in (None, "a"):
        (found,) = find_lesion_files(tmp_path, "01", session)
        assert (found.path, found.kind) == (tmp_path / path, kind)


def test_a_segmentation_is_known_by_its_companions(tmp_path):
    touch(tmp_path, "seg/sub-01/seg.mgz")
    assert find_lesion_files(tmp_path, "01") == []
    touch(tmp_path, "seg/sub-01/samseg.stats")
    assert len(find_lesion_files(tmp_path, "01")) == 1


@pytest.mark.parametrize(
    "name",
    [
        "sub-01_space-MNI152NLin2009cAsym_label-lesion_mask.nii.gz", "sub-01_label-lesion_desc-excluded_mask.nii.gz",
        "sub-01_space-flair_desc-annotated_seg-lst.nii.gz", "sub-01_desc-brain_mask.nii.gz", "sub-01_T1w.nii.gz",
        "sub-01_desc-lesionfilled_T1w.nii.gz", "sub-01_label-lesion_mask.json",
    ],
)  # fmt: skip
def test_what_is_no_mask(tmp_path, name):
    touch(tmp_path, f"sub-01/anat/{name}")
    assert find_lesion_files(tmp_path, "01") == []


def test_drawn_masks_before_tools(tmp_path):
    touch(tmp_path, *(path for path, _ in LAYOUTS.values()))
    assert {file.path.name for file in find_lesion_files(tmp_path, "01")} == {
        "sub-01_space-T1w_label-lesion_roi.nii.gz", "sub-01_space-FLAIR_label-lesion_desc-manual_mask.nii.gz",
        "sub-01_label-lesion_mask.nii.gz", "sub-01_ses-a_space-FLAIR_desc-lesion_mask.nii",
    }  # fmt: skip


def test_the_session_s_own_mask(tmp_path):
    touch(tmp_path, *(f"sub-01/ses-{s}/anat/sub-01_ses-{s}_label-lesion_mask.nii" for s in "ab"))
    touch(tmp_path, "sub-01/anat/sub-01_label-lesion_mask.nii")
    assert [file.path.parts[-3] for file in find_lesion_files(tmp_path, "01", "b")] == ["ses-b"]
    assert [file.path.parts[-3] for file in find_lesion_files(tmp_path, "01", "c")] == ["sub-01"]


def test_a_mask_named_after_somebody_else(tmp_path):
    touch(tmp_path, "sub-01/anat/sub-02_label-lesion_mask.nii.gz")
    with pytest.raises(InputError, match=r"named after sub-02, and lies in the folder of sub-01"):
        find_lesion_files(tmp_path, "01")


@pytest.fixture
def session(volume, turned):
    """Images of one session, each on a grid of its own."""
    grids = {"MP2RAGE": AFFINE, "MEGRE": turned(3) @ AFFINE, "FLAIR": turned(5) @ AFFINE, "orig": turned(8) @ AFFINE}
    return {name: (volume(f"raw/sub-01_{name}.nii.gz", np.ones((6, 7, 8)), grid), grid) for name, grid in grids.items()}


def placed(session, tmp_path, **options):
    return place_mask(
        find_lesion_files(tmp_path / "masks", "01"),
        mp2rage=session["MP2RAGE"][0], megre=session["MEGRE"][0], scanner=[session["orig"][0]],
        references=[session["FLAIR"][0]], bids_dir=tmp_path / "raw", **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("image", "space"), [("MP2RAGE", "MP2RAGE"), ("MEGRE", "MEGRE"), ("FLAIR", "reference"), ("orig", "scanner")]
)
def test_space_by_grid(session, tmp_path, volume, image, space):
    volume("masks/sub-01/sub-01_label-lesion_mask.nii.gz", np.ones((6, 7, 8)), session[image][1])
    mask = placed(session, tmp_path)
    assert mask.space == space
    assert mask.reference == (session["FLAIR"][0] if space == "reference" else None)


def test_the_nearest_space_is_taken(session, tmp_path, volume):
    for name, image in (("space-FLAIR_", "FLAIR"), ("", "MP2RAGE")):
        volume(f"masks/sub-01/sub-01_{name}label-lesion_mask.nii.gz", np.ones((6, 7, 8)), session[image][1])
    assert placed(session, tmp_path).file.name == "sub-01_label-lesion_mask.nii.gz"


def test_two_masks_of_one_space(session, tmp_path, volume):
    for name in ("label", "desc"):
        volume(f"masks/sub-01/sub-01_{name}-lesion_mask.nii.gz", np.ones((6, 7, 8)), AFFINE)
    with pytest.raises(InputError, match="two lesion masks of one participant; the other is"):
        placed(session, tmp_path)


def test_another_grid_needs_a_reference(session, tmp_path, volume, turned):
    own = turned(20) @ AFFINE
    path = volume("masks/sub-01/sub-01_label-lesion_mask.nii.gz", np.ones((6, 7, 8)), own)
    with pytest.raises(InputError, match=r"grid of its own \(6 x 7 x 8 voxels\).*SpatialReference"):
        placed(session, tmp_path)
    assert placed(session, tmp_path, registration="header").space == "scanner"
    volume("raw/sub-01/anat/sub-01_T2w.nii.gz", np.ones((6, 7, 8)), own)
    sidecar = path.with_name("sub-01_label-lesion_mask.json")
    sidecar.write_text(json.dumps({"SpatialReference": "bids:raw:sub-01/anat/sub-01_T2w.nii.gz"}))
    assert placed(session, tmp_path).reference.name == "sub-01_T2w.nii.gz"


def test_a_sidecar_that_names_somebody_else(session, tmp_path, volume):
    path = volume("masks/sub-01/sub-01_label-lesion_mask.nii.gz", np.ones((6, 7, 8)), AFFINE)
    sidecar = path.with_name("sub-01_label-lesion_mask.json")
    sidecar.write_text(json.dumps({"SpatialReference": "bids:raw:sub-02/anat/sub-02_FLAIR.nii.gz"}))
    with pytest.raises(InputError, match="of another participant: its sidecar names sub-02"):
        placed(session, tmp_path)
