"""The cortex of one map, from files to files: samples at the vertices, and the areas' rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from harmoniq.data.errors import InputError
from harmoniq.data.files import write_json
from harmoniq.data.images import load_image
from harmoniq.data.names import HEMISPHERES
from harmoniq.data.sampling import Interpolation
from harmoniq.data.tables import write_tsv
from harmoniq.lesions.mask import without_lesions
from harmoniq.regions.aggregate import Row, cortical_rows
from harmoniq.regions.cortex_labels import label_cortex, read_cortex_labels
from harmoniq.registration.itk import read_itk
from harmoniq.surface.depths import Depth, depth_label
from harmoniq.surface.geometry import vertex_areas
from harmoniq.surface.gifti import write_shape
from harmoniq.surface.sampling import sample_depths
from harmoniq.surface.subject import FreeSurferSubject

TISSUES = ("cGM", "sWM")
#: Share of a hemisphere's vertices that must lie in the map's field of view.
_LEAST_INSIDE = 0.05

#: Columns of the table of further depths.
DEPTH_COLUMNS: Mapping[str, str | Mapping[str, object]] = {
    "metric": "R1 or R2star",
    "region": "Area of the atlas",
    "hemisphere": "L or R",
    "kind": {
        "Description": "How the depth is defined",
        "Levels": {
            "projfrac": "fraction of the thickness along the white surface's normal",
            "projdist": "mm along the white surface's normal",
            "midpoint": "fraction of the line from the white to the pial vertex",
        },
    },
    "depth": "Fraction, or mm; negative is below the white surface",
    "value": {"Description": "Mean over the vertices used", "Units": "1/s"},
    "sd": {"Description": "Standard deviation over them (n - 1)", "Units": "1/s"},
    "n": "Vertices used",
    "n_excluded": "Vertices left out",
}


class CortexSamples(NamedTuple):
    """The files that `sample_cortex` wrote.

    Parameters
    ----------
    samples : list of path
        hemi-L cGM, hemi-L sWM, hemi-R cGM, hemi-R sWM; GIFTI.
    rows : path
        JSON with the regional table's ``rows`` and ``notes``.
    further : list of path
        Samples at further depths: all of hemi-L, then all of hemi-R.
    profile : path or None
        Table of the areas' means at all depths; None without further depths.
    """

    samples: list[Path]
    rows: Path
    further: list[Path]
    profile: Path | None


def sample_cortex(
    in_map: str | Path,
    subject_dir: str | Path,
    *,
    metric: str,
    engine: str,
    cgm: Depth,
    swm_distance: float,
    interpolation: Interpolation,
    plausible: tuple[float, float],
    out_dir: Path,
    atlas: str = "auto",
    subjects_dir: str | Path | None = None,
    transform: Path | None = None,
    labels: Mapping[str, Path] | None = None,
    label_facts: Path | None = None,
    depths: Sequence[Depth] = (),
    area_weighted: bool = False,
    lesions: Path | None = None,
) -> CortexSamples:
    """Sample a map at mid-cortex and below the white surface, and average it per area.

    Parameters
    ----------
    in_map : path
        R1 or R2* map, 1/s, in its own space.
    subject_dir : path
        FreeSurfer subject.
    metric, engine : str
        Entries of the columns of these names.
    cgm : tuple of str and float
        How mid-cortex is defined: ``("projfrac", 0.5)`` or ``("midpoint", 0.5)``.
    swm_distance : float
        mm along the white surface's normal, negative is inward.
    interpolation : {'trilinear', 'nearest'}
        Between voxels.
    plausible : tuple of float
        Values outside are left out of the averages, 1/s.
    out_dir : path
        Gets the ``.shape.gii`` files, ``rows.json`` and, with further depths, ``depths.tsv``.
    atlas, subjects_dir : str, path
        Where the atlas is looked for, without `labels`: as `label_cortex` takes them.
    transform : path, optional
        ITK text, from points of the surfaces' scanner space to the map's; identity by default.
    labels, label_facts : mapping of str to path, and path, optional
        What `label_cortex` wrote, by hemisphere; made here by default.
    depths : sequence of tuple of str and float
        Further depths, as `cgm`.
    area_weighted : bool
        Weight vertices by their share of the white surface.
    lesions : path, optional
        Mask on the map's grid: samples that touch it hold no value and are left out.

    Returns
    -------
    CortexSamples
        What was written.

    Raises
    ------
    InputError
        For a subject, atlas or map that cannot be used, and surfaces that do not lie on the map.
    """
    subject = FreeSurferSubject.load(subject_dir)
    if labels is None or label_facts is None:
        files, label_facts = label_cortex(subject_dir, out_dir=out_dir, atlas=atlas, subjects_dir=subjects_dir)
        labels = dict(zip(HEMISPHERES, files, strict=True))
    regions = read_cortex_labels(labels, label_facts)
    image = without_lesions(load_image(in_map, ndim=3), lesions)
    to_map = (np.eye(4) if transform is None else read_itk(transform)) @ subject.tkr_to_scanner
    wanted: list[Depth] = [cgm, ("projdist", swm_distance), *depths]
    names = [*TISSUES, *map(depth_label, depths)]
    samples: list[Path] = []
    further: list[Path] = []
    rows: list[Row] = []
    profile: list[Row] = []
    in_lesions: Counter[str] = Counter()
    for side in HEMISPHERES:
        hemisphere = subject.hemispheres[side]
        weights = vertex_areas(hemisphere.white, hemisphere.faces) if area_weighted else None
        (sampled,) = sample_depths(hemisphere, [(image, to_map)], wanted, interpolation=interpolation)
        _check_place(sampled[0][1], image.path, subject.path)
        for place, (name, depth, (values, inside)) in enumerate(zip(names, wanted, sampled, strict=True)):
            path = out_dir / f"hemi-{side}_{name}.shape.gii"
            (samples if place < len(TISSUES) else further).append(
                write_shape(values, path, hemisphere=side, name=f"{metric} {name}")
            )
            if lesions is not None and place < len(TISSUES):
                touched = inside & np.isnan(values) & np.isin(regions.labels[side], list(regions.regions))
                in_lesions[f"{metric} {name}"] += int(np.count_nonzero(touched))
            part = cortical_rows(
                values, regions.labels[side], inside, names=regions.regions, weights=weights,
                metric=metric, tissue=name, hemisphere=side, engine=engine, plausible=plausible,
            )  # fmt: skip
            rows += part if place < len(TISSUES) else []
            profile += [{**row, "kind": depth[0], "depth": depth[1]} for row in part]
    table = write_json(out_dir / "rows.json", {"rows": rows, "notes": list(regions.notes), "in_lesions": in_lesions})
    return CortexSamples(samples, table, further, _write_profile(profile, out_dir, regions.regions) if depths else None)


def _check_place(inside: npt.NDArray[np.bool_], map_file: Path, subject: Path) -> None:
    """Refuse surfaces that do not lie on the map at all: a map of a part of the head is none of those."""
    if inside.mean() < _LEAST_INSIDE:
        outside = f"{100 * (1 - inside.mean()):.0f} % of the vertices are outside its field of view"
        raise InputError(
            f"its surfaces do not lie on the map {map_file.name}: {outside}", file=subject,
            remedy="use the FreeSurfer subject that was made from this session's MP2RAGE images",
        )  # fmt: skip


def _write_profile(rows: list[Row], out_dir: Path, regions: Mapping[int, str]) -> Path:
    frame = pd.DataFrame(rows)
    place = {name: number for number, name in enumerate(regions.values())}
    order = frame.assign(region=frame["region"].map(place))[["region", "hemisphere", "kind", "depth"]]
    frame = frame.loc[order.sort_values(list(order.columns), kind="stable").index]
    return write_tsv(frame[list(DEPTH_COLUMNS)], out_dir / "depths.tsv", columns=DEPTH_COLUMNS)
