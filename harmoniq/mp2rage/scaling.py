"""Recognize how scanners and converters store the uniform image and phases, and bring them to one scale.

The uniform image lies in [-0.5, 0.5] by its definition (Marques et al. 2010, doi:10.1016/j.neuroimage.2009.10.002), but
is stored in many ways. The rule looks at the range of the values after NIfTI's slope and intercept, with 2 % of the
range allowed for what interpolation adds at its ends:

==================  ========================  ============================================
range of values     how it is stored          becomes
==================  ========================  ============================================
-0.5 to 0.5         as defined                unchanged
0 to 1              shifted (top above 0.5)   x - 0.5
0 to 4095           12 bits (top above 1000)  x / 4095 - 0.5
-2048 to 2047       12 bits, signed           (x + 0.5) / 4095
==================  ========================  ============================================

Anything else is refused: a wrong guess would give a wrong R1 that looks right.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.data.errors import InputError
from harmoniq.data.phase import phase_to_radians
from harmoniq.mp2rage.signal import uniform_image

SLACK = 0.02
# A 12-bit uniform image without a value beyond this is more likely another image: 8 bits, a mask or a magnitude.
SMALLEST_TOP = 1000.0

SIGN_NOTE = (
    "The uniform image was computed from magnitudes alone: the sign of the first inversion is lost and was taken as "
    "positive, so R1 is only right where the first inversion had recovered beyond zero (white matter and most gray "
    "matter, but not cerebrospinal fluid)"
)


def normalize_uni(data: ArrayLike, *, in_place: bool = False) -> NDArray[np.float32]:
    """Bring a stored uniform image to [-0.5, 0.5].

    Parameters
    ----------
    data : array_like
        Values after NIfTI's slope and intercept, in any of the ranges that the module describes.
    in_place : bool, optional
        Overwrite `data` where it is a writable array of float32, to spare memory.

    Returns
    -------
    ndarray of float32
        Same shape; values that are not finite become NaN, which the fit flags.

    Raises
    ------
    InputError
        When the range is none of these, or nothing is finite; the caller adds the file.
    """
    data = np.asarray(data)
    low, high = _finite_range(data, "the uniform image")
    factor, shift = _uni_scale(low, high)
    result = data.astype(np.float32, copy=not (in_place and data.flags.writeable))
    if data.dtype.kind == "f":
        result[~np.isfinite(result)] = np.nan
    result *= np.float32(factor)
    result += np.float32(shift)
    return np.clip(result, -0.5, 0.5, out=result)


def _uni_scale(low: float, high: float) -> tuple[float, float]:
    """Return factor and shift for values from `low` to `high`."""

    def within(bottom: float, top: float) -> bool:
        slack = SLACK * (top - bottom)
        return bottom - slack <= low and high <= top + slack

    if low == high:
        raise InputError(f"the uniform image is {low:g} everywhere")
    if within(-0.5, 0.5):
        return 1.0, 0.0
    if within(0.0, 1.0):
        return 1.0, -0.5
    if within(0.0, 4095.0) and high > SMALLEST_TOP:
        return 1.0 / 4095.0, -0.5
    if within(-2048.0, 2047.0) and max(-low, high) > SMALLEST_TOP:
        return 1.0 / 4095.0, 0.5 / 4095.0
    raise InputError(
        f"the values from {low:g} to {high:g} are not those of a uniform image",
        remedy="store it as -0.5 to 0.5, 0 to 1, 0 to 4095 or -2048 to 2047, and check that it is not another image",
    )


def uni_from_magnitudes(
    inv1: ArrayLike, inv2: ArrayLike, inv1_phase: ArrayLike | None = None, inv2_phase: ArrayLike | None = None
) -> NDArray[np.float32]:
    """Compute the uniform image from the two inversions.

    Without both phases the sign of the first inversion is lost: each value belongs to a short and to a long T1. The
    short one is then taken (a positive sign), which is right for white matter and most gray matter and wrong for
    cerebrospinal fluid; say so beside the result with `SIGN_NOTE`.

    Parameters
    ----------
    inv1, inv2 : array_like
        Magnitudes, in any unit that both share.
    inv1_phase, inv2_phase : array_like, optional
        As `harmoniq.data.phase.phase_to_radians` takes them; of the same kind. A constant offset that both share has
        no effect.

    Returns
    -------
    ndarray of float32
        From -0.5 to 0.5; 0 where a magnitude is 0 or not finite.

    Raises
    ------
    InputError
        When shapes differ or a phase is not recognized; the caller adds the file.
    """
    images = [np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0.0, neginf=0.0) for image in (inv1, inv2)]
    shapes = {np.shape(image) for image in (*images, inv1_phase, inv2_phase) if image is not None}
    if len(shapes) > 1:
        raise InputError(f"the inversions differ in shape: {', '.join(map(str, sorted(shapes)))}")
    if inv1_phase is None or inv2_phase is None:
        return uniform_image(np.abs(images[0]), np.abs(images[1])).astype(np.float32)
    # Only the difference of the phases matters: Re(conj(S1) S2) = |S1| |S2| cos(phi2 - phi1).
    difference = phase_to_radians(inv2_phase) - phase_to_radians(inv1_phase)
    energy = images[0] ** 2 + images[1] ** 2
    product = images[0] * images[1] * np.cos(difference)
    return np.divide(product, energy, out=np.zeros_like(product), where=energy > 0).clip(-0.5, 0.5)


def _finite_range(data: NDArray, name: str) -> tuple[float, float]:
    """Return the smallest and the largest finite value."""
    low, high = (float(data.min()), float(data.max())) if data.size else (np.nan, np.nan)
    # The usual image is finite throughout, and is not copied.
    if not (np.isfinite(low) and np.isfinite(high)):
        finite = data[np.isfinite(data)]
        if not finite.size:
            raise InputError(f"{name} has no finite value")
        low, high = float(finite.min()), float(finite.max())
    return low, high
