"""A FreeSurfer subject of a simulated anatomy: surfaces, morphometry, labels and volumes in FreeSurfer's formats."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.errors import InputError
from harmoniq.data.files import write_text
from harmoniq.simulation.anatomy import Anatomy, SubjectSurfaces
from harmoniq.simulation.cortex import MEDIAL_WALL, Hemisphere
from harmoniq.simulation.freesurfer_volumes import SIZE, conformed_affine, conformed_volumes, save_volumes
from harmoniq.simulation.meshes import cortical_thickness, mean_curvature, vertex_areas

_STAMP: Final = "simulated by harmoniq; not made by FreeSurfer's recon-all\n"
_FILES: Final = {"L": "lh", "R": "rh"}
_LOBES: Final = ("unknown", "simulated-frontal", "simulated-parietal", "simulated-temporal", "simulated-occipital")
_COLORS: Final = ((25, 5, 25), (160, 30, 60), (60, 140, 220), (220, 180, 40), (120, 60, 180))


def write_freesurfer_subject(
    anatomy: Anatomy,
    subjects_dir: str | Path,
    label: str,
    t1_image: Any = None,
    fsaverage_label_dir: str | Path | None = None,
) -> Path:
    """Write a subject's folder as recon-all would leave it.

    Surfaces are in FreeSurfer's tkRAS with the volume's geometry in their footers; a scanner RAS point is
    ``vox2ras @ inv(vox2ras_tkr) @ tkRAS``. The center of the volume (c_ras) is the subject's own, never zero.
    All meshes have fsaverage5's 10,242 vertices, and `sphere.reg` is fsaverage5's sphere.

    Parameters
    ----------
    anatomy : Anatomy
        Of the head.
    subjects_dir : path
        Folder of FreeSurfer subjects.
    label : str
        The subject's folder, for example ``sub-01``.
    t1_image : nibabel image, optional
        A T1-weighted image in the scanner's space for ``mri/``; without it one is painted.
    fsaverage_label_dir : path, optional
        fsaverage's ``label`` folder, from which ``aparc.annot`` takes its first 10,242 labels; without it
        ``aparc.annot`` holds four coarse lobes whose names begin with ``simulated-``.

    Returns
    -------
    Path
        The subject's folder.

    Raises
    ------
    InputError
        When the folder cannot be written, or `fsaverage_label_dir` lacks ``?h.aparc.annot``.
    """
    folder = Path(subjects_dir) / label
    try:
        for part in ("surf", "mri/transforms", "label", "scripts", "stats", "tmp", "touch"):
            (folder / part).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror})", file=folder, remedy="choose another folder"
        ) from error
    surfaces = anatomy.surfaces()
    c_ras = _volume_center(surfaces)
    affine = conformed_affine(c_ras)
    parcels = []
    for side, surface in surfaces.items():
        _write_surfaces(folder, _FILES[side], surface, anatomy.template.cortex[side], side, c_ras)
        parcels.append(
            _write_labels(folder, _FILES[side], surface, anatomy.template.cortex[side], c_ras, fsaverage_label_dir)
        )
    save_volumes(conformed_volumes(anatomy, affine, (parcels[0], parcels[1]), t1_image), affine, folder / "mri")
    _write_talairach(anatomy, folder / "mri" / "transforms" / "talairach.xfm")
    write_text(folder / "scripts" / "build-stamp.txt", f"harmoniq-{_version()} {_STAMP}")
    write_text(folder / "scripts" / "recon-all.done", f"SUBJECT {label}\nCMDARGS {_STAMP}")
    write_text(folder / "scripts" / "recon-all.log", _STAMP)
    return folder


def _volume_center(surfaces: Mapping[str, SubjectSurfaces]) -> NDArray[np.float64]:
    """Return c_ras: the middle of the brain and a little lower and forward, so that the head fits."""
    points = np.concatenate([surface.pial for surface in surfaces.values()])
    middle = 0.5 * (points.min(axis=0) + points.max(axis=0)) + np.array([0.0, 8.0, -22.0])
    return np.round(middle, 3)  # MGH headers hold float32


def _write_surfaces(
    folder: Path, prefix: str, surface: SubjectSurfaces, cortex: Hemisphere, side: str, c_ras: NDArray[np.float64]
) -> None:
    from nibabel.freesurfer import write_geometry, write_morph_data

    info = _volume_info(c_ras)
    white, pial = surface.white - c_ras, surface.pial - c_ras
    geometry = {"white": white, "orig": white, "smoothwm": white, "pial": pial}
    geometry |= {"sphere": cortex.sphere, "sphere.reg": cortex.sphere, "inflated": cortex.inflated}
    for name, vertices in geometry.items():
        path = folder / "surf" / f"{prefix}.{name}"
        write_geometry(str(path), vertices.astype(np.float32), surface.faces, _STAMP.strip(), info)
    thickness = cortical_thickness(white, pial, surface.faces)
    thickness[surface.area == MEDIAL_WALL] = 0.0
    measures = {
        "thickness": thickness,
        "curv": mean_curvature(white, surface.faces),
        "area": vertex_areas(white, surface.faces),
        "area.pial": vertex_areas(pial, surface.faces),
        "sulc": _read_sulc(side),
    }
    for name, values in measures.items():
        write_morph_data(str(folder / "surf" / f"{prefix}.{name}"), values.astype(np.float32), len(surface.faces))


def _read_sulc(side: str) -> NDArray[np.float64]:
    import nibabel

    from harmoniq.simulation.meshes import bundled_folder

    name = {"L": "left", "R": "right"}[side]
    image = nibabel.load(bundled_folder() / "fsaverage5" / f"sulc_{name}.gii.gz")
    return image.darrays[0].data.astype(np.float64)  # type: ignore[attr-defined]


def _volume_info(c_ras: NDArray[np.float64]) -> dict[str, Any]:
    """Return the geometry that FreeSurfer writes at the end of surfaces."""
    return {
        "head": np.array([2, 0, 20], dtype=np.int32),
        "valid": "1  # volume info valid",
        "filename": "../mri/orig.mgz",
        "volume": np.array([SIZE] * 3),
        "voxelsize": np.ones(3),
        "xras": np.array([-1.0, 0.0, 0.0]),
        "yras": np.array([0.0, 0.0, -1.0]),
        "zras": np.array([0.0, 1.0, 0.0]),
        "cras": np.asarray(c_ras, dtype=np.float64),
    }


def _write_labels(
    folder: Path,
    prefix: str,
    surface: SubjectSurfaces,
    cortex: Hemisphere,
    c_ras: NDArray[np.float64],
    fsaverage_label_dir: str | Path | None,
) -> NDArray[np.int64]:
    """Write the cortex label and aparc; return the parcel's number per vertex, 0 for none."""
    from nibabel.freesurfer import write_annot

    vertices = np.flatnonzero(surface.area != MEDIAL_WALL)
    lines = [f"#!ascii label  , from subject {folder.name} vox2ras=TkReg", str(len(vertices))]
    for vertex, (x, y, z) in zip(vertices, surface.white[vertices] - c_ras):
        lines.append(f"{vertex} {x:.3f} {y:.3f} {z:.3f} 0.0000000000")
    write_text(folder / "label" / f"{prefix}.cortex.label", "\n".join(lines) + "\n")
    if fsaverage_label_dir is None:
        parcel, colors, names = _lobes(cortex)
    else:
        parcel, colors, names = _read_aparc(Path(fsaverage_label_dir) / f"{prefix}.aparc.annot", len(surface.white))
    write_annot(str(folder / "label" / f"{prefix}.aparc.annot"), parcel, colors, names, fill_ctab=True)
    return np.maximum(parcel, 0)


def _read_aparc(path: Path, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str]]:
    from nibabel.freesurfer import read_annot

    try:
        parcel, colors, names = read_annot(str(path))
    except FileNotFoundError as error:
        raise InputError("file not found", file=path, remedy="give fsaverage's label folder") from error
    return parcel[:n].astype(np.int64), colors[:, :4].astype(np.int64), [name.decode() for name in names]


def _lobes(cortex: Hemisphere) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str]]:
    """Return four lobes cut by planes in fsaverage's space: plausible at a glance, and no more than that."""
    x, y, z = cortex.white.T
    parcel = np.full(len(x), 2)
    parcel[y + 0.6 * z > 8.0] = 1
    parcel[(z < -0.55 * (y + 58.0) * (y < -20.0) + 4.0) & (abs(x) > 18.0) & (y < 18.0) & (z < 6.0)] = 3
    parcel[y < -72.0 + 0.2 * z] = 4
    parcel[cortex.area == MEDIAL_WALL] = 0
    return parcel, np.array([(*color, 0) for color in _COLORS]), list(_LOBES)


def _write_talairach(anatomy: Anatomy, path: Path) -> None:
    """Write the affine part of the map to fsaverage's space in MNI's format."""
    rows = np.column_stack([anatomy.deformation.matrix, anatomy.deformation.offset])
    numbers = "\n".join(" ".join(f"{value:.8f}" for value in row) for row in rows)
    write_text(path, f"MNI Transform File\n% {_STAMP}\nTransform_Type = Linear;\nLinear_Transform =\n{numbers};\n")


def _version() -> str:
    from importlib.metadata import version

    return version("harmoniq")
