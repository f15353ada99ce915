"""Bring AFQ's regions from MNI152 space to the diffusion grid: points are moved, so that thin regions never vanish."""

from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from harmoniq.data.images import load_image
from harmoniq.diffusion.waypoints import Region, Slab

Points = npt.NDArray[np.float64]


class Warp(Protocol):
    """Moves points between a participant's space and MNI152, both RAS mm, shape (n, 3)."""

    def to_template(self, points: Points) -> Points:
        """Return where points of the participant lie in the template.

        Parameters
        ----------
        points : array
            (n, 3) points, mm.

        Returns
        -------
        array
            Where points of the participant lie in the template.
        """
        ...

    def to_participant(self, points: Points) -> Points:
        """Return where points of the template lie in the participant.

        Parameters
        ----------
        points : array
            (n, 3) points, mm.

        Returns
        -------
        array
            Where points of the template lie in the participant.
        """
        ...


def region_on_grid(region: Region, warp: Warp, affine: npt.ArrayLike, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Return a region as a mask on a grid of the participant.

    Parameters
    ----------
    region : path or Slab
        Image whose voxels above zero are the region, or a box; MNI152.
    warp : Warp
        Between the grid's space and MNI152.
    affine : array, shape (4, 4)
        Of the grid, voxels to RAS mm.
    shape : tuple of int
        Of the grid.

    Returns
    -------
    numpy.ndarray of bool
        Every voxel that a part of the region falls into. Each template voxel is split into parts no larger than half a
        voxel of the grid, so that a plane one voxel thick stays a closed plane.
    """
    grid = np.asarray(affine, dtype=np.float64)
    edge = float(np.linalg.norm(grid[:3, :3], axis=0).min())
    points = _slab_points(region, edge) if isinstance(region, Slab) else _image_points(region, edge)
    to_voxel = np.linalg.inv(grid)
    moved = warp.to_participant(points)
    voxels = np.rint(moved @ to_voxel[:3, :3].T + to_voxel[:3, 3]).astype(int)
    inside = ((voxels >= 0) & (voxels < np.array(shape[:3]))).all(axis=1)
    mask = np.zeros(shape[:3], dtype=bool)
    mask[tuple(voxels[inside].T)] = True
    return mask


def _slab_points(slab: Slab, edge: float) -> Points:
    axes = [np.arange(low, high + 1e-6, edge / 2) for low, high in zip(slab.low, slab.high, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def _image_points(path: Path, edge: float) -> Points:
    image = load_image(path, ndim=3)
    voxels = np.argwhere(image.data > 0).astype(np.float64)
    parts = max(2, int(np.ceil(2 * image.voxel_sizes.max() / edge)))
    offsets = (np.arange(parts) + 0.5) / parts - 0.5
    shifts = np.stack(np.meshgrid(offsets, offsets, offsets, indexing="ij"), axis=-1).reshape(-1, 3)
    points = (voxels[:, None] + shifts).reshape(-1, 3)
    return points @ image.affine[:3, :3].T + image.affine[:3, 3]


def volume_on_grid(
    volume: npt.NDArray[np.floating], volume_affine: npt.ArrayLike, places: Points, shape: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    """Return a template volume at the places (n, 3), MNI152 mm, of a grid's voxels in C order; 0 outside of it.

    Parameters
    ----------
    volume : array
        (x, y, z) values.
    volume_affine : array
        (4, 4) voxels to mm.
    places : array
        (n, 3) points, mm.
    shape : tuple of int
        Size of the grid, voxels.

    Returns
    -------
    array
        A template volume at the places (n, 3), MNI152 mm, of a grid's voxels in C order; 0 outside of it.
    """
    from scipy.ndimage import map_coordinates

    to_voxel = np.linalg.inv(np.asarray(volume_affine, dtype=np.float64))
    voxels = places @ to_voxel[:3, :3].T + to_voxel[:3, 3]
    values = map_coordinates(volume, voxels.T, order=1, mode="constant", output=np.float32)
    return values.reshape(shape[:3])


def grid_points(affine: npt.ArrayLike, shape: tuple[int, ...]) -> Points:
    """Return the centers of a grid's voxels, RAS mm, shape (n, 3), in C order.

    Parameters
    ----------
    affine : array
        (4, 4) voxels to mm.
    shape : tuple of int
        Size of the grid, voxels.

    Returns
    -------
    array
        The centers of a grid's voxels, RAS mm, shape (n, 3), in C order.
    """
    grid = np.asarray(affine, dtype=np.float64)
    voxels = np.indices(shape[:3]).reshape(3, -1).T
    return voxels @ grid[:3, :3].T + grid[:3, 3]
