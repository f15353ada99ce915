"""Compiled loops of the field gradients, first part: how fast the phases of neighboring voxels part over the echoes.

Kernels stand beside the helpers that they call, since numba's cache watches one file.
"""

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.kernels import compiled

#: Mean square of the residuals (rad^2) from which a pair counts a quarter; noise has some 2, an SNR of 5 has 0.15.
NOISY = 0.3
#: Of the line over the echoes.
PARAMETERS = 3
_TURN = 2.0 * np.pi
# Below this part of what independent columns would give, a normal equation has no solution.
_SINGULAR = 1e-9


@compiled
def _wrap(angle: float) -> float:
    """Return an angle in [-pi, pi]."""
    return angle - _TURN * np.round(angle / _TURN)


@compiled
def _first_slope(theta: NDArray, weight: NDArray, times: NDArray) -> float:
    """Return the slope from wrapped steps; steps up and steps down of an alternating offset count alike."""
    step, gap, total = np.zeros(2), np.zeros(2), np.zeros(2)
    for echo in range(times.size - 1):
        w = min(weight[echo], weight[echo + 1])
        step[echo % 2] += w * _wrap(theta[echo + 1] - theta[echo])
        gap[echo % 2] += w * (times[echo + 1] - times[echo])
        total[echo % 2] += w
    rise, run = 0.0, 0.0
    for parity in range(2):
        if total[parity] > 0.0:
            rise += step[parity] / total[parity]
            run += gap[parity] / total[parity]
    return rise / run if run > 0.0 else 0.0


@compiled
def phase_slope(theta: NDArray, weight: NDArray, times: NDArray) -> tuple[float, float, float]:
    """Fit offset + slope t + alternation (-1)^echo to wrapped phases.

    The alternation takes up what readouts of alternating polarity, or two interleaved trains, add to every other echo;
    it needs three echoes.

    Parameters
    ----------
    theta : ndarray, shape (n_echo,)
        Phases in rad, wrapped or not.
    weight : ndarray, shape (n_echo,)
        Inverse variances of the phases, in any unit.
    times : ndarray, shape (n_echo,)
        Echo times in s, rising.

    Returns
    -------
    slope : float
        In rad/s; 0 where the line cannot be told.
    information : float
        Inverse of the slope's variance, in units of the variance of a phase of weight 1.
    quality : float
        From 1 to 0 where phases are off the line by so much that they may be noise, whose wrapped slopes scatter more
        than linear theory says.
    """
    count = times.size
    slope = _first_slope(theta, weight, times)
    information, square = 0.0, 0.0
    # The first round can still be off by a wrap at late echoes that the second has right.
    for _ in range(2):
        w0, t1, a1, r1 = 0.0, 0.0, 0.0, 0.0
        tt, ta, aa, tr, ar, rr = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for echo in range(count):
            w, t, a = weight[echo], times[echo] - times[0], 1.0 - 2.0 * (echo % 2)
            r = _wrap(theta[echo] - theta[0] - slope * t)
            w0, t1, a1, r1 = w0 + w, t1 + w * t, a1 + w * a, r1 + w * r
            tt, ta, aa = tt + w * t * t, ta + w * t * a, aa + w * a * a
            tr, ar, rr = tr + w * t * r, ar + w * a * r, rr + w * r * r
        if not w0 > 0.0:
            return 0.0, 0.0, 0.0
        whole_t, whole_a = tt, aa
        tt, ta, aa = tt - t1 * t1 / w0, ta - t1 * a1 / w0, aa - a1 * a1 / w0
        tr, ar, rr = tr - t1 * r1 / w0, ar - a1 * r1 / w0, rr - r1 * r1 / w0
        if count < 3:
            aa, ta, ar = 1.0, 0.0, 0.0
        determinant = tt * aa - ta * ta
        if not determinant > _SINGULAR * whole_t * max(whole_a, aa):
            return 0.0, 0.0, 0.0
        change = (tr * aa - ar * ta) / determinant
        slope += change
        information = determinant / aa
        square = max(rr - change * tr - (ar * tt - tr * ta) / determinant * ar, 0.0) / w0
    square *= count / (count - PARAMETERS) / NOISY if count > PARAMETERS else 0.0
    return slope, information, 1.0 / (1.0 + square * square) ** 2


@compiled
def pair_slopes(
    magnitude: NDArray,
    phase: NDArray,
    times: NDArray,
    smallest: float,
    slopes: NDArray,
    information: NDArray,
    quality: NDArray,
) -> None:
    """Fill slope, information and quality of each voxel and its next neighbor along each axis, as `phase_slope`.

    The variance of a phase difference is noise^2 (1/m1^2 + 1/m2^2), whose inverse is its weight.

    Parameters
    ----------
    magnitude : ndarray, shape (x, y, z, n_echo)
        In any unit, finite.
    phase : ndarray, shape (x, y, z, n_echo)
        In rad, wrapped or not; finite.
    times : ndarray, shape (n_echo,)
        Echo times in s, rising.
    smallest : float
        Magnitude of the first echo, in the unit of `magnitude`, below which a voxel has no pairs.
    slopes, information, quality : ndarray, shape (x, y, z, 3)
        Take the difference of the angular frequencies (neighbor minus voxel, rad/s), its information, and its quality
        from 0 to 1; 0 where a voxel has no neighbor, or one of both is below `smallest`.
    """
    nx, ny, nz, count = magnitude.shape
    theta, weight = np.zeros(count), np.zeros(count)
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                for axis in range(3):
                    a, b, c = i + (axis == 0), j + (axis == 1), k + (axis == 2)
                    slopes[i, j, k, axis], information[i, j, k, axis], quality[i, j, k, axis] = 0.0, 0.0, 0.0
                    if a == nx or b == ny or c == nz:
                        continue
                    if not min(magnitude[i, j, k, 0], magnitude[a, b, c, 0]) >= smallest:
                        continue
                    for echo in range(count):
                        m1, m2 = magnitude[i, j, k, echo] / smallest, magnitude[a, b, c, echo] / smallest
                        both = m1 * m1 + m2 * m2
                        weight[echo] = m1 * m1 * m2 * m2 / both if both > 0.0 else 0.0
                        theta[echo] = phase[a, b, c, echo] - phase[i, j, k, echo]
                    slope, known, good = phase_slope(theta, weight, times)
                    slopes[i, j, k, axis], information[i, j, k, axis], quality[i, j, k, axis] = slope, known, good
