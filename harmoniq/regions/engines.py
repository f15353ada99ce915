"""Refuse to pool what different engines measured, unless told to."""

import pandas as pd

from harmoniq.data.errors import InputError


def check_engines(table: pd.DataFrame, allow_mixed: bool = False) -> list[str]:
    """Check that each metric was made by one engine in each tissue.

    Parameters
    ----------
    table : pandas.DataFrame
        The regional table; without a column ``engine`` there is nothing to check.
    allow_mixed : bool
        Note the mixture instead of refusing it.

    Returns
    -------
    list of str
        A note per mixture, when it is allowed.

    Raises
    ------
    InputError
        When a metric has several engines in a tissue; they are named, and who has which.
    """
    if "engine" not in table:
        return []
    notes = []
    for (metric, tissue), part in table.dropna(subset=["engine"]).groupby(["metric", "tissue"], sort=False):
        engines = part.groupby("engine", sort=True)["participant_id"].unique()
        if len(engines) < 2:
            continue
        said = "; ".join(f"{engine}: {_some(sorted(map(str, who)))}" for engine, who in engines.items())
        text = f"{metric} in {tissue} was made by {len(engines)} engines ({said})"
        if not allow_mixed:
            raise InputError(
                text, key="engine",
                remedy="process all participants with one engine, or accept the mixture with --allow-mixed-engines",
            )  # fmt: skip
        notes.append(text)
    return notes


def engines_of(table: pd.DataFrame) -> dict[str, str]:
    """Return what made the values of each metric and tissue.

    Parameters
    ----------
    table : DataFrame
        Regional table; without a column ``engine`` nothing is known.

    Returns
    -------
    dict of str to str
        By metric and tissue, such as ``R1 cGM``; several engines are joined by a plus sign.
    """
    if "engine" not in table:
        return {}
    parts = table.dropna(subset=["engine"]).groupby(["metric", "tissue"], sort=False)["engine"]
    return {f"{metric} {tissue}": " + ".join(sorted(set(part.astype(str)))) for (metric, tissue), part in parts}


def _some(names: list[str], shown: int = 5) -> str:
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")
