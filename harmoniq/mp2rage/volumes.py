"""R1 from MP2RAGE images on disk: read, fit, write."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.acquisitions import MP2RAGE, MP2RAGETiming
from harmoniq.data.errors import InputError
from harmoniq.data.images import Image, load_image, same_grid, save_image

if TYPE_CHECKING:
    from harmoniq.mp2rage.b1 import TransmitField

#: Slices that are corrected for the transmit field at a time.
_SLAB = 16


def fit_r1_files(
    out: Path,
    acquisition: MP2RAGE,
    *,
    b1_map: Path | None = None,
    b1_scale: float | None = None,
    outside_out: Path | None = None,
) -> float:
    """Fit R1 to the images of one MP2RAGE acquisition and write the map.

    The uniform image is taken where there is one; otherwise it is computed from the inversions.

    Parameters
    ----------
    out : path
        The R1 map, 1/s, float32, on the images' grid; at the nearest end of the table where the value is beyond it.
    acquisition : MP2RAGE
        Images and timing.
    b1_map : path, optional
        B1+ map in the space of the images, by which the flip angles are corrected (Marques and Gruetter 2013,
        doi:10.1371/journal.pone.0069294).
    b1_scale : float, optional
        What nominal reads as in `b1_map`; recognized otherwise.
    outside_out : path, optional
        Mask (uint8) of the voxels whose value is not a measurement: outside the lookup table's range, or without a
        usable B1+.

    Returns
    -------
    float
        Fraction of the voxels in that mask.

    Raises
    ------
    InputError
        For images that cannot be read or scaled; the file is named.
    """
    from harmoniq.mp2rage.b1 import load_b1

    field = None if b1_map is None else load_b1(b1_map, b1_scale)
    uniform, like = load_uniform(acquisition)
    outside = _fit_slabs(uniform, like.affine, acquisition.timing, field)
    save_image(uniform, like.affine, out)
    if outside_out is not None:
        save_image(outside.view(np.uint8), like.affine, outside_out, dtype=np.uint8)
    return float(np.mean(outside))


def _fit_slabs(
    uniform: NDArray[np.float32], affine: NDArray[np.float64], timing: MP2RAGETiming, field: "TransmitField | None"
) -> NDArray[np.bool_]:
    """Put R1 in the place of the uniform image, and return what is outside; the field is made slab by slab."""
    from harmoniq.mp2rage.lookup import fit_r1

    if field is None:
        return fit_r1(uniform, timing, out=uniform).outside
    outside = np.empty_like(uniform, dtype=np.bool_)
    axis = 0 if uniform.flags.c_contiguous else 2
    for start in range(0, uniform.shape[axis], _SLAB):
        part = (slice(None),) * axis + (slice(start, start + _SLAB),)
        corner = affine.copy()
        corner[:3, 3] += start * affine[:3, axis]
        b1 = field.on_grid(corner, uniform[part].shape)
        outside[part] = fit_r1(uniform[part], timing, b1, out=uniform[part]).outside
    return outside


def load_uniform(acquisition: MP2RAGE) -> tuple[NDArray[np.float32], Image]:
    """Read the uniform image of an acquisition.

    Where there is none it is computed from the magnitudes of both inversions, and their phases if they are there.

    Parameters
    ----------
    acquisition : MP2RAGE
        With a uniform image, or both inversions.

    Returns
    -------
    uniform : ndarray of float32, shape (x, y, z)
        From -0.5 to 0.5.
    like : Image
        The file that was read first: its grid is that of `uniform`; its data may have been overwritten.

    Raises
    ------
    InputError
        For images that cannot be read or scaled, or do not lie on one grid; the file is named.
    """
    from harmoniq.mp2rage.scaling import uni_from_magnitudes

    if acquisition.uni is not None:
        return _read_uniform(acquisition.uni)
    assert acquisition.inv1 is not None and acquisition.inv2 is not None
    first, second = (load_image(path, ndim=3) for path in (acquisition.inv1, acquisition.inv2))
    paths = (acquisition.inv1_phase, acquisition.inv2_phase)
    phases = [None if path is None else load_image(path, ndim=3) for path in paths]
    for image in (second, *phases):
        if image is not None:
            same_grid(first, image)
    try:
        values = (None if image is None else image.data for image in phases)
        return uni_from_magnitudes(first.data, second.data, *values), first
    except InputError as error:
        file = acquisition.inv1_phase or acquisition.inv1
        raise InputError(error.problem, file=file, key=error.key, value=error.value, remedy=error.remedy) from error


def _read_uniform(path: Path) -> tuple[NDArray[np.float32], Image]:
    """Read a uniform image, scaled to -0.5 to 0.5 in the place of the image's data."""
    from harmoniq.mp2rage.scaling import normalize_uni

    image = load_image(path, ndim=3)
    try:
        return normalize_uni(image.data, in_place=True), image
    except InputError as error:
        raise InputError(error.problem, file=path, key=error.key, value=error.value, remedy=error.remedy) from error


def suppress_background_files(uni: Path, inv1: Path, inv2: Path, out: Path) -> None:
    """Write the uniform image without its noisy background, for skull-stripping and FreeSurfer; not for fitting.

    Parameters
    ----------
    uni, inv1, inv2 : path
        Uniform image in any of its ranges, and the magnitudes of both inversions.
    out : path
        0 to 4095, int16, as scanners write it.

    Raises
    ------
    InputError
        For images that cannot be read or scaled, or do not lie on one grid; the file is named.
    """
    from harmoniq.mp2rage.background import corner_noise, suppress_background

    uniform, image = _read_uniform(uni)
    inversions = [load_image(path, ndim=3) for path in (inv1, inv2)]
    for inversion in inversions:
        same_grid(image, inversion)
    first, second = (inversion.data for inversion in inversions)
    noise = corner_noise(second)
    robust = np.empty(uniform.shape, np.int16, order="F")
    for start in range(0, uniform.shape[2], _SLAB):
        slab = (..., slice(start, start + _SLAB))
        values = suppress_background(uniform[slab], first[slab], second[slab], noise=noise)
        robust[slab] = np.round((values + 0.5) * 4095).clip(0, 4095)
    save_image(robust, image.affine, out, dtype=np.int16)
