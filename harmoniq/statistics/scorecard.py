"""The scorecard: every published figure beside the one computed here."""

import re
from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from harmoniq.statistics.columns import ColumnDescriptions
from harmoniq.statistics.scorecard_figures import FIGURES, Found, Tables

SCORECARD_COLUMNS: Final[ColumnDescriptions] = {
    "quantity": "What is compared",
    "metric": "R1 or R2star",
    "tissue": "cGM, sWM, WM, or all",
    "data": "Harmonization method or, of group differences, the comparison",
    "paper": "As published; < where only a bound is given",
    "here": "As computed here; n/a where it was not",
    "difference": "Here minus paper; of a bound, how far here is above it, 0 below",
    "within_spread": "Whether here lies within the published spread (SD, SE or interquartile range) around the figure",
    "paper_spread": "The published standard deviation, standard error, interquartile range or regions",
    "here_spread": "The same, as computed here",
    "unit": "Of paper, here and difference",
    "n_controls": "Controls here (R1 or R2star)",
    "n_patients": "Patients here (R1 or R2star)",
    "paper_n_controls": "Controls of the paper",
    "paper_n_patients": "Patients of the paper",
    "remark": "What differs from the paper in this row",
    "where": "Where in the paper it stands",
}
#: Chen et al. 2026, table 1: controls and patients with R1 and with R2*.
PAPER_SIZES: Final = {"R1": (530, 98), "R2star": (388, 98)}
PUBLISHED_COLUMNS: Final = ("quantity", "metric", "tissue", "data", "value", "spread", "unit", "where")


def scorecard(
    published: pd.DataFrame, tables: Tables, sizes: Mapping[str, tuple[int, int]], *, alpha: float = 0.05
) -> pd.DataFrame:
    """Set published figures beside those of the group level's tables.

    Parameters
    ----------
    published : pandas.DataFrame
        Columns ``PUBLISHED_COLUMNS``, text.
    tables : mapping of str to pandas.DataFrame
        The group level's tables by name; one that is absent leaves its figures n/a.
    sizes : mapping of str to tuple (int, int)
        By metric, the numbers of controls and patients here.
    alpha : float
        Level of the adjusted p-values.

    Returns
    -------
    pandas.DataFrame
        Columns ``SCORECARD_COLUMNS``, in the order of `published`.
    """
    rows = []
    for one in published.fillna("").astype(str).to_dict("records"):
        figure = FIGURES.get(one["quantity"])
        found = figure(tables, one["metric"], one["tissue"], one["data"], alpha) if figure else Found(
            remark="this version does not compute it"
        )  # fmt: skip
        bound, paper = parse_value(one["value"])
        rows.append({
            **{key: one[key] for key in ("quantity", "metric", "tissue", "data")},
            "paper": one["value"],
            "here": found.value,
            "difference": _difference(found.value, paper, bound),
            "within_spread": _within(found.value, paper, bound, one["spread"]),
            "paper_spread": one["spread"] or None,
            "here_spread": found.spread or None,
            "unit": one["unit"],
            **_sizes(one["metric"], sizes),
            "remark": found.remark or None,
            "where": one["where"],
        })  # fmt: skip
    return pd.DataFrame(rows, columns=list(SCORECARD_COLUMNS))


def parse_value(text: str) -> tuple[bool, float]:
    """Read a published figure.

    Parameters
    ----------
    text : str
        As printed, such as ``0.56`` or ``<0.01``.

    Returns
    -------
    bound : bool
        Whether it is an upper bound.
    value : float
        The number; NaN where there is none.

    Examples
    --------
    >>> parse_value("<0.01"), parse_value("-0.56")
    ((True, 0.01), (False, -0.56))
    """
    bound = text.startswith("<")
    try:
        return bound, float(text.lstrip("<"))
    except ValueError:
        return bound, np.nan


def parse_spread(text: str, value: float) -> tuple[float, float] | None:
    """Read a published spread as an interval.

    Parameters
    ----------
    text : str
        As printed: ``low to high``, or one number for plus and minus; words have none.
    value : float
        The figure that one number is added to and taken from.

    Returns
    -------
    tuple (float, float) or None
        Its lower and upper end; None of words.

    Examples
    --------
    >>> parse_spread("6.5 to 14.0", 11.4), parse_spread("0.5", 2.0), parse_spread("BA 1, 9", 6.0)
    ((6.5, 14.0), (1.5, 2.5), None)
    """
    number = r"[-−]?\d+(?:\.\d+)?"
    pair = re.fullmatch(rf"({number}) to ({number})", text)
    if pair:
        low, high = sorted(float(part.replace("−", "-")) for part in pair.groups())
        return low, high
    if re.fullmatch(number, text):
        return value - float(text), value + float(text)
    return None


def _difference(here: float, paper: float, bound: bool) -> float:
    return max(here - paper, 0.0) if bound and np.isfinite(here) else here - paper


def _within(here: float, paper: float, bound: bool, spread: str) -> object:
    if not np.isfinite(here) or not np.isfinite(paper):
        return None
    if bound:
        return bool(here < paper)
    interval = parse_spread(spread, paper)
    return None if interval is None else bool(interval[0] <= here <= interval[1])


def _sizes(metric: str, sizes: Mapping[str, tuple[int, int]]) -> dict[str, int | None]:
    here, paper = sizes.get(metric, (None, None)), PAPER_SIZES.get(metric, (None, None))
    return {"n_controls": here[0], "n_patients": here[1], "paper_n_controls": paper[0], "paper_n_patients": paper[1]}
