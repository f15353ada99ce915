import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.simulation.anatomy import Anatomy, Lesion
from harmoniq.simulation.deformation import identity_deformation
from harmoniq.simulation.rasterize import FRACTIONS, block_mean, parameter_slabs, tissue_fractions, truth_map
from harmoniq.simulation.values import default_values

AFFINE = np.array([[4.0, 0, 0, -90], [0, 4.0, 0, -125], [0, 0, 4.0, -90], [0, 0, 0, 1]])
SHAPE = (46, 56, 50)


def test_slabs_do_not_depend_on_their_size(anatomy):
    whole = truth_map(anatomy, default_values(), AFFINE, SHAPE, 2)
    for part in parameter_slabs(anatomy, default_values(), AFFINE, SHAPE, (2, 2, 2), slab=7):
        assert part.r1.shape == (92, 112, 2 * (part.k1 - part.k0)) and part.r1.dtype == np.float32
        # Waves are stepped along the third axis: starts differ by rounding only, and by what a node's edge makes of it.
        change = np.abs(block_mean(part.r1, 2) - whole["r1"][:, :, part.k0 : part.k1])
        assert np.mean(change > 1e-5) < 1e-4


def test_axes_and_oblique_grids_agree(anatomy):
    """A grid with permuted and flipped axes shows the same head."""
    straight = truth_map(anatomy, default_values(), AFFINE, SHAPE, 1)["r1"]
    permuted = AFFINE[:, [2, 0, 1, 3]].copy()
    other = truth_map(anatomy, default_values(), permuted, (SHAPE[2], SHAPE[0], SHAPE[1]), 1)["r1"]
    assert np.mean(np.abs(other.transpose(1, 2, 0) - straight) > 1e-4) < 1e-3
    flipped = AFFINE.copy()
    flipped[:, 0] *= -1
    flipped[0, 3] = AFFINE[0, 3] + 4.0 * (SHAPE[0] - 1)
    assert np.mean(np.abs(truth_map(anatomy, default_values(), flipped, SHAPE, 1)["r1"][::-1] - straight) > 1e-4) < 1e-3


def test_supersampling_is_a_box_average(template):
    """A 4 mm voxel split into 4 equals the mean of the 1 mm voxels inside it."""
    head = Anatomy(template, identity_deformation())
    coarse = truth_map(head, default_values(), AFFINE, (20, 20, 20), 4)["pd"]
    fine = np.diag([1.0, 1, 1, 1])
    fine[:3, 3] = AFFINE[:3, 3] - 1.5
    one = truth_map(head, default_values(), fine, (80, 80, 80), 1)["pd"]
    assert np.abs(block_mean(one, 4) - coarse).max() < 1e-5


def test_fractions(anatomy):
    fractions = tissue_fractions(anatomy, AFFINE, SHAPE, 2)
    assert tuple(fractions) == FRACTIONS
    brain = fractions["csf"] + fractions["gm"] + fractions["wm"] + fractions["lesion"]
    assert brain.max() < 1 + 1e-5 and min(f.min() for f in fractions.values()) >= 0
    assert np.all(fractions["head"] >= brain - 1e-5)
    litres = {name: volume.sum() * 64e-6 for name, volume in fractions.items()}
    assert 0.4 < litres["gm"] < 1.0 and 0.4 < litres["wm"] < 1.1 and 2.5 < litres["head"] < 5.5


def test_lesions_are_where_they_are_put(template):
    head = Anatomy(template, identity_deformation(), (Lesion((-30.0, -30.0, 26.0), 5.0),))
    grid = np.diag([1.0, 1, 1, 1])
    grid[:3, 3] = [-40, -40, 16]
    lesion = tissue_fractions(head, grid, (21, 21, 21), 2)["lesion"]
    assert lesion.sum() == pytest.approx(4 / 3 * np.pi * 125, rel=0.05)
    centre = np.array(np.unravel_index(lesion.argmax(), lesion.shape))
    assert np.average(np.indices(lesion.shape).reshape(3, -1).T, axis=0, weights=lesion.ravel()) == pytest.approx(
        10, abs=0.2
    )
    values = default_values()
    with_lesion = truth_map(head, values, grid, (21, 21, 21), 1)["r1"]
    without = truth_map(Anatomy(template, identity_deformation()), values, grid, (21, 21, 21), 1)["r1"]
    assert with_lesion[tuple(centre)] == pytest.approx(without[tuple(centre)] * values.r1.lesion_factor)
    assert np.array_equal(with_lesion[lesion == 0], without[lesion == 0])


def test_lesions_lie_in_white_matter(anatomy):
    grid = np.diag([1.0, 1, 1, 1])
    for lesion in anatomy.lesions:
        grid[:3, 3] = np.array(lesion.center_subject_mm) - 1
        fractions = tissue_fractions(anatomy, grid, (3, 3, 3), 1)
        assert fractions["lesion"][1, 1, 1] == 1.0


def test_wrong_grids_are_refused(anatomy):
    with pytest.raises(InputError, match="invertible"):
        next(parameter_slabs(anatomy, default_values(), np.zeros((4, 4)), SHAPE))
    with pytest.raises(InputError, match="at least 1"):
        next(parameter_slabs(anatomy, default_values(), AFFINE, SHAPE, 0))
