"""Ordinary least squares of many regions at once, whatever values are missing."""

from dataclasses import dataclass

import numpy as np

from harmoniq.statistics.design import independent_columns

#: A spread below this share of the largest value is rounding, not variation.
CONSTANT_TOLERANCE = 1e-12


@dataclass(frozen=True)
class LinearFit:
    """Least squares of p responses on one design.

    Parameters
    ----------
    coefficients : numpy.ndarray, shape (k, p)
        NaN in the rows of columns that were dropped as linear combinations of earlier ones.
    residuals : numpy.ndarray, shape (n, p)
        What the fit leaves.
    rss : numpy.ndarray, shape (p,)
        Residual sums of squares.
    unscaled : numpy.ndarray, shape (k, k)
        (X'X)^-1; NaN in the rows and columns of dropped ones. Times the residual variance: the covariance.
    n, rank : int
        Rows, and columns that were kept.
    """

    coefficients: np.ndarray
    residuals: np.ndarray
    rss: np.ndarray
    unscaled: np.ndarray
    n: int
    rank: int

    @property
    def variance(self) -> np.ndarray:
        """Residual variance RSS / (n - rank), shape (p,); NaN without degrees of freedom."""
        dof = self.n - self.rank
        return self.rss / dof if dof > 0 else np.full_like(self.rss, np.nan)


def least_squares(design: np.ndarray, responses: np.ndarray) -> LinearFit:
    """Fit each column of `responses` on `design` by QR.

    Parameters
    ----------
    design : numpy.ndarray, shape (n, k)
        Linearly dependent columns are dropped, later ones first.
    responses : numpy.ndarray, shape (n, p)
        Finite.

    Returns
    -------
    LinearFit
        As R's ``lm`` has it.
    """
    n, k = design.shape
    keep = independent_columns(design)
    q, r = np.linalg.qr(design[:, keep])
    projected = q.T @ responses
    residuals = responses - q @ projected
    residuals -= q @ (q.T @ residuals)
    coefficients = np.full((k, responses.shape[1]), np.nan)
    coefficients[keep] = np.linalg.solve(r, projected)
    inverse = np.linalg.inv(r)
    unscaled = np.full((k, k), np.nan)
    unscaled[np.ix_(keep, keep)] = inverse @ inverse.T
    return LinearFit(coefficients, residuals, np.einsum("ij,ij->j", residuals, residuals), unscaled, n, int(keep.sum()))


def is_constant(values: np.ndarray) -> np.ndarray:
    """Find the columns that do not vary beyond rounding.

    Parameters
    ----------
    values : array, shape (n, p)
        Finite.

    Returns
    -------
    array of bool, shape (p,)
        True where they do not.
    """
    return np.ptp(values, axis=0) <= CONSTANT_TOLERANCE * np.abs(values).max(axis=0)
