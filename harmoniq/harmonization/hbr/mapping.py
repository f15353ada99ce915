"""The mapping of the SD, sigma = b softplus(eta / b), as a table of cubics."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

#: Range and bins per unit of the table over eta; beyond it sigma is computed directly.
ETA_LOW, ETA_HIGH, ETA_BINS = -24.0, 40.0, 32


class SigmaTable(NamedTuple):
    """sigma = b softplus(eta / b), tabulated as two cubics per interval of eta: for log sigma and for 1 / sigma.

    Their error is under 1e-9, and they save an exponential, two logarithms and two divisions per participant and step.

    Parameters
    ----------
    low, high : float
        Range of eta that is tabulated.
    per_unit : float
        Intervals per unit of eta.
    cubics : numpy.ndarray, shape (n_intervals, 8)
        Coefficients in rising order, of log sigma and then of 1 / sigma, in the fraction of the interval.
    scale : float
        b, of the softplus.
    """

    low: float
    high: float
    per_unit: float
    cubics: np.ndarray
    scale: float


@lru_cache(maxsize=8)
def sigma_table(scale: float) -> SigmaTable:
    """Return the table of a mapping.

    Parameters
    ----------
    scale : float
        b, of the softplus.

    Returns
    -------
    SigmaTable
        Hermite cubics between exact values and slopes.
    """
    eta = np.linspace(ETA_LOW, ETA_HIGH, int((ETA_HIGH - ETA_LOW) * ETA_BINS) + 1)
    sigma = scale * np.logaddexp(0.0, eta / scale)
    slope = np.exp(-np.logaddexp(0.0, -eta / scale))
    step = 1.0 / ETA_BINS
    parts = []
    for value, derivative in ((np.log(sigma), slope / sigma), (1.0 / sigma, -slope / sigma**2)):
        rise, d0, d1 = np.diff(value), derivative[:-1] * step, derivative[1:] * step
        parts += [value[:-1], d0, 3.0 * rise - 2.0 * d0 - d1, d0 + d1 - 2.0 * rise]
    cubics = np.ascontiguousarray(np.column_stack(parts))
    return SigmaTable(ETA_LOW, ETA_HIGH, float(ETA_BINS), cubics, float(scale))
