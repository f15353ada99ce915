"""Profiles against DIPY and pyAFQ, and what is left out."""

import warnings

import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.tract.profile import bundle_profile, central_nodes, gaussian_weights, orient, resample

SHAPE = (60, 70, 50)
ROTATION = np.array([[0.9553, -0.2474, 0.1622], [0.2571, 0.9655, -0.0407], [-0.1465, 0.0806, 0.9859]])


@pytest.fixture
def affine():
    affine = np.eye(4)
    affine[:3, :3] = ROTATION * (-1.5, 2.0, 1.8)
    affine[:3, 3] = np.array([0, 2, 4]) - affine[:3, :3] @ (np.array(SHAPE) / 2)  # around the bundle
    return affine


@pytest.fixture
def volume(affine):
    """Smooth in space, with a gradient along the bundle."""
    voxels = np.moveaxis(np.indices(SHAPE), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    x, y, z = np.moveaxis(voxels, -1, 0)
    return (1 + 0.004 * x + 0.003 * y + 0.1 * np.sin(x / 9) * np.cos(z / 7)).astype(np.float32)


def _bundle(n=40, seed=0, flips=True):
    """Arcs of differing lengths around a curved core, half of them reversed."""
    rng = np.random.default_rng(seed)
    lines = []
    for index in range(n):
        t = np.linspace(rng.uniform(0, 0.05), rng.uniform(0.95, 1), rng.integers(40, 160)) * np.pi
        core = np.column_stack([30 * np.cos(t), 25 * np.sin(t) - 10, 8 * np.sin(t / 2)])
        line = core + rng.normal(0, 2, 3) + rng.normal(0, 0.05, core.shape)
        lines.append(line[::-1].copy() if flips and index % 3 == 0 else line)
    return lines


def _same_way(lines):
    return [line if line[0, 0] > line[-1, 0] else line[::-1].copy() for line in lines]


def test_resampling_equals_dipy():
    streamline = pytest.importorskip("dipy.tracking.streamline")
    lines = _bundle(5)
    wanted = streamline.set_number_of_points(lines, nb_points=100)
    for own, other in zip(lines, wanted, strict=True):
        np.testing.assert_allclose(resample(own), other, atol=2e-4)  # DIPY sums the lengths another way


@pytest.mark.slow  # importing pyAFQ takes some 20 s
def test_weights_equal_pyafq():
    fixes = pytest.importorskip("AFQ._fixes")
    lines = np.stack([resample(line) for line in _same_way(_bundle(40))])
    np.testing.assert_allclose(gaussian_weights(lines), fixes.gaussian_weights(lines, n_points=None), rtol=1e-6)
    few = lines[:14]
    np.testing.assert_allclose(gaussian_weights(few), fixes.gaussian_weights(few, n_points=None))
    np.testing.assert_allclose(gaussian_weights(few), 1 / 14)


def test_profile_equals_dipy(volume, affine):
    analysis = pytest.importorskip("dipy.stats.analysis")
    from dipy.tracking.streamline import Streamlines

    lines = _bundle(40)
    profile = bundle_profile(lines, volume, affine)
    turned = Streamlines(_same_way(lines))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weights = analysis.gaussian_weights(turned, n_points=100)
        wanted = analysis.afq_profile(volume, turned, affine, n_points=100, weights=weights)
    # DIPY's Mahalanobis distance is from an upper triangular covariance: a little other weights, values within 1e-3.
    np.testing.assert_allclose(profile.mean, wanted, atol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same = np.asarray(gaussian_weights(np.stack([resample(line) for line in turned])))
        exact = analysis.afq_profile(volume, turned, affine, n_points=100, weights=same)
    np.testing.assert_allclose(profile.mean, exact, atol=1e-5)  # float32 of DIPY's streamlines


def test_orientation_and_order_do_not_matter(volume, affine):
    one = bundle_profile(_bundle(40), volume, affine)
    other = bundle_profile(_bundle(40)[::-1], volume, affine)
    np.testing.assert_allclose(one.mean, other.mean, atol=1e-9)
    straight = bundle_profile(_same_way(_bundle(40)), volume, affine)
    np.testing.assert_allclose(one.mean, straight.mean, atol=1e-9)
    lines = orient(np.stack([resample(line) for line in _bundle(40)]))
    assert (lines[:, 0, 0] > lines[:, -1, 0]).all()


def test_constant_map_and_central_nodes(affine):
    profile = bundle_profile(_bundle(20), np.full(SHAPE, 1.25, np.float32), affine)
    np.testing.assert_allclose(profile.mean, 1.25)
    np.testing.assert_allclose(profile.sd, 0, atol=1e-12)
    assert np.flatnonzero(profile.central).tolist() == list(range(15, 85))
    assert central_nodes(20, 1.0).all()
    assert profile.used.all()
    assert (profile.n_streamlines, profile.n_samples, profile.n_excluded) == (20, 2000, 0)


def test_implausible_samples_are_left_out_and_weights_renormalised(volume, affine):
    lines = np.stack([resample(line) for line in _same_way(_bundle(20))])
    spoilt = volume.copy()
    voxel = np.linalg.inv(affine)
    i, j, k = np.floor(voxel[:3, :3] @ lines[3, 50] + voxel[:3, 3]).astype(int)
    spoilt[i : i + 2, j : j + 2, k : k + 2] = 1e6
    profile = bundle_profile(list(lines), spoilt, affine, valid_range=(0.2, 2.5))
    clean = bundle_profile(list(lines), volume, affine, valid_range=(0.2, 2.5))
    assert profile.n_excluded > 0
    assert profile.used.all()
    assert np.abs(profile.mean - clean.mean).max() < 0.05
    assert np.abs(bundle_profile(list(lines), spoilt, affine).mean - clean.mean).max() > 1


def test_lesions_as_nan_and_outside_the_volume(volume, affine):
    lines = _same_way(_bundle(20))
    profile = bundle_profile(lines, volume, affine, world_to_map=np.diag([1, 1, 1, 1.0]) + np.eye(4, k=3) * 500)
    assert not profile.used.any()
    assert np.isnan(profile.mean).all()
    holed = volume.copy()
    holed[: SHAPE[0] // 2] = np.nan
    half = bundle_profile(lines, holed, affine)
    whole = bundle_profile(lines, volume, affine)
    assert 0 < half.used.sum() < 100
    full = half.used & (half.sd > 0)
    assert np.abs(half.mean[full] - whole.mean[full]).max() < 0.1


def test_points_move_to_the_map(volume, affine):
    shift = np.eye(4)
    shift[:3, :3], shift[:3, 3] = ROTATION, (3, -2, 1)
    lines = _same_way(_bundle(25))
    moved = [line @ ROTATION.T + shift[:3, 3] for line in lines]
    direct = bundle_profile(lines, volume, affine)
    through = bundle_profile(moved, volume, affine, world_to_map=np.linalg.inv(shift))
    np.testing.assert_allclose(through.mean, direct.mean, atol=1e-3)


def test_one_streamline_and_none(volume, affine):
    line = _bundle(1, flips=False)
    single = bundle_profile(line, volume, affine)
    assert single.n_streamlines == 1
    np.testing.assert_allclose(single.sd, 0, atol=1e-9)
    with pytest.raises(InputError, match="no streamlines"):
        bundle_profile([], volume, affine)


def test_streamline_through_the_very_core_does_not_take_all_the_weight():
    t = np.linspace(0, 30, 100)
    core = np.column_stack([t, 0 * t, 0 * t])
    around = [core + (0, np.cos(a), np.sin(a)) for a in 2 * np.pi * np.arange(20) / 20]
    weights = gaussian_weights(np.stack([core, *around]))
    assert np.isfinite(weights).all()
    np.testing.assert_allclose(weights.sum(axis=0), 1)
    assert (weights[1:] > 0).all()


@pytest.mark.parametrize(("inside", "at_ends", "bias"), [(1.0, 0.88, -3.0), (20.0, 14.4, -7.0)])
def test_without_trimming_the_ends_pull_the_mean(inside, at_ends, bias):
    """An eighth of the bundle at each end in cortex, 12 % lower in R1 and 28 % in R2*: off by a quarter of it."""
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = (-50, -10, -10)
    x = np.arange(101) - 50.0
    volume = np.broadcast_to(np.where(abs(x) > 37.5, at_ends, inside)[:, None, None], (101, 21, 21)).astype(np.float32)
    rng = np.random.default_rng(0)
    ways = np.linspace(-50, 50, 200)
    lines = [np.column_stack([ways, np.full((200, 2), rng.normal(0, 2, 2))]) for _ in range(30)]
    profile = bundle_profile(lines, volume, affine)
    assert profile.mean[profile.central].mean() == pytest.approx(inside, rel=1e-6)
    assert 100 * (profile.mean.mean() / inside - 1) == pytest.approx(bias, abs=0.3)


def test_volume_and_what_is_left_out(affine):
    """A straight bundle of one voxel's width passes its length in voxels."""
    grid = np.eye(4)
    line = np.column_stack([np.linspace(5, 44, 100), np.full(100, 7.0), np.full(100, 9.0)])
    volume = np.ones((50, 20, 20), np.float32)
    volume[20:30] = np.nan
    profile = bundle_profile([line, line[::-1]], volume, grid)
    assert profile.volume == 40.0
    assert set(profile.excluded) == {0, 2}
    assert profile.excluded.sum() == profile.n_excluded > 0
