"""What all R2* fits share: normalized blocks in, amplitude, residual and flags out."""

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.kernels import compiled

LARGEST_FLOAT32 = 3.4e38


@compiled
def normalize(signal: NDArray, scale: NDArray) -> None:
    """Divide each voxel by its largest echo, in place, and keep that in `scale`.

    A voxel with an echo that is not finite, or without one above 0, becomes 0 with scale 0.

    Parameters
    ----------
    signal : ndarray, shape (n, n_echo)
        Magnitudes in the image's unit on entry, relative to the largest echo afterwards.
    scale : ndarray, shape (n,)
        Takes the largest echo, in the image's unit.
    """
    for voxel in range(signal.shape[0]):
        largest = 0.0
        for echo in range(signal.shape[1]):
            value = signal[voxel, echo]
            if not np.isfinite(value):
                largest = 0.0
                break
            largest = max(largest, value)
        scale[voxel] = largest
        for echo in range(signal.shape[1]):
            signal[voxel, echo] = signal[voxel, echo] / largest if largest > 0.0 else 0.0


@compiled
def project(signal: NDArray, times: NDArray, rate: NDArray, amplitude: NDArray) -> None:
    """Fill `amplitude` with the best one in least squares at the first echo, given `rate`.

    Parameters
    ----------
    signal : ndarray, shape (n, n_echo)
        Magnitudes, in any unit.
    times : ndarray, shape (n_echo,)
        Echo times in s.
    rate : ndarray, shape (n,)
        R2* in 1/s.
    amplitude : ndarray, shape (n,)
        Takes the signal at the first echo's time, in the unit of `signal`; 0 or above.
    """
    for voxel in range(signal.shape[0]):
        above, below = 0.0, 0.0
        for echo in range(times.size):
            e = np.exp(-rate[voxel] * (times[echo] - times[0]))
            above += e * signal[voxel, echo]
            below += e * e
        amplitude[voxel] = max(above / below, 0.0)


@compiled
def finish(
    signal: NDArray,
    times: NDArray,
    spacing: float,
    scale: NDArray,
    rate: NDArray,
    amplitude: NDArray,
    given: bool,
    s0: NDArray,
    residual: NDArray,
) -> None:
    """Fill the signal at TE 0 and the root mean square residual, in the unit of the data.

    Parameters
    ----------
    signal : ndarray, shape (n, n_echo)
        Magnitudes as `normalize` leaves them.
    times : ndarray, shape (n_echo,)
        Echo times in s.
    spacing : float
        Echo spacing in s where it is even, and 0 where it is not: if even, the exponentials are powers of one.
    scale : ndarray, shape (n,)
        As `normalize` fills it, in the image's unit.
    rate : ndarray, shape (n,)
        R2* in 1/s.
    amplitude : ndarray, shape (n,)
        Normalized signal at the first echo's time; filled as `project` does unless it is `given`. 0 without signal.
    given : bool
        Whether `amplitude` holds it already.
    s0 : ndarray, shape (n,)
        Takes the signal at TE 0, in the image's unit.
    residual : ndarray, shape (n,)
        Takes the root mean square over the echoes of data minus fit, in the image's unit.
    """
    count = times.size
    decay = np.ones(count)
    for voxel in range(signal.shape[0]):
        if scale[voxel] <= 0.0:
            amplitude[voxel], s0[voxel], residual[voxel] = 0.0, 0.0, 0.0
            continue
        factor = np.exp(-rate[voxel] * spacing)
        above, below = 0.0, 0.0
        for echo in range(count):
            if spacing <= 0.0:
                decay[echo] = np.exp(-rate[voxel] * (times[echo] - times[0]))
            elif echo > 0:
                decay[echo] = decay[echo - 1] * factor
            above += decay[echo] * signal[voxel, echo]
            below += decay[echo] * decay[echo]
        if not given:
            amplitude[voxel] = max(above / below, 0.0)
        squares = 0.0
        for echo in range(count):
            squares += (signal[voxel, echo] - amplitude[voxel] * decay[echo]) ** 2
        s0[voxel] = min(amplitude[voxel] * np.exp(rate[voxel] * times[0]) * scale[voxel], LARGEST_FLOAT32)
        residual[voxel] = min(np.sqrt(squares / count) * scale[voxel], LARGEST_FLOAT32)
