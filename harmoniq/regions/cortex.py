"""The cortex of one map, from files to files: samples at the vertices, and the areas' rows."""

from pathlib import Path

import numpy as np

from harmoniq.data.files import write_json
from harmoniq.data.images import load_image
from harmoniq.data.names import HEMISPHERES
from harmoniq.data.sampling import Interpolation
from harmoniq.regions.aggregate import Row, cortical_rows
from harmoniq.registration.itk import read_itk
from harmoniq.surface.atlas import find_atlas
from harmoniq.surface.geometry import DepthKind
from harmoniq.surface.gifti import write_shape
from harmoniq.surface.labels import map_labels
from harmoniq.surface.sampling import sample_depths
from harmoniq.surface.subject import FreeSurferSubject


def sample_cortex(
    in_map: str | Path,
    subject_dir: str | Path,
    *,
    metric: str,
    engine: str,
    cgm: tuple[DepthKind, float],
    swm_distance: float,
    interpolation: Interpolation,
    plausible: tuple[float, float],
    out_dir: Path,
    atlas: str = "auto",
    subjects_dir: str | Path | None = None,
    transform: Path | None = None,
) -> tuple[list[Path], Path]:
    """Sample a map at mid-cortex and below the white surface, and average it per Brodmann area.

    Parameters
    ----------
    in_map : path
        R1 or R2* map, 1/s, in its own space.
    subject_dir : path
        FreeSurfer subject.
    metric, engine : str
        Go into the rows.
    cgm : tuple of str and float
        How mid-cortex is defined: ``("projfrac", 0.5)`` or ``("midpoint", 0.5)``.
    swm_distance : float
        mm along the white surface's normal, negative is inward.
    interpolation : {'trilinear', 'nearest'}
        Between voxels.
    plausible : tuple of float
        Values outside are left out of the averages, 1/s.
    out_dir : path
        Gets four ``.shape.gii`` files and ``rows.json``.
    atlas, subjects_dir : str, path
        Where PALS-B12 is looked for.
    transform : path, optional
        ITK text, from points of the surfaces' scanner space to the map's; identity by default.

    Returns
    -------
    samples : list of path
        hemi-L cGM, hemi-L sWM, hemi-R cGM, hemi-R sWM.
    rows : path
        JSON with the regional table's ``rows`` and ``notes``.

    Raises
    ------
    InputError
        For a subject, atlas or map that cannot be used.
    """
    subject = FreeSurferSubject.load(subject_dir)
    labels = find_atlas(atlas, subjects_dir=subjects_dir).labels
    image = load_image(in_map, ndim=3)
    to_map = (np.eye(4) if transform is None else read_itk(transform)) @ subject.tkr_to_scanner
    depths: list[tuple[DepthKind, float]] = [cgm, ("projdist", swm_distance)]
    samples: list[Path] = []
    rows: list[Row] = []
    for side in HEMISPHERES:
        hemisphere = subject.hemispheres[side]
        areas = map_labels(labels, hemisphere.sphere, side)
        (sampled,) = sample_depths(hemisphere, [(image, to_map)], depths, interpolation=interpolation)
        for tissue, (values, inside) in zip(("cGM", "sWM"), sampled, strict=True):
            path = out_dir / f"hemi-{side}_{tissue}.shape.gii"
            samples.append(write_shape(values, path, hemisphere=side, name=f"{metric} {tissue}"))
            rows += cortical_rows(
                values, areas, inside,
                metric=metric, tissue=tissue, hemisphere=side, engine=engine, plausible_range=plausible,
            )  # fmt: skip
    return samples, write_json(out_dir / "rows.json", {"rows": rows, "notes": []})
