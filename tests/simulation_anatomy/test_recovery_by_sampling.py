"""The product's own sampling on the phantom with its true surfaces, and where what is left of the error comes from."""

import numpy as np
import pytest

from harmoniq.data.images import Image
from harmoniq.simulation.anatomy import Anatomy
from harmoniq.simulation.distance import distance_to_surface
from harmoniq.simulation.meshes import cortical_thickness
from harmoniq.simulation.rasterize import truth_map
from harmoniq.simulation.values import default_values
from harmoniq.surface.geometry import points_at
from harmoniq.surface.sampling import sample_depths
from harmoniq.surface.subject import Hemisphere

pytestmark = pytest.mark.slow
MEDIAL_WALL, AREAS = 255, range(41)


@pytest.fixture(scope="module")
def left(anatomy):
    """The left hemisphere in the product's terms, its areas, and the anatomy without lesions."""
    healthy = Anatomy(anatomy.template, anatomy.deformation)
    surface = healthy.surfaces()["L"]
    thickness = cortical_thickness(surface.white, surface.pial, surface.faces)
    sphere = anatomy.template.cortex["L"].sphere
    hemisphere = Hemisphere("L", surface.white, surface.pial, surface.faces, sphere, thickness)
    return healthy, hemisphere, surface.area


@pytest.fixture(scope="module", params=[1.0, 0.8])
def errors(request, left):
    """Percent error of each area's mean of noise-free R1: cGM, cGM without the rim, sWM."""
    healthy, hemisphere, area = left
    values, size = default_values(), request.param
    low = np.floor(hemisphere.pial.min(axis=0)) - 3
    shape = tuple(int(n) for n in np.ceil((np.ceil(hemisphere.pial.max(axis=0)) + 3 - low) / size))
    affine = np.diag([size, size, size, 1.0])
    affine[:3, 3] = low
    image = Image(truth_map(healthy, values, affine, shape)["r1"], affine)
    (sampled,) = sample_depths(hemisphere, [(image, np.eye(4))], [("projfrac", 0.5), ("projdist", -0.5)])
    wall = area == MEDIAL_WALL
    rim = np.zeros(len(wall), dtype=bool)
    rim[np.unique(hemisphere.faces[wall[hemisphere.faces].any(axis=1)])] = True

    def means(sample, true, chosen):
        found = [sample[chosen & (area == a)].mean() / true[a] - 1 for a in AREAS if (chosen & (area == a)).any()]
        return 100 * np.array(found)

    (cgm, _), (swm, _) = sampled
    everywhere = np.ones(len(wall), dtype=bool)
    true = values.r1
    return means(cgm, true.cgm[0], everywhere), means(cgm, true.cgm[0], ~rim), means(swm, true.swm[0], everywhere)


def test_tissue_means_recover_the_truth(errors):
    """Within 1.5 %: measured are -0.2 to 0.0 % in cortex and -1.0 to -0.6 % in superficial white matter."""
    cgm, _, swm = errors
    assert abs(cgm.mean()) < 1.5
    assert abs(swm.mean()) < 1.5
    assert np.median(np.abs(cgm)) < 0.6
    assert np.median(np.abs(swm)) < 1.5


def test_every_cortical_area_does_away_from_the_medial_wall(errors):
    """BA24, BA26 and BA33 lose up to 6 % at the vertices that adjoin the medial wall, and nothing elsewhere.

    There the cortex ends: half of what a voxel holds is none. On meshes of 10,242 vertices these are 20 of BA33's 26;
    on FreeSurfer's of 130,000 a tenth.
    """
    cgm, without_rim, _ = errors
    assert np.abs(without_rim).max() < 1.5
    assert np.count_nonzero(np.abs(cgm) > 1.5) <= 4


def test_superficial_white_matter_errs_by_the_distance_of_its_points(left, errors):
    """The phantom plants its value 0.5 mm from the white surface, on a ramp as steep as the contrast to the cortex.

    Half a millimeter along the normal is less than that from the surface where it is curved (0.43 to 0.5 mm): what
    the ramp has there explains the areas' errors, and what is left is partial volume.
    """
    _, hemisphere, area = left
    _, _, swm = errors
    true = default_values().r1
    points = points_at(hemisphere, kind="projdist", value=-0.5)
    distance = distance_to_surface(points, hemisphere.white, hemisphere.faces, 24)
    slope = (true.swm[0] - true.cgm[0]) / 0.5
    expected = np.array([100 * (distance[area == a].mean() - 0.5) * slope[a] / true.swm[0][a] for a in AREAS])
    assert expected.min() < -3.5
    assert np.corrcoef(expected, swm)[0, 1] > 0.7
    assert np.median(np.abs(swm - expected)) < 1.5
