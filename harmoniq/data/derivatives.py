"""A subject's folders in datasets of derivatives, however they are nested, and what made a dataset."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harmoniq.data.files import read_json


def subject_folders(root: Path, subject: str) -> Iterator[Path]:
    """Yield the subject's folders in `root`, in the datasets in it, and in their ``derivatives``.

    Parameters
    ----------
    root : path
        A dataset, a folder of several, or the subject's own folder.
    subject : str
        With ``sub-``. Folders of a session of it (``sub-X_ses-Y``, as FreeSurfer and SAMSEG name them) count.

    Yields
    ------
    Path
        Each once; within a dataset in the order of the folders' names.
    """
    if _is_of(root.name, subject):
        yield root
        return
    datasets = [root, *_folders(root)]
    datasets += [dataset for folder in datasets if folder.name == "derivatives" for dataset in _folders(folder)]
    # QSIRecon keeps each reconstruction in a dataset of its own below the main one.
    datasets += [dataset for folder in list(datasets) for dataset in _folders(folder / "derivatives")]
    for dataset in dict.fromkeys(datasets):
        own = sorted(Path(e.path) for e in os.scandir(dataset) if e.is_dir() and _is_of(e.name, subject))
        yield from own


def makers(path: Path) -> list[Mapping[str, Any]]:
    """Return the programs that made the dataset in which a file lies, as its description names them.

    Parameters
    ----------
    path : path
        A file of the dataset; the nearest ``dataset_description.json`` above it is read.

    Returns
    -------
    list of mapping
        ``GeneratedBy``, or the ``PipelineDescription`` of drafts of BIDS: `Name`, `Version` and more, where said.
        Empty without a description.

    Raises
    ------
    InputError
        For a description that is no JSON.
    """
    for folder in path.parents:
        file = folder / "dataset_description.json"
        if file.is_file():
            content = read_json(file)
            described = content if isinstance(content, dict) else {}
            said = described.get("GeneratedBy") or described.get("PipelineDescription") or []
            return [maker for maker in (said if isinstance(said, list) else [said]) if isinstance(maker, dict)]
    return []


def _is_of(name: str, subject: str) -> bool:
    return name == subject or re.fullmatch(rf"{re.escape(subject)}_ses-[A-Za-z0-9]+", name) is not None


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(Path(e.path) for e in os.scandir(folder) if e.is_dir() and not e.name.startswith(("sub-", ".")))
