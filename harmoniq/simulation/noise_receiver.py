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
    """Return atan2(y, x) to 2e-5 rad, a hundredth of a stored step (minimax polynomial of odd degree 11).

    Parameters
    ----------
    y : array or number
        (n,) values.
    x : array or number
        (n,) or (n, p) values of the predictors.

    Returns
    -------
    float
        Angle, -pi to pi.
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
    """Return the stored magnitude of a complex signal.

    Parameters
    ----------
    re : array or number
        Real part.
    im : array or number
        Imaginary part.
    scale : array or number
        Standard deviation of the noise.

    Returns
    -------
    int
        Stored magnitude, 0 to 4095.
    """
    return min(4095, int(math.sqrt(re * re + im * im) * scale + 0.5))


@njit(inline="always")
def phase_step(re, im):
    """Return the stored phase of a complex signal, -2048 to 2047.

    Parameters
    ----------
    re : array or number
        Real part.
    im : array or number
        Imaginary part.

    Returns
    -------
    int
        Stored phase, -2048 to 2047.
    """
    step = math.floor(angle(im, re) * (2048 / np.pi) + 0.5)
    return -2048 if step > 2047 else step
