"""The mapping of the SD, sigma = b softplus(eta / b), as a table of cubics."""

from functools import lru_cache

import numpy as np

#: Range and bins per unit of the table over eta; beyond it sigma is computed directly.
ETA_LOW, ETA_HIGH, ETA_BINS = -24.0, 40.0, 32


@lru_cache(maxsize=8)
def sigma_table(scale: float) -> np.ndarray:
    """Return cubics of log sigma and 1 / sigma on each bin of eta, coefficients by power, shape (n_bins, 8).

    Parameters
    ----------
    scale : float
        Scale of the mapping.

    Returns
    -------
    array
        Cubics of log sigma and 1 / sigma on each bin of eta, coefficients by power, shape (n_bins, 8).
    """
    eta = np.linspace(ETA_LOW, ETA_HIGH, int((ETA_HIGH - ETA_LOW) * ETA_BINS) + 1)
    sigma = scale * np.logaddexp(0.0, eta / scale)
    slope = np.exp(-np.logaddexp(0.0, -eta / scale))
    step = 1.0 / ETA_BINS
    parts = []
    for value, derivative in ((np.log(sigma), slope / sigma), (1.0 / sigma, -slope / sigma**2)):
        rise, d0, d1 = np.diff(value), derivative[:-1] * step, derivative[1:] * step
        parts += [value[:-1], d0, 3.0 * rise - 2.0 * d0 - d1, d0 + d1 - 2.0 * rise]
    return np.ascontiguousarray(np.column_stack(parts))
