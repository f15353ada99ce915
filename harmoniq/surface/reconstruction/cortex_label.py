"""Which vertices are cortex: those beside cortical gray matter of the template, and not the cut through the midline."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.images import load_image
from harmoniq.surface.reconstruction.grids import voxel_sizes
from harmoniq.surface.reconstruction.template import CORTEX, WHITE

#: A vertex nearer than this (mm) to the template's cortex is cortex where it lies in no other structure.
NEAR_MM = 3.0
#: Patches of fewer vertices than this are errors of the template's segmentation.
_PATCH = 300


def cortex_vertices(mesh: dict[str, NDArray], aseg_file: Path) -> NDArray[np.bool_]:
    """Tell cortex from the cut through the midline.

    Parameters
    ----------
    mesh : dict
        ``white``, ``pial`` (RAS mm) and ``faces``.
    aseg_file : path
        The template's segmentation in the subject. Hippocampus, amygdala, deep nuclei and callosum are no cortex, as in
        FreeSurfer's ``cortex.label``.

    Returns
    -------
    ndarray of bool, shape (n,)
        True in the cortex; pieces of either value with fewer than 300 vertices have taken the value around them.
    """
    from scipy.ndimage import distance_transform_edt

    aseg = load_image(aseg_file, ndim=3)
    codes = np.round(aseg.data).astype(np.int32)
    away = distance_transform_edt(~np.isin(codes, CORTEX), sampling=voxel_sizes(aseg.affine))
    inverse = np.linalg.inv(aseg.affine)
    middle = 0.5 * (mesh["white"] + mesh["pial"])
    voxels = np.round(middle @ inverse[:3, :3].T + inverse[:3, 3]).astype(int)
    i, j, k = np.clip(voxels, 0, np.array(codes.shape) - 1).T
    unlike = ~np.isin(codes[i, j, k], (0, *CORTEX, *WHITE))
    cortex = (away[i, j, k] < NEAR_MM) & ~unlike
    return _without_patches(cortex, mesh["faces"])


def _without_patches(mask: NDArray[np.bool_], faces: NDArray) -> NDArray[np.bool_]:
    """Return a mask of vertices whose small pieces, of either value, have taken the value around them."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    out = mask.copy()
    for value in (True, False):
        same = edges[(out[edges] == value).all(axis=1)]
        graph = coo_matrix((np.ones(len(same), dtype=np.int8), same.T), shape=(len(out), len(out)))
        _, piece = connected_components(graph, directed=False)
        size = np.bincount(piece)[piece]
        out[(out == value) & (size < _PATCH)] = not value
    return out
