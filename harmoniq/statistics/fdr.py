"""False discovery rate."""

import numpy as np


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Adjust p-values by Benjamini and Hochberg (1995), as R's ``p.adjust(method = "BH")``.

    Parameters
    ----------
    p : numpy.ndarray, shape (m,)
        NaN where there was no test; such entries stay NaN and do not count.

    Returns
    -------
    array, shape (m,)
        Adjusted p-values.

    References
    ----------
    Benjamini & Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x.

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, 0.02, 0.04, np.nan]))
    array([0.03, 0.03, 0.04,  nan])
    """
    from scipy.stats import false_discovery_control

    tested = np.isfinite(p)
    out = np.full(np.shape(p), np.nan)
    if tested.any():
        out[tested] = false_discovery_control(np.asarray(p, dtype=float)[tested], method="bh")
    return out
