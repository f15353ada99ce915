"""Lesion masks in derivatives: BIDS names, LST and LST-AI, SAMSEG."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harmoniq.data.derivatives import subject_folders
from harmoniq.data.errors import InputError
from harmoniq.data.lesions import LesionKind

#: Folders of other tools with thousands of files.
_SKIPPED: Final = {
    "bundles", "clean_bundles", "ROIs", "viz_bundles", "viz_core_bundles", "figures", "stats", "models", "sub_bundles",
    "log", "surf", "label", "scripts", "touch", "trash", "dwi", "func",
}  # fmt: skip
_IMAGES: Final = (".nii", ".nii.gz", ".mgz")
_BIDS: Final = re.compile(r"(?:^|_)(?:label|desc)-lesions?(?:_|$)", re.IGNORECASE)
#: Masks of a template say nothing of a participant's own space; ``excluded`` is what harmoniq itself writes, and
#: LST-AI's annotated segmentation repeats the plain one with a number per place.
_NOT: Final = re.compile(r"space-(?:mni|icbm|template|fsaverage)|desc-excluded|desc-annotated", re.IGNORECASE)


@dataclass(frozen=True)
class LesionFile:
    """A file with lesions.

    Parameters
    ----------
    path : path
        The volume.
    kind : {'mask', 'probability', 'samseg'}
        How it is read (`harmoniq.lesions.mask.read_lesions`).
    rank : int
        A smaller one is preferred.
    """

    path: Path
    kind: LesionKind
    rank: int


def find_lesion_files(folder: str | Path, sub: str, ses: str | None = None) -> list[LesionFile]:
    """Find a participant's lesion masks in derivatives, the preferred ones alone.

    Parameters
    ----------
    folder : path
        A dataset, or a folder of several. Masks may also lie in it flatly, as ``sub-X_..._mask.nii.gz``.
    sub, ses : str
        Labels, with or without ``sub-`` and ``ses-``. Files without a session serve every session.

    Returns
    -------
    list of LesionFile
        All of one kind, in this order of preference: ``*_label-lesion*_mask`` or ``*_desc-lesion*_mask`` (also
        ``_roi``); LST's binary maps (``bles_*``) and LST-AI's ``*_seg-lst``; probability maps (LST's ``ples_*``,
        ``*_label-lesion_probseg``); SAMSEG's ``seg.mgz``. Several are those of several spaces.

    Raises
    ------
    InputError
        When a file in the participant's folder is named after another participant.
    """
    root = Path(folder)
    subject = f"sub-{sub.removeprefix('sub-')}"
    session = None if ses is None else f"ses-{ses.removeprefix('ses-')}"
    found = []
    for path in _files(root, subject):
        known = _classify(path, root)
        if known is None or not _of_session(path, session):
            continue
        _check_subject(path, subject)
        found.append(LesionFile(path, *known))
    best = min((file.rank for file in found), default=0)
    own = [file for file in found if file.rank == best]
    # A file of the very session is better than one that serves all.
    exact = [file for file in own if session is not None and session in _entities(file.path)]
    return exact or own


def _files(root: Path, subject: str) -> Iterator[Path]:
    if not root.is_dir():
        return
    for path in sorted(root.glob(f"{subject}_*")):
        if path.is_file():
            yield path
    for folder in subject_folders(root, subject):
        for here, folders, files in os.walk(folder):
            folders[:] = sorted(set(folders) - _SKIPPED)
            for name in sorted(files):
                yield Path(here, name)


def _classify(path: Path, root: Path) -> tuple[LesionKind, int] | None:
    """Return how a file is read and its rank, or None where it holds no lesions."""
    name = path.name
    if not name.endswith(_IMAGES) or _NOT.search(name):
        return None
    stem = name.removesuffix(".gz").rsplit(".", 1)[0]
    suffix = stem.rpartition("_")[2]
    if _BIDS.search(stem):
        if suffix in ("mask", "roi"):
            return "mask", 0
        if suffix == "probseg":
            return "probability", 2
    if stem.startswith("bles_") or suffix == "seg-lst":
        return "mask", 1
    if stem.startswith("ples_"):
        return "probability", 2
    samseg = any((path.parent / other).is_file() for other in ("samseg.stats", "samseg.csv", "samseg.fs.stats"))
    if name == "seg.mgz" and (samseg or "samseg" in f"{root.name}/{path.parent.relative_to(root)}".lower()):
        return "samseg", 3
    return None


def _entities(path: Path) -> str:
    """Return the end of the path, where the labels of participant and session stand."""
    return "/".join(path.parts[-5:])


def _of_session(path: Path, session: str | None) -> bool:
    named = set(re.findall(r"ses-[A-Za-z0-9]+", _entities(path)))
    return session is None or not named or session in named


def _check_subject(path: Path, subject: str) -> None:
    others = set(re.findall(r"sub-[A-Za-z0-9]+", path.name)) - {subject}
    if others:
        raise InputError(
            f"this lesion mask is named after {others.pop()}, and lies in the folder of {subject}", file=path,
            remedy="move it to its own participant, or rename it",
        )  # fmt: skip
