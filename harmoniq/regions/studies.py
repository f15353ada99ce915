"""The datasets of a study: what each brings, and all of them as one regional table and one table of participants."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from harmoniq.data.cohort import PARTICIPANT_COLUMNS
from harmoniq.data.errors import InputError
from harmoniq.data.files import read_json
from harmoniq.data.names import REGION_COLUMNS
from harmoniq.data.tables import read_tsv, write_tsv
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
            Folder of results.

        Returns
        -------
        Dataset
            The same data with results elsewhere.
        """
        return dataclasses.replace(self, results=results)

    def settings(self, settings: Settings) -> Settings:
        """Return the settings for the participant level: a dataset without a site column takes its own site's keys.

        Parameters
        ----------
        settings : Settings
            The run's settings.

        Returns
        -------
        Settings
            The settings for the participant level: a dataset without a site column takes its own site's keys.
        """
        own = settings.sites.get(self.site or self.name)
        # The empty label is that of participants whose site is not known.
        return settings if own is None else dataclasses.replace(settings, sites={**settings.sites, "": own})


def plan_datasets(
    settings: Settings, config: Path, out: Path, *, overrides: Mapping[str, Path] | None = None
) -> list[Dataset]:
    """Return the datasets of a study, checked.

    Parameters
    ----------
    settings : Settings
        Its ``datasets`` hold paths relative to the config.
    config : path
        Where they stand.
    out : path
        Results of raw datasets go to ``out/<name>``.
    overrides : mapping, optional
        Name to a raw BIDS dataset, over the config's.

    Returns
    -------
    list of Dataset
        The datasets of a study, checked.

    Raises
    ------
    InputError
        Where there are none, a folder is absent, or a dataset gives neither raw data nor results.
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
        The run's settings.
    out : path
        Where the tables go.
    left_out : mapping, optional
        Dataset to the sessions (``sub-X[_ses-Y]``) that did not end well: tables of an earlier run do not count.

    Returns
    -------
    path, path
        The files that were written.

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
            part["participant_id"] = [_own(_prefixed(w), dataset.name, repeated) for w in part["participant_id"]]
            tables.append(part.reindex(columns=list(REGION_COLUMNS)))
            acquisitions |= _acquisitions(path, part)
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
    """Return what is told of participants or sessions, by their labels among all datasets (see `gather`).

    Parameters
    ----------
    datasets : sequence of Dataset
        Datasets of the study.
    settings : Settings
        The run's settings.
    told : mapping
        Dataset to label (``sub-X`` or ``sub-X_ses-Y``) to text.

    Returns
    -------
    dict of str to str
        What is told of participants or sessions, by their labels among all datasets (see `gather`).
    """
    repeated = _repeated([_participants(dataset, settings) for dataset in datasets])
    out = {}
    for name, texts in told.items():
        for label, text in texts.items():
            who, mark, session = label.partition("_ses-")
            out[f"{_own(_prefixed(who), name, repeated)}{mark}{session}"] = text
    return out


def gather_profiles(
    datasets: Sequence[Dataset], settings: Settings, *, left_out: Mapping[str, set[str]] | None = None
) -> dict[Path, str]:
    """Return the profiles along the bundles, each with its participant as `gather` calls it; parameters as there.

    Parameters
    ----------
    datasets : sequence of Dataset
        Datasets of the study.
    settings : Settings
        The run's settings.
    left_out : mapping of str to set of str or None, optional
        Labels that are left out.

    Returns
    -------
    dict of Path to str
        The profiles along the bundles, each with its participant as `gather` calls it; parameters as there.
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
            part["participant_id"] = [_own(_prefixed(who), dataset.name, repeated) for who in part["participant_id"]]
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
    frame["participant_id"] = frame["participant_id"].map(_prefixed)
    return frame


def _acquisitions(path: Path, table: pd.DataFrame) -> dict[str, Any]:
    sidecar = path.with_suffix(".json")
    content = read_json(sidecar) if sidecar.is_file() else {}
    if not isinstance(content, Mapping):
        return {}
    if isinstance(content.get("Acquisition"), Mapping) and len(table):
        return {str(table["participant_id"].iloc[0]): content["Acquisition"]}
    many = content.get("Acquisitions")
    return dict(many) if isinstance(many, Mapping) else {}


def _prefixed(label: object) -> str:
    text = str(label)
    return text if text.startswith("sub-") else f"sub-{text}"


def _own(label: str, dataset: str, repeated: set[str]) -> str:
    plain = "".join(sign for sign in dataset if sign.isalnum())
    return f"sub-{plain}{label.removeprefix('sub-')}" if label in repeated else label
