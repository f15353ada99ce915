"""What the receiver records: 12-bit magnitudes, and phases in steps of pi/2048, as scanners store them."""

import math

import numpy as np
from numba import njit

#: Largest value of a 12-bit magnitude.
FULL_SCALE = 4095
#: Rad per step of a stored phase, which runs from -2048 to 2047.
PHASE_STEP = math.pi / 2048


@njit(inline="always")
def angle(y, x):
    """Approximate atan2(y, x) to 2e-5 rad, a hundredth of a stored step (minimax polynomial of odd degree 11).

    Parameters
    ----------
    y, x : float
        Imaginary and real part.

    Returns
    -------
    float
        From -pi to pi; 0 where both are 0.
    """
    ax, ay = abs(x), abs(y)
    larger, smaller = max(ax, ay), min(ax, ay)
    if larger == 0.0:
        return 0.0
    a = smaller / larger
    s = a * a
    r = -0.01172120 * s + 0.05265332
    r = r * s - 0.11643287
    r = r * s + 0.19354346
    r = r * s - 0.33262347
    r = (r * s + 0.99997726) * a
    if ay > ax:
        r = 0.5 * np.pi - r
    if x < 0:
        r = np.pi - r
    return -r if y < 0 else r


@njit(inline="always")
def magnitude_step(re, im, scale):
    """Round the magnitude of a complex signal as it is stored.

    Parameters
    ----------
    re, im : float
        Real and imaginary part.
    scale : float
        Stored steps per unit of the signal.

    Returns
    -------
    int
        From 0 to 4095, where larger ones are cut off.
    """
    return min(4095, int(math.sqrt(re * re + im * im) * scale + 0.5))


@njit(inline="always")
def phase_step(re, im):
    """Round the phase of a complex signal as it is stored.

    Parameters
    ----------
    re, im : float
        Real and imaginary part.

    Returns
    -------
    int
        From -2048 to 2047, in steps of pi/2048 rad.
    """
    step = math.floor(angle(im, re) * (2048 / np.pi) + 0.5)
    return -2048 if step > 2047 else step
