"""A FreeSurfer-readable subject from the meshes: surfaces, measures, labels, scripts."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import harmoniq
from harmoniq.data.files import atomic_path, write_json, write_text
from harmoniq.surface.geometry import transform, vertex_areas
from harmoniq.surface.reconstruction.cortex_label import cortex_vertices
from harmoniq.surface.reconstruction.installed import STAMP, engine_version
from harmoniq.surface.reconstruction.meshes import read_mesh
from harmoniq.surface.reconstruction.quality import layer_quality
from harmoniq.surface.reconstruction.subject_volumes import SIZE, write_volumes

_CREATED = "made by harmoniq with cat-surf; not by FreeSurfer's recon-all"
_SIDES = {"lh": "left", "rh": "right"}


def write_subject(
    folder: Path,
    *,
    head: Path,
    corrected: Path,
    mask: Path,
    aseg: Path,
    labels: dict[str, Path],
    layers: dict[str, Path],
    spheres: dict[str, Path],
    registered: dict[str, Path],
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Write the subject: ``mri``, ``surf``, ``label`` and ``scripts``.

    Parameters
    ----------
    folder : path
        The subject's folder.
    head, corrected, mask, aseg : path
        Images, as `harmoniq.surface.reconstruction.subject_volumes.write_volumes` takes them.
    labels, layers, spheres, registered : dict
        Files by ``lh`` and ``rh``: partial-volume label, and the meshes of the stages ``layers``, ``sphere`` and
        ``register``.
    facts : dict
        What the stages said: ``lh`` and ``rh`` for a hemisphere, the rest for both; ``white_intensity`` is needed.

    Returns
    -------
    dict
        ``lh`` and ``rh`` with Euler numbers, self-intersections, folds, thickness and the share of points in their
        tissue; ``engine``; and what concerns both. It is also in ``scripts/harmoniq-catsurf.json``.
    """
    white = float(facts["white_intensity"])
    affine = write_volumes(folder / "mri", head=head, corrected=corrected, mask=mask, aseg=aseg, white=white)
    to_tkr = np.linalg.inv(affine @ np.linalg.inv(_tkr(affine)))
    quality: dict[str, Any] = {"engine": f"catsurf {engine_version()}", **facts}
    for hemisphere in _SIDES:
        mesh = _in_ras(read_mesh(layers[hemisphere]), labels[hemisphere])
        cortex = cortex_vertices(mesh, aseg)
        own, registration = read_mesh(spheres[hemisphere]), read_mesh(registered[hemisphere])
        _write_surfaces(folder / "surf", hemisphere, mesh, own, registration["registered"], to_tkr, affine)
        _write_cortex(folder / "label" / f"{hemisphere}.cortex.label", cortex, transform(mesh["white"], to_tkr))
        quality[hemisphere] = {**facts.get(hemisphere, {}), **layer_quality(mesh, cortex, labels[hemisphere])}
    write_text(folder / "scripts" / "build-stamp.txt", f"{STAMP}-{engine_version()} {_CREATED}\n")
    write_json(folder / "scripts" / "harmoniq-catsurf.json", quality)
    done = f"SUBJECT {folder.name}\nVERSION harmoniq {harmoniq.__version__}\nCMDARGS {_CREATED}\n"
    write_text(folder / "scripts" / "recon-all.done", done)
    return quality


def _in_ras(mesh: dict[str, NDArray], label: Path) -> dict[str, NDArray]:
    """Return the mesh in RAS mm: stages work in mm along the label's axes from its first voxel."""
    from harmoniq.data.images import load_grid

    _, affine = load_grid(label)
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    to_ras = affine @ np.diag([*(1.0 / sizes), 1.0])
    return mesh | {name: transform(mesh[name], to_ras) for name in ("white", "pial")}


def _tkr(affine: NDArray) -> NDArray:
    """Return vox2ras of tkRAS: the same axes, the origin at the middle of the volume."""
    out = affine.copy()
    out[:3, 3] = -affine[:3, :3] @ np.full(3, SIZE / 2)
    return out


def _write_surfaces(
    folder: Path, hemisphere: str, mesh: dict[str, NDArray], own: dict[str, NDArray], registered: NDArray,
    to_tkr: NDArray, affine: NDArray,
) -> None:  # fmt: skip
    from nibabel.freesurfer import write_geometry, write_morph_data

    faces, info = mesh["faces"], _volume_info(affine)
    white, pial = (transform(mesh[name], to_tkr) for name in ("white", "pial"))
    surfaces = {
        "white": white, "pial": pial, "orig": white, "smoothwm": white,
        "sphere": own["sphere"], "sphere.reg": registered, "inflated": own["inflated"],
    }  # fmt: skip
    for name, points in surfaces.items():
        path = folder / f"{hemisphere}.{name}"
        with atomic_path(path) as temporary:
            write_geometry(str(temporary), np.asarray(points, dtype=np.float32), faces, _CREATED, info)
    measures = {
        "thickness": mesh["thickness"], "curv": own["curv"], "sulc": own["sulc"],
        "area": vertex_areas(white, faces), "area.pial": vertex_areas(pial, faces),
    }  # fmt: skip
    for name, values in measures.items():
        with atomic_path(folder / f"{hemisphere}.{name}") as temporary:
            write_morph_data(str(temporary), np.asarray(values, dtype=np.float32), len(faces))


def _volume_info(affine: NDArray) -> dict[str, Any]:
    """Return the geometry that FreeSurfer writes at the end of surfaces."""
    axes = affine[:3, :3]
    return {
        "head": np.array([2, 0, 20], dtype=np.int32),
        "valid": "1  # volume info valid",
        "filename": "../mri/orig.mgz",
        "volume": np.array([SIZE] * 3),
        "voxelsize": np.ones(3),
        "xras": axes[:, 0],
        "yras": axes[:, 1],
        "zras": axes[:, 2],
        "cras": axes @ np.full(3, SIZE / 2) + affine[:3, 3],
    }


def _write_cortex(path: Path, cortex: NDArray[np.bool_], white: NDArray) -> None:
    vertices = np.flatnonzero(cortex)
    lines = [f"#!ascii label  , from subject {path.parent.parent.name} vox2ras=TkReg", str(len(vertices))]
    lines += [f"{n} {x:.3f} {y:.3f} {z:.3f} 0.0000000000" for n, (x, y, z) in zip(vertices, white[vertices])]
    write_text(path, "\n".join(lines) + "\n")
