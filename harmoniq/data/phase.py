"""Recognize how scanners and converters store phases, and bring them to radians.

The rule looks at the range of the values after NIfTI's slope and intercept. A stored phase fills the range of its kind,
since noise and wraps take every value: the kind is the narrowest that holds all values and is filled to nine tenths.

====================  ===========================
range of values       how it is stored
====================  ===========================
-pi to pi, 0 to 2 pi  radians (need not be filled)
-2048 to 2047         12 bits, signed
0 to 4095             12 bits
-3142 to 3142         thousandths of a radian
0 to 6283             thousandths of a radian
-4096 to 4095         12 bits, in steps of 2
====================  ===========================

Anything else is refused: a wrong guess would give a wrong field that looks right.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.data.errors import InputError

TURN = 2.0 * np.pi
#: How much of a kind's range stored values must fill.
FILLED = 0.9
_SLACK = 0.01
# Name, lowest and highest value, radians per step.
_KINDS = (
    ("-2048 to 2047", -2048.0, 2048.0, TURN / 4096),
    ("0 to 4095", 0.0, 4096.0, TURN / 4096),
    ("milliradians", -1000 * np.pi, 1000 * np.pi, 1e-3),
    ("milliradians", 0.0, 1000 * TURN, 1e-3),
    ("-4096 to 4095", -4096.0, 4096.0, TURN / 8192),
)


def phase_kind(low: float, high: float) -> tuple[str, float]:
    """Recognize how a phase is stored.

    Parameters
    ----------
    low, high : float
        Smallest and largest value, over all images of one series.

    Returns
    -------
    str
        The kind, as the module names it.
    float
        Radians per unit.

    Raises
    ------
    InputError
        When the range is none of these; the caller adds the file.
    """
    if -np.pi * (1 + _SLACK) <= low and high - low <= TURN * (1 + _SLACK) and high <= TURN * (1 + _SLACK):
        return "radians", 1.0
    for name, bottom, top, factor in _KINDS:
        slack = _SLACK * (top - bottom)
        if bottom - slack <= low and high <= top + slack and high - low >= FILLED * (top - bottom):
            return name, factor
    raise InputError(
        f"the values from {low:g} to {high:g} are not those of a phase",
        remedy="store it in radians, as 0 to 4095 or as -4096 to 4095",
    )


def phase_to_radians(data: ArrayLike) -> NDArray[np.float32]:
    """Bring a stored phase to radians.

    Parameters
    ----------
    data : array_like
        After NIfTI's slope and intercept; in any of the kinds that the module describes.

    Returns
    -------
    ndarray of float32
        Radians; where the input is not finite, 0.

    Raises
    ------
    InputError
        When the range is none of these, or nothing is finite; the caller adds the file.
    """
    values = np.asarray(data)
    finite = np.isfinite(values)
    if not finite.any():
        raise InputError("the phase has no finite value")
    low, high = (
        float(np.min(values, where=finite, initial=np.inf)),
        float(np.max(values, where=finite, initial=-np.inf)),
    )
    factor = phase_kind(low, high)[1]
    return np.where(finite, values, 0).astype(np.float32) * np.float32(factor)
