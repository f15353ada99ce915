"""The kernels that look up R1: linear interpolation in cells that grow with the distance from the nearer end.

R1 changes as a square root near the ends of the branch, so that equal cells of the uniform image would be too coarse
there. The cells are therefore those of a floating-point number, the key of a value: its distance from the lower end, or
from the upper one, if that is nearer, times the power of two that makes these keys follow the others. The exponent and
first binary places of the key are the number of the cell, and in each cell R1 is a line over the key.

A voxel costs one read of the table, no search, and no branch that a processor could guess wrong. The kernels go through
chunks of voxels in several short loops, since all but the reading of the table then runs on many voxels at once. The
keys wait where R1 will stand: so the memory is on its way while the table is read.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.kernels import compiled

if TYPE_CHECKING:
    from harmoniq.mp2rage.lookup import LookupTable

#: Each octave of the distance has 2^8 cells: R1 is then within 2e-6 of the table.
CELL_BITS = 8
#: Binary places of a number in float32 that lie within a cell, and its exponent's bias.
_SHIFT, _BIAS = 23 - CELL_BITS, 127
#: Voxels of a chunk: what is known of them stays in the processor's second cache, and memory comes in long pieces.
_CHUNK = 4096


class Cells(NamedTuple):
    """Lookup tables as the kernels take them, one row each.

    Parameters
    ----------
    lines : ndarray of uint64, shape (n_tables * n_cells,)
        Two numbers of float32 in each, so that one read has both: R1 at the key 0, and its change with the key. The
        first cell gives 0 for what is not a number; then come those of the lower half of the branch from its lower end
        upward, and those of its upper half from the upper end downward. The first cells of each half hold the end.
    ends : ndarray of the uniform image's type, shape (n_tables, 2)
        Lower and upper end of the branch.
    first : int
        What is taken from the number of a cell to have its place in the table.
    smallest : float
        Distances below it count as the end.
    upper : float
        What distances from the upper end are multiplied by.
    """

    lines: NDArray[np.uint64]
    ends: NDArray
    first: int
    smallest: np.float32
    upper: np.float32


def make_cells(tables: "list[LookupTable]", octaves: int, kind: np.dtype) -> Cells:
    """Divide tables into cells.

    Parameters
    ----------
    tables : list of LookupTable
        One row each.
    octaves : int
        How often the distance from the end is halved, starting at half of the uniform image's range.
    kind : dtype
        Of the uniform image, float32 or float64: the kernels calculate in it.

    Returns
    -------
    Cells
        With ends of the type `kind`.
    """
    # The lowest octave stands for the end; the cell after the last is that of the distance 0.5 itself.
    first, count = (_BIAS - 2 - octaves) << CELL_BITS, (octaves + 1) << CELL_BITS
    distance = (np.arange(first, first + count + 2, dtype=np.int32) << _SHIFT).view(np.float32).astype(np.float64)
    upper = 2.0 ** (octaves + 1)
    ends = np.array([(table.uni[0], table.uni[-1]) for table in tables], kind)
    lines = np.zeros((len(tables), 2 * count + 2, 2), np.float32)
    for row, table in enumerate(tables):
        # From the rounded ends: the kernels subtract values from them, and these differences are exact.
        halves = (float(ends[row, 0]) + distance, 1.0), (float(ends[row, 1]) - distance, upper)
        for side, (values, scale) in enumerate(halves):
            rate = table.r1(values)
            change = np.diff(rate) / np.diff(distance)
            start = rate[:-1] - change * distance[:-1]
            start[: 1 << CELL_BITS], change[: 1 << CELL_BITS] = 1.0 / table.t1[-side], 0.0
            # The distance 0.5 has the upper end's last cell: the lower one's is overwritten.
            lines[row, 1 + side * count :][: count + 1] = np.stack([start, change / scale], axis=-1)
    packed = lines.view(np.uint64).ravel()
    return Cells(packed, ends, first - 1, np.float32(distance[0]), np.float32(upper))


@compiled
def _number(key: np.float32) -> np.int32:
    """Return the number of a key's cell."""
    return np.int32(np.float32(key).view(np.int32) >> np.int32(_SHIFT))


@compiled
def _locate(
    uni: NDArray, low: NDArray, high: NDArray, table: Cells, slack: float, keys: NDArray, at: NDArray, outside: NDArray
) -> None:
    """Fill keys (maybe `uni` itself) and cells of values between `low` and `high`, and say what lies outside them."""
    margin, zero, one = np.float32(-slack), np.float32(0.0), np.float32(1.0)
    smallest, upper, first = table.smallest, table.upper, np.int32(table.first)
    for voxel in range(uni.size):
        rise, fall = np.float32(uni[voxel] - low[voxel]), np.float32(high[voxel] - uni[voxel])
        distance = rise if rise < fall else fall
        outside[voxel] = not distance >= margin
        key = distance if distance > smallest else smallest
        key *= one if rise < fall else upper
        keys[voxel] = key
        # A difference minus itself is 0 where it is finite, and NaN elsewhere.
        at[voxel] = np.uint32(_number(key) - first) if rise - rise == zero else np.uint32(0)


@compiled
def _read(lines: NDArray, at: NDArray, offset: int, found: NDArray) -> None:
    """Fill the lines at the cells `at`, or `offset` after them."""
    for voxel in range(at.size):
        found[voxel] = lines[np.uint64(at[voxel]) + np.uint64(offset)]


@compiled
def interpolate(uni: NDArray, table: Cells, slack: float, r1: NDArray, outside: NDArray) -> None:
    """Fill `r1`, which may be `uni` itself, and `outside` from the only table.

    Parameters
    ----------
    uni : ndarray, shape (n,)
        Uniform image, -0.5 to 0.5, of the type of the table's ends.
    table : Cells
        Of one table.
    slack : float
        How far beyond the ends of the branch a value still counts as the end, in the unit of `uni`.
    r1 : ndarray of float32, shape (n,)
        Takes R1 in 1/s: that of the nearest end beyond the branch, 0 where `uni` is not a number.
    outside : ndarray of bool, shape (n,)
        Takes where `uni` is beyond the branch or not a number.
    """
    low, high = np.full(_CHUNK, table.ends[0, 0]), np.full(_CHUNK, table.ends[0, 1])
    at, found = np.empty(_CHUNK, np.uint32), np.empty(_CHUNK, np.uint64)
    line = found.view(np.float32)
    for start in range(0, uni.size, _CHUNK):
        values, keys = uni[start : start + _CHUNK], r1[start : start + _CHUNK]
        _locate(values, low, high, table, slack, keys, at, outside[start : start + _CHUNK])
        _read(table.lines, at[: keys.size], 0, found)
        for voxel in range(keys.size):
            keys[voxel] = line[2 * voxel] + keys[voxel] * line[2 * voxel + 1]


@compiled
def _place(b1: NDArray, grid: NDArray, rows: NDArray, weights: NDArray, unusable: NDArray) -> None:
    """Fill the row below each B1, the weight of the one above, and whether it is no usable B1."""
    bottom, top, last = np.float32(grid[0]), np.float32(grid[-1]), np.int32(grid.size - 2)
    steps, zero, one = np.float32((grid.size - 1) / (grid[-1] - grid[0])), np.float32(0.0), np.float32(1.0)
    for voxel in range(b1.size):
        factor = b1[voxel]
        unusable[voxel] = (not factor >= bottom) | (not factor <= top)
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
    """Fill `r1`, which may be `uni` itself, and `outside` from tables over an even grid of B1.

    The branch's ends are interpolated between neighboring tables, and R1 at one distance from them: so the tables'
    different ends leave no trace, and one cell serves both.

    Parameters
    ----------
    uni : ndarray, shape (n,)
        Uniform image, -0.5 to 0.5, of the type of the tables' ends.
    b1 : ndarray of float32, shape (n,)
        Flip angle relative to nominal. Beyond the grid its nearest end is taken, for 0, below and what is not finite 1.
    grid : ndarray, shape (n_tables,)
        B1 of each table, rising in even steps.
    tables : Cells
        One table for each value of `grid`.
    slack : float
        How far beyond the ends of the branch a value still counts as the end, in the unit of `uni`.
    r1 : ndarray of float32, shape (n,)
        Takes R1 in 1/s: that of the nearest end beyond the branch, 0 where `uni` is not a number.
    outside : ndarray of bool, shape (n,)
        Takes where `uni` is beyond the branch or not a number, or `b1` not within the grid.
    """
    ends, width = tables.ends, np.uint32(tables.lines.size // tables.ends.shape[0])
    low, high = np.empty(_CHUNK, uni.dtype), np.empty(_CHUNK, uni.dtype)
    weights, rows = np.empty(_CHUNK, np.float32), np.empty(_CHUNK, np.uint32)
    at, unusable = np.empty(_CHUNK, np.uint32), np.empty(_CHUNK, np.bool_)
    below, above = np.empty(_CHUNK, np.uint64), np.empty(_CHUNK, np.uint64)
    line, next_line = below.view(np.float32), above.view(np.float32)
    for start in range(0, uni.size, _CHUNK):
        values, keys, flags = uni[start : start + _CHUNK], r1[start : start + _CHUNK], outside[start : start + _CHUNK]
        _place(b1[start : start + _CHUNK], grid, rows, weights, unusable)
        for voxel in range(values.size):
            row, weight = np.uint64(rows[voxel]), weights[voxel]
            after = row + np.uint64(1)
            low[voxel] = ends[row, 0] + weight * (ends[after, 0] - ends[row, 0])
            high[voxel] = ends[row, 1] + weight * (ends[after, 1] - ends[row, 1])
        _locate(values, low, high, tables, slack, keys, at, flags)
        for voxel in range(values.size):
            at[voxel] += rows[voxel] * width
            flags[voxel] |= unusable[voxel]
        _read(tables.lines, at[: values.size], 0, below)
        _read(tables.lines, at[: values.size], width, above)
        for voxel in range(values.size):
            first = line[2 * voxel] + keys[voxel] * line[2 * voxel + 1]
            second = next_line[2 * voxel] + keys[voxel] * next_line[2 * voxel + 1]
            keys[voxel] = first + weights[voxel] * (second - first)
