"""Columns that share their missing values can be fitted together."""

from collections.abc import Iterator

import numpy as np


def missingness_groups(values: np.ndarray, *, empty: bool = False) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Group the columns that share the same finite rows.

    Parameters
    ----------
    values : array, shape (n, p)
        NaN where missing.
    empty : bool, optional
        Whether columns without a finite value are a group, too.

    Yields
    ------
    tuple (array of int, array of int)
        Positions of the rows, and of the columns, of one group.
    """
    finite = np.isfinite(values)
    groups: dict[bytes, list[int]] = {}
    for column, mask in enumerate(np.packbits(finite, axis=0).T):
        groups.setdefault(mask.tobytes(), []).append(column)
    for columns in groups.values():
        rows = np.flatnonzero(finite[:, columns[0]])
        if rows.size or empty:
            yield rows, np.array(columns)
