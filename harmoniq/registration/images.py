"""Carry NIfTI images to SimpleITK, whatever their orientation, type and scale factors."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.data.errors import InputError
from harmoniq.data.images import load_image

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])


def load(path: str | Path, *, constant: bool = False) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Load the data (the first volume of several) and the affine of an image.

    Parameters
    ----------
    path : path
        NIfTI or MGH image.
    constant : bool, optional
        Whether an image of one value is allowed, as a mask may be.

    Returns
    -------
    data : ndarray of float32, shape (x, y, z)
        0 where the file has no finite value.
    affine : ndarray, shape (4, 4)
        From voxels to RAS mm.

    Raises
    ------
    InputError
        When the file is absent, damaged, or (unless `constant`) of one value.
    """
    image = load_image(path, finite=False)
    data = image.data
    while data.ndim > 3:
        data = data[..., 0]
    data = np.nan_to_num(data, nan=0.0, posinf=0.0, neginf=0.0)
    if data.size == 0 or (data.min() == data.max() and not constant):
        raise InputError("is constant: nothing can be registered to it", file=path)
    return data, image.affine


def to_sitk(data: ArrayLike, affine: NDArray) -> Any:
    """Make a SimpleITK image, whose space is LPS.

    Parameters
    ----------
    data : array_like, shape (x, y, z)
        Values, copied.
    affine : ndarray, shape (4, 4)
        From voxels to RAS mm; its axes at right angles.

    Returns
    -------
    SimpleITK.Image
        Each voxel lies at the same point of space.
    """
    import SimpleITK as sitk  # noqa: N813

    image = sitk.GetImageFromArray(np.ascontiguousarray(np.asarray(data).T))
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin((RAS_TO_LPS @ affine[:3, 3]).tolist())
    image.SetDirection((RAS_TO_LPS @ affine[:3, :3] / spacing).ravel().tolist())
    return image


def average_blocks(data: NDArray, affine: NDArray, width: float) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Average blocks of voxels so that they come near `width` mm; coarser axes are left as they are.

    What does not fill a last block is repeated from the edge.

    Parameters
    ----------
    data : ndarray, shape (x, y, z)
        Numbers of any type.
    affine : ndarray, shape (4, 4)
        Of its grid, from voxels to mm.
    width : float
        In mm.

    Returns
    -------
    averages : ndarray of float32
        The very data, as float32, where no axis is finer.
    affine : ndarray, shape (4, 4)
        Of their grid.
    """
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    factors = np.maximum(np.round(width / sizes), 1).astype(int)
    if (factors == 1).all():
        return data.astype(np.float32, copy=False), affine
    widths = [(0, int(-size % factor)) for size, factor in zip(data.shape, factors, strict=True)]
    padded = np.pad(data, widths, mode="edge")
    nx, ny, nz = (size // factor for size, factor in zip(padded.shape, factors, strict=True))
    blocks = padded.reshape(nx, factors[0], ny, factors[1], nz, factors[2]).mean(axis=(1, 3, 5), dtype=np.float32)
    scaled = affine.astype(np.float64, copy=True)
    scaled[:3, :3] = affine[:3, :3] * factors
    scaled[:3, 3] = affine[:3, 3] + affine[:3, :3] @ ((factors - 1) / 2.0)
    return blocks, scaled
