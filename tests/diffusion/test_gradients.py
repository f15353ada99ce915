"""b-values and directions: what is refused, shells, and directions that turn with the head."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from harmoniq.data.errors import InputError
from harmoniq.diffusion.gradients import Gradients, read_gradients, turned, write_gradients
from harmoniq.simulation.dwi_directions import fsl_directions, spread_directions


@pytest.fixture
def table():
    directions = spread_directions(30, np.random.default_rng(1), 50)
    b_values = np.concatenate([[0, 5], np.tile([990, 1010, 2500], 10)]).astype(float)
    return Gradients(b_values, np.concatenate([np.zeros((2, 3)), directions]))


def test_written_gradients_are_read_again(table, tmp_path):
    bval, bvec = write_gradients(table, tmp_path / "dwi")
    again = read_gradients(bval, bvec, 32)
    np.testing.assert_allclose(again.bvals, table.bvals)
    np.testing.assert_allclose(again.bvecs, table.bvecs, atol=1e-7)


def test_three_columns_are_read_as_three_rows(table, tmp_path):
    bval, bvec = write_gradients(table, tmp_path / "dwi")
    np.savetxt(bvec, table.bvecs)
    np.testing.assert_allclose(read_gradients(bval, bvec, 32).bvecs, table.bvecs, atol=1e-7)


def test_shells(table):
    assert table.shells == (1000.0, 2500.0)
    assert table.unweighted.sum() == 2
    assert table.shell(2400).sum() == 10


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda b, g: (b[:-1], g), "has 31 b-values, the image 32 volumes"),
        (lambda b, g: (b, g[:-1]), "directions of shape"),
        (lambda b, g: (b / 1000, g), "must be b-values in s/mm²"),
        (lambda b, g: (b + 100, g), "no volume without diffusion weighting"),
        (lambda b, g: (b, 2 * g), "has the length 2, not 1"),
        (lambda b, g: (b, np.where(b[:, None] > 50, [1.0, 0, 0], 0)), "fewer than six directions"),
        (lambda b, g: (b, g * np.nan), "is empty or holds NaN"),
    ],
)
def test_what_cannot_be_right_is_said(table, tmp_path, spoil, said):
    bvals, bvecs = spoil(table.bvals, table.bvecs)
    np.savetxt(tmp_path / "dwi.bval", bvals[None])
    np.savetxt(tmp_path / "dwi.bvec", bvecs.T)
    with pytest.raises(InputError, match=said):
        read_gradients(tmp_path / "dwi.bval", tmp_path / "dwi.bvec", 32)


def test_files_that_are_absent_or_text(tmp_path):
    with pytest.raises(InputError, match="file not found"):
        read_gradients(tmp_path / "no.bval", tmp_path / "no.bvec", 1)
    (tmp_path / "text.bval").write_text("0 a b")
    with pytest.raises(InputError, match="not a table of numbers"):
        read_gradients(tmp_path / "text.bval", tmp_path / "text.bval", 3)


@pytest.mark.parametrize("flip", [1.0, -1.0])
def test_directions_turn_with_the_head(flip):
    """A gradient fixed in the scanner lies along R^T g in the head: written out in world coordinates."""
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_rotvec([0.1, -0.2, 0.05]).as_matrix() * [flip * 2, 2, 2.5]
    world = spread_directions(12, np.random.default_rng(2), 30)
    turns = Rotation.from_rotvec(np.random.default_rng(3).normal(0, 0.2, (12, 3)))
    motions = np.tile(np.eye(4), (12, 1, 1))
    motions[:, :3, :3] = turns.as_matrix()
    motions[:, :3, 3] = 7.0
    found = turned(Gradients(np.full(12, 1000.0), fsl_directions(world, affine)), motions, affine)
    np.testing.assert_allclose(found.bvecs, fsl_directions(turns.inv().apply(world), affine), atol=1e-12)
