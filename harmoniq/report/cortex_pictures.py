"""Pictures of one session's cortex, from files to PNG."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from harmoniq.data.files import read_json, write_bytes
from harmoniq.data.names import HEMISPHERES
from harmoniq.report.cortex_depths import figure_areas, figure_depths, relative_depth
from harmoniq.report.cortex_views import figure_cortex
from harmoniq.report.images import figure_bytes
from harmoniq.surface.annotation import read_labels
from harmoniq.surface.depths import Depth
from harmoniq.surface.fsaverage import to_fsaverage
from harmoniq.surface.gifti import read_shape
from harmoniq.surface.subject import FreeSurferSubject

_TISSUES = ("cGM", "sWM")


def draw_cortex(
    samples: Sequence[Path], labels: Sequence[Path], subject_dir: str | Path, out: Path, *, metric: str, title: str
) -> None:
    """Draw a metric on the inflated and flat cortex.

    Parameters
    ----------
    samples : sequence of path
        Values per vertex: hemi-L cGM, hemi-L sWM, hemi-R cGM, hemi-R sWM.
    labels : sequence of path
        Areas per vertex: hemi-L, hemi-R.
    subject_dir : path
        FreeSurfer subject, whose spheres lead to fsaverage5.
    out : path
        PNG.
    metric : {'R1', 'R2star'}
        Which scale and colors.
    title : str
        Above the picture.
    """
    subject = FreeSurferSubject.load(subject_dir)
    values: dict[str, dict[str, np.ndarray]] = {tissue: {} for tissue in _TISSUES}
    areas = {}
    for place, side in enumerate(HEMISPHERES):
        sphere = subject.hemispheres[side].sphere
        way = to_fsaverage(sphere, 5)
        for tissue, file in zip(_TISSUES, samples[2 * place :], strict=False):
            values[tissue][side] = way.apply(read_shape(file))
        areas[side] = read_labels(labels[place])[0][way.forward]
    write_bytes(out, figure_bytes(figure_cortex(metric, values, areas, title)))


def draw_depths(subject_dir: str | Path, labels: Sequence[Path], out: Path, *, depths: Mapping[str, Depth]) -> None:
    """Draw the thickness, and where the samples of each tissue lie.

    Parameters
    ----------
    subject_dir : path
        FreeSurfer subject.
    labels : sequence of path
        hemi-L, hemi-R; only vertices with an area are drawn, since the medial wall has no cortex.
    out : path
        PNG.
    depths : mapping
        Tissue to its depth.
    """
    subject = FreeSurferSubject.load(subject_dir)
    inside = {side: read_labels(file)[0] > 0 for side, file in zip(HEMISPHERES, labels, strict=True)}
    hemispheres = subject.hemispheres
    thickness = {side: hemispheres[side].thickness[inside[side]] for side in HEMISPHERES}
    placed = {
        tissue: {side: relative_depth(hemispheres[side], *depth)[inside[side]] for side in HEMISPHERES}
        for tissue, depth in depths.items()
    }
    names = {
        tissue: f"{kind} {value:g}{' mm' if kind == 'projdist' else ''}" for tissue, (kind, value) in depths.items()
    }
    write_bytes(out, figure_bytes(figure_depths(thickness, placed, names)))


def draw_areas(labels: Sequence[Path], facts: Path, out: Path) -> None:
    """Draw how many vertices each area has.

    Parameters
    ----------
    labels : sequence of path
        hemi-L, hemi-R.
    facts : path
        JSON beside the labels.
    out : path
        PNG.
    """
    about = read_json(facts)
    counts = {}
    for side, file in zip(HEMISPHERES, labels, strict=True):
        keys = read_labels(file)[0]
        counts[side] = {name: int(np.count_nonzero(keys == int(key))) for key, name in about["regions"].items()}
    write_bytes(out, figure_bytes(figure_areas(counts, about["few_below"], about["excluded"])))
