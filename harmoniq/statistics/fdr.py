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
    array
        (n,) adjusted p-values; missing ones stay missing.
    """
    from scipy.stats import false_discovery_control

    tested = np.isfinite(p)
    out = np.full(np.shape(p), np.nan)
    if tested.any():
        out[tested] = false_discovery_control(np.asarray(p, dtype=float)[tested], method="bh")
    return out
