"""Sampling of two maps at two depths of two hemispheres of 163,842 vertices."""

import numpy as np

from harmoniq.data.images import Image
from harmoniq.surface.icosphere import icosphere
from harmoniq.surface.sampling import sample_depths
from harmoniq.surface.subject import Hemisphere


def test_sampling_of_fsaverage_sized_surfaces(benchmark):
    sphere, faces = icosphere(7)
    thickness = np.full(len(sphere), 2.5)
    hemisphere = Hemisphere("L", 0.6 * sphere, 0.63 * sphere, faces, sphere, thickness)
    affine = np.diag([0.9, 0.8, 0.8, 1.0])
    affine[:3, 3] = -affine[:3, :3] @ np.array([88.0, 120.0, 128.0])
    volume = Image(np.random.default_rng(0).random((176, 240, 256), np.float32), affine)
    maps, depths = [(volume, np.eye(4))] * 2, [("projfrac", 0.5), ("projdist", -0.5)]

    def both_hemispheres():
        return [sample_depths(hemisphere, maps, depths) for _ in "LR"]

    sampled = benchmark.pedantic(both_hemispheres, rounds=5, warmup_rounds=1)
    assert np.isfinite(sampled[0][0][0][0]).all()
