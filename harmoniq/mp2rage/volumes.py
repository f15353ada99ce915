"""R1 from MP2RAGE images on disk: read, fit, write."""

from pathlib import Path

import numpy as np

from harmoniq.data.acquisitions import MP2RAGETiming
from harmoniq.data.errors import InputError
from harmoniq.data.images import Image, load_image, save_image


def fit_r1_files(
    out: Path,
    *,
    timing: MP2RAGETiming,
    uni: Path | None = None,
    inv1: Path | None = None,
    inv2: Path | None = None,
    inv1_phase: Path | None = None,
    inv2_phase: Path | None = None,
    b1_map: Path | None = None,
    b1_scale: float | None = None,
    outside_out: Path | None = None,
) -> float:
    """Fit R1 to the images of one MP2RAGE acquisition and write the map.

    The uniform image is taken where there is one; otherwise it is computed from the inversions.

    Parameters
    ----------
    out : path
        The R1 map, 1/s, float32, on the images' grid.
    timing : MP2RAGETiming
        Of the sequence.
    uni, inv1, inv2, inv1_phase, inv2_phase : path, optional
        `uni`, or both magnitudes.
    b1_map : path, optional
        B1+ map, by which the flip angles are corrected (Marques and Gruetter 2013, doi:10.1371/journal.pone.0069294).
    b1_scale : float, optional
        What nominal reads as in `b1_map`; recognized otherwise.
    outside_out : path, optional
        Mask of the voxels whose value is not a measurement: outside the lookup table's range.

    Returns
    -------
    float
        Fraction of the voxels outside the lookup table's monotonic range.

    Raises
    ------
    InputError
        For images that cannot be read or scaled; the file is named.
    """
    from harmoniq.mp2rage.b1 import b1_on_grid
    from harmoniq.mp2rage.lookup import fit_r1

    uniform, like = load_uniform(uni, inv1, inv2, inv1_phase, inv2_phase)
    b1 = None if b1_map is None else b1_on_grid(b1_map, like, scale=b1_scale)
    # The map takes the place of the uniform image: in memory are one of them, the transmit field and the mask.
    fit = fit_r1(uniform, timing, b1, out=uniform)
    save_image(fit.r1, like.affine, out)
    if outside_out is not None:
        save_image(fit.outside.astype(np.uint8), like.affine, outside_out, dtype=np.uint8)
    return float(np.mean(fit.outside))


def load_uniform(uni: Path | None, *inversions: Path | None) -> tuple[np.ndarray, Image]:
    """Return the uniform image of an acquisition, -0.5 to 0.5, and an image on its grid.

    Parameters
    ----------
    uni : path, optional
        Taken where it is given.
    *inversions : path, optional
        Magnitudes of both inversions, then their phases, of which it is computed otherwise.

    Raises
    ------
    InputError
        For images that cannot be read or scaled; the file is named.
    """
    from harmoniq.mp2rage.scaling import normalize_uni, uni_from_magnitudes

    if uni is not None:
        image = load_image(uni, ndim=3)
        try:
            return normalize_uni(image.data, in_place=True), image
        except InputError as error:
            raise InputError(error.problem, file=uni, key=error.key, value=error.value, remedy=error.remedy) from error
    first, second, *phases = (None if path is None else load_image(path, ndim=3) for path in inversions)
    if first is None or second is None:
        raise InputError("needs a UNIT1 image, or the magnitudes of both inversions", file=inversions[0])
    return uni_from_magnitudes(first.data, second.data, *(p.data if p else None for p in phases)), first


def suppress_background_files(uni: Path, inv1: Path, inv2: Path, out: Path) -> None:
    """Write the uniform image without its noisy background, for skull-stripping and FreeSurfer; not for fitting.

    Parameters
    ----------
    uni, inv1, inv2 : path
        Uniform image, and the magnitudes of both inversions.
    out : path
        0 to 4095, int16, as scanners write it.

    Raises
    ------
    InputError
        For images that cannot be read or scaled; the file is named.
    """
    from harmoniq.mp2rage.background import suppress_background

    uniform, like = load_uniform(uni)
    first, second = (load_image(path, ndim=3).data for path in (inv1, inv2))
    robust = suppress_background(uniform, first, second)
    save_image(np.round((robust + 0.5) * 4095).clip(0, 4095), like.affine, out, dtype=np.int16)
