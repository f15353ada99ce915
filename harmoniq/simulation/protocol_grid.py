"""Where the voxels lie: oblique grids fitted tightly around the head, and the head's motion between scans."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Air left around the head on each side, in mm.
MARGIN_MM = 4.0


@dataclass(frozen=True)
class Grid:
    """A grid of voxels.

    Parameters
    ----------
    affine : ndarray, shape (4, 4)
        From voxel indices to RAS mm.
    shape : tuple of int
        Voxels along each axis.
    """

    affine: NDArray[np.float64]
    shape: tuple[int, int, int]

    @property
    def voxel_size(self) -> NDArray[np.float64]:
        """Edge lengths in mm, shape (3,)."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)


def rotation(degrees: ArrayLike) -> NDArray[np.float64]:
    """Make the rotation about x, then y, then z.

    Parameters
    ----------
    degrees : array_like, shape (3,)
        The three angles.

    Returns
    -------
    ndarray, shape (3, 3)
        To be multiplied from the left to points.
    """
    (cx, cy, cz), (sx, sy, sz) = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def rigid(degrees: ArrayLike, shift: ArrayLike, center: ArrayLike) -> NDArray[np.float64]:
    """Make the rigid motion that turns about a center and then shifts.

    Parameters
    ----------
    degrees : array_like, shape (3,)
        As `rotation` takes them.
    shift : array_like, shape (3,)
        In mm.
    center : array_like, shape (3,)
        That the turn leaves in place, in mm.

    Returns
    -------
    ndarray, shape (4, 4)
        From points before to points after the motion, mm.
    """
    motion = np.eye(4)
    motion[:3, :3] = rotation(degrees)
    motion[:3, 3] = np.asarray(center) + np.asarray(shift) - motion[:3, :3] @ np.asarray(center)
    return motion


def random_motion(rng: np.random.Generator, center: ArrayLike) -> NDArray[np.float64]:
    """Draw how the head moves from one scan to the next: 1 to 3 degrees and 1 to 3 mm in a random direction.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws axis, direction and sizes.
    center : array_like, shape (3,)
        Of the head, in mm.

    Returns
    -------
    ndarray, shape (4, 4)
        As `rigid` returns it.
    """
    axis, direction = (_unit(rng.standard_normal(3)) for _ in range(2))
    return rigid(rng.uniform(1, 3) * axis, rng.uniform(1, 3) * direction, center)


def _unit(vector: NDArray) -> NDArray:
    return vector / np.linalg.norm(vector)


def oblique_grid(
    center: ArrayLike,
    radii: ArrayLike,
    voxel_size: ArrayLike,
    degrees: ArrayLike,
    *,
    flip_x: bool = False,
) -> Grid:
    """Fit a turned grid around an ellipsoid.

    Parameters
    ----------
    center, radii : array_like, shape (3,)
        Of the ellipsoid that holds the head, in mm.
    voxel_size : array_like, shape (3,)
        In mm.
    degrees : array_like, shape (3,)
        Turn of the grid's axes against the scanner's.
    flip_x : bool
        Store right to left (LAS), as scanners do for axial slices.

    Returns
    -------
    Grid
        Its sides are even; the ellipsoid plus a margin of 4 mm fits in.
    """
    turn = rotation(degrees)
    voxel = np.asarray(voxel_size, dtype=float)
    # The support function of an ellipsoid: how far it reaches along each turned axis.
    reach = np.linalg.norm(np.asarray(radii)[:, None] * turn, axis=0) + MARGIN_MM
    shape = 2 * np.ceil(reach / voxel).astype(int)
    directions = turn * np.array([-1.0 if flip_x else 1.0, 1.0, 1.0])
    affine = np.eye(4)
    affine[:3, :3] = directions * voxel
    affine[:3, 3] = np.asarray(center) - affine[:3, :3] @ ((shape - 1) / 2)
    return Grid(affine, (int(shape[0]), int(shape[1]), int(shape[2])))
