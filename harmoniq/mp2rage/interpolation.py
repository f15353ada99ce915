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
    lines : ndarray of float32, shape (n_tables * (2 * n_cells + 1), 2)
        R1 at the start of each cell and its change over the cell: of the lower half of the branch from its lower end
        upward, then of its upper half from the upper end downward; the first cells hold the end itself. Last comes a
        line of 0 for what is not a number.
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
    lines = np.zeros((len(tables), 2 * count + 1, 2), np.float32)
    for row, table in enumerate(tables):
        # From the rounded ends: the kernels subtract values from them, and these differences are exact.
        for side, values in enumerate((float(ends[row, 0]) + distance, float(ends[row, 1]) - distance)):
            rate = table.r1(values)
            start, change = rate[:-1], np.diff(rate)
            start[: 1 << bits], change[: 1 << bits] = 1.0 / table.t1[-side], 0.0
            lines[row, side * count : (side + 1) * count] = np.stack([start, change], axis=-1)
    return Cells(lines.reshape(-1, 2), ends, shift, int(numbers[0]), np.float32(distance[0]))


@compiled
def _locate(
    uni: NDArray, first: NDArray, last: NDArray, table: Cells, nearest: NDArray, cells: NDArray, parts: NDArray
) -> None:  # fmt: skip
    """Fill the cells within a row, and the positions in them, of values between the row's ends."""
    width = np.int32(table.lines.shape[0] // table.ends.shape[0])
    half, nothing, zero = np.int32(width // 2), np.int32(width - 1), uni.dtype.type(0.0)
    shift, start, smallest = np.int32(table.shift), np.int32(table.first), table.smallest
    mask, unit = (np.int32(1) << shift) - np.int32(1), np.float32(1.0 / (1 << table.shift))
    for voxel in range(cells.size):
        value = uni[voxel]
        rise, fall = np.float32(value - first[voxel]), np.float32(last[voxel] - value)
        side, distance = (np.int32(0), rise) if rise < fall else (half, fall)
        # What is beyond the ends takes the end's cell. A value minus itself is 0 where it is finite, and NaN elsewhere.
        nearest[voxel] = distance if distance > smallest else smallest
        cells[voxel] = side if value - value == zero else nothing
    bits = nearest.view(np.int32)
    for voxel in range(cells.size):
        cells[voxel] += (bits[voxel] >> shift) - start
        parts[voxel] = np.float32(bits[voxel] & mask) * unit


@compiled
def _read(lines: NDArray, cells: NDArray, parts: NDArray, rate: NDArray) -> None:
    """Fill `rate` from the lines of the cells."""
    for voxel in range(cells.size):
        at = np.uint64(np.uint32(cells[voxel]))
        rate[voxel] = lines[at, 0] + parts[voxel] * lines[at, 1]


@compiled
def interpolate(uni: NDArray, table: Cells, slack: float, r1: NDArray, outside: NDArray) -> None:
    """Fill `r1` and `outside` from the only table."""
    kind = uni.dtype.type
    lowest, highest = kind(table.ends[0, 0] - slack), kind(table.ends[0, 1] + slack)
    first, last = np.full(_CHUNK, table.ends[0, 0]), np.full(_CHUNK, table.ends[0, 1])
    nearest, parts, cells = np.empty(_CHUNK, np.float32), np.empty(_CHUNK, np.float32), np.empty(_CHUNK, np.int32)
    for start in range(0, uni.size, _CHUNK):
        values, flags = uni[start : start + _CHUNK], outside[start : start + _CHUNK]
        n = values.size
        _locate(values, first, last, table, nearest, cells[:n], parts)
        _read(table.lines, cells[:n], parts, r1[start : start + _CHUNK])
        for voxel in range(n):
            flags[voxel] = (not values[voxel] >= lowest) | (not values[voxel] <= highest)


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
def _ends(ends: NDArray, rows: NDArray, count: int, first: NDArray, last: NDArray) -> None:
    """Fill the ends of the rows."""
    for voxel in range(count):
        row = np.uint64(np.uint32(rows[voxel]))
        first[voxel], last[voxel] = ends[row, 0], ends[row, 1]


@compiled
def interpolate_b1(
    uni: NDArray, b1: NDArray, grid: NDArray, tables: Cells, slack: float, r1: NDArray, outside: NDArray
) -> None:
    """Fill `r1` and `outside` from tables over an even grid of B1, linear between neighbors; `b1` is float32."""
    margin = uni.dtype.type(slack)
    ends, width = tables.ends, np.int32(tables.lines.shape[0] // tables.ends.shape[0])
    # One by one: rows of a common array would not count as contiguous.
    nearest, parts, cells = np.empty(_CHUNK, np.float32), np.empty(_CHUNK, np.float32), np.empty(_CHUNK, np.int32)
    below, above = np.empty(_CHUNK, np.float32), np.empty(_CHUNK, np.float32)
    weights, rows = np.empty(_CHUNK, np.float32), np.empty(_CHUNK, np.int32)
    first, last = np.empty(_CHUNK, uni.dtype), np.empty(_CHUNK, uni.dtype)
    low, high = np.empty(_CHUNK, uni.dtype), np.empty(_CHUNK, uni.dtype)
    for start in range(0, uni.size, _CHUNK):
        values, rates, flags = uni[start : start + _CHUNK], r1[start : start + _CHUNK], outside[start : start + _CHUNK]
        n = values.size
        _place(b1[start : start + _CHUNK], grid, rows, weights, flags)
        for side in range(2):
            _ends(ends, rows, n, first, last)
            for voxel in range(n):
                # The branch's ends are interpolated, too.
                low[voxel] = low[voxel] + weights[voxel] * (first[voxel] - low[voxel]) if side else first[voxel]
                high[voxel] = high[voxel] + weights[voxel] * (last[voxel] - high[voxel]) if side else last[voxel]
            _locate(values, first, last, tables, nearest, cells[:n], parts)
            for voxel in range(n):
                cells[voxel] += rows[voxel] * width
                rows[voxel] += np.int32(1)
            _read(tables.lines, cells[:n], parts, above if side else below)
        for voxel in range(n):
            rates[voxel] = below[voxel] + weights[voxel] * (above[voxel] - below[voxel])
            flags[voxel] |= (not values[voxel] >= low[voxel] - margin) | (not values[voxel] <= high[voxel] + margin)
