"""The cortex for viewers and other programs: surfaces and thickness in scanner space, samples on fsaverage."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from harmoniq.data.names import HEMISPHERES
from harmoniq.surface.cifti import write_dscalar
from harmoniq.surface.fsaverage import to_fsaverage
from harmoniq.surface.geometry import transform
from harmoniq.surface.gifti import read_shape, write_shape, write_surface
from harmoniq.surface.subject import FreeSurferSubject

LAYERS = ("white", "pial", "midthickness")


def export_surfaces(subject_dir: str | Path, out_dir: Path) -> tuple[list[Path], list[Path]]:
    """Write a subject's surfaces in scanner space, and its thickness.

    Parameters
    ----------
    subject_dir : path
        FreeSurfer subject.
    out_dir : path
        Gets ``hemi-*.surf.gii`` and ``hemi-*_thickness.shape.gii``.

    Returns
    -------
    surfaces : list of path
        hemi-L white, pial, midthickness, then hemi-R; mm in scanner space.
    thickness : list of path
        hemi-L, hemi-R; mm.

    Raises
    ------
    InputError
        For a subject that cannot be used.
    """
    subject = FreeSurferSubject.load(subject_dir)
    surfaces, thickness = [], []
    for side in HEMISPHERES:
        hemisphere = subject.hemispheres[side]
        middle = 0.5 * (hemisphere.white + hemisphere.pial)
        for kind, points in zip(LAYERS, (hemisphere.white, hemisphere.pial, middle), strict=True):
            path = out_dir / f"hemi-{side}_{kind}.surf.gii"
            in_scanner = transform(points, subject.tkr_to_scanner)
            surfaces.append(write_surface(in_scanner, hemisphere.faces, path, hemisphere=side, kind=kind))
        path = out_dir / f"hemi-{side}_thickness.shape.gii"
        thickness.append(write_shape(hemisphere.thickness, path, hemisphere=side, name="thickness"))
    return surfaces, thickness


def map_to_fsaverage(
    samples: Mapping[str, Sequence[Path]], names: Sequence[str], subject_dir: str | Path, out_dir: Path, *, level: int
) -> tuple[list[Path], Path]:
    """Bring a map's samples from a subject to fsaverage.

    Parameters
    ----------
    samples : mapping of str to sequence of path
        By hemisphere, a shape file per name.
    names : sequence of str
        Of the samples: cGM, sWM, and further depths.
    subject_dir : path
        FreeSurfer subject.
    out_dir : path
        Gets ``hemi-*_space-fsaverage_*.shape.gii`` and ``space-fsaverage.dscalar.nii``.
    level : int
        Of fsaverage, as `harmoniq.surface.fsaverage.DENSITIES` has them.

    Returns
    -------
    shapes : list of path
        All of hemi-L, then all of hemi-R.
    dscalar : path
        CIFTI with both hemispheres, a map per name.

    Raises
    ------
    InputError
        For a subject that cannot be used.
    """
    subject = FreeSurferSubject.load(subject_dir)
    maps: dict[str, dict[str, object]] = {name: {} for name in names}
    shapes = []
    for side in HEMISPHERES:
        hemisphere = subject.hemispheres[side]
        way = to_fsaverage(hemisphere.sphere, level)
        for name, file in zip(names, samples[side], strict=True):
            values = way.apply(read_shape(file))
            maps[name][side] = values
            path = out_dir / f"hemi-{side}_space-fsaverage_{name}.shape.gii"
            shapes.append(write_shape(values, path, hemisphere=side, name=name))
    return shapes, write_dscalar(maps, out_dir / "space-fsaverage.dscalar.nii")  # type: ignore[arg-type]
