"""The uniform image without its noisy background, as skull-stripping and segmentation want it.

O'Brien et al. 2014, PLoS ONE 9:e99676, doi:10.1371/journal.pone.0099676.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.data.errors import InputError

# Side of the corner in which the noise is read, in voxels of the last two axes.
CORNER = 11


def corner_noise(inv2: ArrayLike) -> float:
    """Return the mean of the second inversion in a corner of its field of view: air, in a head image.

    Parameters
    ----------
    inv2 : array_like, shape (x, y, z)
        Magnitude of the second inversion.

    Returns
    -------
    float
        In the unit of `inv2`: over all of the first axis and the last 11 voxels of the other two.
    """
    return float(np.mean(np.asarray(inv2, dtype=np.float64)[:, -CORNER:, -CORNER:]))


def signed_inv1(uni: ArrayLike, inv1: ArrayLike, inv2: ArrayLike) -> NDArray[np.float64]:
    """Restore the sign of the first inversion, and the value that agrees with the uniform image.

    Coils are combined differently in magnitudes and in the uniform image; the first inversion that gives `uni` with
    `inv2` solves uni x^2 - inv2 x + uni inv2^2 = 0, and the root nearest to the measured magnitude is taken.

    Parameters
    ----------
    uni : array_like
        From -0.5 to 0.5.
    inv1, inv2 : array_like, of the same shape
        Magnitudes in one unit.

    Returns
    -------
    ndarray
        In the unit of `inv2`; 0 where `uni` or `inv2` is 0.
    """
    uni, inv1, inv2 = (np.asarray(image, dtype=np.float64) for image in (uni, inv1, inv2))
    measured = np.sign(uni) * np.abs(inv1)
    root = np.sqrt(np.clip(1.0 - 4.0 * uni**2, 0.0, None))
    # Written so that neither root cancels; the larger one runs away as uni nears 0.
    small = 2.0 * uni * inv2 / (1.0 + root)
    large = np.divide(inv2 * (1.0 + root), 2.0 * uni, out=np.full_like(small, np.inf), where=uni != 0)
    return np.where(np.abs(measured - large) < np.abs(measured - small), large, small)


def suppress_background(
    uni: ArrayLike, inv1: ArrayLike, inv2: ArrayLike, strength: float = 1.0, noise: float | None = None
) -> NDArray[np.float32]:
    """Compute the uniform image with its background pressed to -0.5.

    Parameters
    ----------
    uni : array_like, shape (x, y, z)
        From -0.5 to 0.5 (`harmoniq.mp2rage.scaling.normalize_uni`).
    inv1, inv2 : array_like, shape (x, y, z)
        Magnitudes in one unit.
    strength : float, optional
        Multiplies the noise: higher is darker in the background and more biased in tissue. Not for fitting R1.
    noise : float, optional
        Level of the background in the unit of `inv2`; by default `corner_noise(inv2)`.

    Returns
    -------
    ndarray of float32
        From -0.5 to 0.5; -0.5 where there is no signal.

    Raises
    ------
    InputError
        When the shapes differ or `strength` is not above 0.

    Notes
    -----
    (inv1 inv2 - b) / (inv1^2 + inv2^2 + 2 b) with b = (strength noise)^2, the equation of O'Brien et al. 2014
    (doi:10.1371/journal.pone.0099676), on the signed inv1 of `signed_inv1`.
    """
    if not strength > 0:
        raise InputError("must be above 0", key="strength", value=strength)
    uni, inv2 = np.nan_to_num(np.asarray(uni, dtype=np.float64)), np.nan_to_num(np.asarray(inv2, dtype=np.float64))
    inv1 = np.nan_to_num(np.asarray(inv1, dtype=np.float64))
    if not uni.shape == inv1.shape == inv2.shape:
        raise InputError(f"the images differ in shape: UNIT1 {uni.shape}, INV1 {inv1.shape}, INV2 {inv2.shape}")
    bias = (strength * (corner_noise(inv2) if noise is None else noise)) ** 2
    first = signed_inv1(uni, inv1, inv2)
    energy = first**2 + inv2**2 + 2.0 * bias
    result = np.divide(first * inv2 - bias, energy, out=np.full_like(energy, -0.5), where=energy > 0)
    return result.clip(-0.5, 0.5).astype(np.float32)
