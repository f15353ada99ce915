"""Bring an image to another's grid, for tools that want all their images on one; never for a map that is measured."""

from pathlib import Path

import numpy as np

from harmoniq.data.images import load_grid, load_image, save_image
from harmoniq.registration.itk import read_itk


def resample_image(moving: str | Path, fixed: str | Path, out: Path, *, transform: Path | None = None) -> Path:
    """Resample an image linearly onto the grid of another.

    Parameters
    ----------
    moving, fixed : path
        The image, and the one whose grid is wanted.
    out : path
        The image on that grid, float32; 0 outside its field of view.
    transform : path, optional
        ITK text, from points of the fixed space to the moving one; identity by default.

    Returns
    -------
    path
        `out`.

    Raises
    ------
    InputError
        For images or a transform that cannot be read.
    """
    from scipy.ndimage import affine_transform

    image = load_image(moving, ndim=3)
    shape, affine = load_grid(fixed)
    matrix = np.eye(4) if transform is None else read_itk(transform)
    voxels = np.linalg.inv(image.affine) @ matrix @ affine
    moved = affine_transform(image.data, voxels[:3, :3], voxels[:3, 3], output_shape=shape[:3], order=1)
    return save_image(moved, affine, out)
