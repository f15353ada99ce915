"""Tab-separated tables with a JSON sidecar that says each column's meaning and unit (BIDS 1.10, tabular files)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from harmoniq.data.errors import InputError
from harmoniq.data.files import atomic_path, write_json

MISSING = "n/a"


def read_tsv(path: str | Path, *, required: Sequence[str] = ()) -> pd.DataFrame:
    """Read a TSV file; ``n/a`` and empty cells become missing, labels stay text.

    Parameters
    ----------
    path : path
        A tab-separated file with a header line.
    required : sequence of str
        Columns that must be there.

    Returns
    -------
    pandas.DataFrame
        ``participant_id``, ``session_id``, ``site``, ``region``, ``group``, ``sex``, ``phenotype`` and ``scanner`` are
        always text; of the other columns those are numeric whose cells are all numbers.

    Raises
    ------
    InputError
        When the file is absent, empty, not tab-separated, has rows of unequal length or lacks a column.
    """
    text = ("participant_id", "session_id", "site", "region", "group", "sex", "phenotype", "scanner")
    text_columns = dict.fromkeys(text, str)
    try:
        frame = pd.read_csv(
            path,
            sep="\t",
            dtype=text_columns,
            na_values=[MISSING, ""],
            keep_default_na=False,
            encoding="utf-8-sig",
        )
    except FileNotFoundError as error:
        raise InputError("file not found", file=path) from error
    except pd.errors.EmptyDataError as error:
        raise InputError("the file is empty", file=path, remedy="it needs a header line and rows") from error
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise InputError(f"is not a tab-separated table ({error})", file=path) from error
    missing = [name for name in required if name not in frame.columns]
    if missing:
        found = ", ".join(map(str, frame.columns))
        raise InputError(f"column missing (found: {found})", file=path, key=missing[0], remedy="add the column")
    return frame


def flags(column: "pd.Series[Any]") -> "pd.Series[bool]":
    """Read a column of ``true`` and ``false``; what is missing is False.

    Parameters
    ----------
    column : Series[object]
        As text or as booleans.

    Returns
    -------
    Series[bool]
        With the index of `column`.
    """
    return column.astype(str).str.lower() == "true"


def write_tsv(
    frame: pd.DataFrame,
    path: str | Path,
    *,
    columns: Mapping[str, str | Mapping[str, object]],
    digits: int | None = 10,
) -> Path:
    """Write a table and its JSON sidecar, each whole or not at all.

    Parameters
    ----------
    frame : pandas.DataFrame
        Missing values are written ``n/a``, booleans ``true`` and ``false``.
    path : path
        Ends in ``.tsv``; the sidecar takes the same name with ``.json``.
    columns : mapping
        For each column its description, or a mapping of BIDS keys (``Description``, ``Units``, ``Levels``).
    digits : int or None
        Significant digits of floating-point numbers; None keeps the shortest text that reads back to the same bits.

    Returns
    -------
    Path
        The table's path.

    Raises
    ------
    InputError
        When the folder cannot be written or the disk is full.
    ValueError
        When a column is not described.
    """
    undescribed = [name for name in frame.columns if name not in columns]
    if undescribed:
        raise ValueError(f"columns without a description: {undescribed}")
    out = frame.copy()
    for name in out.columns:
        if pd.api.types.is_bool_dtype(out[name]):
            out[name] = out[name].map({True: "true", False: "false"})
    target = Path(path)
    with atomic_path(target) as temporary:
        out.to_csv(
            temporary, sep="\t", index=False, na_rep=MISSING, lineterminator="\n",
            float_format=None if digits is None else f"%.{digits}g",
        )  # fmt: skip
    describe = {
        name: ({"Description": d} if isinstance(d, str) else dict(d)) for name, d in columns.items() if name in frame
    }
    write_json(target.with_suffix(".json"), describe)
    return target
