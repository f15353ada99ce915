"""Find the regional tables of all participants, and the profiles beside them."""

import os
from collections.abc import Iterable
from pathlib import Path

from harmoniq.data.errors import InputError
from harmoniq.data.names import METRICS


def find_regions(out_dir: str | Path) -> list[Path]:
    """Find every ``sub-*/[ses-*/]*_regions.tsv`` under a folder of results.

    Only the folders of participants and sessions are looked into, since those below hold most of the files.

    Parameters
    ----------
    out_dir : str or Path
        Folder of the results.

    Returns
    -------
    list of Path
        Sorted; none where there are none.

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
    """Find every file ``sub-*/[ses-*/]*SUFFIX`` under a folder of results.

    Parameters
    ----------
    root : Path
        Folder of the results; it must be there.
    suffix : str
        End of the name, such as ``_regions.tsv``.

    Returns
    -------
    list of Path
        Sorted; hidden files are passed over.
    """
    found: list[Path] = []
    for subject in _folders(root, "sub-"):
        found += _files(subject, suffix)
        for session in _folders(subject, "ses-"):
            found += _files(session, suffix)
    return sorted(found)


def find_profiles(folder: Path, label: str, metric: str) -> Path | None:
    """Find a session's profiles of one map along its bundles.

    Parameters
    ----------
    folder : Path
        The session's folder of results, which holds ``dwi``.
    label : str
        ``sub-X`` or ``sub-X_ses-Y``.
    metric : str
        ``R1`` or ``R2star``.

    Returns
    -------
    Path or None
        None where there are none, or tables of several central parts: nothing says which of them is meant.
    """
    found = sorted((folder / "dwi").glob(f"{label}_desc-central*_{metric}map_profiles.tsv"))
    return found[0] if len(found) == 1 else None


def profiles_beside(tables: Iterable[Path]) -> dict[Path, str]:
    """Find the profiles along the bundles that lie beside sessions' regional tables.

    Parameters
    ----------
    tables : iterable of Path
        Regional tables, ``<label>_regions.tsv``.

    Returns
    -------
    dict of Path to str
        Table of profiles to its participant (``sub-X``).
    """
    labels = {table: table.name.removesuffix("_regions.tsv") for table in sorted(tables)}
    found = (
        (find_profiles(table.parent, label, metric), label.split("_")[0])
        for table, label in labels.items()
        for metric in METRICS
    )
    return {path: participant for path, participant in found if path is not None}


def _folders(folder: Path, prefix: str) -> list[Path]:
    with os.scandir(folder) as entries:
        return [Path(entry.path) for entry in entries if entry.name.startswith(prefix) and entry.is_dir()]


def _files(folder: Path, suffix: str) -> list[Path]:
    with os.scandir(folder) as entries:
        # A hidden name is a table that is being written, or was when its writer was killed.
        return [Path(e.path) for e in entries if e.name.endswith(suffix) and not e.name.startswith(".")]
