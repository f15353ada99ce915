"""A bundle in a gray box, and its diffusion images without a scanner."""

from types import SimpleNamespace

import numpy as np
import pytest

from harmoniq.diffusion.gradients import Gradients
from harmoniq.simulation.dwi_directions import fsl_directions, spread_directions

AFFINE = np.array([[-2.0, 0.1, 0, 40], [0.1, 2.0, 0.05, -38], [0, -0.05, 2.0, -20], [0, 0, 0, 1.0]])


def signal(b_values, directions, tangent):
    """Stick and zeppelin along `tangent` (..., 3), as the simulator has it, b in s/mm², directions in the world."""
    along = np.einsum("...c,nc->...n", tangent, directions) ** 2 * b_values
    return 0.5 * np.exp(-1.7e-3 * along) + 0.5 * np.exp(-1.3e-3 * along - 0.4e-3 * b_values)


@pytest.fixture(scope="session", params=[1.0, -1.0], ids=["radiological", "neurological"])
def phantom(request):
    """A bundle of radius 5 mm, oblique in space, in a gray box; voxels from right to left, or left to right."""
    rng = np.random.default_rng(0)
    directions = np.concatenate([np.zeros((4, 3)), spread_directions(20, rng, 60), spread_directions(45, rng, 60)])
    b_values = np.repeat([0.0, 1000.0, 2500.0], [4, 20, 45])
    shape = (40, 28, 24)
    affine = AFFINE @ np.diag([request.param, 1, 1, 1])
    if request.param < 0:
        affine[:3, 3] = (-38, -38, -20)
    points = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    along = np.array([0.94, 0.34, 0.0]) / np.linalg.norm([0.94, 0.34, 0.0])
    away = points - points.reshape(-1, 3).mean(axis=0)
    across = np.linalg.norm(away - (away @ along)[..., None] * along, axis=-1)
    arm = (across < 5) & (abs(away @ along) < 34)
    tangent = np.broadcast_to(along, (*shape, 3))
    data = np.where(arm[..., None], signal(b_values, directions, tangent), np.exp(-0.8e-3 * b_values))
    data = (500 * data + rng.normal(0, 5, data.shape)).clip(0).astype(np.float32)
    gradients = Gradients(b_values, fsl_directions(directions, affine))
    return SimpleNamespace(
        data=data, affine=affine, gradients=gradients, arm=arm, white=arm.astype(np.float32), along=along
    )
