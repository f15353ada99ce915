"""The sphere of fsaverage, and of fsaverage3 to 6, from the icosahedron in FreeSurfer's order of vertices and faces.

FreeSurfer's spheres are the icosahedron subdivided five (fsaverage3: three) to seven times, each edge at its middle,
written with four decimals of the unit sphere (``ic7.tri``). Vertices keep their numbers from level to level, so the
labels of fsaverage5 are the first 10,242 of fsaverage's and no file of coordinates is needed.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

RADIUS = 100.0
FSAVERAGE_LEVEL = 7
FSAVERAGE_VERTICES = 163_842
FSAVERAGE5_VERTICES = 10_242

_FACES = (
    (0, 3, 4), (0, 4, 5), (0, 5, 1), (0, 1, 2), (0, 2, 3), (3, 2, 8), (3, 8, 9), (3, 9, 4), (4, 9, 10), (4, 10, 5),
    (5, 10, 6), (5, 6, 1), (1, 6, 7), (1, 7, 2), (2, 7, 8), (8, 11, 9), (9, 11, 10), (10, 11, 6), (6, 11, 7),
    (7, 11, 8),
)  # fmt: skip


@cache
def icosphere(level: int = FSAVERAGE_LEVEL) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return the vertices and faces of FreeSurfer's sphere, the same for both hemispheres.

    Parameters
    ----------
    level : int, 0 to 7
        Number of subdivisions: 7 is fsaverage, 5 fsaverage5.

    Returns
    -------
    vertices : numpy.ndarray, shape (10 * 4**level + 2, 3)
        In mm, at radius 100. They agree with FreeSurfer's to 1e-5 mm but for 0.2 % of them, where the fourth decimal
        of ``ic7.tri`` is rounded the other way (0.01 mm).
    faces : numpy.ndarray, shape (20 * 4**level, 3)
        Equal to FreeSurfer's, row by row. Both arrays are read-only.

    Raises
    ------
    ValueError
        For a level that fsaverage does not have.

    Examples
    --------
    >>> vertices, faces = icosphere(5)
    >>> vertices.shape, faces.shape
    ((10242, 3), (20480, 3))
    """
    if not 0 <= level <= FSAVERAGE_LEVEL:
        raise ValueError(f"level must be 0 to {FSAVERAGE_LEVEL}, not {level}")
    vertices, faces = _icosahedron(), np.array(_FACES, dtype=np.int64)
    for _ in range(level):
        vertices, faces = _subdivide(vertices, faces)
    # The four decimals of ic7.tri, then FreeSurfer's projection onto the sphere of radius 100.
    vertices = np.round(vertices, 4)
    vertices *= RADIUS / np.linalg.norm(vertices, axis=1, keepdims=True)
    vertices.flags.writeable = faces.flags.writeable = False
    return vertices, faces


def _icosahedron() -> npt.NDArray[np.float64]:
    """Return the 12 corners on the unit sphere: the poles, and two rings of five at height +-1/sqrt(5)."""
    height = 1 / np.sqrt(5)
    upper, lower = 2 * np.pi * np.arange(-1, 4) / 5, 2 * np.pi * np.arange(-1.5, 3.5) / 5
    rings = [
        np.column_stack([2 * height * np.cos(a), 2 * height * np.sin(a), np.full(5, z)])
        for a, z in ((upper, height), (lower, -height))
    ]
    return np.vstack([[0, 0, 1], *rings, [0, 0, -1]])


def _subdivide(
    vertices: npt.NDArray[np.float64], faces: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Split each face into four.

    New vertices are numbered as their edges are first met, each face's in the order (2, 0), (1, 2), (0, 1).
    """
    n = len(vertices)
    edges = np.sort(np.stack([faces[:, [2, 0]], faces[:, [1, 2]], faces[:, [0, 1]]], axis=1).reshape(-1, 2), axis=1)
    _, first, inverse = np.unique(edges[:, 0] * n + edges[:, 1], return_index=True, return_inverse=True)
    number = np.empty(len(first), dtype=np.int64)
    order = np.argsort(first)
    number[order] = np.arange(n, n + len(first))
    ends = edges[first[order]]
    middles = vertices[ends[:, 0]] + vertices[ends[:, 1]]
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    m20, m12, m01 = number[inverse].reshape(-1, 3).T
    v0, v1, v2 = faces.T
    # The first child takes its parent's row; the other three are appended, parent by parent.
    kept = np.stack([v0, m01, m20], axis=1)
    others = np.stack([m20, m12, v2, m01, m12, m20, m01, v1, m12], axis=1).reshape(-1, 3)
    return np.vstack([vertices, middles]), np.vstack([kept, others])
