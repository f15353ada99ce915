"""R2* from the area under the decay, as SEPIA's "Trapezoidal" defines it.

SEPIA: Chan and Marques 2021, NeuroImage 227:117611, doi:10.1016/j.neuroimage.2020.117611.
"""

from numpy.typing import NDArray

from harmoniq.data.kernels import compiled


@compiled
def trapezoidal(signal: NDArray, times: NDArray, rate: NDArray) -> None:
    """Fill `rate` with (first - last) / (area under the echoes by the trapezoidal rule).

    Biased without noise, too: the result is (2 / d) tanh(R2* d / 2) for the echo spacing d.

    Parameters
    ----------
    signal : ndarray, shape (n, n_echo)
        Magnitudes, in any unit.
    times : ndarray, shape (n_echo,)
        Echo times in s, rising.
    rate : ndarray, shape (n,)
        Takes R2* in 1/s; 0 where the signal has no area.
    """
    count = times.size
    for voxel in range(signal.shape[0]):
        area = 0.0
        for echo in range(count - 1):
            area += 0.5 * (signal[voxel, echo] + signal[voxel, echo + 1]) * (times[echo + 1] - times[echo])
        fall = signal[voxel, 0] - signal[voxel, count - 1]
        rate[voxel] = fall / area if area > 0.0 else 0.0
