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
        """Move points of the participant to the template.

        Parameters
        ----------
        points : ndarray, shape (n, 3)
            In the participant's space, RAS mm.

        Returns
        -------
        ndarray, shape (n, 3)
            In MNI152, RAS mm.
        """
        ...

    def to_participant(self, points: Points) -> Points:
        """Move points of the template to the participant.

        Parameters
        ----------
        points : ndarray, shape (n, 3)
            In MNI152, RAS mm.

        Returns
        -------
        ndarray, shape (n, 3)
            In the participant's space, RAS mm.
        """
        ...


def region_on_grid(region: Region, warp: Warp, affine: npt.ArrayLike, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Bring a region to a grid of the participant.

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
    ndarray of bool, of that shape
        Every voxel that a part of the region falls into. Each template voxel is split into parts no larger than half a
        voxel of the grid, so that a plane one voxel thick stays a closed plane.

    Raises
    ------
    InputError
        When the image cannot be read.
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
    """Sample a template volume at the voxels of a participant's grid.

    Parameters
    ----------
    volume : ndarray, shape (x, y, z)
        Values in MNI152.
    volume_affine : array_like, shape (4, 4)
        From its voxels to MNI152, RAS mm.
    places : ndarray, shape (n, 3)
        Where the grid's voxels, in C order, lie in MNI152, RAS mm.
    shape : tuple of int
        Of the grid: n voxels.

    Returns
    -------
    ndarray of float32, of that shape
        Linear between voxels; 0 outside the volume.
    """
    from scipy.ndimage import map_coordinates

    to_voxel = np.linalg.inv(np.asarray(volume_affine, dtype=np.float64))
    voxels = places @ to_voxel[:3, :3].T + to_voxel[:3, 3]
    values = map_coordinates(volume, voxels.T, order=1, mode="constant", output=np.float32)
    return values.reshape(shape[:3])


def grid_points(affine: npt.ArrayLike, shape: tuple[int, ...]) -> Points:
    """List the centers of a grid's voxels.

    Parameters
    ----------
    affine : array_like, shape (4, 4)
        From voxels to RAS mm.
    shape : tuple of int
        Of the grid; its first three axes count.

    Returns
    -------
    ndarray of float64, shape (n, 3)
        In C order, RAS mm.
    """
    grid = np.asarray(affine, dtype=np.float64)
    voxels = np.indices(shape[:3]).reshape(3, -1).T
    return voxels @ grid[:3, :3].T + grid[:3, 3]
