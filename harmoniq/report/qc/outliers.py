"""Outliers among the sessions of one site: the modified z-score of Iglewicz and Hoaglin.

Iglewicz & Hoaglin 1993, How to Detect and Handle Outliers (ASQC): M = (x - median) / (1.4826 MAD), marked above 3.5.
Where more than half of the values are equal the median absolute deviation is 0; there 1.2533 times the mean absolute
deviation takes its place, as they recommend.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from harmoniq.report.qc.metrics import QC_METRICS, Side

LIMIT: Final = 3.5
#: Sessions of a site with a value, below which nothing is marked: of fewer the spread is not known.
FEWEST: Final = 6
_MAD_TO_SD: Final = 1.4826
_MEAN_DEVIATION_TO_SD: Final = 1.2533


def robust_z(values: ArrayLike) -> NDArray[np.float64]:
    """Return by how many robust standard deviations each value is away from the median.

    Parameters
    ----------
    values : array_like, shape (n,)
        Missing values are NaN.

    Returns
    -------
    ndarray, shape (n,)
        NaN where the value is missing, and everywhere where fewer than `FEWEST` are there; 0 where all are equal.

    Examples
    --------
    >>> robust_z([1, 2, 3, 4, 5, 30]).round(1).tolist()
    [-1.1, -0.7, -0.2, 0.2, 0.7, 11.9]
    """
    data = np.asarray(values, dtype=float)
    known = data[np.isfinite(data)]
    if known.size < FEWEST:
        return np.full(data.shape, np.nan)
    distance = np.abs(known - np.median(known))
    scale = _MAD_TO_SD * np.median(distance) or _MEAN_DEVIATION_TO_SD * distance.mean()
    return (data - np.median(known)) / scale if scale > 0 else np.where(np.isfinite(data), 0.0, np.nan)


def mark_outliers(table: pd.DataFrame, metrics: Mapping[str, Side] | None = None) -> pd.DataFrame:
    """Mark the outliers of each metric among the sessions of each site.

    Parameters
    ----------
    table : pandas.DataFrame
        A row per session, with ``site`` (missing counts as a site) and the metrics.
    metrics : mapping of str to str, optional
        Metric to the side on which it is bad; default: those of `QC_METRICS`.

    Returns
    -------
    pandas.DataFrame of bool
        The same rows, a column per metric of the table.
    """
    sides = {name: metric.side for name, metric in QC_METRICS.items()} if metrics is None else dict(metrics)
    names = [name for name in sides if name in table]
    marks = pd.DataFrame(False, index=table.index, columns=names)
    for _, rows in table.groupby(table["site"].fillna("n/a"), sort=False):
        for name in names:
            score = robust_z(rows[name].to_numpy(dtype=float))
            bad = {"low": score < -LIMIT, "high": score > LIMIT, "both": np.abs(score) > LIMIT}[sides[name]]
            marks.loc[rows.index, name] = bad
    return marks
