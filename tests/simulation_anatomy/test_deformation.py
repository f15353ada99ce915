import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.simulation.deformation import Deformation, identity_deformation, random_deformation


@pytest.mark.parametrize("seed", range(5))
def test_push_inverts_pull(seed):
    rng = np.random.default_rng(seed)
    deformation = random_deformation(rng)
    points = rng.uniform(-100, 100, (500, 3))
    assert np.abs(deformation.push(deformation.pull(points)) - points).max() < 1e-4
    assert np.abs(deformation.pull(deformation.push(points)) - points).max() < 1e-4


def test_jacobian_is_the_gradient():
    rng = np.random.default_rng(1)
    deformation, point, step = random_deformation(rng), rng.uniform(-60, 60, 3), 1e-4
    numeric = np.column_stack(
        [(deformation.pull(point + step * e) - deformation.pull(point - step * e)) / (2 * step) for e in np.eye(3)]
    )
    assert np.allclose(deformation.jacobian(point), numeric, atol=1e-7)


def test_same_seed_same_head_and_no_folding():
    first, second = (random_deformation(np.random.default_rng(7)) for _ in range(2))
    points = np.random.default_rng(0).uniform(-100, 100, (300, 3))
    assert np.array_equal(first.pull(points), second.pull(points))
    volume = np.linalg.det(first.jacobian(points))
    assert volume.min() > 0.6 and volume.max() < 1.6


def test_identity():
    points = np.array([[1.0, -2.0, 3.0]])
    assert np.array_equal(identity_deformation().pull(points), points)
    assert np.array_equal(identity_deformation().push(points), points)


def test_folding_is_refused():
    with pytest.raises(InputError, match="folds"):
        Deformation(np.eye(3), np.zeros(3), np.array([[30.0, 0, 0]]), np.array([[0.05, 0, 0]]), np.zeros(1))
    with pytest.raises(InputError, match="shape"):
        Deformation(np.eye(4), np.zeros(3), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0))
