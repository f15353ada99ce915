"""Cohen's d of two groups with its confidence interval and the t-test that belongs to it."""

from dataclasses import dataclass

import numpy as np

_BISECTIONS = 80


@dataclass(frozen=True)
class GroupDifference:
    """Standardized difference of two groups' means, each array of shape (p,).

    Parameters
    ----------
    d : numpy.ndarray
        (mean of the first - mean of the second) / pooled SD.
    low, high : numpy.ndarray
        Confidence interval from the noncentral t distribution.
    p : numpy.ndarray
        Two-sided p-value of Student's t-test with equal variances.
    """

    d: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray


def cohens_d(values: np.ndarray, first: np.ndarray, level: float = 0.95) -> GroupDifference:
    """Compare two groups' means by Cohen's d, its interval and Student's t-test.

    The pooled variance is ((n1 - 1) s1^2 + (n2 - 1) s2^2) / (n1 + n2 - 2), and t = d / sqrt(1/n1 + 1/n2). The
    interval holds the d whose noncentral t distribution (noncentrality d / sqrt(1/n1 + 1/n2)) has the observed t
    between its (1 - level) / 2 and (1 + level) / 2 quantiles (Cumming & Finch 2001, doi:10.1177/0013164401614002).

    Parameters
    ----------
    values : numpy.ndarray, shape (n, p)
        Finite.
    first : numpy.ndarray of bool, shape (n,)
        The first group; the others are the second.
    level : float
        Coverage of the interval.

    Returns
    -------
    GroupDifference
        NaN where a group has fewer than two members or nobody varies.
    """
    from scipy.special import nctdtr
    from scipy.stats import t as student

    n1, n2 = int(first.sum()), int((~first).sum())
    if min(n1, n2) < 2:
        return GroupDifference(*np.full((4, values.shape[1]), np.nan))
    one, two = values[first], values[~first]
    dof = n1 + n2 - 2
    squares = ((one - one.mean(axis=0)) ** 2).sum(axis=0) + ((two - two.mean(axis=0)) ** 2).sum(axis=0)
    sd = np.sqrt(squares / dof)
    with np.errstate(divide="ignore", invalid="ignore"):
        d = np.where(sd > 0, (one.mean(axis=0) - two.mean(axis=0)) / sd, np.nan)
    unit = np.sqrt(1 / n1 + 1 / n2)
    t = d / unit
    bounds = []
    for probability in ((1 + level) / 2, (1 - level) / 2):
        # The distribution function falls as the noncentrality rises; 10 + |t| standard errors bracket any level.
        low, high = t - 10 - np.abs(t), t + 10 + np.abs(t)
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            above = nctdtr(dof, middle, t) > probability
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        bounds.append((low + high) / 2 * unit)
    return GroupDifference(d, bounds[0], bounds[1], 2 * student.sf(np.abs(t), dof))
