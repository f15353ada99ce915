"""R2* by auto-regression on linear operations (ARLO).

Pei et al. 2015, Magn Reson Med 73:843, doi:10.1002/mrm.25137. A decay equals its own integral but for a factor; the
integrals over three neighboring echoes come from Simpson's rule, here with the weights for uneven spacing, which are
Pei's where the echoes are evenly spaced.
"""

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.kernels import compiled


@compiled
def arlo(signal: NDArray, times: NDArray, rate: NDArray) -> None:
    """Fill `rate`; there must be three echoes or more.

    Over each triplet, S is the integral and D the fall from its first to its last echo, so S = T2* D. Pei et al. take
    T2* = sum(S (S + w D)) / sum(D (S + w D)) with w = d / 3, which is Simpson's weight of the last echo.

    Parameters
    ----------
    signal : ndarray, shape (n, n_echo)
        Magnitudes, in any unit.
    times : ndarray, shape (n_echo,)
        Echo times in s, rising; any spacing.
    rate : ndarray, shape (n,)
        Takes R2* in 1/s; 0 where the signal has no area.
    """
    weights = np.empty((times.size - 2, 3))
    for echo in range(times.size - 2):
        first, second = times[echo + 1] - times[echo], times[echo + 2] - times[echo + 1]
        span = first + second
        weights[echo, 0] = span / 6.0 * (2.0 - second / first)
        weights[echo, 1] = span**3 / (6.0 * first * second)
        weights[echo, 2] = span / 6.0 * (2.0 - first / second)
    for voxel in range(signal.shape[0]):
        above, below = 0.0, 0.0
        for echo in range(times.size - 2):
            a, b, c = signal[voxel, echo], signal[voxel, echo + 1], signal[voxel, echo + 2]
            integral = weights[echo, 0] * a + weights[echo, 1] * b + weights[echo, 2] * c
            fall = a - c
            above += fall * (integral + weights[echo, 2] * fall)
            below += integral * (integral + weights[echo, 2] * fall)
        rate[voxel] = above / below if below > 0.0 else 0.0
