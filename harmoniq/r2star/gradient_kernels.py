"""Compiled loops of the correction of a decay for field gradients.

Kernels stand beside the helpers that they call, since numba's cache watches one file.
"""

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.kernels import compiled

MAX_ITERATIONS = 40
TOLERANCE = 1e-8
#: Echoes count less below the first and not at all below the second of these attenuations, nor do those after them.
FULL_WEIGHT, NO_WEIGHT = 0.5, 0.3
#: Where fewer echoes than this have weight, the decay is not measured.
FEWEST = 3
#: Turns across an encoded voxel beyond which an echo is not used: at half a turn its center leaves k-space.
LARGEST_SHIFT = 0.45


@compiled
def _sinc(x: float) -> float:
    """Return sin(x) / x."""
    return np.sin(x) / x if abs(x) > 1e-4 else 1.0 - x * x / 6.0


@compiled
def fill_attenuation(edges: NDArray, times: NDArray, boxes: NDArray, factors: NDArray) -> None:
    """Fill the attenuation of voxels at each echo.

    Along `boxes` it is that of a box, along the other axes that of encoding: an echo keeps its signal until the
    gradient has shifted it out of k-space.

    Parameters
    ----------
    edges : ndarray, shape (n, 3)
        Difference of the frequency across each edge of a voxel, in rad/s.
    times : ndarray, shape (n_echo,)
        Echo times in s.
    boxes : ndarray of bool, shape (3,)
        Along which axes a voxel is a box.
    factors : ndarray, shape (n, n_echo)
        Takes the signal over that without gradient, -0.22 to 1.
    """
    for voxel in range(edges.shape[0]):
        for echo in range(times.size):
            factor = 1.0
            for axis in range(3):
                half = 0.5 * times[echo] * edges[voxel, axis]
                if boxes[axis]:
                    factor *= _sinc(half)
                elif abs(half) > np.pi * LARGEST_SHIFT:
                    factor = 0.0
            factors[voxel, echo] = factor


@compiled
def fill_weights(factors: NDArray, weights: NDArray) -> int:
    """Fill one voxel's echo weights, which never rise.

    Parameters
    ----------
    factors : ndarray, shape (n_echo,)
        Attenuation at each echo.
    weights : ndarray, shape (n_echo,)
        Takes 1 down to an attenuation of 0.5, and 0 from 0.3 on.

    Returns
    -------
    int
        How many weights are above 0.
    """
    lowest, used = 1.0, 0
    for echo in range(factors.size):
        lowest = min(lowest, max((factors[echo] - NO_WEIGHT) / (FULL_WEIGHT - NO_WEIGHT), 0.0))
        weights[echo] = lowest
        used += lowest > 0.0
    return used


@compiled
def _sums(
    signal: NDArray, times: NDArray, factors: NDArray, weights: NDArray, rate: float
) -> tuple[float, float, float, float, float]:
    """Return the weighted sums over the echoes of h^2, t h^2, t^2 h^2, h s and t h s, with h = factor exp(-rate t)."""
    c0, c1, c2, b0, b1 = 0.0, 0.0, 0.0, 0.0, 0.0
    for echo in range(times.size):
        if weights[echo] <= 0.0:
            break
        time = times[echo] - times[0]
        h = factors[echo] * np.exp(-rate * time)
        w = weights[echo] * h
        c0 += w * h
        c1 += time * w * h
        c2 += time * time * w * h
        b0 += w * signal[echo]
        b1 += time * w * signal[echo]
    return c0, c1, c2, b0, b1


@compiled
def _start(signal: NDArray, times: NDArray, factors: NDArray, weights: NDArray) -> float:
    """Return the rate from a line through the logarithms, weighted by the squared signal."""
    sw, st, sl, stt, stl = 0.0, 0.0, 0.0, 0.0, 0.0
    for echo in range(times.size):
        if weights[echo] > 0.0 and signal[echo] > 0.0:
            weight, time = weights[echo] * signal[echo] ** 2, times[echo] - times[0]
            log = np.log(signal[echo] / factors[echo])
            sw += weight
            st += weight * time
            sl += weight * log
            stt += weight * time * time
            stl += weight * time * log
    spread = sw * stt - st * st
    return -(sw * stl - st * sl) / spread if spread > 0.0 else 0.0


@compiled
def attenuated_nlls(
    signal: NDArray, times: NDArray, factors: NDArray, weights: NDArray, limit: float
) -> tuple[float, float]:
    """Fit amplitude and rate of one voxel's factor exp(-rate t) by weighted least squares.

    The amplitude is projected out, and steps that do not help are halved, as in `harmoniq.r2star.nlls`.

    Parameters
    ----------
    signal : ndarray, shape (n_echo,)
        Magnitudes, in any unit.
    times : ndarray, shape (n_echo,)
        Echo times in s.
    factors : ndarray, shape (n_echo,)
        Attenuation at each echo.
    weights : ndarray, shape (n_echo,)
        0 to 1, falling; echoes after the first 0 are not used.
    limit : float
        Largest rate, in 1/s.

    Returns
    -------
    amplitude : float
        At the first echo, without attenuation, in the signal's unit; 0 where there is none.
    rate : float
        In 1/s, from 0 to `limit`.
    """
    here = min(max(_start(signal, times, factors, weights), 0.0), limit)
    c0, c1, c2, b0, b1 = _sums(signal, times, factors, weights, here)
    gain = b0 * b0 / c0
    for _ in range(MAX_ITERATIONS):
        curvature = c2 - c1 * c1 / c0
        if b0 <= 0.0 or curvature <= 0.0:
            break
        amplitude = b0 / c0
        step = -(b1 - amplitude * c1) / (amplitude * curvature)
        improved = False
        for _ in range(8):
            there = min(max(here + step, 0.0), limit)
            c0, c1, c2, b0, b1 = _sums(signal, times, factors, weights, there)
            new = b0 * b0 / c0
            if b0 > 0.0 and new >= gain:
                improved = True
                break
            step *= 0.5
        if not improved:
            c0, c1, c2, b0, b1 = _sums(signal, times, factors, weights, here)
            break
        moved = abs(there - here)
        here, gain = there, new
        if moved <= TOLERANCE * (1.0 + here):
            break
    return max(b0 / c0, 0.0), here


@compiled
def restore(signal: NDArray, times: NDArray, edges: NDArray, boxes: NDArray, limit: float, corrected: NDArray) -> None:
    """Replace each voxel's signal by the one without attenuation, as `harmoniq.r2star.gradient_correction` says.

    Parameters
    ----------
    signal : ndarray, shape (n, n_echo)
        Magnitudes, in any unit; overwritten where a correction is made.
    times : ndarray, shape (n_echo,)
        Echo times in s.
    edges : ndarray, shape (n, 3)
        Difference of the frequency across each edge of a voxel, in rad/s.
    boxes : ndarray of bool, shape (3,)
        Along which axes a voxel is a box.
    limit : float
        Rate in 1/s from which a decay is not believed.
    corrected : ndarray of bool, shape (n,)
        Takes where a correction was made.
    """
    count = times.size
    factors, weights = np.zeros((1, count)), np.zeros(count)
    for voxel in range(signal.shape[0]):
        corrected[voxel] = False
        fill_attenuation(edges[voxel : voxel + 1], times, boxes, factors)
        if factors[0, count - 1] >= 1.0 or fill_weights(factors[0], weights) < min(FEWEST, count):
            continue
        amplitude, rate = attenuated_nlls(signal[voxel], times, factors[0], weights, limit)
        if not (amplitude > 0.0 and 0.0 < rate < limit):
            continue
        corrected[voxel] = True
        for echo in range(count):
            model = amplitude * np.exp(-rate * (times[echo] - times[0]))
            factor = factors[0, echo]
            signal[voxel, echo] = model + weights[echo] * factor * (signal[voxel, echo] - factor * model)
