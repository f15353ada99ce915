"""The compiled inner loop of the rasterizer: pull a point back to the template and look its tissue up."""

import numba
import numpy as np

from harmoniq.simulation.cortex import MEDIAL_WALL
from harmoniq.simulation.template import DISTANCE_UNIT_MM, LABELS_PER_SIDE

_WALL = MEDIAL_WALL
_UNIT = DISTANCE_UNIT_MM
_LABELS = LABELS_PER_SIDE


@numba.njit(cache=True, nogil=True, inline="always")
def _trilinear(field, i, j, k, a, b, c):  # type: ignore[no-untyped-def]
    """Return the value and its gradient along the axes, per node, at node (i, j, k) plus (a, b, c)."""
    v000, v001 = float(field[i, j, k]), float(field[i, j, k + 1])
    v010, v011 = float(field[i, j + 1, k]), float(field[i, j + 1, k + 1])
    v100, v101 = float(field[i + 1, j, k]), float(field[i + 1, j, k + 1])
    v110, v111 = float(field[i + 1, j + 1, k]), float(field[i + 1, j + 1, k + 1])
    w00, w01 = v000 + c * (v001 - v000), v010 + c * (v011 - v010)
    w10, w11 = v100 + c * (v101 - v100), v110 + c * (v111 - v110)
    w0, w1 = w00 + b * (w01 - w00), w10 + b * (w11 - w10)
    gy = (1.0 - a) * (w01 - w00) + a * (w11 - w10)
    gz0 = (1.0 - b) * (v001 - v000) + b * (v011 - v010)
    gz1 = (1.0 - b) * (v101 - v100) + b * (v111 - v110)
    return w0 + a * (w1 - w0), w1 - w0, gy, (1.0 - a) * gz0 + a * gz1


@numba.njit(cache=True, nogil=True, inline="always")
def _stretch(gx, gy, gz, matrix, amplitude, wave, cosines):  # type: ignore[no-untyped-def]
    """Return how much longer the subject's distance along a template's gradient is than the template's."""
    size = np.sqrt(gx * gx + gy * gy + gz * gz)
    if size < 1e-9:
        return 1.0
    total = 0.0
    for axis in range(3):
        pulled = gx * matrix[0, axis] + gy * matrix[1, axis] + gz * matrix[2, axis]
        for m in range(amplitude.shape[0]):
            along = gx * amplitude[m, 0] + gy * amplitude[m, 1] + gz * amplitude[m, 2]
            pulled += along * cosines[m] * wave[m, axis]
        total += pulled * pulled
    return size / np.sqrt(total)


@numba.njit(cache=True, nogil=True, inline="always")
def _mixture(  # type: ignore[no-untyped-def]
    u, v, w, fields, ramp, numbers, matrix, amplitude, wave, cosines
):
    """Return rows a, b, the weight of a, and whether the point is white matter, at the node coordinates (u, v, w)."""
    white_field, pial_field, label_field, tissue_field, _ = fields
    i, j, k = int(u), int(v), int(w)
    a, b, c = u - i, v - j, w - k
    ni, nj, nk = int(u + 0.5), int(v + 0.5), int(w + 0.5)
    tissue = int(tissue_field[ni, nj, nk])
    label = int(label_field[ni, nj, nk])
    bundle = tissue >= numbers[0]
    matter = bundle or tissue == numbers[2]
    if label == _WALL:
        return tissue, tissue, 1.0, matter
    white, gx, gy, gz = _trilinear(white_field, i, j, k, a, b, c)
    white *= _UNIT
    if white > 0.0:
        pial, _, _, _ = _trilinear(pial_field, i, j, k, a, b, c)
        if pial > 0.0:
            return tissue, tissue, 1.0, False
    else:
        matter = True
    distance = white * _stretch(gx, gy, gz, matrix, amplitude, wave, cosines)
    gray = numbers[1] + label
    inner = gray + 2 * _LABELS
    if distance >= ramp[0]:
        return gray, gray, 1.0, False
    if distance >= ramp[1]:
        return gray, inner, (distance - ramp[1]) / (ramp[0] - ramp[1]), matter
    # In the band beneath the cortex, a class that the nearest node took from outside the white surface is no tissue.
    if tissue < numbers[2]:
        tissue = numbers[2]
    width = ramp[3] if bundle else ramp[2]
    below = (ramp[1] - distance) / width
    if below >= 1.0:
        return tissue, tissue, 1.0, bundle or tissue == numbers[2]
    return inner, tissue, 1.0 - below, bundle or tissue == numbers[2]


@numba.njit(cache=True, nogil=True, inline="always")
def _pull(x, y, matrix, offset, amplitude, sines):  # type: ignore[no-untyped-def]
    """Put the template's point of the subject's point x into y."""
    for axis in range(3):
        y[axis] = offset[axis] + matrix[axis, 0] * x[0] + matrix[axis, 1] * x[1] + matrix[axis, 2] * x[2]
    for m in range(amplitude.shape[0]):
        for axis in range(3):
            y[axis] += amplitude[m, axis] * sines[m]


@numba.njit(cache=True, nogil=True, inline="always")
def _head_class(y, head, grid, air):  # type: ignore[no-untyped-def]
    """Return the class of the head's nearest node, or air outside its grid."""
    i = int(np.floor((y[0] - grid[0]) / grid[3] + 0.5))
    j = int(np.floor((y[1] - grid[1]) / grid[3] + 0.5))
    k = int(np.floor((y[2] - grid[2]) / grid[3] + 0.5))
    if 0 <= i < head.shape[0] and 0 <= j < head.shape[1] and 0 <= k < head.shape[2]:
        return int(head[i, j, k])
    return air


@numba.njit(cache=True, nogil=True)
def _balls_on_line(x, step, balls, near):  # type: ignore[no-untyped-def]
    """Put the numbers of the balls that the line through x along `step` meets into `near`; return how many."""
    count = 0
    length2 = step[0] ** 2 + step[1] ** 2 + step[2] ** 2
    for n in range(len(balls)):
        along, apart = 0.0, 0.0
        for axis in range(3):
            along += (balls[n, axis] - x[axis]) * step[axis]
            apart += (balls[n, axis] - x[axis]) ** 2
        if apart - along * along / length2 < balls[n, 3] ** 2:
            near[count] = n
            count += 1
    return count


@numba.njit(cache=True, nogil=True, inline="always")
def _in_ball(x, balls, near, count):  # type: ignore[no-untyped-def]
    for c in range(count):
        n = near[c]
        apart = (balls[n, 0] - x[0]) ** 2 + (balls[n, 1] - x[1]) ** 2 + (balls[n, 2] - x[2]) ** 2
        if apart < balls[n, 3] ** 2:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def paint(  # type: ignore[no-untyped-def]
    block, start, steps, fields, grids, warp, table, ramp, numbers, balls, lesion
):
    """Fill a block with the table's values at the subject's points ``start + steps @ (x, y, z)``.

    Parameters
    ----------
    block : ndarray of float32, shape (p, X, Y, Z)
        Takes a value of each property at each point.
    start : ndarray, shape (3,)
        The first point, in the subject's RAS mm.
    steps : ndarray, shape (3, 3)
        From indices of the block to RAS mm.
    fields : tuple of ndarray
        The template's white and pial distance, label, tissue and head.
    grids : ndarray, shape (2, 4)
        Origin and spacing in mm of the first four fields and of the head.
    warp : tuple of ndarray
        Matrix, offset, amplitude, wave and phase of `harmoniq.simulation.deformation.Deformation`.
    table : ndarray of float32, shape (rows, p)
        The properties' values of each tissue class, set of bundles, cortical label, and cortical label at the ramp's
        inner end.
    ramp : ndarray, shape (4,)
        Signed distances from the white surface where the ramp begins and ends, and the widths over which superficial
        goes over into deep white matter and into a bundle, in mm.
    numbers : ndarray of int, shape (4,)
        Rows of the first set of bundles, the first cortical label, deep white matter, and air.
    balls : ndarray, shape (k, 4)
        Centers of lesions in the subject's RAS mm, and radii in mm.
    lesion : ndarray, shape (2, p)
        In lesions a value is multiplied by the first row, and the second is added.
    """
    matrix, offset, amplitude, wave, phase = warp
    modes, size = amplitude.shape[0], fields[3].shape
    sines, cosines = np.empty(modes), np.empty(modes)
    x, y, near = np.empty(3), np.empty(3), np.empty(len(balls), np.int64)
    step = steps[:, 2].copy()
    # Along a row the waves advance by a constant angle: they are turned by it instead of computed anew.
    step_sine, step_cosine = np.sin(wave @ step), np.cos(wave @ step)
    for p in range(block.shape[1]):
        for q in range(block.shape[2]):
            for axis in range(3):
                x[axis] = start[axis] + p * steps[axis, 0] + q * steps[axis, 1]
            for m in range(modes):
                angle = wave[m, 0] * x[0] + wave[m, 1] * x[1] + wave[m, 2] * x[2] + phase[m]
                sines[m], cosines[m] = np.sin(angle), np.cos(angle)
            count = _balls_on_line(x, step, balls, near)
            for r in range(block.shape[3]):
                _pull(x, y, matrix, offset, amplitude, sines)
                u = (y[0] - grids[0, 0]) / grids[0, 3]
                v = (y[1] - grids[0, 1]) / grids[0, 3]
                w = (y[2] - grids[0, 2]) / grids[0, 3]
                weight, matter = 1.0, False
                if 0.0 <= u < size[0] - 1.001 and 0.0 <= v < size[1] - 1.001 and 0.0 <= w < size[2] - 1.001:
                    one, two, weight, matter = _mixture(
                        u, v, w, fields, ramp, numbers, matrix, amplitude, wave, cosines
                    )
                else:
                    one = _head_class(y, fields[4], grids[1], numbers[3])
                    two = one
                hit = matter and _in_ball(x, balls, near, count)
                for o in range(block.shape[0]):
                    value = weight * table[one, o] + (1.0 - weight) * table[two, o]
                    block[o, p, q, r] = value * lesion[0, o] + lesion[1, o] if hit else value
                for axis in range(3):
                    x[axis] += step[axis]
                for m in range(modes):
                    sine = sines[m] * step_cosine[m] + cosines[m] * step_sine[m]
                    cosines[m] = cosines[m] * step_cosine[m] - sines[m] * step_sine[m]
                    sines[m] = sine
