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
    signal : array
        (voxels, echoes) magnitudes, in the image's unit.
    scale : array
        S0 that fits best, in the signal's unit.
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
    signal : array
        (voxels, echoes) magnitudes, in the image's unit.
    times : array
        (echoes,) echo times, s.
    rate : array
        R2*, 1/s.
    amplitude : array
        S0, in the signal's unit.
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
    """Fill signal at TE 0 and root mean square residual in the unit of the data.

    `amplitude` at the first echo is taken where it is `given`, and otherwise filled as `project` does. With even
    spacing of the echoes (above 0) the exponentials are powers of one.

    Parameters
    ----------
    signal : array
        (voxels, echoes) magnitudes, in the image's unit.
    times : array
        (echoes,) echo times, s.
    spacing : float
        Spacing of the echoes, s.
    scale : array
        S0 that fits best, in the signal's unit.
    rate : array
        R2*, 1/s.
    amplitude : array
        S0, in the signal's unit.
    given : bool
        Whether S0 is given.
    s0 : array
        S0, in the signal's unit.
    residual : array
        (voxels,) sum of squared residuals.
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
