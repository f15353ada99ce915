"""Stages on surfaces with cat-surf (GPL-2.0-or-later), in the worker's process only.

The order of the steps, and the settings that are given here, follow T1Prep 0.8.1 (Apache-2.0), which is CAT12's
pipeline in Python: projection-based thickness (Dahnke et al. 2013, doi:10.1016/j.neuroimage.2012.09.050), an isosurface
of the position between white and pial with its topology corrected, and its way outward and inward.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.images import load_image
from harmoniq.surface.reconstruction.meshes import read_mesh, write_mesh

_THICKNESS = {
    "n_avgs": 5, "n_median_filter": 2, "median_subsample": 2, "range_val": 0.45, "sulcal_barrier": True,
    "barrier_gmtfactor": 1.2, "barrier_gmtpct": 90.0, "barrier_q": 0.7, "barrier_ramp": 0.5, "oriented_filter": True,
    "correct_thickness": -0.05, "sulcal_width": 5.0,
}  # fmt: skip
_ISOSURFACE = {
    "threshold": 0.5, "pre_fwhm": 1.0, "iter_laplacian": 50, "n_median_filter": 2, "strength_gyri_mask": 0.1,
    "strength_sulci": 1.0, "sheet_offset": 0.2, "sulci_sigma_factor": 0.75, "sulci_cutoff": 0.2,
}  # fmt: skip


def central_surface(label_file: str, out_file: str, faces: int) -> dict[str, Any]:
    """Measure the thickness in the volume and make the surface half-way between white and pial.

    Parameters
    ----------
    label_file : path
        Partial-volume label of a hemisphere.
    out_file : path
        Mesh with ``vertices`` (mm along the label's axes from its first voxel), ``faces`` and ``thickness``.
    faces : int
        The most faces of the mesh.

    Returns
    -------
    dict
        ``vertices``, and ``central_euler``: the Euler number, 2 for a sphere.
    """
    import cat_surf

    label, grid, sizes = _label(label_file)
    thickness, position, _, _ = cat_surf.vol_thickness_pbt(label, voxelsize=sizes, **_THICKNESS)
    vertices, triangles = cat_surf.vol_marching_cubes((position, grid), label=(label, grid), **_ISOSURFACE)
    if len(triangles) > faces:
        vertices, triangles = cat_surf.reduce_mesh(
            vertices, triangles, target_faces=faces, aggressiveness=7.0, preserve_sharp=True
        )
    before = vertices
    vertices, triangles = cat_surf.surf_deform(
        vertices, triangles, (position, grid),
        w1=0.1, w2=0.1, w3=1.0, sigma=0.2, isovalue=0.5, iterations=75, remove_intersect=True,
    )  # fmt: skip
    vertices, triangles = cat_surf.fix_self_intersect(vertices, triangles, reference=before)
    along, _ = cat_surf.vol2surf(
        (thickness, grid), vertices, triangles, grid_start=-0.4, grid_end=0.4, grid_steps=5, map_func="waverage"
    )
    write_mesh(out_file, vertices=vertices, faces=np.asarray(triangles, dtype=np.int32), thickness=along)
    return {"vertices": len(vertices), "central_euler": int(cat_surf.euler_characteristic(vertices, triangles))}


def white_and_pial(label_file: str, central_file: str, out_file: str) -> dict[str, Any]:
    """Move the central surface to the white and to the pial surface, and repair what intersects itself.

    Parameters
    ----------
    label_file, central_file : path
        Label and central surface of a hemisphere.
    out_file : path
        Mesh with ``white``, ``pial``, ``faces`` and ``thickness``: the mean of the two ways to the other surface
        (Fischl and Dale 2000, doi:10.1073/pnas.200033797), up to 5 mm, as FreeSurfer has it.

    Returns
    -------
    dict
        ``white_euler`` and ``pial_euler``, and the intersections that are left: ``white_self_intersections`` and
        ``pial_self_intersections``.
    """
    import cat_surf

    label, grid, _ = _label(label_file)
    mesh = read_mesh(central_file)
    faces = mesh["faces"]
    pial, _, white, _ = cat_surf.surf_to_pial_white(
        mesh["vertices"], faces, mesh["thickness"], (label, grid),
        w1=0.05, w2=0.05, w3=0.05, sigma=0.2, iterations=100, method=2, remove_intersect=True,
    )  # fmt: skip
    white, pial = (_without_intersections(surface, faces, mesh["vertices"]) for surface in (white, pial))
    thickness, _ = cat_surf.point_distance_mean(white, faces, pial, faces, symmetric=False, max_dist=5.0)
    write_mesh(out_file, white=white, pial=pial, faces=faces, thickness=thickness)
    return {
        "white_euler": int(cat_surf.euler_characteristic(white, faces)),
        "pial_euler": int(cat_surf.euler_characteristic(pial, faces)),
        "white_self_intersections": int(cat_surf.count_intersections(white, faces)),
        "pial_self_intersections": int(cat_surf.count_intersections(pial, faces)),
    }


def _without_intersections(surface: NDArray, faces: NDArray, central: NDArray) -> NDArray:
    """Repair what is left: such places go back toward the central surface, which intersects itself nowhere."""
    import cat_surf

    if cat_surf.count_intersections(surface, faces) == 0:
        return surface
    repaired: NDArray = cat_surf.fix_self_intersect(surface, faces, reference=central, max_passes=20)[0]
    return repaired


def _label(file: str) -> tuple[NDArray, NDArray, NDArray]:
    """Return a label without blood vessels, and an affine without rotation: meshes are turned when they are written."""
    import cat_surf

    image = load_image(file, ndim=3)
    sizes = image.voxel_sizes
    data = cat_surf.vol_blood_vessel_correction(np.asfortranarray(image.data, dtype=np.float32), voxelsize=sizes)
    return data, np.diag([*sizes, 1.0]), sizes
