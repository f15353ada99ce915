"""The kernels that look up R1: linear interpolation in cells that grow with the distance from the nearer end.

R1 changes as a square root near the ends of the branch, so that equal cells of the uniform image would be too coarse
there. The cells are therefore those of a floating-point number: the distance from the nearer end, whose exponent and
first binary places are the number of its cell and whose other places are the position in it. A voxel costs one read of
the table, no search, and no branch that a processor could guess wrong. The kernels go through chunks of voxels in
several short loops, since all but the reading of the table then runs on many voxels at once.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.kernels import compiled

if TYPE_CHECKING:
    from harmoniq.mp2rage.lookup import LookupTable

#: Binary places of a number in float32, and its exponent's bias.
_PLACES, _BIAS = 23, 127
#: Voxels whose intermediate values stay in the processor's nearest cache.
_CHUNK = 256


class Cells(NamedTuple):
    """Lookup tables as the kernels take them, one row each.

    Parameters
    ----------
    lines : ndarray of float32, shape (n_tables * 2 * n_cells, 2)
        R1 at the start of each cell and its change with the last binary place within the cell: of the lower half of
        the branch from its lower end upward, then of its upper half from the upper end downward; the first cells hold
        the end itself.
    ends : ndarray of the uniform image's type, shape (n_tables, 2)
        Lower and upper end of the branch.
    shift : int
        Binary places within a cell.
    first : int
        What is taken from the number of a cell to have its place in the table.
    smallest : float
        Distances below it count as the end.
    """

    lines: NDArray[np.float32]
    ends: NDArray
    shift: int
    first: int
    smallest: np.float32


def make_cells(tables: "list[LookupTable]", octaves: int, bits: int, kind: np.dtype) -> Cells:
    """Divide tables into cells.

    Parameters
    ----------
    tables : list of LookupTable
        One row each.
    octaves : int
        How often the distance from the end is halved, starting at half of the uniform image's range.
    bits : int
        Each octave has 2^bits cells.
    kind : dtype
        Of the uniform image, float32 or float64: the kernels calculate in it.

    Returns
    -------
    Cells
    """
    shift = _PLACES - bits
    # The lowest octave stands for the end; the cell after the last is that of the distance 0.5 itself.
    numbers = np.arange((_BIAS - 2 - octaves) << bits, ((_BIAS - 1) << bits) + 2, dtype=np.int32)
    distance = (numbers << shift).view(np.float32).astype(np.float64)
    ends = np.array([(table.uni[0], table.uni[-1]) for table in tables], kind)
    count = distance.size - 1
    lines = np.zeros((len(tables), 2 * count, 2), np.float32)
    for row, table in enumerate(tables):
        # From the rounded ends: the kernels subtract values from them, and these differences are exact.
        for side, values in enumerate((float(ends[row, 0]) + distance, float(ends[row, 1]) - distance)):
            rate = table.r1(values)
            start, change = rate[:-1], np.diff(rate) / (1 << shift)
            start[: 1 << bits], change[: 1 << bits] = 1.0 / table.t1[-side], 0.0
            lines[row, side * count : (side + 1) * count] = np.stack([start, change], axis=-1)
    return Cells(lines.reshape(-1, 2), ends, shift, int(numbers[0]), np.float32(distance[0]))


@compiled
def _locate(
    uni: NDArray, low: NDArray, high: NDArray, table: Cells, nearest: NDArray, cells: NDArray, parts: NDArray
) -> None:
    """Fill the cells within a row, and the places in them, of values between the ends `low` and `high`."""
    up, shift = np.int32(table.lines.shape[0] // table.ends.shape[0] // 2), np.int32(table.shift)
    start, smallest, mask = np.int32(table.first), table.smallest, (np.int32(1) << shift) - np.int32(1)
    for voxel in range(uni.size):
        value = uni[voxel]
        rise, fall = np.float32(value - low[voxel]), np.float32(high[voxel] - value)
        distance = rise if rise < fall else fall
        # What is beyond the ends, or not a number, takes an end's cell.
        nearest[voxel] = distance if distance > smallest else smallest
        cells[voxel] = np.int32(0) if rise < fall else up
    bits = nearest.view(np.int32)
    for voxel in range(uni.size):
        cells[voxel] += (bits[voxel] >> shift) - start
        parts[voxel] = np.float32(bits[voxel] & mask)


@compiled
def _finish(
    uni: NDArray,
    low: NDArray,
    high: NDArray,
    unusable: NDArray,
    slack: float,
    rates: NDArray,
    r1: NDArray,
    outside: NDArray,
) -> None:
    """Fill `r1`, which may be `uni` itself, and say what is outside the ends, or `unusable`."""
    margin, zero = uni.dtype.type(slack), uni.dtype.type(0.0)
    for voxel in range(uni.size):
        value = uni[voxel]
        inside = (value >= low[voxel] - margin) & (value <= high[voxel] + margin)
        outside[voxel] = unusable[voxel] | (not inside)
        # A value minus itself is 0 where it is finite, and NaN elsewhere.
        r1[voxel] = rates[voxel] if value - value == zero else np.float32(0.0)


@compiled
def interpolate(uni: NDArray, table: Cells, slack: float, r1: NDArray, outside: NDArray) -> None:
    """Fill `r1` and `outside` from the only table: `_locate` and `_finish` with the same two ends for every voxel."""
    lines, smallest, zero = table.lines, table.smallest, uni.dtype.type(0.0)
    low, high = table.ends[0, 0], table.ends[0, 1]
    lowest, highest = uni.dtype.type(low - slack), uni.dtype.type(high + slack)
    shift, mask = np.int32(table.shift), (np.int32(1) << np.int32(table.shift)) - np.int32(1)
    lower, upper = np.int32(-table.first), np.int32(lines.shape[0] // 2 - table.first)
    nearest, parts, rates = np.empty(_CHUNK, np.float32), np.empty(_CHUNK, np.float32), np.empty(_CHUNK, np.float32)
    cells, bits = np.empty(_CHUNK, np.int32), nearest.view(np.int32)
    for start in range(0, uni.size, _CHUNK):
        values, found, flags = uni[start : start + _CHUNK], r1[start : start + _CHUNK], outside[start : start + _CHUNK]
        for voxel in range(values.size):
            rise, fall = np.float32(values[voxel] - low), np.float32(high - values[voxel])
            distance = rise if rise < fall else fall
            nearest[voxel] = distance if distance > smallest else smallest
            cells[voxel] = lower if rise < fall else upper
        for voxel in range(values.size):
            cells[voxel] += bits[voxel] >> shift
            parts[voxel] = np.float32(bits[voxel] & mask)
        for voxel in range(values.size):
            at = np.uint64(np.uint32(cells[voxel]))
            rates[voxel] = lines[at, 0] + parts[voxel] * lines[at, 1]
        for voxel in range(values.size):
            value = values[voxel]
            flags[voxel] = (not value >= lowest) | (not value <= highest)
            found[voxel] = rates[voxel] if value - value == zero else np.float32(0.0)


@compiled
def _place(b1: NDArray, grid: NDArray, rows: NDArray, weights: NDArray, flags: NDArray) -> None:
    """Fill the row below each B1, the weight of the one above, and whether it is no usable B1."""
    bottom, top, last = np.float32(grid[0]), np.float32(grid[-1]), np.int32(grid.size - 2)
    steps, zero, one = np.float32((grid.size - 1) / (grid[-1] - grid[0])), np.float32(0.0), np.float32(1.0)
    for voxel in range(b1.size):
        factor = b1[voxel]
        flags[voxel] = (not factor >= bottom) | (not factor <= top)
        factor = factor if (factor > zero) & (factor - factor == zero) else one
        factor = factor if factor > bottom else bottom
        factor = factor if factor < top else top
        place = (factor - bottom) * steps
        row = np.int32(place)
        row = row if row < last else last
        rows[voxel] = row
        weights[voxel] = place - np.float32(row)


@compiled
def interpolate_b1(
    uni: NDArray, b1: NDArray, grid: NDArray, tables: Cells, slack: float, r1: NDArray, outside: NDArray
) -> None:
    """Fill `r1` and `outside` from tables over an even grid of B1; `b1` is float32.

    The branch's ends are interpolated between neighboring tables, and R1 at one distance from them: so the tables'
    different ends leave no trace, and one cell serves both.
    """
    ends, lines, width = tables.ends, tables.lines, tables.lines.shape[0] // tables.ends.shape[0]
    low, high = np.empty(_CHUNK, uni.dtype), np.empty(_CHUNK, uni.dtype)
    nearest, parts, rates = np.empty(_CHUNK, np.float32), np.empty(_CHUNK, np.float32), np.empty(_CHUNK, np.float32)
    weights = np.empty(_CHUNK, np.float32)
    cells, rows, unusable = np.empty(_CHUNK, np.int32), np.empty(_CHUNK, np.int32), np.empty(_CHUNK, np.bool_)
    for start in range(0, uni.size, _CHUNK):
        values, found, flags = uni[start : start + _CHUNK], r1[start : start + _CHUNK], outside[start : start + _CHUNK]
        _place(b1[start : start + _CHUNK], grid, rows, weights, unusable)
        for voxel in range(values.size):
            row, weight = np.uint64(np.uint32(rows[voxel])), weights[voxel]
            after = row + np.uint64(1)
            low[voxel] = ends[row, 0] + weight * (ends[after, 0] - ends[row, 0])
            high[voxel] = ends[row, 1] + weight * (ends[after, 1] - ends[row, 1])
        _locate(values, low, high, tables, nearest, cells, parts)
        for voxel in range(values.size):
            at = np.uint64(np.uint32(cells[voxel])) + np.uint64(np.uint32(rows[voxel])) * np.uint64(width)
            above = at + np.uint64(width)
            first = lines[at, 0] + parts[voxel] * lines[at, 1]
            second = lines[above, 0] + parts[voxel] * lines[above, 1]
            rates[voxel] = first + weights[voxel] * (second - first)
        _finish(values, low, high, unusable, slack, rates, found, flags)
