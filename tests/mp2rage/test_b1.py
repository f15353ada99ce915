"""B1+ maps: units, resampling, and what the correction restores."""

import numpy as np
import pytest

from harmoniq.data.acquisitions import MP2RAGETiming
from harmoniq.data.errors import InputError
from harmoniq.data.images import Image, load_image, save_image
from harmoniq.mp2rage.b1 import b1_on_grid, place_b1_files, relative_b1
from harmoniq.mp2rage.lookup import fit_r1
from harmoniq.mp2rage.signal import inversion_signals, uniform_image

TIMING = MP2RAGETiming(6.0, (0.7, 2.4), (6.0, 6.0), 0.0069, (88, 88), 0.96)


def field(points):
    """A smooth field: 1.1 in the center, about 0.8 at 90 mm."""
    return 1.1 - 0.3 * (points**2).sum(axis=-1) / 90**2


def grid(affine, shape):
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    return index @ affine[:3, :3].T + affine[:3, 3]


@pytest.mark.parametrize("scale", [1, 100, 1000])
def test_units_are_recognized(scale):
    data = np.zeros((8, 8, 8), np.float32)
    data[2:6, 2:6, 2:6] = 0.95 * scale
    b1, found = relative_b1(Image(data, np.eye(4)))
    assert found == scale
    np.testing.assert_allclose(b1[data > 0], 0.95, rtol=1e-6)
    assert (b1[data == 0] == 0).all()


def test_flip_angle_map_of_a_tb1tfl():
    """Tenths of a degree with a nominal angle of 80: 760 is 0.95 of nominal, and not 0.76 in thousandths."""
    b1, _ = relative_b1(Image(np.full((4, 4, 4), 760, np.float32), np.eye(4)), 800.0)
    np.testing.assert_allclose(b1, 0.95, rtol=1e-6)


@pytest.mark.parametrize(("value", "said"), [(20.0, "the median of the B1"), (0.0, "is empty")])
def test_other_units_are_refused(value, said):
    with pytest.raises(InputError, match=said):
        relative_b1(Image(np.full((4, 4, 4), value, np.float32), np.eye(4)))


def test_correction_restores_r1_on_another_grid(tmp_path):
    """A percent map of 6 mm voxels on an oblique grid; R1 within 0.5 % where 0.8 to 1.1 uncorrected is 5 to 8 % off."""
    turn = np.array([[np.cos(0.1), -np.sin(0.1), 0], [np.sin(0.1), np.cos(0.1), 0], [0, 0, 1]])
    coarse = np.eye(4)
    coarse[:3, :3], coarse[:3, 3] = 6 * turn, -turn @ np.full(3, 6 * 15.5)
    save_image((100 * field(grid(coarse, (32, 32, 32)))).astype(np.float32), coarse, tmp_path / "b1.nii.gz")
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = -4 * 14.5
    b1 = field(grid(affine, (30, 30, 30)))
    uni = uniform_image(*inversion_signals(np.full(b1.shape, 1.0), TIMING, b1)).astype(np.float32)
    target = Image(uni, affine)
    inner = (slice(6, -6),) * 3
    corrected = fit_r1(uni, TIMING, b1_on_grid(tmp_path / "b1.nii.gz", target)).r1[inner]
    uncorrected = fit_r1(uni, TIMING).r1[inner]
    assert np.abs(corrected - 1).max() < 0.005
    assert np.abs(uncorrected - 1).max() > 0.04


def test_placing_turns_the_header_and_reports(tmp_path):
    """The map is moved by 5 mm and 4 degrees: placed by the transform it corrects as if it had not moved."""
    from scipy.spatial.transform import Rotation

    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = -4 * 14.5
    motion = np.eye(4)
    motion[:3, :3] = Rotation.from_euler("xyz", [4, 0, 0], degrees=True).as_matrix()
    motion[:3, 3] = [5, 0, 0]
    image = save_image(
        (100 * field(grid(affine, (30, 30, 30)))).astype(np.float32), motion @ affine, tmp_path / "b1.nii"
    )
    by_header = place_b1_files(image, tmp_path / "header.nii")
    facts = place_b1_files(image, tmp_path / "placed.nii", transform=motion)
    assert by_header["B1Placement"] == "by the header" and by_header["B1Units"] == "percent of nominal"
    assert facts["B1Placement"].startswith("registered") and facts["B1MotionDegrees"] == pytest.approx(4, abs=0.01)
    assert facts["B1Median"] == pytest.approx(np.median(field(grid(affine, (30, 30, 30)))), abs=1e-3)
    placed = load_image(tmp_path / "placed.nii")
    np.testing.assert_allclose(placed.affine, affine, atol=1e-5)
    target = Image(np.zeros((30, 30, 30), np.float32), affine)
    inner = (slice(5, -5),) * 3
    truth = field(grid(affine, (30, 30, 30)))[inner]
    # The Gaussian's mean of a parabola lies 3 x 0.3 x (4 / 90)^2 / 1 = 0.0018 below it.
    assert np.abs(b1_on_grid(tmp_path / "placed.nii", target, scale=1.0)[inner] - truth).max() < 0.004
    assert np.abs(b1_on_grid(tmp_path / "header.nii", target, scale=1.0)[inner] - truth).max() > 0.015


@pytest.mark.parametrize("voxel", [1.0, 4.0])
def test_holes_are_filled_and_noise_is_smoothed(tmp_path, voxel):
    rng = np.random.default_rng(3)
    shape = (int(60 / voxel),) * 3
    data = np.clip(1 + 0.05 * rng.standard_normal(shape), 0.5, 2).astype(np.float32)
    data[: shape[0] // 4] = 0
    path = save_image(data, np.diag([voxel, voxel, voxel, 1]), tmp_path / "b1.nii.gz")
    b1 = b1_on_grid(path, Image(np.zeros(shape, np.float32), np.diag([voxel, voxel, voxel, 1.0])))
    assert b1.min() > 0.9 and b1.max() < 1.1
    assert b1[shape[0] // 2 :].std() < 0.05 / 3
