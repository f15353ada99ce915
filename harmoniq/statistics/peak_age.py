"""The turning point of a quadratic age model and its standard errors."""

import numpy as np


def peak(slope: np.ndarray, curvature: np.ndarray) -> np.ndarray:
    """Return where b1 age + b2 age^2 has its maximum or minimum, -b1 / (2 b2).

    Chen et al. 2026, equation 5, which prints no minus sign.

    Parameters
    ----------
    slope : array, shape (p,)
        b1, coefficient of age.
    curvature : array, shape (p,)
        b2, coefficient of age squared.

    Returns
    -------
    array, shape (p,)
        In the unit of age; not finite without curvature.

    Examples
    --------
    >>> peak(np.array([0.01]), np.array([-0.0001]))
    array([50.])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return -slope / (2 * curvature)


def delta_se(slope: np.ndarray, curvature: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return the standard error of the peak by the delta method.

    The square root of g' C g, with C the covariance of (b1, b2) and g = (-1 / (2 b2), b1 / (2 b2^2)) the derivatives of
    the peak.

    Parameters
    ----------
    slope, curvature : numpy.ndarray, shape (p,)
        b1 and b2.
    covariance : numpy.ndarray, shape (p, 2, 2)
        Of (b1, b2).

    Returns
    -------
    array, shape (p,)
        In the unit of age.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        gradient = np.stack([-1 / (2 * curvature), slope / (2 * curvature**2)], axis=-1)
        return np.sqrt(np.einsum("pi,pij,pj->p", gradient, covariance, gradient))


def paper_se(slope: np.ndarray, curvature: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return the standard error of Chen et al. 2026, equation 6, which takes the two coefficients for uncorrelated.

    They are not: b1 and b2 of an uncentered age correlate by about -0.98, so this is much larger than `delta_se`.

    Parameters
    ----------
    slope : array, shape (p,)
        b1, coefficient of age.
    curvature : array, shape (p,)
        b2, coefficient of age squared.
    covariance : array, shape (p, 2, 2)
        Of (b1, b2); only its diagonal is used.

    Returns
    -------
    array, shape (p,)
        In the unit of age.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        first = covariance[:, 0, 0] / (2 * curvature) ** 2
        second = covariance[:, 1, 1] * (slope / (2 * curvature**2)) ** 2
        return np.sqrt(first + second)
