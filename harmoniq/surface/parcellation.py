"""Which region each vertex of a subject belongs to: PALS-B12, or any other atlas that the study names.

In turn: the subject's own annotation, where it has one; else the atlas on fsaverage, through ``sphere.reg``.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from harmoniq.data.errors import InputError
from harmoniq.data.names import HEMISPHERES
from harmoniq.surface.annotation import NO_REGION, read_labels
from harmoniq.surface.atlas import (
    BRODMANN_REGIONS,
    KEPT_APART,
    MEDIAL_WALL,
    MERGED,
    SHARED_COLOR,
    Atlas,
    brodmann_numbers,
    find_atlas,
    label_folders,
    merge_right,
    split_right,
)
from harmoniq.surface.icosphere import FSAVERAGE_VERTICES
from harmoniq.surface.labels import map_labels
from harmoniq.surface.subject import FILE_HEMISPHERE, FreeSurferSubject

_PALS = "?h.PALS_B12_Brodmann.annot"
#: How the name of one hemisphere's file becomes that of the other.
_SIDES = (("?h", "lh", "rh"), ("lh.", "lh.", "rh."), ("rh.", "lh.", "rh."), ("hemi-?", "hemi-L", "hemi-R"),
          ("hemi-L", "hemi-L", "hemi-R"), ("hemi-R", "hemi-L", "hemi-R"))  # fmt: skip
_REMEDY = 'name it as surfaces.atlas = "/path/?h.name.annot": ?h stands for lh and rh, and hemi-? for hemi-L and hemi-R'


def subject_labels(
    subject: FreeSurferSubject,
    *,
    atlas: str = "auto",
    subjects_dir: str | Path | None = None,
    merged: bool = False,
    annotations: Mapping[str, Path] | None = None,
) -> Atlas:
    """Label the vertices of a subject.

    Parameters
    ----------
    subject : FreeSurferSubject
        As it was read.
    atlas : str
        ``auto``: the subject's own ``label/?h.PALS_B12_Brodmann.annot``, else PALS-B12 wherever `find_atlas` has it. A
        folder: PALS-B12 there. A pattern of a file, with ``?h`` for ``lh`` and ``rh`` or ``hemi-?``: any ``.annot`` or
        GIFTI label file; without a folder in its name it is the subject's own, else fsaverage's.
    subjects_dir : path, optional
        That may hold fsaverage.
    merged : bool
        Read the right BA33 as BA3.
    annotations : mapping of str to path, optional
        PALS-B12 that ``mri_surf2surf`` has brought to the subject, by hemisphere; goes before all others.

    Returns
    -------
    Atlas
        With one label per vertex of the subject.

    Raises
    ------
    InputError
        For an atlas that is not found, is damaged, or has neither the subject's number of vertices nor fsaverage's.
    """
    own = {side: _fill(subject.path / "label" / _PALS, side) for side in HEMISPHERES}
    if annotations:
        return _own_pals(subject, annotations, merged, "mri_surf2surf")
    if atlas == "auto" and all(file.is_file() for file in own.values()):
        return _own_pals(subject, own, merged, "the subject's own")
    if atlas == "auto" or Path(atlas).is_dir():
        return _through_sphere(subject, find_atlas(atlas, subjects_dir=subjects_dir, merged=merged))
    return _named(subject, _files(subject, atlas, subjects_dir))


def _through_sphere(subject: FreeSurferSubject, atlas: Atlas) -> Atlas:
    labels = {side: map_labels(atlas.labels, subject.hemispheres[side].sphere, side) for side in HEMISPHERES}
    return Atlas(labels, atlas.source, f"{atlas.version}, through sphere.reg", atlas.regions, atlas.notes)


def _own_pals(subject: FreeSurferSubject, files: Mapping[str, Path], merged: bool, how: str) -> Atlas:
    labels = {}
    for side in HEMISPHERES:
        keys, names = read_labels(files[side], remedy="make it again with mri_surf2surf, or remove it")
        _check_count(len(keys), subject, side, files[side], fsaverage=False)
        labels[side] = brodmann_numbers(keys, names)
    note = KEPT_APART
    if merged:
        labels["R"], note = merge_right(labels["R"]), MERGED
    elif {3, 33} - set(np.unique(labels["R"]).tolist()):
        right, left = subject.hemispheres["R"], subject.hemispheres["L"]
        labels["R"] = split_right(labels["R"], labels["L"], right.sphere, right.faces, left.sphere)
        note = SHARED_COLOR
    version = f"PALS-B12 Brodmann, {how} annotation{', BA33 merged into BA3' if merged else ''}"
    return Atlas(labels, files["L"].parent, version, BRODMANN_REGIONS, (note,))


def _named(subject: FreeSurferSubject, files: Mapping[str, Path]) -> Atlas:
    read = {side: read_labels(file, remedy=_REMEDY) for side, file in files.items()}
    found = {name for keys, names in read.values() for key, name in names.items() if (keys == key).any()}
    regions = dict(enumerate(sorted(found - _nothing(found), key=_natural), start=1))
    if not regions:
        raise InputError("holds no region", file=files["L"], remedy=_REMEDY)
    number = {name: key for key, name in regions.items()}
    labels, through = {}, False
    for side, (keys, names) in read.items():
        values = np.zeros(len(keys), dtype=np.int16)
        for key, name in names.items():
            wall = MEDIAL_WALL if "medial" in name.lower() and name in _nothing({name}) else 0
            values[keys == key] = number.get(name, wall)
        if _check_count(len(values), subject, side, files[side], fsaverage=True):
            values, through = map_labels({side: values}, subject.hemispheres[side].sphere, side), True
        labels[side] = values
    how = "through sphere.reg" if through else "at the subject's vertices"
    version = f"{files['L'].name} and {files['R'].name}, {len(regions)} regions, {how}"
    return Atlas(labels, files["L"].parent, version, regions)


def _nothing(names: set[str]) -> set[str]:
    return {name for name in names if name.lower() in NO_REGION}


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part or 0), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


def _check_count(n: int, subject: FreeSurferSubject, side: str, file: Path, *, fsaverage: bool) -> bool:
    """Return whether labels are fsaverage's rather than the subject's."""
    own = len(subject.hemispheres[side].white)
    if n == own:
        return False
    if fsaverage and n in {10 * 4**level + 2 for level in range(8)}:
        return True
    also = f" and fsaverage {FSAVERAGE_VERTICES}" if fsaverage else ""
    raise InputError(
        f"annotates {n} vertices, but {FILE_HEMISPHERE[side]}.white of {subject.path.name} has {own}{also}",
        file=file, key="surfaces.atlas", remedy="use an annotation of this subject or of fsaverage",
    )  # fmt: skip


def _files(subject: FreeSurferSubject, atlas: str, subjects_dir: str | Path | None) -> dict[str, Path]:
    pattern = Path(atlas)
    if not any(mark in pattern.name for mark, _, _ in _SIDES):
        problem = "no folder, and the name of a file must say the hemisphere"
        raise InputError(problem, key="surfaces.atlas", value=atlas, remedy=_REMEDY)
    folders = [pattern.parent] if pattern.parent != Path() else list(_label_folders(subject, subjects_dir))
    for folder in folders:
        files = {side: _fill(folder / pattern.name, side) for side in HEMISPHERES}
        if all(file.is_file() for file in files.values()):
            return files
    raise InputError(
        f"the atlas was not found (searched: {', '.join(map(str, folders))})", key="surfaces.atlas", value=atlas,
        remedy=_REMEDY,
    )  # fmt: skip


def _label_folders(subject: FreeSurferSubject, subjects_dir: str | Path | None) -> Iterator[Path]:
    yield subject.path / "label"
    yield from label_folders(os.environ.get("FREESURFER_HOME"), subjects_dir)


def _fill(pattern: Path, side: str) -> Path:
    """Return the file of a hemisphere; a name that holds the other's is turned round."""
    for mark, left, right in _SIDES:
        if mark in pattern.name:
            return pattern.with_name(pattern.name.replace(mark, left if side == "L" else right))
    return pattern
