"""The regional table: the joint between the participant level and the group level."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harmoniq.data.errors import InputError
from harmoniq.data.files import read_json, write_json
from harmoniq.data.names import BUNDLES, METRICS, REGION_COLUMNS, TISSUES
from harmoniq.data.tables import read_tsv, write_tsv

_REQUIRED = ("participant_id", "metric", "tissue", "region", "value")


def assemble(rows: Iterable[Mapping[str, Any]], *, participant_id: str, session_id: str | None = None) -> pd.DataFrame:
    """Put the rows of one participant and session into the table's columns and order.

    Parameters
    ----------
    rows : iterable of mapping
        As ``cortical_rows`` and ``bundle_rows`` return them.
    participant_id, session_id : str
        With or without ``sub-`` and ``ses-``.

    Returns
    -------
    pandas.DataFrame
        Columns ``REGION_COLUMNS``; sorted by metric, tissue, region and hemisphere.
    """
    frame = pd.DataFrame(list(rows), columns=[c for c in REGION_COLUMNS if c not in ("participant_id", "session_id")])
    frame.insert(0, "participant_id", f"sub-{participant_id.removeprefix('sub-')}")
    session = None if not session_id else f"ses-{session_id.removeprefix('ses-')}"
    frame.insert(1, "session_id", pd.Series([session] * len(frame), dtype=object))
    return sort_regions(frame)


def sort_regions(table: pd.DataFrame) -> pd.DataFrame:
    """Sort a regional table as it is written.

    Parameters
    ----------
    table : DataFrame
        With or without ``session_id`` and ``hemisphere``.

    Returns
    -------
    DataFrame
        By participant, session, metric, tissue, region (BA2 before BA10) and hemisphere; index from 0.
    """
    order = pd.DataFrame(
        {
            "participant": table["participant_id"].astype(str),
            "session": table["session_id"].fillna("").astype(str) if "session_id" in table else "",
            "metric": table["metric"].map({name: i for i, name in enumerate(METRICS)}),
            "tissue": table["tissue"].map({name: i for i, name in enumerate(TISSUES)}),
            "number": table["region"].map({region: _region_number(region) for region in table["region"].unique()}),
            "region": table["region"].astype(str),
            "hemisphere": table["hemisphere"].fillna("").astype(str) if "hemisphere" in table else "",
        },
        index=table.index,
    )
    return table.loc[order.sort_values(list(order.columns), kind="stable").index].reset_index(drop=True)


def _region_number(region: object) -> int:
    text = str(region)
    if text in BUNDLES:
        return 1000 + BUNDLES.index(text)
    match = re.fullmatch(r"BA(\d+)", text)
    return int(match[1]) if match else 2000


def write_regions(path: str | Path, table: pd.DataFrame, metadata: Mapping[str, Any] | None = None) -> Path:
    """Write ``*_regions.tsv`` and its sidecar.

    Parameters
    ----------
    path : path
        Ends in ``_regions.tsv``.
    table : pandas.DataFrame
        As ``assemble`` returns it.
    metadata : mapping, optional
        Engines, versions, settings; stands in the sidecar beside the columns' descriptions. A key must not be the name
        of a column.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    ValueError
        Where a key of the metadata is a column of the table.
    """
    extra = dict(metadata or {})
    clash = sorted(set(extra) & set(REGION_COLUMNS))
    if clash:
        raise ValueError(f"keys of the metadata are columns of the table: {', '.join(clash)}")
    target = write_tsv(table[list(REGION_COLUMNS)], path, columns=REGION_COLUMNS)
    if extra:
        sidecar = target.with_suffix(".json")
        write_json(sidecar, {**read_json(sidecar), **extra})
    return target


def read_regions_tables(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Read and join the tables of many participants.

    Parameters
    ----------
    paths : sequence of path
        As ``find_regions`` returns them.

    Returns
    -------
    pandas.DataFrame
        Sorted; columns that a table lacks are missing in its rows.

    Raises
    ------
    InputError
        When there is no table, one lacks a column or is damaged, one holds another participant than its name says, or
        two hold the same participant and session.
    """
    if not paths:
        raise InputError("no regional table found", remedy="run the participant level first")
    files = [Path(path) for path in paths]
    frames = [read_tsv(path, required=_REQUIRED) for path in files]
    for path, frame in zip(files, frames):
        _check_participant(frame, path)
    table = pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)
    _check_owners(table, files, [len(frame) for frame in frames])
    return sort_regions(table)


def _check_owners(table: pd.DataFrame, files: Sequence[Path], lengths: Sequence[int]) -> None:
    """Refuse two files with rows of the same participant and session; `lengths` are the files' numbers of rows."""
    sessions = table["session_id"].fillna("n/a") if "session_id" in table else "n/a"
    whose = pd.DataFrame({"participant": table["participant_id"], "session": sessions})
    whose["file"] = np.repeat(np.arange(len(files)), lengths)
    whose = whose.drop_duplicates()
    twice = whose[whose.duplicated(["participant", "session"])]
    if len(twice):
        participant, session, second = twice.iloc[0]
        first = whose.loc[(whose["participant"] == participant) & (whose["session"] == session), "file"].iloc[0]
        raise InputError(
            f"{participant} {session} stands in {files[first]} too",
            file=files[second],
            remedy="remove one of the two tables",
        )


def _check_participant(frame: pd.DataFrame, path: Path) -> None:
    named = re.match(r"(sub-[A-Za-z0-9]+)_", path.name)
    wrong = [] if named is None else [who for who in frame["participant_id"].unique() if who != named[1]]
    if named is not None and wrong:
        raise InputError(
            f"must be {named[1]}, as the file's name says", file=path, key="participant_id", value=wrong[0]
        )
