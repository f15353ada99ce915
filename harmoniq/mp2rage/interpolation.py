"""The kernels that look up R1: linear interpolation in tables of uneven steps, found through buckets.

Buckets of equal width over the uniform image hold where in the table their search starts, so that each voxel costs
a few steps instead of a binary search over the whole table.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.kernels import compiled

if TYPE_CHECKING:
    from harmoniq.mp2rage.lookup import LookupTable

BUCKETS = 2048


def make_buckets(tables: "list[LookupTable]") -> tuple[NDArray, NDArray, NDArray]:
    """Stack tables for the kernels.

    Returns
    -------
    knots, values : ndarray, shape (n_tables, n)
        Uniform image and R1; rows shorter than the longest are padded at their end with infinity and their last R1.
    starts : ndarray of int32, shape (n_tables, BUCKETS + 1)
        Index of the last knot at or below the bucket's lower edge.
    """
    length = max(table.uni.size for table in tables) + 1
    knots = np.full((len(tables), length), np.inf)
    values = np.empty((len(tables), length))
    starts = np.empty((len(tables), BUCKETS + 1), np.int32)
    edges = np.linspace(-0.5, 0.5, BUCKETS + 1)
    for row, table in enumerate(tables):
        size = table.uni.size
        knots[row, :size] = table.uni
        values[row, :size] = 1.0 / table.t1
        values[row, size:] = values[row, size - 1]
        starts[row] = np.clip(np.searchsorted(table.uni, edges, side="right") - 1, 0, size - 1)
    return knots, values, starts


@compiled
def _last_knot(knots: NDArray, starts: NDArray) -> int:
    """Return the index of the last finite knot."""
    last = starts[-1]
    while last + 1 < knots.size and np.isfinite(knots[last + 1]):
        last += 1
    return last


@compiled
def _value(uni: float, knots: NDArray, values: NDArray, starts: NDArray, last: int) -> float:
    """Interpolate one voxel; beyond the ends, the end."""
    if uni <= knots[0]:
        return values[0]
    if uni >= knots[last]:
        return values[last]
    bucket = int((uni + 0.5) * (starts.size - 1))
    low, high = starts[bucket], min(starts[min(bucket + 1, starts.size - 1)] + 1, last)
    # The product above may round up across an edge.
    while knots[low] > uni:
        low -= 1
    while knots[high] <= uni:
        high += 1
    while high - low > 1:
        middle = (low + high) // 2
        if knots[middle] <= uni:
            low = middle
        else:
            high = middle
    fraction = (uni - knots[low]) / (knots[high] - knots[low])
    return values[low] + fraction * (values[high] - values[low])


@compiled
def interpolate(
    uni: NDArray, knots: NDArray, values: NDArray, starts: NDArray, slack: float, r1: NDArray, outside: NDArray
) -> None:
    """Fill `r1` and `outside` from one table."""
    last = _last_knot(knots, starts)
    low, high = knots[0] - slack, knots[last] + slack
    for voxel in range(uni.size):
        value = uni[voxel]
        if np.isfinite(value):
            r1[voxel] = _value(value, knots, values, starts, last)
            outside[voxel] = value < low or value > high
        else:
            r1[voxel] = 0.0
            outside[voxel] = True


@compiled
def interpolate_b1(
    uni: NDArray,
    b1: NDArray,
    grid: NDArray,
    knots: NDArray,
    values: NDArray,
    starts: NDArray,
    slack: float,
    r1: NDArray,
    outside: NDArray,
) -> None:
    """Fill `r1` and `outside` from tables over an even grid of B1, linear between neighbors."""
    last = np.empty(grid.size, np.int64)
    for row in range(grid.size):
        last[row] = _last_knot(knots[row], starts[row])
    step = (grid[-1] - grid[0]) / (grid.size - 1)
    for voxel in range(uni.size):
        value, factor = uni[voxel], b1[voxel]
        if not np.isfinite(value):
            r1[voxel] = 0.0
            outside[voxel] = True
            continue
        flagged = not (grid[0] <= factor <= grid[-1])
        if not (np.isfinite(factor) and factor > 0.0):
            factor = 1.0
        position = (min(max(factor, grid[0]), grid[-1]) - grid[0]) / step
        row = min(int(position), grid.size - 2)
        weight = position - row
        below = _value(value, knots[row], values[row], starts[row], last[row])
        above = _value(value, knots[row + 1], values[row + 1], starts[row + 1], last[row + 1])
        r1[voxel] = below + weight * (above - below)
        low = knots[row, 0] + weight * (knots[row + 1, 0] - knots[row, 0])
        high = knots[row, last[row]] + weight * (knots[row + 1, last[row + 1]] - knots[row, last[row]])
        outside[voxel] = flagged or value < low - slack or value > high + slack
