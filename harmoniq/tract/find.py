"""Bundles in the derivatives of pyAFQ, QSIPrep 0.18 and QSIRecon."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from harmoniq.data.derivatives import subject_folders
from harmoniq.data.errors import InputError
from harmoniq.data.names import BUNDLES
from harmoniq.tract.bundles import canonical_bundle

#: Cleaned bundles first: pyAFQ 1.x writes both; the others have one folder.
_FOLDERS = ("clean_bundles", "bundles")
_SUFFIXES = (".trk", ".trx", ".tck")
#: Folders below the subject's with thousands of files that are not bundles.
_SKIPPED = {"ROIs", "viz_bundles", "viz_core_bundles", "figures", "stats", "models", "sub_bundles", "log"}


def find_bundles(derivatives_dir: str | Path, sub: str, ses: str | None = None) -> dict[str, Path]:
    """Return the tractogram of each of the 18 bundles that a subject has.

    Parameters
    ----------
    derivatives_dir : path
        A pyAFQ, QSIPrep or QSIRecon output, or a folder of several (``derivatives``).
    sub : str
        Participant label, with or without ``sub-``.
    ses : str, optional
        Session label, with or without ``ses-``. Files without a session serve every session.

    Returns
    -------
    dict
        Bundle to file (``.trk``, ``.trx`` or ``.tck``), in the study's order; empty where there are none.

    Raises
    ------
    InputError
        When the folder is absent, two files claim to be the same bundle, or bundles of several sessions are there and
        none is named.
    """
    root = Path(derivatives_dir)
    if not root.is_dir():
        raise InputError("folder of derivatives not found", file=root, remedy="check --derivatives")
    subject = f"sub-{sub.removeprefix('sub-')}"
    session = None if ses is None else f"ses-{ses.removeprefix('ses-')}"
    candidates: dict[str, list[tuple[tuple[int, ...], Path]]] = {}
    for folder in subject_folders(root, subject):
        for file in _tractograms(folder):
            bundle = canonical_bundle(_description(file))
            if bundle is not None:
                candidates.setdefault(bundle, []).append((_rank(file, folder, session), file))
    sessions = {_session(file) for ranked in candidates.values() for _, file in ranked} - {None}
    if session is None and len(sessions) > 1:
        raise InputError(
            f"{subject} has bundles of several sessions ({', '.join(sorted(map(str, sessions)))})", file=root,
            remedy="name the session",
        )  # fmt: skip
    found = {name: _choose(name, candidates[name]) for name in BUNDLES if name in candidates}
    return {name: file for name, file in found.items() if file is not None}


def _tractograms(folder: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(set(folders) - _SKIPPED)
        for name in sorted(files):
            if name.endswith(_SUFFIXES):
                yield Path(here, name)


def _description(file: Path) -> str:
    """Return the last ``desc`` entity, or the bare name of a file without entities."""
    entities = re.findall(r"desc-([A-Za-z0-9]+)", file.name)
    return entities[-1] if entities else file.stem


def _session(file: Path) -> str | None:
    match = re.search(r"ses-[A-Za-z0-9]+", str(Path(*file.parts[-5:])))
    return match[0] if match else None


def _rank(file: Path, folder: Path, session: str | None) -> tuple[int, ...]:
    """Smaller is better; the first number is 2 for another session's file."""
    parts = file.relative_to(folder).parts
    match = re.search(r"ses-[A-Za-z0-9]+", "/".join(parts))
    own = match[0] if match else None
    by_session = 0 if own == session or session is None else 1 if own is None else 2
    by_folder = min((_FOLDERS.index(part) for part in parts if part in _FOLDERS), default=len(_FOLDERS))
    return by_session, by_folder, _SUFFIXES.index(file.suffix)


def _choose(bundle: str, ranked: list[tuple[tuple[int, ...], Path]]) -> Path | None:
    best = min(rank for rank, _ in ranked)
    if best[0] == 2:
        return None
    files = [file for rank, file in ranked if rank == best]
    if len(files) > 1:
        raise InputError(
            f"two files claim to be the bundle {bundle}; the other is {files[1]}", file=files[0],
            remedy="name the one dataset to use with --derivatives, or remove one of them",
        )  # fmt: skip
    return files[0]
