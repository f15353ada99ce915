"""The priors of the hierarchical model, and what of them can be worked out before any data are seen."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

#: The table of an offset prior runs over t = log(r² + floor²); its ends in standardized units.
TABLE_START, TABLE_STEP, TABLE_SIZE = float(np.log(0.01**2)), 0.03125, 704


@dataclass(frozen=True)
class Priors:
    """Priors in standardized units (values and age each of mean 0 and SD 1).

    Mean and softplus-mapped SD each have B-splines and a straight line in age with normal slopes, a normal intercept,
    and a random intercept per site and per sex whose SD is Gamma(1, rate), an exponential distribution.

    Parameters
    ----------
    slope_mu, slope_sigma : float
        SD of the slopes of the mean and of the SD.
    intercept : float
        SD of both intercepts.
    rate : float
        Of the exponential prior on the SDs of the random intercepts.
    softplus : float
        Scale b of the mapping sigma = b log(1 + exp(eta / b)).
    floor : float
        Softens the marginal prior of the random intercepts, whose density is infinite where all are equal: r² becomes
        r² + floor².
    """

    slope_mu: float = 3.0
    slope_sigma: float = 2.0
    intercept: float = 1.0
    rate: float = 0.5
    softplus: float = 2.0
    floor: float = 0.02


def zero_sum_basis(n: int) -> np.ndarray:
    """Return an orthonormal basis of the vectors of n numbers that sum to zero.

    With standard normal coordinates the vector has the distribution of PyMC's ``ZeroSumNormal`` (Helmert's contrasts).

    Parameters
    ----------
    n : int
        Numbers in a vector, at least 1.

    Returns
    -------
    array, shape (n, n - 1)
        A vector of the basis in each column.
    """
    out = np.zeros((n, n - 1))
    for column in range(n - 1):
        k = column + 1
        out[:k, column] = 1.0 / np.sqrt(k * (k + 1))
        out[k, column] = -k / np.sqrt(k * (k + 1))
    return out


@lru_cache(maxsize=64)
def offset_table(dimension: int, rate: float) -> np.ndarray:
    """Return the marginal prior of a group of random intercepts, their SD integrated out.

    With u given s normal with SD s in `dimension` dimensions and s exponential with `rate`, the density of u depends on
    r² = u'u alone. Tabulated over t = log(r²) is its slope d log p / dt = -r² E[1 / (2 s²) | r], between the nodes a
    straight line, and the integral of that line, so that value and slope belong together exactly.

    Parameters
    ----------
    dimension : int
        Of the group: its number of levels less one.
    rate : float
        Of the exponential prior on their SD.

    Returns
    -------
    numpy.ndarray, shape (TABLE_SIZE, 2)
        Log density (up to a constant) and its slope at ``TABLE_START + TABLE_STEP * index``.
    """
    t = TABLE_START + TABLE_STEP * np.arange(TABLE_SIZE)
    log_s = np.linspace(np.log(1e-5), np.log(400.0 / rate), 6000)
    half_precision = 0.5 * np.exp(-2.0 * log_s)
    # p(s) s^-m ds with ds = s d(log s)
    log_weight = -rate * np.exp(log_s) + (1 - dimension) * log_s
    slope = np.empty(TABLE_SIZE)
    for index, r2 in enumerate(np.exp(t)):
        exponent = log_weight - r2 * half_precision
        weight = np.exp(exponent - exponent.max())
        slope[index] = -r2 * (weight @ half_precision) / weight.sum()
    value = np.concatenate([[0.0], np.cumsum(0.5 * TABLE_STEP * (slope[1:] + slope[:-1]))])
    return np.column_stack([value, slope])


def curve_precision(greville: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    """Return the prior precision of a curve's B-spline coefficients.

    A straight line is ``sum_j greville_j B_j`` and the constant ``sum_j B_j``, so that slopes of the line and of the m
    splines and an intercept amount to one normal prior on the m spline coefficients, with covariance
    slope² (I + greville greville') + intercept² 11'. The two directions that this takes out of the model have no
    influence on any value; they are what makes the redundant form hard to sample.

    Parameters
    ----------
    greville : array, shape (m,)
        Coefficients that make the curve equal to standardized age (`AgeBasis.greville`).
    slope : float
        SD of the prior of the slopes.
    intercept : float
        SD of the prior of the intercept.

    Returns
    -------
    array, shape (m, m)
        In standardized units.
    """
    ones = np.ones((len(greville), 1))
    covariance = slope**2 * (np.eye(len(greville)) + np.outer(greville, greville)) + intercept**2 * (ones @ ones.T)
    return np.linalg.inv(covariance)
