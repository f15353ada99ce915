"""Sampling of 18 bundles of 2,000 streamlines in two maps: DIPY's ``afq_profile`` and SCILPY's commands beside it."""

import time
import tracemalloc
import warnings

import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.images import load_image, save_image
from harmoniq.tract.profile import bundle_profile, bundle_profiles, gaussian_weights, resample_lines
from harmoniq.tract.scilpy import find_scilpy, scilpy_profile
from harmoniq.tract.streamlines import load_streamlines, save_streamlines

SHAPE = (176, 240, 256)
BUNDLES, STREAMLINES = 18, 2000


@pytest.fixture(scope="module")
def affine():
    affine = np.diag([0.9, 0.8, 0.8, 1.0])
    affine[:3, 3] = -affine[:3, :3] @ (np.array(SHAPE) / 2)
    return affine


@pytest.fixture(scope="module")
def maps(affine):
    rng = np.random.default_rng(0)
    return [rng.random(SHAPE, np.float32) + 0.5, 20 * rng.random(SHAPE, np.float32) + 10]


@pytest.fixture(scope="module")
def bundle():
    """Arcs of 60 to 160 points, every other one reversed."""
    rng = np.random.default_rng(1)
    lines = []
    for index in range(STREAMLINES):
        t = np.linspace(0, 1, rng.integers(60, 160)) * np.pi
        line = np.column_stack([40 * np.cos(t), 25 * np.sin(t) - 10, 8 * np.sin(t / 2)]) + rng.normal(0, 2, 3)
        lines.append((line[::-1] if index % 2 else line).astype(np.float32))
    return lines


def sample(bundle, maps, affine):
    return bundle_profiles(bundle, [(volume, affine, None, (0.0, 100.0)) for volume in maps])


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def test_18_bundles_in_two_maps(benchmark, bundle, maps, affine):
    """Not slower than DIPY's profile of one bundle in one run, without the loading that both need."""
    analysis = pytest.importorskip("dipy.stats.analysis")
    sample(bundle[:20], maps, affine)  # compiled

    def all_bundles():
        return [sample(bundle, maps, affine) for _ in range(BUNDLES)]

    benchmark.pedantic(all_bundles, rounds=2)
    turned = [line if line[0, 0] > line[-1, 0] else line[::-1].copy() for line in bundle]
    weights = gaussian_weights(resample_lines(turned))

    def dipy():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [analysis.afq_profile(volume, turned, affine, n_points=100, weights=weights) for volume in maps]

    ours = min(seconds(lambda: sample(bundle, maps, affine)) for _ in range(3))
    theirs = min(seconds(dipy) for _ in range(3))
    benchmark.extra_info |= {"of_dipy": round(ours / theirs, 2)}
    assert ours <= theirs
    exact = dipy()
    for own, other in zip(sample(bundle, maps, affine), exact, strict=True):
        np.testing.assert_allclose(own.mean, other, rtol=1e-3)


def test_memory(bundle, maps, affine):
    """Beside the maps, far below a gigabyte."""
    tracemalloc.start()
    sample(bundle, maps, affine)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak + sum(volume.nbytes for volume in maps) < 1e9


def test_five_times_as_fast_as_scilpy(benchmark, bundle, maps, affine, tmp_path):
    """SCILPY's commands of one map against reading, sampling and averaging the same file here."""
    try:
        scilpy = find_scilpy()
    except InputError as error:
        pytest.skip(str(error))
    image = load_image(save_image(maps[0], affine, tmp_path / "R1.nii.gz"))
    trk = save_streamlines(bundle, image, tmp_path / "arc.trk")
    kept = load_streamlines(trk)[0]

    def ours():
        return bundle_profile(load_streamlines(trk)[0], image.data, affine)

    def theirs():
        return scilpy_profile(
            scilpy, kept, image, tmp_path / "scilpy", nodes=100, central=0.7, valid_range=(0.0, 100.0)
        )

    benchmark.pedantic(ours, rounds=3, warmup_rounds=1)
    ratio = seconds(theirs) / seconds(ours)
    benchmark.extra_info |= {"times_scilpy": round(ratio, 1)}
    assert ratio >= 5
