"""R2* from the logarithm of the signal: plain, and iteratively weighted.

The logarithm turns noise of one size into noise that grows as the signal falls; weights of the squared signal undo
that. They are taken from the fit rather than from the noisy data (Salvador et al. 2005, Hum Brain Mapp 24:144,
doi:10.1002/hbm.20076), since the data's own weights prefer echoes that the noise has raised.
"""

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.kernels import compiled

MAX_ITERATIONS = 20
TOLERANCE = 1e-7


@compiled
def loglinear(signal: NDArray, times: NDArray, rate: NDArray) -> None:
    """Fill `rate` from an unweighted line through the logarithms; echoes at or below 0 are left out.

    Parameters
    ----------
    signal : ndarray, shape (n, n_echo)
        Magnitudes, in any unit.
    times : ndarray, shape (n_echo,)
        Echo times in s, rising.
    rate : ndarray, shape (n,)
        Takes R2* in 1/s; 0 where fewer than two echoes are above 0.
    """
    for voxel in range(signal.shape[0]):
        n, st, sl, stt, stl = 0, 0.0, 0.0, 0.0, 0.0
        for echo in range(times.size):
            value = signal[voxel, echo]
            if value > 0.0:
                time, log = times[echo] - times[0], np.log(value)
                n += 1
                st += time
                sl += log
                stt += time * time
                stl += time * log
        spread = n * stt - st * st
        rate[voxel] = -(n * stl - st * sl) / spread if n > 1 else 0.0


@compiled
def iwls(signal: NDArray, times: NDArray, rate: NDArray) -> None:
    """Fill `rate` from lines weighted by the squared fit of the round before; the first weights are the data's.

    Parameters
    ----------
    signal : ndarray, shape (n, n_echo)
        Magnitudes, in any unit; echoes at or below 0 are left out.
    times : ndarray, shape (n_echo,)
        Echo times in s, rising.
    rate : ndarray, shape (n,)
        Takes R2* in 1/s; 0 where fewer than two echoes are above 0.
    """
    count = times.size
    logs, weights = np.empty(count), np.empty(count)
    for voxel in range(signal.shape[0]):
        positive = 0
        for echo in range(count):
            value = signal[voxel, echo]
            used = value > 0.0
            positive += used
            logs[echo] = np.log(value) if used else 0.0
            weights[echo] = value * value if used else 0.0
        result = 0.0
        if positive > 1:
            for _ in range(MAX_ITERATIONS):
                sw, st, sl, stt, stl = 0.0, 0.0, 0.0, 0.0, 0.0
                for echo in range(count):
                    weight, time = weights[echo], times[echo] - times[0]
                    sw += weight
                    st += weight * time
                    sl += weight * logs[echo]
                    stt += weight * time * time
                    stl += weight * time * logs[echo]
                spread = sw * stt - st * st
                if not spread > 0.0:
                    break
                previous, result = result, -(sw * stl - st * sl) / spread
                if abs(result - previous) <= TOLERANCE * (1.0 + abs(result)):
                    break
                # Only ratios of weights matter: relative to the first echo they neither overflow nor vanish.
                for echo in range(count):
                    if weights[echo] > 0.0:
                        weights[echo] = np.exp(-2.0 * max(result, 0.0) * (times[echo] - times[0]))
        rate[voxel] = result
