"""What a page is made of: sections of text, notes, figures and tables."""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from harmoniq.report.columns import MEANINGS
from harmoniq.report.images import ReportFigure

_P_VALUES = ("p", "p_fdr", "lrt_p")
_TITLES = {
    "participant_id": "participant",
    "session_id": "session",
    "icc_unadjusted": "ICC",
    "icc_adjusted": "ICC adjusted",
    "icc_unadjusted_mean": "ICC mean",
    "icc_unadjusted_sd": "ICC SD",
    "icc_adjusted_mean": "ICC adjusted mean",
    "icc_adjusted_sd": "ICC adjusted SD",
    "eta2_mean": "η² mean",
    "eta2_sd": "η² SD",
    "singular_unadjusted": "singular",
    "singular_adjusted": "singular adjusted",
    "eta2": "η²",
    "partial_eta2": "partial η²",
    "eta2_PC1": "η² PC1",
    "eta2_PC2": "η² PC2",
    "lrt_chi2": "LRT χ²",
    "lrt_p": "LRT p",
    "p_fdr": "p FDR",
    "rho": "ρ",
    "beta": "β",
    "adj_r2": "adjusted R²",
    "r_participants": "r within participant",
    "bias_percent": "bias %",
    "median_abs_error_percent": "median |error| %",
    "p90_abs_error_percent": "90th pct |error| %",
    "max_abs_error_percent": "max |error| %",
    "n_participants": "participants",
    "n_regions": "regions",
}


@dataclass(frozen=True)
class Text:
    """A paragraph; `markup` is HTML that the project itself made."""

    markup: str
    kind: Literal["text"] = "text"


@dataclass(frozen=True)
class Notes:
    """A list of remarks of one weight."""

    items: Sequence[str]
    level: Literal["info", "warning", "error"] = "info"
    title: str = ""
    kind: Literal["notes"] = "notes"


@dataclass(frozen=True)
class Verbatim:
    """Text of a program, as it is."""

    text: str
    title: str = ""
    kind: Literal["verbatim"] = "verbatim"


@dataclass(frozen=True)
class Folded:
    """Text of a program that is shown on demand."""

    text: str
    title: str
    kind: Literal["folded"] = "folded"


@dataclass(frozen=True)
class Tiles:
    """A few numbers in large type: pairs of number and what it counts."""

    items: Sequence[tuple[str, str]]
    kind: Literal["tiles"] = "tiles"


@dataclass(frozen=True)
class Image:
    """A figure."""

    figure: ReportFigure
    kind: Literal["image"] = "image"


@dataclass(frozen=True)
class Cell:
    """What a table shows, and what it is sorted by where that is a number."""

    text: str
    number: str = ""
    link: str = ""


@dataclass(frozen=True)
class Column:
    """The head of a table's column."""

    title: str
    meaning: str = ""
    numeric: bool = False


@dataclass(frozen=True)
class Table:
    """A table that can be sorted and filtered; folded away when long."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    folded: bool = False
    source: str = ""
    kind: Literal["table"] = "table"


@dataclass(frozen=True)
class Section:
    """A part of the page with its entry in the navigation."""

    id: str
    title: str
    blocks: list[Any] = field(default_factory=list)


def table_block(
    frame: pd.DataFrame,
    title: str,
    *,
    folded: bool = False,
    source: str = "",
    links: Mapping[str, str] | None = None,
    digits: int = 3,
) -> Table:
    """Make a table of a data frame.

    Parameters
    ----------
    frame : pandas.DataFrame
        Its columns are titled and explained where the project knows them.
    title : str
        The caption.
    folded : bool
        Shown on demand.
    source : str
        The file it came from, relative to the page, as a link.
    links : mapping
        From values of the first column to pages.
    digits : int
        Significant digits of numbers that are not whole.

    Returns
    -------
    Table
        A column for each column of `frame`, a row for each row.
    """
    columns = [
        Column(_TITLES.get(name, str(name).replace("_", " ")), MEANINGS.get(name, ""), _is_number(frame[name]))
        for name in frame.columns
    ]
    names = list(frame.columns)
    rows = [
        [
            _cell(value, name, digits, (links or {}).get(str(value), "") if j == 0 else "")
            for j, (name, value) in enumerate(zip(names, row))
        ]
        for row in frame.itertuples(index=False, name=None)
    ]
    return Table(title, columns, rows, folded, source)


def pairs_block(content: Mapping[str, object], title: str, *, folded: bool = False) -> Table:
    """Make a table of two columns of a mapping; nested mappings are flattened to dotted keys.

    Parameters
    ----------
    content : mapping of str to object
        Keys and values.
    title : str
        The caption.
    folded : bool, optional
        Shown on demand.

    Returns
    -------
    Table
        ``key`` and ``value``, a row for each dotted key.
    """
    rows = [[Cell(key), Cell(_plain(value))] for key, value in flatten(content).items()]
    return Table(title, [Column("key"), Column("value")], rows, folded)


def flatten(content: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Return a nested mapping as one level with dotted keys.

    Parameters
    ----------
    content : mapping of str to object
        Values, or further mappings to any depth.
    prefix : str, optional
        Stands before every key.

    Returns
    -------
    dict of str to object
        ``a.b`` to the value of key ``b`` within ``a``.
    """
    flat: dict[str, object] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def escape(text: object) -> str:
    """Return text safe to stand in HTML.

    Parameters
    ----------
    text : object
        Anything; its `str` is shown.

    Returns
    -------
    str
        With ``& < > " '`` as entities.
    """
    return html.escape(str(text))


def format_number(value: float, digits: int = 3) -> str:
    """Return a number with `digits` significant digits; whole numbers below 1e7 in full, missing ones as n/a.

    Parameters
    ----------
    value : float
        Value.
    digits : int, optional
        Significant digits of numbers that are not whole.

    Returns
    -------
    str
        Other numbers have an exponent where their size is below 1e-4 or from 1e6 on.

    Examples
    --------
    >>> format_number(0.123456), format_number(530.0), format_number(float("nan")), format_number(-1.2e-7)
    ('0.123', '530', 'n/a', '-1.2e-07')
    """
    if math.isnan(value):
        return "n/a"
    if math.isinf(value):
        return str(value)
    if value == int(value) and abs(value) < 1e7:
        return str(int(value))
    size = abs(value)
    if size < 1e-4 or size >= 1e6:
        return f"{value:.{digits}g}"
    places = max(0, digits - 1 - math.floor(math.log10(size)))
    return f"{value:.{places}f}"


def _cell(value: object, name: str, digits: int, link: str) -> Cell:
    if isinstance(value, bool) or str(type(value).__name__) == "bool_":
        return Cell("yes" if value else "no")
    if isinstance(value, (int, float)) or hasattr(value, "dtype"):
        number = float(value)  # type: ignore[arg-type]
        if math.isnan(number):
            return Cell("n/a")
        small = name in _P_VALUES and number < 0.001
        return Cell("<0.001" if small else format_number(number, digits), f"{number:.6g}")
    if value is None or value is pd.NA:
        return Cell("n/a")
    return Cell({"true": "yes", "false": "no"}.get(str(value), str(value)), link=link)


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _plain(value: object) -> str:
    if value is None:
        return "n/a"
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(item) for item in value)
    return str(value)
