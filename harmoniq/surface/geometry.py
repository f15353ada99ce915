"""Points at a depth of the cortex, as FreeSurfer's ``mri_vol2surf`` places them."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from harmoniq.surface.subject import Hemisphere

Points = npt.NDArray[np.float64]
DepthKind = Literal["projfrac", "projdist", "midpoint"]


def vertex_normals(vertices: npt.ArrayLike, faces: npt.ArrayLike) -> Points:
    """Compute the outward unit normal of each vertex, as FreeSurfer does.

    Parameters
    ----------
    vertices : array_like, shape (n, 3)
        In mm.
    faces : array_like of int, shape (m, 3)
        Of a closed surface, all turning the same way.

    Returns
    -------
    numpy.ndarray, shape (n, 3)
        The normalized sum of the unit normals of the vertex's faces, each counting once whatever its area
        (``MRIScomputeNormals`` in FreeSurfer's ``utils/mrisurf``); zero where there is no face.
    """
    points, triangles = np.asarray(vertices, dtype=np.float64), np.asarray(faces)
    # Axis by axis: gathering and multiplying whole rows takes three times as long.
    corners = np.ascontiguousarray(triangles.T)
    axes = np.ascontiguousarray(points.T)
    first = [axis[corners[0]] for axis in axes]
    u, v = ([axis[corners[k]] - start for axis, start in zip(axes, first, strict=True)] for k in (1, 2))
    normals = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]
    # The enclosed volume is positive when the faces turn anticlockwise seen from outside; a sixth is left out.
    volume = sum(float((start - axis.mean()) @ n) for start, axis, n in zip(first, axes, normals, strict=True))
    length = np.sqrt(normals[0] ** 2 + normals[1] ** 2 + normals[2] ** 2)
    scale = np.divide(1.0 if volume >= 0 else -1.0, length, out=np.zeros_like(length), where=length > 0)
    total = np.empty_like(points)
    for axis, normal in enumerate(normals):
        weights = normal * scale
        total[:, axis] = sum(np.bincount(corner, weights=weights, minlength=len(points)) for corner in corners)
    return _unit(total)


def _unit(vectors: Points) -> Points:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)


def vertex_areas(vertices: npt.ArrayLike, faces: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Compute the area that belongs to each vertex.

    Parameters
    ----------
    vertices : array_like, shape (n, 3)
        In mm.
    faces : array_like of int, shape (m, 3)
        Vertices of each triangle.

    Returns
    -------
    ndarray of float64, shape (n,)
        A third of each face around the vertex, in mm^2.
    """
    points, triangles = np.asarray(vertices, dtype=np.float64), np.asarray(faces)
    a, b, c = (points[triangles[:, k]] for k in range(3))
    thirds = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    areas: npt.NDArray[np.float64] = np.zeros(len(points))
    areas += np.bincount(triangles.ravel(), weights=np.repeat(thirds, 3), minlength=len(points))
    return areas


def points_at(
    hemisphere: Hemisphere, *, kind: DepthKind = "projfrac", value: float = 0.5, normals: Points | None = None
) -> Points:
    """Place one point per vertex at a depth of the cortex.

    Parameters
    ----------
    hemisphere : Hemisphere
        White and pial surface, and thickness.
    kind : {'projfrac', 'projdist', 'midpoint'}
        ``projfrac``: white + value x thickness x normal of the white surface; ``projdist``: white + value mm x normal;
        ``midpoint``: white + value x (pial - white), along the line to the pial vertex.
    value : float
        Fraction of the thickness, or mm; negative goes into the white matter.
    normals : numpy.ndarray, shape (n, 3), optional
        ``vertex_normals`` of the white surface, to be computed once for several depths.

    Returns
    -------
    numpy.ndarray, shape (n, 3)
        In the surfaces' coordinates (tkRAS), mm.

    Raises
    ------
    ValueError
        For an unknown kind of depth.
    """
    if kind == "midpoint":
        return hemisphere.white + value * (hemisphere.pial - hemisphere.white)
    if kind not in ("projfrac", "projdist"):
        raise ValueError(f"kind must be projfrac, projdist or midpoint, not {kind!r}")
    directions = vertex_normals(hemisphere.white, hemisphere.faces) if normals is None else normals
    steps = value * hemisphere.thickness[:, None] if kind == "projfrac" else value
    return hemisphere.white + steps * directions


def transform(points: npt.ArrayLike, matrix: npt.ArrayLike) -> Points:
    """Apply an affine matrix to points.

    Parameters
    ----------
    points : array_like, shape (n, 3)
        In the space that `matrix` starts from.
    matrix : array_like, shape (4, 4)
        Its last row is not looked at.

    Returns
    -------
    ndarray of float64, shape (n, 3)
        In the space that `matrix` leads to.
    """
    affine = np.asarray(matrix, dtype=np.float64)
    return np.asarray(points, dtype=np.float64) @ affine[:3, :3].T + affine[:3, 3]
