"""The transmit field on the grid of an MP2RAGE image, relative to the nominal flip angle.

A B1+ map is taken as its header places it: it is usually acquired in the same session and varies slowly, so that a
motion of some millimeters changes it by far less than the map's own noise.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.errors import InputError
from harmoniq.data.images import Image, load_image

#: What a map's unit is divided by, and what it is called.
SCALES = {1.0: "relative to nominal", 100.0: "percent of nominal", 1000.0: "thousandths of nominal"}
#: The median over the head lies this close to nominal at 3 T and 7 T; beyond, the unit was not recognized.
_MEDIAN_RANGE = (0.6, 1.4)


def relative_b1(image: Image, scale: float | None = None) -> tuple[NDArray[np.float64], float]:
    """Return a B1+ map relative to nominal, and what its values were divided by.

    Parameters
    ----------
    image : Image
        Values above 0 where the field was measured.
    scale : float, optional
        What nominal reads as; recognized among 1, 100 and 1000 by the median otherwise.

    Returns
    -------
    b1 : numpy.ndarray, shape of the image
        1 is nominal; voxels without a measurement take the nearest one.
    scale : float
        As given, or 1, 100 or 1000.

    Raises
    ------
    InputError
        When nothing was measured, or the median fits none of the units.
    """
    from scipy.ndimage import distance_transform_edt

    data = np.asarray(image.data, dtype=np.float64)
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
    nearest = distance_transform_edt(~measured, return_distances=False, return_indices=True)
    return data[tuple(nearest)] / found, found


def b1_on_grid(
    path: str | Path, target: Image, *, scale: float | None = None, smooth_mm: float = 4.0
) -> NDArray[np.float32]:
    """Return a B1+ map, smoothed, on the grid of an image.

    Parameters
    ----------
    path : path
        B1+ map.
    target : Image
        Uniform image.
    scale : float, optional
        As `relative_b1` takes it.
    smooth_mm : float
        Standard deviation of the Gaussian; transmit fields vary over centimeters, the map's noise from voxel to
        voxel.

    Returns
    -------
    numpy.ndarray, shape of `target`
        Relative to nominal; beyond the map's field of view the value at its edge.

    Raises
    ------
    InputError
        As `relative_b1`, and for images that cannot be read.
    """
    from scipy.ndimage import affine_transform, gaussian_filter

    image = load_image(path, ndim=3)
    b1, _ = relative_b1(image, scale)
    b1 = gaussian_filter(b1, smooth_mm / image.voxel_sizes, mode="nearest")
    voxels = np.linalg.inv(image.affine) @ target.affine
    return affine_transform(
        b1.astype(np.float32), voxels[:3, :3], voxels[:3, 3], output_shape=target.shape, order=1, mode="nearest"
    )
