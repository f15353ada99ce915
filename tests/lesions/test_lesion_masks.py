"""Reading, moving and dilating lesion masks, against loops over voxels and closed forms."""

import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.images import Image, load_image
from harmoniq.data.lesions import LesionMask
from harmoniq.data.sampling import sample_volume
from harmoniq.lesions.mask import Lesions, dilate, move_lesions, read_lesions, without_lesions
from harmoniq.lesions.volumes import write_excluded
from harmoniq.registration.itk import write_itk

AFFINE = np.array([[1.0, 0, 0, -10], [0, 1, 0, -12], [0, 0, 1, -8], [0, 0, 0, 1]])


@pytest.mark.parametrize("value", [1, 255, 0.5])
def test_any_one_value_is_a_lesion(volume, ball, value):
    lesions = read_lesions(volume("m.nii.gz", ball * value))
    np.testing.assert_array_equal(lesions.inside, ball)
    assert lesions.count == 1
    assert lesions.volume_ml == pytest.approx(ball.sum() / 1000)


def test_probabilities_are_thresholded(volume, ball):
    path = volume("ples.nii.gz", np.where(ball, 0.7, 0.2))
    np.testing.assert_array_equal(read_lesions(path, "probability", threshold=0.5).inside, ball)
    with pytest.raises(InputError, match="empty"):
        read_lesions(path, "probability", threshold=0.8)


def test_samseg_label(volume, ball):
    path = volume("seg.nii.gz", np.where(ball, 99, 2), dtype=np.int16)
    np.testing.assert_array_equal(read_lesions(path, "samseg").inside, ball)


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        (np.zeros((4, 4, 4)), "mask", "is empty"),
        (np.ones((4, 4, 4)), "mask", "covers the whole image"),
        (np.arange(64).reshape(4, 4, 4) / 64, "mask", "is not binary: beside 0 it holds 63 values"),
        (np.full((4, 4, 4), 2.0), "probability", "must hold 0 to 1"),
        (np.full((4, 4, 4), 41.0), "samseg", "label 99.*--lesion"),
        (np.ones((4, 4, 4, 2)), "mask", "dimensions"),
    ],
)
def test_wrong_masks_are_one_sentence(volume, data, kind, said):
    with pytest.raises(InputError, match=said) as caught:
        read_lesions(volume("m.nii.gz", data), kind)
    assert "m.nii.gz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_control_may_have_none(volume):
    assert not read_lesions(volume("m.nii.gz", np.zeros((4, 4, 4))), allow_empty=True).inside.any()


@pytest.mark.parametrize("size", [0.8, 1.0, 2.5])
def test_moves_by_the_nearest_voxel(ball, turned, size):
    """Against a loop over both grids' voxels."""
    to_mask = turned(11, (0.4, -1.1, 2.0))
    shape = tuple(int(n / size) for n in (20, 24, 16))
    affine = np.diag([size, size, size, 1.0])
    affine[:3, 3] = (-9, -11, -9)
    moved = move_lesions(Lesions(ball, AFFINE), shape, affine, to_mask)
    wanted = np.zeros(shape, dtype=bool)
    to_voxel = np.linalg.inv(AFFINE) @ to_mask @ affine
    for index in np.ndindex(*shape):
        there = np.floor((to_voxel @ [*index, 1.0])[:3] + 0.5).astype(int)
        if (there >= 0).all() and (there < ball.shape).all():
            wanted[index] = ball[tuple(there)]
    for index in np.argwhere(ball):
        here = np.floor((np.linalg.inv(to_voxel) @ [*index, 1.0])[:3] + 0.5).astype(int)
        if (here >= 0).all() and (here < shape).all():
            wanted[tuple(here)] = True
    np.testing.assert_array_equal(moved, wanted)


def test_no_lesion_is_lost_between_coarse_voxels():
    inside = np.zeros((20, 20, 20), dtype=bool)
    inside[7, 7, 7] = True
    moved = move_lesions(Lesions(inside, np.eye(4)), (5, 5, 5), np.diag([4.0, 4, 4, 1]), np.eye(4))
    assert np.argwhere(moved).tolist() == [[2, 2, 2]]


@pytest.mark.parametrize("distance", [0.0, 1.0, 1.5, 3.0])
def test_dilates_by_millimeters(distance):
    """Against the distance of each voxel's center, on an anisotropic grid whose sizes are rounded float32."""
    sizes = np.array([1.0000001, 1.5, 3.0])
    inside = np.zeros((15, 13, 11), dtype=bool)
    inside[7, 6, 5] = inside[2, 1, 1] = True
    points = np.argwhere(np.ones_like(inside)) * [1.0, 1.5, 3.0]
    away = np.min([np.linalg.norm(points - index * [1.0, 1.5, 3.0], axis=1) for index in np.argwhere(inside)], axis=0)
    np.testing.assert_array_equal(dilate(inside, sizes, distance), (away <= distance).reshape(inside.shape))


def test_samples_that_touch_a_lesion_hold_nothing(volume, ball, tmp_path):
    rng = np.random.default_rng(0)
    image = Image(rng.random(ball.shape).astype(np.float32) + 0.5, AFFINE, tmp_path / "map.nii.gz")
    mask = volume("mask.nii.gz", ball, dtype=np.uint8)
    points = (rng.random((500, 3)) * (np.array(ball.shape) - 1)) + AFFINE[:3, 3]
    values, _ = sample_volume(points, without_lesions(image, mask).data, AFFINE)
    whole, _ = sample_volume(points, image.data, AFFINE)
    low = np.floor(points - AFFINE[:3, 3]).astype(int)
    touched = [ball[tuple(np.ix_(*[(n, min(n + 1, m - 1)) for n, m in zip(v, ball.shape)]))].any() for v in low]
    np.testing.assert_array_equal(np.isnan(values), touched)
    np.testing.assert_array_equal(values[~np.isnan(values)], whole[~np.isnan(values)])


def test_refuses_a_mask_of_another_grid(volume, ball):
    image = load_image(volume("map.nii.gz", np.ones((10, 10, 10))))
    with pytest.raises(InputError, match="grid"):
        without_lesions(image, volume("mask.nii.gz", ball))


def test_follows_both_transforms(volume, ball, turned, tmp_path):
    """A mask in FLAIR space comes to a map in ME-GRE space through MP2RAGE."""
    to_flair, to_megre = turned(7, (1, 2, 3)), turned(-5, (0, -2, 1))
    mask = volume("sub-1_label-lesion_mask.nii.gz", ball, to_flair @ AFFINE, np.uint8)
    in_map = volume("map.nii.gz", np.ones(ball.shape), to_megre @ AFFINE)
    paths = [write_itk(matrix, tmp_path / name) for matrix, name in ((to_megre, "m.txt"), (to_flair, "f.txt"))]
    facts = write_excluded(
        LesionMask(mask, "mask", "reference", tmp_path / "sub-1_FLAIR.nii.gz"), in_map, tmp_path / "out.nii.gz",
        dilation=0.0, map_transform=paths[0], mask_transform=paths[1],
    )  # fmt: skip
    np.testing.assert_array_equal(load_image(tmp_path / "out.nii.gz").data > 0, ball)
    assert facts["LesionMaskReference"] == "sub-1_FLAIR.nii.gz"
    assert facts["ExcludedVolume"] == pytest.approx(ball.sum() / 1000)


def test_a_mask_outside_the_brain_is_of_somebody_else(volume, ball, tmp_path):
    brain = volume("brain.nii.gz", np.roll(ball, 6, axis=1), dtype=np.uint8)
    mask = volume("sub-1_label-lesion_mask.nii.gz", ball, dtype=np.uint8)
    with pytest.raises(InputError, match=r"outside the participant's brain.*another participant"):
        write_excluded(
            LesionMask(mask, "mask", "MP2RAGE"), brain, tmp_path / "o.nii.gz", dilation=1.0, brain_mask=brain
        )
