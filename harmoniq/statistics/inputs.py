"""Check and cut what the statistics are given."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError

Values = Mapping[str, np.ndarray]


def check(cohort: Cohort, values: Values) -> None:
    """Refuse arrays of another shape and participants without age, sex or site.

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).
    values : mapping of str to numpy.ndarray, shape (n_participants, n_features)
        By method.

    Raises
    ------
    InputError
        When a participant's age, sex or site is missing.
    ValueError
        When an array has not the cohort's shape: an error of the caller, not of the data.
    """
    for name, array in values.items():
        if np.shape(array) != cohort.values.shape:
            raise ValueError(f"{name}: shape {np.shape(array)} is not the cohort's {cohort.values.shape}")
    people = cohort.participants
    bad = ~np.isfinite(people["age"].to_numpy(dtype=float)) | ~people["sex"].isin(["F", "M"]).to_numpy()
    bad |= people["site"].isna().to_numpy()
    if bad.any():
        raise InputError(
            "lacks an age, a sex (F or M) or a site", key="participant_id",
            value=people["participant_id"][bad].iloc[0], remedy="complete the row or leave the participant out",
        )  # fmt: skip


def controls_only(cohort: Cohort, values: Values) -> tuple[Cohort, dict[str, np.ndarray]]:
    """Take the controls and their values, checked.

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).
    values : mapping of str to numpy.ndarray, shape (n_participants, n_features)
        By method.

    Returns
    -------
    Cohort
        The controls.
    dict of str to numpy.ndarray, shape (n_controls, n_features)
        Their values by method.

    Raises
    ------
    InputError
        When there are none, or as `check` says.
    """
    check(cohort, values)
    rows = cohort.is_control
    if not rows.any():
        found = ", ".join(sorted(map(str, cohort.participants["group"].unique())))
        raise InputError(
            f"no participant is of this group (found: {found})", key="control_group", value=cohort.control_group,
            remedy="set control_group in the config to the controls' label",
        )  # fmt: skip
    return cohort.select(rows=rows), {name: np.asarray(array, dtype=float)[rows] for name, array in values.items()}


def blocks(features: pd.DataFrame) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield each metric and tissue with its features, in their order of appearance.

    Parameters
    ----------
    features : DataFrame
        One row per feature, index 0 to p - 1: metric, tissue, region.

    Yields
    ------
    tuple (str, str, array of int)
        Metric, tissue, and positions of the features.
    """
    for (metric, tissue), part in features.groupby(["metric", "tissue"], sort=False):
        yield str(metric), str(tissue), part.index.to_numpy()


def feature_table(features: pd.DataFrame, by_label: Mapping[str, Mapping[str, Any]], label: str) -> pd.DataFrame:
    """Lay out what was computed per feature and label as one table.

    Parameters
    ----------
    features : DataFrame
        One row per feature: metric, tissue, region.
    by_label : mapping of str to mapping of str to object
        By label (a method or comparison), the columns: an array of shape (n_features,) each.
    label : str
        Name of the column of labels: ``data`` or ``comparison``.

    Returns
    -------
    DataFrame
        ``metric tissue region``, the label and the columns; a row per feature and label, feature by feature.
    """
    parts = []
    for name, columns in by_label.items():
        part = features[["metric", "tissue", "region"]].copy()
        part[label] = name
        parts.append(part.assign(**columns))
    if not parts:
        return features.iloc[:0][["metric", "tissue", "region"]].assign(**{label: pd.Series(dtype=object)})
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)
