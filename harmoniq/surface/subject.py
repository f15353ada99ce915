"""A FreeSurfer subject: the surfaces, and the way from their coordinates to the scanner's."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harmoniq.data.errors import InputError
from harmoniq.data.names import HEMISPHERES
from harmoniq.surface.is_running import running_file, still_running

FILE_HEMISPHERE = {"L": "lh", "R": "rh"}

Points = npt.NDArray[np.float64]

_RERUN = "run recon-all to its end"
#: Surfaces whose volume lies further than this from orig.mgz, in mm, were made from another image.
_CENTER_TOLERANCE = 0.1


_HEMISPHERE_FILES = (
    *(f"surf/{kind}" for kind in ("?h.white", "?h.pial", "?h.pial.T1", "?h.sphere.reg", "?h.thickness")),
    "label/?h.cortex.label",
    "label/?h.PALS_B12_Brodmann.annot",
)
#: What of a FreeSurfer subject the samples depend on.
SURFACE_FILES = (*(name.replace("?h", h) for h in ("lh", "rh") for name in _HEMISPHERE_FILES), "mri/orig.mgz")


@dataclass(frozen=True, eq=False)
class Hemisphere:
    """One hemisphere's surfaces, vertex by vertex.

    Parameters
    ----------
    side : str
        ``L`` or ``R``.
    white, pial : numpy.ndarray, shape (n, 3)
        In FreeSurfer's surface coordinates (tkRAS), mm.
    faces : numpy.ndarray, shape (m, 3)
        Vertex numbers, anticlockwise seen from outside.
    sphere : numpy.ndarray, shape (n, 3)
        ``sphere.reg``: the vertices on the sphere, aligned with fsaverage.
    thickness : numpy.ndarray, shape (n,)
        In mm.
    cortex : numpy.ndarray of bool, shape (n,), optional
        True in ``label/?h.cortex.label``; None where there is none.
    """

    side: str
    white: Points
    pial: Points
    faces: npt.NDArray[np.int64]
    sphere: Points
    thickness: npt.NDArray[np.float64]
    cortex: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False)
class FreeSurferSubject:
    """Surfaces of both hemispheres and the geometry of ``orig.mgz``.

    Parameters
    ----------
    path : path
        The subject's folder.
    hemispheres : dict
        ``L`` and ``R``.
    tkr_to_scanner : numpy.ndarray, shape (4, 4)
        From tkRAS to scanner RAS, mm: ``vox2ras @ inv(vox2ras_tkr)`` of orig.mgz.
    version : str
        What ``scripts/build-stamp.txt`` says; ``unknown`` without it.
    """

    path: Path
    hemispheres: dict[str, Hemisphere]
    tkr_to_scanner: npt.NDArray[np.float64]
    version: str = "unknown"

    @classmethod
    def load(cls, path: str | Path, *, check_finished: bool = True) -> "FreeSurferSubject":
        """Read a subject that recon-all (6.0 to 8) or a compatible program has finished.

        Parameters
        ----------
        path : path
            The subject's folder in the subjects directory.
        check_finished : bool
            Refuse a subject that is still being made or whose recon-all failed.

        Returns
        -------
        FreeSurferSubject
            All surfaces in memory, coordinates as float64.

        Raises
        ------
        InputError
            For an absent folder, missing or damaged files (all are named), an unfinished or failed recon-all, and
            surfaces that do not belong together.
        """
        folder = Path(path)
        if not folder.is_dir():
            raise InputError(
                "FreeSurfer subject not found", file=folder, remedy="check --fs-subjects-dir and the label"
            )
        if check_finished:
            check_finished_subject(folder)
        files = _files(folder)
        vox2ras, vox2ras_tkr = _orig(folder / "mri" / "orig.mgz")
        hemispheres = {side: _hemisphere(side, files[side], vox2ras) for side in HEMISPHERES}
        return cls(folder, hemispheres, vox2ras @ np.linalg.inv(vox2ras_tkr), _version(folder))


def surface_files(subject_dir: str | Path) -> list[str]:
    """List the files of a FreeSurfer subject on which samples depend.

    Parameters
    ----------
    subject_dir : path
        The subject's folder.

    Returns
    -------
    list of str
        Paths of those of `SURFACE_FILES` that exist.
    """
    return [str(path) for name in SURFACE_FILES if (path := Path(subject_dir) / name).exists()]


def check_finished_subject(folder: Path) -> None:
    """Refuse a subject that recon-all has not finished.

    Parameters
    ----------
    folder : path
        The subject's.

    Raises
    ------
    InputError
        When recon-all is at work, has failed, or has not come to its end.
    """
    scripts = folder / "scripts"
    running = running_file(folder)
    if running is not None:
        raise still_running(running)
    done = scripts / "recon-all.done"
    if not done.is_file():
        raise InputError("recon-all has not finished this subject: the file is missing", file=done, remedy=_RERUN)
    # recon-all writes a lone 1 on failure and a list of facts on success.
    if done.read_text(errors="replace").strip() == "1":
        raise InputError("recon-all failed on this subject", file=done, remedy=f"see recon-all.log beside it, {_RERUN}")


def _files(folder: Path) -> dict[str, dict[str, Path]]:
    """Return the files of each hemisphere; name everything that is missing at once."""
    files: dict[str, dict[str, Path]] = {}
    missing = [] if (folder / "mri" / "orig.mgz").is_file() else ["mri/orig.mgz"]
    for side, hemi in FILE_HEMISPHERE.items():
        surf = folder / "surf"
        found = {name: surf / f"{hemi}.{name}" for name in ("white", "pial", "sphere.reg", "thickness")}
        # From FreeSurfer 7 on ?h.pial is a link to ?h.pial.T1, which does not survive every copy.
        if not found["pial"].is_file() and (surf / f"{hemi}.pial.T1").is_file():
            found["pial"] = surf / f"{hemi}.pial.T1"
        missing += [f"surf/{file.name}" for file in found.values() if not file.is_file()]
        files[side] = found | {"cortex": folder / "label" / f"{hemi}.cortex.label"}
    if missing:
        raise InputError(f"files are missing: {', '.join(missing)}", file=folder, remedy=_RERUN)
    return files


def _orig(file: Path) -> tuple[Points, Points]:
    import nibabel as nib

    try:
        header: Any = nib.load(file).header  # type: ignore[attr-defined]
        return np.array(header.get_vox2ras(), np.float64), np.array(header.get_vox2ras_tkr(), np.float64)
    except Exception as error:  # nibabel raises whatever a damaged file provokes
        raise InputError(f"cannot be read ({error})", file=file, remedy=_RERUN) from error


def _hemisphere(side: str, files: dict[str, Path], vox2ras: Points) -> Hemisphere:
    import nibabel as nib

    white, faces = _surface(files["white"], vox2ras)
    pial, _ = _surface(files["pial"], vox2ras)
    sphere, _ = _surface(files["sphere.reg"], None)
    try:
        thickness = np.asarray(nib.freesurfer.read_morph_data(files["thickness"]), dtype=np.float64).ravel()
    except Exception as error:
        raise InputError(f"cannot be read ({error})", file=files["thickness"], remedy=_RERUN) from error
    for name, count in (("pial", len(pial)), ("sphere.reg", len(sphere)), ("thickness", len(thickness))):
        if count != len(white):
            raise InputError(
                f"has {count} vertices, {files['white'].name} has {len(white)}", file=files[name], remedy=_RERUN
            )
    if not (np.isfinite(white).all() and np.isfinite(thickness).all()):
        raise InputError("has values that are NaN or infinite", file=files["white"], remedy=_RERUN)
    return Hemisphere(side, white, pial, faces, sphere, thickness, _cortex(files["cortex"], len(white)))


def _surface(file: Path, vox2ras: Points | None) -> tuple[Points, npt.NDArray[np.int64]]:
    """Read a surface; with `vox2ras` check that it was made from that volume, where the file says from which."""
    import warnings

    import nibabel as nib

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a surface without geometry of its volume is no problem
            points, faces, info = nib.freesurfer.read_geometry(file, read_metadata=True)
    except Exception as error:
        raise InputError(f"cannot be read ({error})", file=file, remedy=_RERUN) from error
    if faces.size and int(faces.max()) >= len(points):
        raise InputError("has faces of vertices that do not exist", file=file, remedy=_RERUN)
    if vox2ras is not None and str(info.get("valid", "")).startswith("1") and {"cras", "volume"} <= set(info):
        # The center of the volume is the origin of tkRAS.
        apart = float(np.linalg.norm(np.asarray(info["cras"]) - _center(vox2ras, info["volume"])))
        if apart > _CENTER_TOLERANCE:
            raise InputError(
                f"was made from a volume whose center lies {apart:.3g} mm away from that of mri/orig.mgz", file=file,
                remedy="surfaces and orig.mgz must come from the same run of recon-all",
            )  # fmt: skip
    return np.asarray(points, dtype=np.float64), np.asarray(faces, dtype=np.int64)


def _center(vox2ras: Points, shape: npt.ArrayLike) -> Points:
    return (vox2ras @ np.append(np.asarray(shape, dtype=float) / 2, 1))[:3]


def _cortex(file: Path, n: int) -> npt.NDArray[np.bool_] | None:
    import nibabel as nib

    if not file.is_file():
        return None
    try:
        vertices = np.atleast_1d(nib.freesurfer.read_label(file))
    except Exception as error:
        raise InputError(f"cannot be read ({error})", file=file, remedy=_RERUN) from error
    if vertices.size and int(vertices.max()) >= n:
        raise InputError(f"names vertex {vertices.max()}, the surface has {n}", file=file, remedy=_RERUN)
    mask = np.zeros(n, dtype=bool)
    mask[vertices] = True
    return mask


def _version(folder: Path) -> str:
    stamp = folder / "scripts" / "build-stamp.txt"
    return stamp.read_text(errors="replace").strip() if stamp.is_file() else "unknown"
