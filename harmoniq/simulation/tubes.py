"""The 18 bundles as curved tubes: center lines from control points, kept deep in white matter and apart."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.names import BUNDLES
from harmoniq.simulation.distance import Grid
from harmoniq.tract.centerlines import read_centerlines

#: Radii of the tubes, mm: wanted, and the least where white matter is thin.
RADIUS_MM: Final = 3.5
LEAST_RADIUS_MM: Final = 2.0
#: Bundles paint no shallower than this below cortex, mm, so that superficial white matter keeps its own value.
CORTEX_MARGIN_MM: Final = 1.6
_STEP_MM: Final = 1.0
_CENTRAL: Final = 0.76  # the part that is moved: the study's central 70 % and a little more


@dataclass(frozen=True)
class Tube:
    """A bundle's center line in the template.

    Parameters
    ----------
    name : str
        From `BUNDLES`.
    points : (n, 3) array
        About 1 mm apart, in the template's RAS mm.
    radius : (n,) array
        At each point, 2 to 3.5 mm.
    """

    name: str
    points: NDArray[np.float64]
    radius: NDArray[np.float64]


def resample(points: NDArray[np.float64], step_mm: float = _STEP_MM) -> NDArray[np.float64]:
    """Place points at equal arc lengths along a cubic spline through others.

    Parameters
    ----------
    points : (n, 3) array
        That the spline goes through, in mm.
    step_mm : float, optional
        Arc length between points, about, in mm.

    Returns
    -------
    (m, 3) array
        Eight points or more, the ends included, in mm.
    """
    from scipy.interpolate import CubicSpline

    knots = np.concatenate([[0.0], np.cumsum(np.sqrt(np.linalg.norm(np.diff(points, axis=0), axis=1)))])
    fine = CubicSpline(knots, points)(np.linspace(0.0, knots[-1], 600))
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1))])
    at = np.linspace(0.0, arc[-1], max(8, round(arc[-1] / step_mm) + 1))
    return np.column_stack([np.interp(at, arc, column) for column in fine.T])


def relax_tubes(depth: NDArray[np.float32], grid: Grid, iterations: int = 150) -> list[Tube]:
    """Move the 18 tubes to where there is room.

    Every point is pushed up the gradient of `depth` until it lies deeper than the radius and a margin, away from
    other tubes that it would overlap, and back towards its control line; smoothing keeps the curve gentle.

    Parameters
    ----------
    depth : array of the grid's shape
        Distance to the edge of white matter, mm, negative outside.
    grid : Grid
        In the template's RAS mm.
    iterations : int
        Rounds.

    Returns
    -------
    list of Tube
        In the order of BUNDLES.
    """
    from scipy.ndimage import gaussian_filter1d

    start = [resample(points) for points in read_centerlines().values()]
    lines = [line.copy() for line in start]
    wanted = RADIUS_MM + CORTEX_MARGIN_MM + 0.4
    weights = [_taper(len(line)) for line in lines]
    for _ in range(iterations):
        push = _repulsion(lines, 2.0 * RADIUS_MM + 0.5)
        for number, line in enumerate(lines):
            here = sample(depth, grid, line)
            move = np.clip(wanted - here, 0.0, 1.5)[:, None] * _gradient(depth, grid, line) * 0.35
            move += push[number] + 0.02 * (start[number] - line)
            line = line + weights[number] * gaussian_filter1d(move, 2.0, axis=0, mode="nearest")
            smooth = gaussian_filter1d(line, 2.0, axis=0, mode="nearest")
            lines[number] = line + 0.3 * weights[number] * (smooth - line)
    tubes = []
    for name, line in zip(BUNDLES, lines):
        line = resample(line)
        room = gaussian_filter1d(sample(depth, grid, line) - CORTEX_MARGIN_MM, 2.0, mode="nearest")
        tubes.append(Tube(name, line, np.clip(room, LEAST_RADIUS_MM, RADIUS_MM)))
    return tubes


def _taper(n: int) -> NDArray[np.float64]:
    """Return 1 over the central part, falling to 0 at the ends, which stay where the bundle ends in cortex."""
    from_end = np.minimum(np.arange(n), np.arange(n)[::-1]) / (n - 1)
    return np.clip(from_end / (0.5 * (1.0 - _CENTRAL)), 0.0, 1.0)[:, None]


def _repulsion(lines: list[NDArray[np.float64]], reach_mm: float) -> list[NDArray[np.float64]]:
    """Return displacements that move points away from other bundles' nearer than `reach_mm`, mm."""
    from scipy.spatial import cKDTree

    owner = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
    points = np.concatenate(lines)
    tangents = np.concatenate([np.gradient(line, axis=0) for line in lines])
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    total = np.zeros_like(points)
    pairs = cKDTree(points).query_pairs(reach_mm, output_type="ndarray")
    pairs = pairs[owner[pairs[:, 0]] != owner[pairs[:, 1]]]
    between = points[pairs[:, 0]] - points[pairs[:, 1]]
    gap = np.linalg.norm(between, axis=1, keepdims=True)
    # Bundles that cross must stay crossed; only those that run side by side are parted.
    parallel = np.abs(np.sum(tangents[pairs[:, 0]] * tangents[pairs[:, 1]], axis=1, keepdims=True)) ** 2
    force = 0.06 * parallel * (reach_mm - gap) / np.maximum(gap, 0.2) * between
    np.add.at(total, pairs[:, 0], force)
    np.add.at(total, pairs[:, 1], -force)
    size = np.linalg.norm(total, axis=1, keepdims=True)
    total *= np.minimum(1.0, 0.5 / np.maximum(size, 1e-9))
    return np.split(total, np.cumsum([len(line) for line in lines])[:-1])


def sample(volume: NDArray[np.floating], grid: Grid, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sample a volume trilinearly.

    Parameters
    ----------
    volume : array of the grid's shape
        Values.
    grid : Grid
        Of its nodes.
    points : (n, 3) array
        In RAS mm.

    Returns
    -------
    (n,) array of float64
        In the volume's unit; that of the edge outside the grid.
    """
    from scipy.ndimage import map_coordinates

    return map_coordinates(volume, grid.indices(points).T, order=1, mode="nearest", output=np.float64)


def _gradient(volume: NDArray[np.floating], grid: Grid, points: NDArray[np.float64]) -> NDArray[np.float64]:
    reach = 1.5
    offsets = reach * np.eye(3)
    return np.column_stack(
        [(sample(volume, grid, points + o) - sample(volume, grid, points - o)) / (2.0 * reach) for o in offsets]
    )
