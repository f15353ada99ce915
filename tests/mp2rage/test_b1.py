"""B1+ maps: units, resampling, and what the correction restores."""

import numpy as np
import pytest

from harmoniq.data.acquisitions import MP2RAGETiming
from harmoniq.data.errors import InputError
from harmoniq.data.images import Image, save_image
from harmoniq.mp2rage.b1 import b1_on_grid, relative_b1
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
    np.testing.assert_allclose(b1, 0.95, rtol=1e-6)


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
