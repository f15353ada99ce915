"""The datasets of a study: what each brings, and all of them as one regional table and one table of participants."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from harmoniq.data.cohort import PARTICIPANT_COLUMNS
from harmoniq.data.errors import InputError
from harmoniq.data.names import REGION_COLUMNS, with_prefix
from harmoniq.data.tables import read_tsv, write_tsv
from harmoniq.regions.acquisition import acquisitions_of
from harmoniq.regions.collect import find_regions, profiles_beside
from harmoniq.regions.table import write_regions
from harmoniq.settings.schema import Settings


@dataclass(frozen=True)
class Dataset:
    """One dataset of a study.

    Parameters
    ----------
    name : str
        Of the table ``[datasets.<name>]``.
    results : path
        Folder of the participant level's results, or a regional table.
    bids : path or None
        Raw BIDS dataset; None where there are results only.
    participants : path
        ``participants.tsv``.
    site : str or None
        Label of the site for participants without one.
    derivatives : tuple of path
        Folders of existing results.
    fs_subjects_dir : path or None
        Existing FreeSurfer subjects; None: none.
    """

    name: str
    results: Path
    bids: Path | None
    participants: Path
    site: str | None = None
    derivatives: tuple[Path, ...] = ()
    fs_subjects_dir: Path | None = None

    def moved(self, results: Path) -> "Dataset":
        """Return the same data with results elsewhere.

        Parameters
        ----------
        results : Path
            Folder of results, or a regional table.

        Returns
        -------
        Dataset
            A copy.
        """
        return dataclasses.replace(self, results=results)

    def settings(self, settings: Settings) -> Settings:
        """Return the settings for the participant level of this dataset.

        Parameters
        ----------
        settings : Settings
            Of the study.

        Returns
        -------
        Settings
            Participants without a site take the keys that the config gives for this dataset's site.
        """
        own = settings.sites.get(self.site or self.name)
        # The empty label is that of participants whose site is not known.
        return settings if own is None else dataclasses.replace(settings, sites={**settings.sites, "": own})


def plan_datasets(
    settings: Settings, config: Path, out: Path, *, overrides: Mapping[str, Path] | None = None
) -> list[Dataset]:
    """Check the datasets of a study.

    Parameters
    ----------
    settings : Settings
        Its ``datasets`` hold paths relative to the config.
    config : path
        Where they stand.
    out : path
        Results of raw datasets go to ``out/<name>``.
    overrides : mapping of str to path, optional
        Name to a raw BIDS dataset, over the config's.

    Returns
    -------
    list of Dataset
        In the order of the config, then the further ones of `overrides`.

    Raises
    ------
    InputError
        Where there are none, a path is absent, a dataset gives neither or both of raw data and results, or has no
        ``participants.tsv``.
    """
    given: dict[str, Mapping[str, Any]] = {name: dict(keys) for name, keys in settings.datasets.items()}
    for name, folder in (overrides or {}).items():
        given[name] = {**given.get(name, {}), "bids": str(folder)}
    if not given:
        raise InputError(
            "names no data", file=config, key="datasets",
            remedy="add [datasets.<site>] with bids = \"...\", or give --dataset NAME=DIR; --rehearse simulates them",
        )  # fmt: skip
    return [_dataset(name, keys, config, out) for name, keys in given.items()]


def _dataset(name: str, keys: Mapping[str, Any], config: Path, out: Path) -> Dataset:
    def path(key: str, value: str) -> Path:
        found = (config.absolute().parent / value).resolve()
        if not found.exists():
            raise InputError("not found", file=found, key=f"datasets.{name}.{key}", remedy=f"mend it in {config}")
        return found

    paths = {key: path(key, keys[key]) for key in ("bids", "results", "participants", "fs_subjects_dir") if key in keys}
    if ("bids" in paths) == ("results" in paths):
        raise InputError("needs one of bids and results", file=config, key=f"datasets.{name}")
    results = paths.get("results", out / name)
    beside = results.parent if results.is_file() else results
    participants = paths.get("participants", paths.get("bids", beside) / "participants.tsv")
    if not participants.is_file():
        raise InputError("file not found", file=participants, key=f"datasets.{name}.participants",
                         remedy="the group level needs site, group, age and sex")  # fmt: skip
    return Dataset(
        name, results, paths.get("bids"), participants, keys.get("site"),
        tuple(path("derivatives", one) for one in keys.get("derivatives", ())), paths.get("fs_subjects_dir"),
    )  # fmt: skip


def gather(
    datasets: Sequence[Dataset], settings: Settings, out: Path, *, left_out: Mapping[str, set[str]] | None = None
) -> tuple[Path, Path]:
    """Write ``regions.tsv`` and ``participants.tsv`` of all datasets together.

    Participants that several datasets call alike get the dataset's name before their label: ``sub-01`` of ``site2``
    becomes ``sub-site201``.

    Parameters
    ----------
    datasets : sequence of Dataset
        Datasets of the study.
    settings : Settings
        Of the study: its columns.
    out : path
        Where the tables go.
    left_out : mapping of str to set of str, optional
        Dataset to the sessions (``sub-X[_ses-Y]``) that did not end well: tables of an earlier run do not count.

    Returns
    -------
    regions : path
        ``regions.tsv``.
    participants : path
        ``participants.tsv``.

    Raises
    ------
    InputError
        When no dataset has a regional table, or a table lacks a column.
    """
    people = [_participants(dataset, settings) for dataset in datasets]
    repeated = _repeated(people)
    tables: list[pd.DataFrame] = []
    acquisitions: dict[str, Any] = {}
    for dataset, frame in zip(datasets, people):
        names = {who: _own(who, dataset.name, repeated) for who in frame["participant_id"]}
        frame["participant_id"] = frame["participant_id"].map(names)
        for path in _tables_of(dataset, (left_out or {}).get(dataset.name, set())):
            part = read_tsv(path, required=("participant_id", "metric", "tissue", "region", "value"))
            part["participant_id"] = [_own(with_prefix(w), dataset.name, repeated) for w in part["participant_id"]]
            tables.append(part.reindex(columns=list(REGION_COLUMNS)))
            found = acquisitions_of(path)
            acquisitions |= {_own(with_prefix(w), dataset.name, repeated): facts for w, facts in found.items()}
    _gather_excluded(datasets, repeated, out)
    if not tables:
        raise InputError("no dataset has a regional table", file=out, remedy="run the participant level first")
    table = pd.concat(tables, ignore_index=True)
    known = pd.concat(people, ignore_index=True)
    columns = {name: PARTICIPANT_MEANINGS.get(name, name.replace("_", " ")) for name in map(str, known.columns)}
    participants = write_tsv(known, out / "participants.tsv", columns=columns, digits=None)
    extra = {"Acquisitions": acquisitions} if acquisitions else None
    return write_regions(out / "regions.tsv", table, extra), participants


def labels_of_study(
    datasets: Sequence[Dataset], settings: Settings, told: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """Bring what is told of participants or sessions of each dataset under their labels among all (see `gather`).

    Parameters
    ----------
    datasets : sequence of Dataset
        Datasets of the study.
    settings : Settings
        Of the study: its columns.
    told : mapping of str to mapping of str to str
        Dataset to label (``sub-X`` or ``sub-X_ses-Y``) to text.

    Returns
    -------
    dict of str to str
        Text by label.
    """
    repeated = _repeated([_participants(dataset, settings) for dataset in datasets])
    out = {}
    for name, texts in told.items():
        for label, text in texts.items():
            who, mark, session = label.partition("_ses-")
            out[f"{_own(with_prefix(who), name, repeated)}{mark}{session}"] = text
    return out


def gather_profiles(
    datasets: Sequence[Dataset], settings: Settings, *, left_out: Mapping[str, set[str]] | None = None
) -> dict[Path, str]:
    """Find the profiles along the bundles of all datasets.

    Parameters
    ----------
    datasets : sequence of Dataset
        Datasets of the study.
    settings : Settings
        Of the study: its columns.
    left_out : mapping of str to set of str or None, optional
        As in `gather`.

    Returns
    -------
    dict of Path to str
        Table of profiles to its participant, as `gather` calls it.
    """
    repeated = _repeated([_participants(dataset, settings) for dataset in datasets])
    return {
        path: _own(who, dataset.name, repeated)
        for dataset in datasets
        for path, who in profiles_beside(_tables_of(dataset, (left_out or {}).get(dataset.name, set()))).items()
    }


def _repeated(people: Sequence[pd.DataFrame]) -> set[str]:
    """Return the participants that several datasets call alike."""
    labels = pd.concat([frame["participant_id"] for frame in people])
    return set(labels[labels.duplicated()])


def _gather_excluded(datasets: Sequence[Dataset], repeated: set[str], out: Path) -> None:
    """Write ``excluded.tsv`` of the datasets that have one: what their participant level could not process, and why."""
    parts = []
    for dataset in datasets:
        path = (dataset.results if dataset.results.is_dir() else dataset.results.parent) / "excluded.tsv"
        if path.is_file() and path.parent != out:
            part = read_tsv(path, required=("participant_id", "reason"))
            part["participant_id"] = [_own(with_prefix(who), dataset.name, repeated) for who in part["participant_id"]]
            parts.append(part[["participant_id", "reason"]])
    if parts:
        columns = {"participant_id": "Participant", "reason": "Why the participant level has no values"}
        write_tsv(pd.concat(parts, ignore_index=True), out / "excluded.tsv", columns=columns)


PARTICIPANT_MEANINGS = {
    "participant_id": "Participant", "site": "Site", "group": "Controls or patient group", "age": "Age in years",
    "sex": "F or M", "phenotype": "Phenotype of the disease", "disease_duration": "Years since onset",
    "edss": "Expanded Disability Status Scale",
}  # fmt: skip


def _tables_of(dataset: Dataset, left_out: set[str]) -> list[Path]:
    if dataset.results.is_file():
        return [dataset.results]
    found = find_regions(dataset.results) if dataset.results.is_dir() else []
    return [path for path in found if path.name.removesuffix("_regions.tsv") not in left_out]


def _participants(dataset: Dataset, settings: Settings) -> pd.DataFrame:
    """Return the dataset's participants under our names of the columns, with a site; other columns stay."""
    frame = read_tsv(dataset.participants)
    by_lower = {str(name).strip().lower(): name for name in frame.columns}
    ours = {}
    for name in PARTICIPANT_COLUMNS:
        theirs = by_lower.get(settings.columns.get(name, name).lower())
        if theirs is not None:
            ours[theirs] = name
    frame = frame.rename(columns=ours)
    if "participant_id" not in frame:
        raise InputError("column missing", file=dataset.participants, key="participant_id")
    site = dataset.site or dataset.name
    frame["site"] = site if "site" not in frame or dataset.site else frame["site"].fillna(site)
    frame["participant_id"] = frame["participant_id"].map(with_prefix)
    return frame


def _own(label: str, dataset: str, repeated: set[str]) -> str:
    plain = "".join(sign for sign in dataset if sign.isalnum())
    return f"sub-{plain}{label.removeprefix('sub-')}" if label in repeated else label
