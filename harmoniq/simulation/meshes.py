"""Triangle meshes: FreeSurfer's normals and thickness, and nilearn's bundled fsaverage5."""

from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.errors import InputError

#: FreeSurfer never reports more than this thickness (mm).
MAXIMUM_THICKNESS_MM: Final = 5.0

_SIDES = {"L": "left", "R": "right"}


def read_fsaverage5(hemisphere: str, kind: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Read a surface of fsaverage5 from the files that nilearn ships, without importing nilearn.

    Parameters
    ----------
    hemisphere : {'L', 'R'}
        Which side.
    kind : {'white', 'pial', 'sphere', 'infl'}
        Which surface.

    Returns
    -------
    vertices : (10242, 3) array
        RAS mm, in the space of MNI305 (FreeSurfer's fsaverage).
    faces : (20480, 3) array
        Vertices of each triangle, anticlockwise seen from outside.

    Raises
    ------
    InputError
        When nilearn is not installed or its files have moved.
    """
    import nibabel

    arrays = nibabel.load(bundled_folder() / "fsaverage5" / f"{kind}_{_SIDES[hemisphere]}.gii.gz").darrays  # type: ignore[attr-defined]
    return arrays[0].data.astype(np.float64), arrays[1].data.astype(np.int64)


def bundled_folder() -> Path:
    """Find the templates that nilearn ships, without importing it.

    Returns
    -------
    Path
        The folder that holds ``fsaverage5`` and the MNI152 maps.

    Raises
    ------
    InputError
        When nilearn is not installed or its files have moved.
    """
    spec = find_spec("nilearn")
    folder = Path(spec.origin).parent / "datasets" / "data" if spec is not None and spec.origin else None
    if folder is None or not (folder / "fsaverage5").is_dir():
        raise InputError("nilearn's bundled fsaverage5 was not found", remedy="install nilearn >= 0.14.1")
    return folder


def face_normals(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute the unit normals of a mesh's faces.

    Parameters
    ----------
    vertices : (n, 3) array
        In mm.
    faces : (m, 3) array
        Vertices of each triangle.

    Returns
    -------
    (m, 3) array
        Outward for FreeSurfer's orientation; 0 for faces without area.
    """
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    normals = np.cross(b - a, c - a)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def vertex_normals(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute the unit normals of a mesh's vertices, as FreeSurfer does.

    Parameters
    ----------
    vertices : (n, 3) array
        In mm.
    faces : (m, 3) array
        Vertices of each triangle.

    Returns
    -------
    (n, 3) array
        The normalized sum of the unit normals of the faces around a vertex, not weighted by area.
    """
    normals = face_normals(vertices, faces)
    total = np.zeros_like(vertices)
    for corner in range(3):
        for axis in range(3):
            total[:, axis] += np.bincount(faces[:, corner], normals[:, axis], len(vertices))
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def vertex_areas(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute the area that belongs to each vertex.

    Parameters
    ----------
    vertices : (n, 3) array
        In mm.
    faces : (m, 3) array
        Vertices of each triangle.

    Returns
    -------
    (n,) array
        A third of the area of the faces around the vertex, in mm².
    """
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    area = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
    return np.bincount(faces.ravel(), np.repeat(area / 3.0, 3), len(vertices)).astype(np.float64)


def neighbors_mean(faces: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average values over each vertex's neighbors on a closed mesh.

    Parameters
    ----------
    faces : (m, 3) array
        Vertices of each triangle.
    values : (n,) or (n, c) array
        At the vertices.

    Returns
    -------
    array of the values' shape
        Means; a vertex's own value does not count.
    """
    from scipy.sparse import csr_array

    n = len(values)
    rows = np.concatenate([faces[:, 0], faces[:, 1], faces[:, 2]])
    columns = np.concatenate([faces[:, 1], faces[:, 2], faces[:, 0]])
    graph = csr_array((np.ones(len(rows)), (rows, columns)), shape=(n, n))
    return (graph @ values) / np.maximum(graph.sum(axis=1), 1).reshape((n,) + (1,) * (values.ndim - 1))


def mean_curvature(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """Estimate the mean curvature at each vertex by the umbrella operator.

    Parameters
    ----------
    vertices : (n, 3) array
        In mm.
    faces : (m, 3) array
        Vertices of each triangle.

    Returns
    -------
    (n,) array
        In 1/mm, positive in sulci as in FreeSurfer.
    """
    normals = vertex_normals(vertices, faces)
    towards = neighbors_mean(faces, vertices) - vertices
    edge = np.linalg.norm(vertices[faces[:, 0]] - vertices[faces[:, 1]], axis=1)
    square = np.bincount(faces[:, 0], edge**2, len(vertices)) / np.maximum(
        np.bincount(faces[:, 0], minlength=len(vertices)), 1
    )
    return 2.0 * np.sum(towards * normals, axis=1) / np.maximum(square, 1e-6)


def cortical_thickness(
    white: NDArray[np.float64], pial: NDArray[np.float64], faces: NDArray[np.int64], candidates: int = 24
) -> NDArray[np.float64]:
    """Measure the thickness at each vertex, as FreeSurfer does.

    The mean of the distance from the white vertex to the pial surface and of that from the pial vertex to the white
    surface, at most 5 mm (Fischl and Dale 2000, PNAS 97:11050).

    Parameters
    ----------
    white, pial : (n, 3) array
        Vertices of both surfaces, in mm.
    faces : (m, 3) array
        Vertices of each triangle.
    candidates : int, optional
        As `harmoniq.simulation.distance.distance_to_surface` takes it.

    Returns
    -------
    (n,) array
        In mm.
    """
    from harmoniq.simulation.distance import distance_to_surface

    there = distance_to_surface(white, pial, faces, candidates)
    back = distance_to_surface(pial, white, faces, candidates)
    return np.minimum(0.5 * (there + back), MAXIMUM_THICKNESS_MM)
