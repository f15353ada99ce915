"""Standardization of R2* before the age models (Chen et al. 2026, section 2.5.2)."""

import numpy as np

from harmoniq.statistics.linear import is_constant


def standardize(values: np.ndarray) -> np.ndarray:
    """Return (value - mean) / SD of each column.

    Parameters
    ----------
    values : numpy.ndarray, shape (n, p)
        NaN where missing.

    Returns
    -------
    array, shape (n, p)
        SD with n - 1; NaN where the value is missing or the column does not vary.
    """
    finite = np.isfinite(values)
    count = finite.sum(axis=0)
    held = np.where(finite, values, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        centered = np.where(finite, values - held.sum(axis=0) / count, 0.0)
        sd = np.sqrt((centered**2).sum(axis=0) / (count - 1))
        # A constant column has a spread of rounding only, which must not be blown up to 1.
        flat = is_constant(np.where(finite, values, np.where(count > 0, held.sum(axis=0) / count, 0.0)))
        return np.where(finite & (count > 1) & (sd > 0) & ~flat, centered / sd, np.nan)


def standardize_within(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Standardize the rows of each label (site) by themselves.

    A site with a single value of a region, or without variation, has no SD there: its values become NaN.

    Parameters
    ----------
    values : array, shape (n, p)
        NaN where missing.
    labels : array, shape (n,)
        Label of each row.

    Returns
    -------
    array, shape (n, p)
        Of mean 0 and SD 1 (n - 1) within each label.
    """
    out = np.empty_like(values)
    for label in np.unique(labels):
        rows = labels == label
        out[rows] = standardize(values[rows])
    return out
