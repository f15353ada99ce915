"""Compiled loops of the field gradients, second part: the field around each voxel that explains its neighborhood.

Near a voxel the field is taken as a polynomial of second degree without sources: the gradient g, and the symmetric
second derivatives h with trace 0. The difference along axis a of two neighbors at the mean place x is then
g_a + sum over b of h_ab x_b, lengths being in voxel edges. Symmetry and trace let the axes help one another, which
matters at the edge of the tissue, where the field is steepest and neighbors are on one side only.

Kernels stand beside the helpers that they call, since numba's cache watches one file.
"""

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.kernels import compiled

#: Second derivatives xx, yy, xy, xz, yz, then the gradient.
UNKNOWNS, SECOND = 8, 5
#: Prior of the second derivatives and of the gradient around 0, in parts of the mean information of a pair.
_RIDGE_SECOND, _RIDGE_GRADIENT = 0.05, 1e-4
#: The square of a noisy gradient is too large by its variance; a gradient within sqrt(3) standard deviations is none.
DOUBT = 3.0
#: Weight of pairs one voxel to the side.
_ASIDE = 0.5


@compiled
def _row(axis: int, x: NDArray, ratios: NDArray, places: NDArray, values: NDArray) -> int:
    """Fill which unknowns add to the difference along `axis` at `x`, and what; return how many.

    Places rise; `ratios` are those of the second derivative zz to xx and yy.
    """
    if axis == 0:
        places[0], places[1], places[2] = 0, 2, 3
        values[0], values[1], values[2] = x[0], x[1], x[2]
    elif axis == 1:
        places[0], places[1], places[2] = 1, 2, 4
        values[0], values[1], values[2] = x[1], x[0], x[2]
    else:
        places[0], places[1], places[2], places[3] = 0, 1, 3, 4
        values[0], values[1], values[2], values[3] = -ratios[0] * x[2], -ratios[1] * x[2], x[0], x[1]
    last = 4 if axis == 2 else 3
    places[last], values[last] = SECOND + axis, 1.0
    return last + 1


@compiled
def _solve(matrix: NDArray, vector: NDArray) -> bool:
    """Solve in place: the lower triangle becomes Cholesky's factor, the vector the solution."""
    for n in range(UNKNOWNS):
        for m in range(n + 1):
            value = matrix[n, m]
            for o in range(m):
                value -= matrix[n, o] * matrix[m, o]
            if n > m:
                matrix[n, m] = value / matrix[m, m]
            elif value > 0.0:
                matrix[n, n] = np.sqrt(value)
            else:
                return False
    for n in range(UNKNOWNS):
        for o in range(n):
            vector[n] -= matrix[n, o] * vector[o]
        vector[n] /= matrix[n, n]
    for n in range(UNKNOWNS - 1, -1, -1):
        for o in range(n + 1, UNKNOWNS):
            vector[n] -= matrix[o, n] * vector[o]
        vector[n] /= matrix[n, n]
    return True


@compiled
def _gradient_variance(factor: NDArray, axis: int) -> float:
    """Return the diagonal element of the inverse that belongs to the gradient along `axis`."""
    total = 0.0
    column = np.zeros(3)
    for n in range(axis, 3):
        value = 1.0 if n == axis else 0.0
        for o in range(axis, n):
            value -= factor[SECOND + n, SECOND + o] * column[o]
        column[n] = value / factor[SECOND + n, SECOND + n]
        total += column[n] * column[n]
    return total


@compiled
def _gather(
    voxel: NDArray,
    slopes: NDArray,
    information: NDArray,
    quality: NDArray,
    ratios: NDArray,
    matrix: NDArray,
    vector: NDArray,
    totals: NDArray,
) -> None:
    """Sum the normal equations over the pairs around a voxel.

    `totals` are the sum of weights, that of weight times squared slope, the number of pairs, and the mean quality.
    """
    places, values, x = np.zeros(5, np.int64), np.zeros(5), np.zeros(3)
    matrix[:], vector[:], totals[:] = 0.0, 0.0, 0.0
    everything = 0.0
    low, high = np.zeros(3, np.int64), np.zeros(3, np.int64)
    for axis in range(3):
        # The pair (p, p + 1) stands at p: the two pairs of the voxel itself are those at -1 and 0 along the axis.
        for n in range(3):
            low[n] = max(0, voxel[n] - 1)
            high[n] = min(slopes.shape[n], voxel[n] + (1 if n == axis else 2))
        for a in range(low[0], high[0]):
            for b in range(low[1], high[1]):
                for c in range(low[2], high[2]):
                    weight = information[a, b, c, axis]
                    if not weight > 0.0:
                        continue
                    x[0], x[1], x[2] = a - voxel[0], b - voxel[1], c - voxel[2]
                    for other in range(3):
                        if other != axis and x[other] != 0.0:
                            weight *= _ASIDE
                    x[axis] += 0.5
                    everything += weight
                    weight *= quality[a, b, c, axis]
                    slope = slopes[a, b, c, axis]
                    terms = _row(axis, x, ratios, places, values)
                    for n in range(terms):
                        value = weight * values[n]
                        vector[places[n]] += value * slope
                        for m in range(n + 1):
                            matrix[places[n], places[m]] += value * values[m]
                    totals[0] += weight
                    totals[1] += weight * slope * slope
                    totals[2] += 1.0
    totals[3] = totals[0] / everything if everything > 0.0 else 0.0


@compiled
def _fit_voxel(matrix: NDArray, vector: NDArray, totals: NDArray, right: NDArray) -> float:
    """Solve the normal equations in place; return the mean square of the weighted residuals, or -1 without solution."""
    total, square, count, _ = totals
    if not (count > UNKNOWNS and total > 0.0):
        return -1.0
    for n in range(UNKNOWNS):
        matrix[n, n] += (_RIDGE_SECOND if n < SECOND else _RIDGE_GRADIENT) * total / count
        right[n] = vector[n]
    if not _solve(matrix, vector):
        return -1.0
    for n in range(UNKNOWNS):
        square -= right[n] * vector[n]
    return max(square, 0.0) / (count - UNKNOWNS)


@compiled
def local_fit(
    slopes: NDArray,
    information: NDArray,
    quality: NDArray,
    ratios: NDArray,
    planes: tuple[int, int],
    gradients: NDArray,
    scatter: NDArray,
    coherence: NDArray,
) -> None:
    """Fill the gradient around each voxel of some planes, and what says how far it can be trusted.

    The square of a gradient is lowered by DOUBT times its variance.

    Parameters
    ----------
    slopes, information, quality : ndarray, shape (x, y, z, 3)
        Of each voxel and its next neighbor along each axis, as `harmoniq.r2star.field_kernels.pair_slopes` fills them.
    ratios : ndarray, shape (2,)
        Squared ratio of a voxel's third edge to its first and its second: the field has no sources.
    planes : tuple (int, int)
        First plane along the third axis that is fitted, and the one after the last.
    gradients : ndarray, shape (3, x, y, n_planes)
        Takes the gradient in rad/s per voxel edge; 0 where there is no fit.
    scatter : ndarray, shape (x, y, n_planes)
        Takes the variance of the slopes around the fit, (rad/s)^2; -1 where there is no fit.
    coherence : ndarray, shape (x, y, n_planes)
        Takes the mean quality of the pairs, weighted by their information, 0 to 1.
    """
    matrix, vector, right = np.zeros((UNKNOWNS, UNKNOWNS)), np.zeros(UNKNOWNS), np.zeros(UNKNOWNS)
    voxel, totals = np.zeros(3, np.int64), np.zeros(4)
    for i in range(slopes.shape[0]):
        for j in range(slopes.shape[1]):
            for k in range(planes[0], planes[1]):
                out = k - planes[0]
                voxel[0], voxel[1], voxel[2] = i, j, k
                _gather(voxel, slopes, information, quality, ratios, matrix, vector, totals)
                variance = _fit_voxel(matrix, vector, totals, right)
                coherence[i, j, out] = totals[3]
                if variance < 0.0:
                    gradients[:, i, j, out], scatter[i, j, out] = 0.0, -1.0
                    continue
                scatter[i, j, out] = variance * totals[2] / totals[0]
                for axis in range(3):
                    slope = vector[SECOND + axis]
                    left = max(slope * slope - DOUBT * variance * _gradient_variance(matrix, axis), 0.0)
                    gradients[axis, i, j, out] = np.copysign(np.sqrt(left), slope)
