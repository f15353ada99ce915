"""Empirical Bayes estimates of additive and multiplicative site effects.

The conditional posterior means of Johnson, Li and Rabinovic 2007 (Biostatistics 8:118, section 3.1, step 2), which
Fortin et al. 2018 (NeuroImage 167:104) apply to images; neuroCombat's iteration and its stopping rule are kept, so
that results agree digit by digit.
"""

import numpy as np

#: neuroCombat's: largest relative change at which the iteration stops.
TOLERANCE = 1e-4
MAX_ITERATIONS = 1000


def shrink_site(
    shift: np.ndarray, variance: np.ndarray, count: np.ndarray, *, tolerance: float = TOLERANCE
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Shrink one site's effects towards their means over the regions.

    The shift has a normal prior over regions, the variance an inverse gamma prior; the moments of both come from the
    site's own regions.

    Parameters
    ----------
    shift : numpy.ndarray, shape (p,)
        Mean of the site's standardized residuals in each region (gamma hat).
    variance : numpy.ndarray, shape (p,)
        Their variance with n - 1 (delta hat squared in the paper).
    count : numpy.ndarray, shape (p,)
        Number of values in each region.
    tolerance : float
        Largest relative change at which to stop.

    Returns
    -------
    shift, variance : numpy.ndarray, shape (p,)
        Posterior estimates (gamma star, delta star). One region alone is returned as it is: it has no prior.
    converged : bool
        Whether the iteration stopped before `MAX_ITERATIONS`.
    """
    if len(shift) < 2:
        return shift.copy(), variance.copy(), True
    prior_shift, prior_spread = shift.mean(), shift.var(ddof=1)
    m, s2 = variance.mean(), variance.var(ddof=1)
    if m <= 0:
        return shift.copy(), np.ones_like(variance), True
    squares = (count - 1) * variance
    old_shift, old_variance = shift, variance
    for _ in range(MAX_ITERATIONS):
        weight = prior_spread * count
        total = weight + old_variance
        # Where neither spread nor variance is left, shift and prior are the same number.
        new_shift = np.where(
            total > 0, (weight * shift + old_variance * prior_shift) / np.where(total > 0, total, 1.0), shift
        )
        around = squares + count * (shift - new_shift) ** 2
        # (sum / 2 + b) / (n / 2 + a - 1) with a = (2 s2 + m^2) / s2 and b = (m s2 + m^3) / s2, multiplied by s2: so it
        # holds for regions of equal variance too.
        new_variance = (0.5 * around * s2 + m * s2 + m**3) / (count / 2.0 * s2 + s2 + m**2)
        # The change of the shift is divided by the shift with its sign, as neuroCombat does: negative shifts never
        # hold up the iteration. Another rule stops at another step and differs in the fifth digit.
        with np.errstate(divide="ignore", invalid="ignore"):
            change = max(
                (np.abs(new_shift - old_shift) / old_shift).max(),
                (np.abs(new_variance - old_variance) / old_variance).max(),
            )
        old_shift, old_variance = new_shift, new_variance
        if not change > tolerance:
            return new_shift, new_variance, True
    return old_shift, old_variance, False
