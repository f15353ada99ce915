"""The central test: regional values planted in the head come back out of 1 mm maps by the study's own sampling."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from harmoniq.data.names import BUNDLES
from harmoniq.simulation.anatomy import Anatomy
from harmoniq.simulation.meshes import cortical_thickness, vertex_normals
from harmoniq.simulation.rasterize import truth_map
from harmoniq.simulation.tractograms import bundle_streamlines
from harmoniq.simulation.values import PROPERTIES, TissueValues, default_values, property_values

AFFINE = np.array([[1.0, 0, 0, -88], [0, 1, 0, -125], [0, 0, 1, -90], [0, 0, 0, 1]])
SHAPE = (176, 216, 184)


def planted(rng):
    """Return values that differ between areas by 4 to 7 % (SD), so that mixed-up labels would show."""
    spread = {"r1": 0.04, "r2star": 0.07, "pd": 0.02}
    parts = []
    for name, base in zip(PROPERTIES, default_values().properties()):
        arrays = {
            k: getattr(base, k) * rng.normal(1, spread[name], getattr(base, k).shape) for k in ("cgm", "swm", "bundles")
        }
        parts.append(property_values(name, **arrays))
    return TissueValues(*parts)


def at(volume, points):
    return map_coordinates(volume, (points - AFFINE[:3, 3]).T, order=1)


@pytest.fixture(scope="module")
def errors(anatomy):
    rng = np.random.default_rng(11)
    values = planted(rng)
    healthy = Anatomy(anatomy.template, anatomy.deformation)
    maps = truth_map(healthy, values, AFFINE, SHAPE)
    result = {}
    streamlines = {bundle: bundle_streamlines(healthy, bundle, 30, rng) for bundle in BUNDLES}
    for name in PROPERTIES:
        true = getattr(values, name)
        for tissue in ("cgm", "swm"):
            means = np.empty((2, 41))
            for side, surface in enumerate(healthy.surfaces().values()):
                normals = vertex_normals(surface.white, surface.faces)
                depth = -0.5
                if tissue == "cgm":
                    depth = 0.5 * cortical_thickness(surface.white, surface.pial, surface.faces)[:, None]
                samples = at(maps[name], surface.white + depth * normals)
                means[side] = [samples[surface.area == area].mean() for area in range(41)]
            result[name, tissue] = 100 * (means / getattr(true, tissue) - 1)
        means = [
            np.mean(
                [
                    at(maps[name], line[int(0.15 * len(line)) : int(0.85 * len(line)) + 1].astype(float)).mean()
                    for line in lines
                ]
            )
            for lines in streamlines.values()
        ]
        result[name, "bundles"] = 100 * (np.array(means) / true.bundles - 1)
    return result


@pytest.mark.slow
@pytest.mark.parametrize("name", PROPERTIES)
@pytest.mark.parametrize(("tissue", "median", "p90"), [("cgm", 0.8, 2.0), ("swm", 1.5, 4.0), ("bundles", 0.2, 1.0)])
def test_planted_values_come_back(errors, name, tissue, median, p90):
    # Targets of the project: medians of 3 % (cortex, superficial white matter) and 2 % (bundles). Measured here are
    # 0.1 to 0.4, 0.4 to 1.1 and below 0.1 %; the bounds leave room for other heads, not for mistakes.
    error = np.abs(errors[name, tissue])
    assert np.median(error) < median
    assert np.percentile(error, 90) < p90


@pytest.mark.slow
def test_no_bias_over_regions(errors):
    assert abs(errors["r1", "cgm"].mean()) < 0.5
    # Vertices sit on the crests of folds, where blurring by a voxel brings in more cortex than white matter.
    assert abs(errors["r1", "swm"].mean()) < 1.5
