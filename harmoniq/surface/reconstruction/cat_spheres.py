"""Stages on spheres with cat-surf (GPL-2.0-or-later), in the worker's process only."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmoniq.surface.icosphere import RADIUS
from harmoniq.surface.reconstruction.meshes import read_mesh, write_mesh

_SIDES = {"lh": "left", "rh": "right"}


def map_to_sphere(layers_file: str, out_file: str) -> dict[str, Any]:
    """Inflate the surface half-way between white and pial to a sphere, and measure its folds.

    Parameters
    ----------
    layers_file : path
        White and pial surface.
    out_file : path
        Mesh with ``sphere`` (radius 100 mm), ``inflated``, ``curv`` (mean curvature of the white surface, 1/mm) and
        ``sulc`` (depth), both positive in sulci, per vertex.

    Returns
    -------
    dict
        ``sphere_folds``: faces of the sphere that lie with their inside out.
    """
    import cat_surf

    mesh = read_mesh(layers_file)
    faces, middle = mesh["faces"], _middle(mesh)
    sphere, _ = cat_surf.surf_to_sphere(middle, faces, stop_at=6)
    inflated, _ = cat_surf.surf_to_sphere(middle, faces, stop_at=2)
    curvature = cat_surf.surf_curvature(mesh["white"], faces, curvtype=4, invert_values=True)
    curvature = cat_surf.smooth_heatkernel(
        mesh["white"], faces, np.clip(curvature, *np.percentile(curvature, (0.5, 99.5))), 5.0
    )
    sulc = cat_surf.surf_curvature(middle, faces, curvtype=11)
    write_mesh(out_file, sphere=_unit(sphere) * RADIUS, inflated=inflated, curv=curvature, sulc=sulc)
    return {"sphere_folds": _folds(sphere, faces)}


def register_sphere(layers_file: str, sphere_file: str, hemisphere: str, out_file: str) -> dict[str, Any]:
    """Align a sphere with fsaverage's by spherical demons (Yeo et al. 2010, doi:10.1109/TMI.2009.2030797).

    The target is fsaverage5, which comes with nilearn: its 10,242 vertices are the demons' own finest grid.

    Parameters
    ----------
    layers_file, sphere_file : path
        Surfaces and sphere of a hemisphere.
    hemisphere : {'lh', 'rh'}
        Whose they are.
    out_file : path
        Mesh with ``registered``, radius 100 mm.

    Returns
    -------
    dict
        ``registered_folds``, and ``sulc_correlation``: of the subject's sulcal depth with fsaverage's.
    """
    import cat_surf

    mesh, own = read_mesh(layers_file), read_mesh(sphere_file)
    faces, target = mesh["faces"], _fsaverage5(hemisphere)
    registered, _ = cat_surf.spherical_demon(
        (_middle(mesh), faces), (np.ascontiguousarray(own["sphere"]), faces),
        (target["middle"], target["faces"]), (target["sphere"], target["faces"]), unfold=True,
    )  # fmt: skip
    registered = _unit(registered) * RADIUS
    write_mesh(out_file, registered=registered)
    from scipy.spatial import cKDTree

    _, nearest = cKDTree(target["sphere"]).query(registered)
    alike = float(np.corrcoef(own["sulc"], target["sulc"][nearest])[0, 1])
    return {"registered_folds": _folds(registered, faces), "sulc_correlation": round(alike, 4)}


def _middle(mesh: dict[str, NDArray]) -> NDArray:
    return np.ascontiguousarray(0.5 * (mesh["white"] + mesh["pial"]))


def _unit(vectors: NDArray) -> NDArray:
    centered: NDArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return centered


def _folds(sphere: NDArray, faces: NDArray) -> int:
    """Return how many faces of a sphere lie with their inside out."""
    a, b, c = (sphere[faces[:, k]] for k in range(3))
    volume = np.einsum("ij,ij->i", a, np.cross(b, c))
    return int(min((volume < 0).sum(), (volume > 0).sum()))


def _fsaverage5(hemisphere: str) -> dict[str, NDArray]:
    from nilearn.datasets import load_fsaverage, load_fsaverage_data

    meshes, side = load_fsaverage("fsaverage5"), _SIDES[hemisphere]
    points = {
        name: np.asarray(meshes[name].parts[side].coordinates, dtype=np.float64)
        for name in ("white_matter", "pial", "sphere")
    }
    sulc = load_fsaverage_data(mesh="fsaverage5", data_type="sulcal").data.parts[side]
    return {
        "middle": np.ascontiguousarray(0.5 * (points["white_matter"] + points["pial"])),
        "sphere": np.ascontiguousarray(points["sphere"]),
        "faces": np.ascontiguousarray(meshes["sphere"].parts[side].faces, dtype=np.int32),
        "sulc": np.asarray(sulc, dtype=np.float64),
    }
