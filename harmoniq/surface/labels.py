"""Brodmann areas of a subject's vertices, through the registered sphere."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from harmoniq.data.errors import InputError
from harmoniq.surface.icosphere import RADIUS, icosphere


def map_labels(
    labels: Mapping[str, npt.NDArray[np.integer]], sphere: npt.ArrayLike, hemisphere: str
) -> npt.NDArray[np.int16]:
    """Give each vertex of a subject the label of the nearest vertex of fsaverage's sphere.

    This is what ``mri_surf2surf --sval-annot`` does from fsaverage to a subject (its method ``nnf``).

    Parameters
    ----------
    labels : mapping
        ``Atlas.labels``: 163,842 numbers for ``L`` and for ``R`` (or those of a coarser fsaverage).
    sphere : array_like, shape (n, 3)
        The subject's ``sphere.reg``, of radius 100 mm around the origin.
    hemisphere : {'L', 'R'}
        Whose labels are wanted.

    Returns
    -------
    ndarray of int16, shape (n,)
        Number of the region, 0 unassigned, -1 medial wall.

    Raises
    ------
    InputError
        When the labels fit no fsaverage, or the sphere is not one.
    """
    from scipy.spatial import cKDTree

    source = np.asarray(labels[hemisphere])
    template = _template(len(source))
    points = np.asarray(sphere, dtype=np.float64)
    radii = np.linalg.norm(points, axis=1)
    if not len(points) or not np.isfinite(radii).all() or radii.min() < 0.5 * RADIUS or radii.max() > 1.5 * RADIUS:
        raise InputError(
            f"sphere.reg of hemisphere {hemisphere} is not a sphere of radius {RADIUS:g} mm around the origin",
            remedy="use surf/?h.sphere.reg as FreeSurfer wrote it",
        )
    # Distances are along the sphere: a radius that is off by a little must not choose another vertex.
    _, nearest = cKDTree(template).query(points * (RADIUS / radii)[:, None])
    return source[nearest].astype(np.int16)


def _template(n: int) -> npt.NDArray[np.float64]:
    for level in range(8):
        if n == 10 * 4**level + 2:
            return icosphere(level)[0]
    raise InputError(f"{n} labels fit no fsaverage", remedy="use labels of fsaverage (163,842 vertices)")
