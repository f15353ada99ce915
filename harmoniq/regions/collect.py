"""Find the regional tables of all participants."""

import os
from pathlib import Path

from harmoniq.data.errors import InputError


def find_regions(out_dir: str | Path) -> list[Path]:
    """Return every ``sub-*/[ses-*/]*_regions.tsv`` under a folder of results, sorted.

    Only the folders of participants and sessions are looked into, since those below hold most of the files.

    Raises
    ------
    InputError
        When the folder is absent.
    """
    root = Path(out_dir)
    if not root.is_dir():
        raise InputError("folder of results not found", file=root, remedy="run the participant level first")
    return session_files(root, "_regions.tsv")


def session_files(root: Path, suffix: str) -> list[Path]:
    """Return every file ``sub-*/[ses-*/]*SUFFIX`` under a folder of results, sorted."""
    found: list[Path] = []
    for subject in _folders(root, "sub-"):
        found += _files(subject, suffix)
        for session in _folders(subject, "ses-"):
            found += _files(session, suffix)
    return sorted(found)


def _folders(folder: Path, prefix: str) -> list[Path]:
    with os.scandir(folder) as entries:
        return [Path(entry.path) for entry in entries if entry.name.startswith(prefix) and entry.is_dir()]


def _files(folder: Path, suffix: str) -> list[Path]:
    with os.scandir(folder) as entries:
        # A hidden name is a table that is being written, or was when its writer was killed.
        return [Path(e.path) for e in entries if e.name.endswith(suffix) and not e.name.startswith(".")]
