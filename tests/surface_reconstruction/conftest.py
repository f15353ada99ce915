"""Two bumpy balls, white in gray matter, whose surfaces are known: coarse brains of two hemispheres."""

import numpy as np
import pytest

from harmoniq.data.images import save_image
from harmoniq.surface.icosphere import icosphere
from harmoniq.surface.reconstruction.grids import FINE_MM

#: Radii of white and pial surface, mm, and depth of the folds.
WHITE_MM, PIAL_MM, FOLDS_MM = 20.0, 22.6, 1.5


def bumps(directions):
    """Return the fold's height (-1 to 1) in each direction."""
    x, y, z = np.moveaxis(directions, -1, 0)
    return np.sin(4 * np.arctan2(y, x)) * (1 - z**2) ** 2


@pytest.fixture(scope="session")
def ball():
    """Return the true white and pial surface: a function of the direction, mm."""

    def radius(directions, base):
        return base + FOLDS_MM * bumps(directions)

    return radius


@pytest.fixture(scope="session")
def ball_label(tmp_path_factory, ball):
    """Return the partial-volume label of the ball on an oblique fine grid, as `write_hemisphere_labels` leaves it."""
    n = 80
    turn = np.deg2rad(15)
    affine = np.eye(4)
    affine[:3, :3] = FINE_MM * np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    middle = np.array([-31.0, 12.5, 20.0])
    affine[:3, 3] = middle - affine[:3, :3] @ np.full(3, (n - 1) / 2)
    places = np.moveaxis(np.indices((n, n, n)), 0, -1) @ affine[:3, :3].T + affine[:3, 3] - middle
    distance = np.linalg.norm(places, axis=-1)
    directions = places / np.maximum(distance, 1e-6)[..., None]
    # A boundary of partial volume one voxel wide: linear, half-way at the surface.
    steps = [np.clip((ball(directions, base) - distance) / FINE_MM + 0.5, 0, 1) for base in (PIAL_MM, WHITE_MM)]
    label = 1.0 + steps[0] + steps[1]
    path = tmp_path_factory.mktemp("ball") / "lh_label.nii"
    save_image(label.astype(np.float32), affine, path)
    return path, middle


@pytest.fixture(scope="session")
def layers(ball):
    """Return true meshes around a middle: white, pial, faces, thickness along the radius, and the sphere."""

    def make(middle, level=4):
        sphere, faces = icosphere(level)
        directions = sphere / 100.0
        white, pial = (ball(directions, base)[:, None] * directions + middle for base in (WHITE_MM, PIAL_MM))
        return {
            "white": white, "pial": pial, "faces": np.asarray(faces, np.int32),
            "thickness": np.full(len(sphere), PIAL_MM - WHITE_MM), "sphere": sphere,
        }  # fmt: skip

    return make
