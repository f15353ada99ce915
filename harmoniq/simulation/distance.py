"""Exact signed distances from points or grids to closed triangle meshes."""

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Grid:
    """An axis-aligned, isotropic grid: node (i, j, k) lies at ``origin + spacing * (i, j, k)``.

    Parameters
    ----------
    origin : tuple of float
        Of the first node, RAS mm.
    spacing : float
        Between nodes, in mm.
    shape : tuple of int
        Nodes along each axis.
    """

    origin: tuple[float, float, float]
    spacing: float
    shape: tuple[int, int, int]

    def axes(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """List the coordinates of the nodes along x, y and z.

        Returns
        -------
        tuple (ndarray, ndarray, ndarray)
            In RAS mm, each as long as the grid's axis.
        """
        x, y, z = (o + self.spacing * np.arange(n, dtype=np.float64) for o, n in zip(self.origin, self.shape))
        return x, y, z

    def indices(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute where points lie between the nodes.

        Parameters
        ----------
        points : ndarray, shape (..., 3)
            In RAS mm.

        Returns
        -------
        ndarray, shape (..., 3)
            Fractional indices.
        """
        return (np.asarray(points) - np.array(self.origin)) / self.spacing


def grid_over(low: NDArray[np.float64], high: NDArray[np.float64], spacing: float) -> Grid:
    """Lay a grid over a box.

    Parameters
    ----------
    low, high : ndarray, shape (3,)
        Corners of the box, RAS mm.
    spacing : float
        Between nodes, in mm.

    Returns
    -------
    Grid
        Its first node lies at `low`, its last ones at `high` or just beyond.
    """
    shape = tuple(int(n) for n in np.ceil((np.asarray(high) - np.asarray(low)) / spacing) + 1)
    return Grid(tuple(float(v) for v in low), float(spacing), shape)  # type: ignore[arg-type]


@numba.njit(cache=True, nogil=True, fastmath=False)
def _closest(px, py, pz, t):  # type: ignore[no-untyped-def]
    """Return squared distance and the nearest corner's number for point p and triangle t (9 numbers).

    Ericson 2005, Real-Time Collision Detection, section 5.1.5.
    """
    abx, aby, abz = t[3] - t[0], t[4] - t[1], t[5] - t[2]
    acx, acy, acz = t[6] - t[0], t[7] - t[1], t[8] - t[2]
    apx, apy, apz = px - t[0], py - t[1], pz - t[2]
    d1 = abx * apx + aby * apy + abz * apz
    d2 = acx * apx + acy * apy + acz * apz
    bpx, bpy, bpz = px - t[3], py - t[4], pz - t[5]
    d3 = abx * bpx + aby * bpy + abz * bpz
    d4 = acx * bpx + acy * bpy + acz * bpz
    cpx, cpy, cpz = px - t[6], py - t[7], pz - t[8]
    d5 = abx * cpx + aby * cpy + abz * cpz
    d6 = acx * cpx + acy * cpy + acz * cpz
    vc = d1 * d4 - d3 * d2
    vb = d5 * d2 - d1 * d6
    va = d3 * d6 - d5 * d4
    v, w = 0.0, 0.0
    if d1 <= 0.0 and d2 <= 0.0:
        pass
    elif d3 >= 0.0 and d4 <= d3:
        v = 1.0
    elif d6 >= 0.0 and d5 <= d6:
        w = 1.0
    elif vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        v = d1 / (d1 - d3)
    elif vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        w = d2 / (d2 - d6)
    elif va <= 0.0 and (d4 - d3) >= 0.0 and (d5 - d6) >= 0.0:
        w = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        v = 1.0 - w
    else:
        total = va + vb + vc
        v, w = vb / total, vc / total
    dx = apx - v * abx - w * acx
    dy = apy - v * aby - w * acy
    dz = apz - v * abz - w * acz
    u = 1.0 - v - w
    corner = 0
    if v > u and v >= w:
        corner = 1
    elif w > u and w > v:
        corner = 2
    return dx * dx + dy * dy + dz * dz, corner


@numba.njit(cache=True, nogil=True)
def _scan(vertices, faces, origin, spacing, band, best, nearest):  # type: ignore[no-untyped-def]
    """Lower `best` (squared distance, n^3) to the mesh's where it is within `band`; `nearest` takes the vertex."""
    triangle = np.empty(9)
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    center = np.empty(3)
    for f in range(faces.shape[0]):
        for c in range(3):
            for a in range(3):
                triangle[3 * c + a] = vertices[faces[f, c], a]
        radius2 = 0.0
        for a in range(3):
            center[a] = (triangle[a] + triangle[3 + a] + triangle[6 + a]) / 3.0
            lowest = min(triangle[a], triangle[3 + a], triangle[6 + a]) - band
            highest = max(triangle[a], triangle[3 + a], triangle[6 + a]) + band
            low[a] = max(0, int(np.ceil((lowest - origin[a]) / spacing)))
            high[a] = min(best.shape[a] - 1, int(np.floor((highest - origin[a]) / spacing)))
        for c in range(3):
            r = 0.0
            for a in range(3):
                r += (triangle[3 * c + a] - center[a]) ** 2
            radius2 = max(radius2, r)
        radius = np.sqrt(radius2)
        for i in range(low[0], high[0] + 1):
            px = origin[0] + spacing * i
            for j in range(low[1], high[1] + 1):
                py = origin[1] + spacing * j
                for k in range(low[2], high[2] + 1):
                    pz = origin[2] + spacing * k
                    reach = np.sqrt(best[i, j, k]) + radius
                    if (px - center[0]) ** 2 + (py - center[1]) ** 2 + (pz - center[2]) ** 2 > reach * reach:
                        continue
                    distance2, corner = _closest(px, py, pz, triangle)
                    if distance2 < best[i, j, k]:
                        best[i, j, k] = distance2
                        nearest[i, j, k] = faces[f, corner]


@numba.njit(cache=True, nogil=True)
def _crossings(vertices, faces, origin, spacing, winding):  # type: ignore[no-untyped-def]
    """Add to `winding` (n^3, int8) at the first node above every crossing of a column with the mesh."""
    # Columns are moved by an odd fraction of a micrometer, so that none runs through a vertex or an edge.
    ox, oy = origin[0] + 1.2345e-6, origin[1] + 0.7654e-6
    for f in range(faces.shape[0]):
        x0, y0, z0 = vertices[faces[f, 0], 0], vertices[faces[f, 0], 1], vertices[faces[f, 0], 2]
        x1, y1, z1 = vertices[faces[f, 1], 0], vertices[faces[f, 1], 1], vertices[faces[f, 1], 2]
        x2, y2, z2 = vertices[faces[f, 2], 0], vertices[faces[f, 2], 1], vertices[faces[f, 2], 2]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if area == 0.0:
            continue
        step = -1 if area > 0 else 1
        ilow = max(0, int(np.ceil((min(x0, x1, x2) - ox) / spacing)))
        ihigh = min(winding.shape[0] - 1, int(np.floor((max(x0, x1, x2) - ox) / spacing)))
        jlow = max(0, int(np.ceil((min(y0, y1, y2) - oy) / spacing)))
        jhigh = min(winding.shape[1] - 1, int(np.floor((max(y0, y1, y2) - oy) / spacing)))
        for i in range(ilow, ihigh + 1):
            x = ox + spacing * i
            for j in range(jlow, jhigh + 1):
                y = oy + spacing * j
                u = ((x1 - x) * (y2 - y) - (x2 - x) * (y1 - y)) / area
                v = ((x2 - x) * (y0 - y) - (x0 - x) * (y2 - y)) / area
                w = 1.0 - u - v
                if u < 0.0 or v < 0.0 or w < 0.0:
                    continue
                k = int(np.ceil((u * z0 + v * z1 + w * z2 - origin[2]) / spacing))
                if k < winding.shape[2]:
                    winding[i, j, max(k, 0)] += step


def inside_mesh(vertices: NDArray[np.float64], faces: NDArray[np.int64], grid: Grid) -> NDArray[np.bool_]:
    """Tell which nodes of a grid lie inside a closed mesh, by the winding number along columns.

    Parameters
    ----------
    vertices : (n, 3) array
        In RAS mm.
    faces : (m, 3) array
        Vertices of each triangle, anticlockwise seen from outside.
    grid : Grid
        Whose nodes are asked about.

    Returns
    -------
    (nx, ny, nz) array of bool
        Overlaps of a mesh with itself count as inside.
    """
    winding = np.zeros(grid.shape, np.int8)
    _crossings(vertices, faces, np.array(grid.origin), grid.spacing, winding)
    np.cumsum(winding, axis=2, dtype=np.int8, out=winding)
    return winding > 0


def nearest_on_grid(
    vertices: NDArray[np.float64], faces: NDArray[np.int64], grid: Grid, band_mm: float
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Compute the unsigned distance of every node to a mesh, and the vertex that is nearest to the foot point.

    Parameters
    ----------
    vertices, faces : (n, 3) and (m, 3) arrays
        The mesh, in RAS mm; it need not be closed.
    grid : Grid
        Whose nodes are asked about.
    band_mm : float
        Nodes farther than this get `band_mm` and vertex -1.

    Returns
    -------
    distance : (nx, ny, nz) float32 array, mm
        Exact: to the faces, not to the vertices.
    vertex : (nx, ny, nz) int32 array
        The corner of the nearest face that has the largest barycentric weight.
    """
    best = np.full(grid.shape, band_mm**2, np.float32)
    nearest = np.full(grid.shape, -1, np.int32)
    _scan(vertices, faces, np.array(grid.origin), grid.spacing, band_mm, best, nearest)
    return np.sqrt(best, out=best), nearest


def distance_to_surface(
    points: NDArray[np.float64], vertices: NDArray[np.float64], faces: NDArray[np.int64], candidates: int = 24
) -> NDArray[np.float64]:
    """Compute the distance of points to a mesh's faces.

    The faces whose centroids are nearest to a point are tried; with triangles of similar size that is exact.

    Parameters
    ----------
    points : (n, 3) array
        In mm.
    vertices, faces : (k, 3) and (m, 3) arrays
        The mesh, in mm.
    candidates : int, optional
        How many faces are tried for each point.

    Returns
    -------
    (n,) array
        Unsigned, in mm.
    """
    from scipy.spatial import cKDTree

    triangles = np.ascontiguousarray(vertices[faces].reshape(-1, 9))
    _, tried = cKDTree(triangles.reshape(-1, 3, 3).mean(axis=1)).query(points, k=min(candidates, len(faces)))
    return _distance_to_candidates(np.ascontiguousarray(points), triangles, tried.reshape(len(points), -1))


@numba.njit(cache=True, nogil=True)
def _distance_to_candidates(points, triangles, tried):  # type: ignore[no-untyped-def]
    result = np.empty(len(points))
    for p in range(len(points)):
        best = np.inf
        for c in range(tried.shape[1]):
            distance2, _ = _closest(points[p, 0], points[p, 1], points[p, 2], triangles[tried[p, c]])
            best = min(best, distance2)
        result[p] = np.sqrt(best)
    return result
