"""Fiber orientations and streamlines against a phantom's known directions."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from harmoniq.data.errors import InputError
from harmoniq.diffusion.fibers import fit_fibers
from harmoniq.diffusion.gradients import Gradients
from harmoniq.diffusion.tissue import tissue_of_r1, to_grid
from harmoniq.diffusion.tracking import track


@pytest.fixture(scope="module")
def fibers(phantom):
    return fit_fibers(phantom.data, phantom.affine, phantom.gradients, phantom.white)


def test_peaks_lie_along_the_fibers(phantom, fibers):
    inside = phantom.arm[fibers.box]
    peak = fibers.sphere.vertices[fibers.amplitude[inside].argmax(axis=-1)]
    # DIPY's directions go along the voxel axes.
    world = peak @ (phantom.affine[:3, :3] / np.linalg.norm(phantom.affine[:3, :3], axis=0)).T
    angle = np.degrees(np.arccos(abs(world @ phantom.along).clip(0, 1)))
    assert np.median(angle) < 8  # 200 vertices of a half sphere lie some 10 degrees apart
    assert np.median(fibers.amplitude[inside].max(axis=-1)) == pytest.approx(1, abs=0.1)
    assert fibers.b_value == 2500
    assert fibers.response[0] > 3 * fibers.response[1]


def test_streamlines_follow_the_bundle_and_the_seed_decides(phantom, fibers):
    lines = track(fibers, phantom.white[fibers.box], n_seeds=200, seed=3)
    assert len(lines) > 100
    longest = max(lines, key=len)
    assert np.ptp(longest @ phantom.along) > 55  # of 68 mm
    inverse = np.linalg.inv(phantom.affine)
    voxels = np.rint(np.concatenate(lines) @ inverse[:3, :3].T + inverse[:3, 3]).astype(int)
    assert phantom.arm[tuple(voxels.T)].mean() > 0.88  # white matter falls to 0.2 outside
    assert binary_dilation(phantom.arm, np.ones((3, 3, 3)))[tuple(voxels.T)].all()
    again = track(fibers, phantom.white[fibers.box], n_seeds=200, seed=3)
    assert len(again) == len(lines)
    assert all(np.array_equal(a, b) for a, b in zip(lines, again))
    other = track(fibers, phantom.white[fibers.box], n_seeds=200, seed=4)
    assert not all(np.array_equal(a, b) for a, b in zip(lines, other))


def test_nothing_to_track_is_said(phantom, fibers):
    with pytest.raises(InputError, match="no voxel to track from"):
        track(fibers, np.zeros_like(phantom.white[fibers.box]), n_seeds=10)


def test_directions_that_were_shuffled_are_noticed(phantom):
    """White matter is hardly anisotropic then, or the field of view holds none."""
    rng = np.random.default_rng(0)
    shuffled = Gradients(phantom.gradients.bvals, phantom.gradients.bvecs[rng.permutation(69)])
    flat = np.broadcast_to(phantom.data[..., :1], phantom.data.shape) * np.exp(-1e-3 * phantom.gradients.bvals)
    with pytest.raises(InputError, match="hardly anisotropic"):
        fit_fibers(flat.astype(np.float32), phantom.affine, phantom.gradients, phantom.white)
    with pytest.raises(InputError, match="no white matter in its field of view"):
        fit_fibers(phantom.data, phantom.affine, shuffled, np.zeros_like(phantom.white))


def test_tissue_of_r1_is_what_was_painted():
    rng = np.random.default_rng(1)
    truth = np.full((40, 40, 40), 0.72)
    truth[8:32, 8:32, 8:32] = 1.08
    truth[18:22, 18:22, 18:22] = 0.29
    r1 = (truth + rng.normal(0, 0.03, truth.shape)).astype(np.float32)
    r1[38:] = 1.1  # scalp in a rough mask, apart from the brain's white matter
    found = tissue_of_r1(r1, np.ones(r1.shape, bool))
    np.testing.assert_allclose(found.white[10:16, 10:30, 10:30].mean(), 1, atol=0.06)
    np.testing.assert_allclose(found.csf[18:22, 18:22, 18:22].mean(), 1, atol=0.1)
    np.testing.assert_allclose(found.gray[:6, 2:38, 2:38].mean(), 1, atol=0.1)
    assert found.white[39:].max() == 0
    with pytest.raises(InputError, match="cannot be told apart"):
        tissue_of_r1(np.full((40, 40, 40), 0.9, np.float32) + 0.01 * r1, np.ones(r1.shape, bool))
    with pytest.raises(InputError, match="only 0 voxels of brain"):
        tissue_of_r1(r1, np.zeros(r1.shape, bool))


def test_volumes_move_to_another_grid():
    """A linear ramp is the same on any grid."""
    affine = np.diag([1.0, 1.2, 0.9, 1.0])
    ramp = (np.moveaxis(np.indices((30, 30, 30)), 0, -1) @ affine[:3, :3].T)[..., 1].astype(np.float32)
    grid = np.diag([2.0, 2.0, 2.0, 1.0])
    grid[:3, 3] = 5
    shift = np.eye(4)
    shift[1, 3] = 1.5
    found = to_grid(ramp, affine, grid, (8, 8, 8), shift)
    wanted = np.moveaxis(np.indices((8, 8, 8)), 0, -1)[..., 1] * 2 + 5 + 1.5
    np.testing.assert_allclose(found, wanted, atol=1e-4)
