"""The regions of one subject's cortex, from files to files: labels at the vertices, and how much cortex they cover."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harmoniq.data.files import read_json, write_json
from harmoniq.data.names import HEMISPHERES
from harmoniq.surface.annotation import read_labels, write_labels
from harmoniq.surface.atlas import MEDIAL_WALL
from harmoniq.surface.geometry import vertex_areas
from harmoniq.surface.parcellation import subject_labels
from harmoniq.surface.subject import FreeSurferSubject


@dataclass(frozen=True, eq=False)
class CortexLabels:
    """Labels of both hemispheres, as `label_cortex` wrote them.

    Parameters
    ----------
    labels : dict
        For hemisphere ``L`` and ``R``, int16: number of the region, 0 unassigned, -1 medial wall.
    regions : dict
        Number to the region's name.
    notes : tuple of str
        What has to be said about the atlas.
    """

    labels: dict[str, npt.NDArray[np.int16]]
    regions: dict[int, str]
    notes: tuple[str, ...] = ()


def label_cortex(
    subject_dir: str | Path,
    *,
    out_dir: Path,
    atlas: str = "auto",
    subjects_dir: str | Path | None = None,
    merged: bool = False,
    few: int = 50,
    annotations: Mapping[str, Path] | None = None,
) -> tuple[list[Path], Path]:
    """Label the vertices of both hemispheres.

    Parameters
    ----------
    subject_dir : path
        FreeSurfer subject.
    out_dir : path
        Gets ``hemi-L.label.gii``, ``hemi-R.label.gii`` and ``labels.json``.
    atlas, subjects_dir, merged, annotations : str, path, bool, mapping of str to path
        As `harmoniq.surface.parcellation.subject_labels` takes them; `subjects_dir` is by default the subject's.
    few : int
        Areas of fewer vertices are warned of.

    Returns
    -------
    labels : list of path
        hemi-L, hemi-R.
    facts : path
        JSON: ``atlas`` (its version), ``source``, ``regions``, ``excluded`` (share of each side's cortical surface
        without a region), ``few`` (areas with fewer than ``few_below`` vertices) and ``notes``.

    Raises
    ------
    InputError
        For a subject or an atlas that cannot be used.
    """
    subject = FreeSurferSubject.load(subject_dir)
    found = subject_labels(
        subject, atlas=atlas, subjects_dir=subjects_dir or subject.path.parent, merged=merged, annotations=annotations
    )
    names = {MEDIAL_WALL: "medial wall", 0: "unassigned", **found.regions}
    files, excluded, scarce = [], {}, []
    for side in HEMISPHERES:
        labels, hemisphere = found.labels[side], subject.hemispheres[side]
        path = out_dir / f"hemi-{side}.label.gii"
        files.append(write_labels(labels, names, path, hemisphere=side, name="regions"))
        cortex = labels != MEDIAL_WALL if hemisphere.cortex is None else hemisphere.cortex
        area = vertex_areas(hemisphere.white, hemisphere.faces)
        excluded[side] = float(area[cortex & (labels <= 0)].sum() / area[cortex].sum()) if cortex.any() else 1.0
        counts = np.bincount(labels[labels > 0], minlength=max(found.regions) + 1)
        scarce += [
            {"region": name, "hemisphere": side, "n": int(counts[number])}
            for number, name in found.regions.items()
            if counts[number] < few
        ]
    share = ", ".join(f"{100 * excluded[side]:.0f} % of the {word}" for side, word in (("L", "left"), ("R", "right")))
    notes = [*found.notes, f"cortex outside the {len(found.regions)} areas of the atlas: {share} cortical surface"]
    if scarce:
        notes.append(f"areas with fewer than {few} vertices: {_list(scarce)}")
    facts = {
        "atlas": found.version,
        "source": str(found.source),
        "regions": {str(number): name for number, name in found.regions.items()},
        "excluded": excluded,
        "few": scarce,
        "few_below": few,
        "notes": notes,
    }
    return files, write_json(out_dir / "labels.json", facts)


def _list(scarce: list[dict], most: int = 12) -> str:
    named = [f"{area['region']} {area['hemisphere']} ({area['n']})" for area in scarce]
    return ", ".join(named[:most]) + (f" and {len(named) - most} more" if len(named) > most else "")


def read_cortex_labels(files: Mapping[str, Path], facts: Path) -> CortexLabels:
    """Read what `label_cortex` wrote.

    Parameters
    ----------
    files : mapping of str to path
        By hemisphere.
    facts : path
        ``labels.json``.

    Returns
    -------
    CortexLabels
        Of the hemispheres of `files`.
    """
    about = read_json(facts)
    labels = {side: read_labels(file)[0].astype(np.int16) for side, file in files.items()}
    regions = {int(number): name for number, name in about["regions"].items()}
    return CortexLabels(labels, regions, tuple(about["notes"]))
