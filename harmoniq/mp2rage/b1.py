"""The transmit field on the grid of an MP2RAGE image, relative to the nominal flip angle.

A B1+ map is brought to MP2RAGE by the transform of an image that was acquired with it, or as its header places it. It
is averaged to voxels of some millimeters, filled where nothing was measured, and smoothed: transmit fields vary over
centimeters, the map's noise from voxel to voxel.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.errors import InputError
from harmoniq.data.images import Image, load_image, save_image

#: What a map's unit is divided by, and what it is called.
SCALES = {1.0: "relative to nominal", 100.0: "percent of nominal", 1000.0: "thousandths of nominal"}
#: The median over the head lies this close to nominal at 3 T and 7 T; beyond, the unit was not recognized.
_MEDIAN_RANGE = (0.6, 1.4)
#: Standard deviation of the Gaussian, and the voxels to which finer maps are averaged first, in mm.
SMOOTH_MM, _WORKING_MM = 4.0, 3.0


@dataclass(frozen=True, eq=False)
class TransmitField:
    """A smooth transmit field.

    Parameters
    ----------
    data : ndarray of float32, shape (x, y, z)
        Relative to nominal, above 0 everywhere.
    affine : ndarray, shape (4, 4)
        From its voxels to RAS mm.
    """

    data: NDArray[np.float32]
    affine: NDArray[np.float64]

    def on_grid(self, affine: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Interpolate the field to another grid; beyond its field of view it keeps the value at the edge.

        Parameters
        ----------
        affine : ndarray, shape (4, 4)
            Of the other grid: from its voxels to RAS mm.
        shape : tuple of int
            Of the other grid, in voxels.

        Returns
        -------
        ndarray of float32, of that shape
            Relative to nominal, by linear interpolation.
        """
        from scipy.ndimage import affine_transform

        voxels = np.linalg.inv(self.affine) @ affine
        out = np.empty(shape, np.float32, order="F")
        affine_transform(self.data, voxels[:3, :3], voxels[:3, 3], output=out, order=1, mode="nearest")
        return out


def relative_b1(image: Image, scale: float | None = None) -> tuple[NDArray[np.float32], float]:
    """Return a B1+ map relative to nominal, and what its values were divided by.

    Parameters
    ----------
    image : Image
        Values above 0 where the field was measured.
    scale : float, optional
        What nominal reads as; recognized among 1, 100 and 1000 by the median otherwise.

    Returns
    -------
    b1 : ndarray of float32, shape of the image
        1 is nominal; 0 in voxels without a measurement.
    scale : float
        As given, or 1, 100 or 1000.

    Raises
    ------
    InputError
        When nothing was measured, or the median fits none of the units.
    """
    data = image.data
    measured = data > 0
    if not measured.any():
        raise InputError("the B1+ map is empty", file=image.path, remedy="remove it, or use --b1-correction off")
    median = float(np.median(data[measured]))
    candidates = SCALES if scale is None else {scale: "nominal, by its flip angle"}
    found = next((s for s in candidates if _MEDIAN_RANGE[0] <= median / s <= _MEDIAN_RANGE[1]), None)
    if found is None:
        units = ", ".join(f"about {unit:g} ({name})" for unit, name in candidates.items())
        raise InputError(
            f"the median of the B1+ map is {median:g}, where {units} is wanted", file=image.path,
            remedy="rescale the map, or use --b1-correction off",
        )  # fmt: skip
    return np.where(measured, data / np.float32(found), np.float32(0)), found


def load_b1(path: str | Path, scale: float | None = None, *, smooth_mm: float = SMOOTH_MM) -> TransmitField:
    """Read a B1+ map and make it smooth.

    Parameters
    ----------
    path : path
        B1+ map, 3-D; 0 or below where nothing was measured.
    scale : float, optional
        As `relative_b1` takes it.
    smooth_mm : float, optional
        Standard deviation of the Gaussian, in mm.

    Returns
    -------
    TransmitField
        On voxels of about 3 mm, or the map's own where they are larger; holes have the value of the nearest
        measurement.

    Raises
    ------
    InputError
        As `relative_b1`, and for images that cannot be read.
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    image = load_image(path, ndim=3)
    b1, affine = _average_measured(relative_b1(image, scale)[0], image.affine)
    if not (b1 > 0).all():
        nearest = distance_transform_edt(b1 <= 0, return_distances=False, return_indices=True)
        b1 = b1[tuple(nearest)]
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    return TransmitField(gaussian_filter(b1, smooth_mm / sizes, mode="nearest"), affine)


def _average_measured(
    b1: NDArray[np.float32], affine: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Average what was measured over blocks of about 3 mm; coarser axes are left as they are."""
    factors = np.maximum(np.round(_WORKING_MM / np.linalg.norm(affine[:3, :3], axis=0)), 1).astype(int)
    starts = [np.arange(0, size, factor) for size, factor in zip(b1.shape, factors)]
    total, count = b1, (b1 > 0).astype(np.float32)
    for axis, start in enumerate(starts):
        total, count = (np.add.reduceat(part, start, axis=axis) for part in (total, count))
    scaled = affine.copy()
    scaled[:3, :3] = affine[:3, :3] * factors
    scaled[:3, 3] = affine[:3, 3] + affine[:3, :3] @ ((factors - 1) / 2.0)
    return np.divide(total, count, out=np.zeros_like(total), where=count > 0), scaled


def b1_on_grid(path: str | Path, target: Image, *, scale: float | None = None) -> NDArray[np.float32]:
    """Return a B1+ map, smoothed, on the grid of an image.

    Parameters
    ----------
    path : path
        B1+ map, in the space of the image by its header.
    target : Image
        Any image on the grid that is wanted.
    scale : float, optional
        As `relative_b1` takes it.

    Returns
    -------
    ndarray of float32, shape of `target`
        Relative to nominal; beyond the map's field of view the value at its edge.

    Raises
    ------
    InputError
        As `load_b1`.
    """
    return load_b1(path, scale).on_grid(target.affine, target.shape)


def place_b1_files(
    path: str | Path, out: Path, *, scale: float | None = None, transform: NDArray[np.float64] | None = None
) -> dict[str, Any]:
    """Write a B1+ map relative to nominal, and in the space of MP2RAGE: nothing is resampled, its header is turned.

    Parameters
    ----------
    path, scale
        As `b1_on_grid` takes them.
    out : path
        The map, float32, with 0 where nothing was measured.
    transform : ndarray, shape (4, 4), optional
        Maps points of MP2RAGE's space into the map's, RAS mm; none where the headers say it all.

    Returns
    -------
    dict
        For the sidecar: ``B1Units``, ``B1Median`` and ``B1Placement``; with a transform ``B1MotionMillimeters`` (of the
        map's center) and ``B1MotionDegrees``.

    Raises
    ------
    InputError
        As `relative_b1`, and for images that cannot be read.
    """
    image = load_image(path, ndim=3)
    b1, found = relative_b1(image, scale)
    matrix = np.eye(4) if transform is None else transform
    save_image(b1, np.linalg.inv(matrix) @ image.affine, out)
    placed: dict[str, Any] = {"B1Placement": "by the header"}
    if transform is not None:
        angle = np.degrees(np.arccos(np.clip((np.trace(matrix[:3, :3]) - 1) / 2, -1, 1)))
        center = image.affine @ [*((np.array(image.shape) - 1) / 2), 1.0]
        moved = np.linalg.norm((center - np.linalg.inv(matrix) @ center)[:3])
        placed = {
            "B1Placement": "registered by the image that was acquired with it",
            "B1MotionMillimeters": round(float(moved), 2),
            "B1MotionDegrees": round(float(angle), 2),
        }
    return {"B1Units": _unit(found), "B1Median": round(float(np.median(b1[b1 > 0])), 4), **placed}


def _unit(scale: float) -> str:
    return SCALES.get(scale, f"flip angle, nominal reads as {scale:g}")
