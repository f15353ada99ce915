"""Restricted maximum likelihood of a random intercept, as a one-dimensional problem in closed spectral form.

With M the projection off the fixed effects, M Z = U D V' and u = U'y, the restricted likelihood of
y = X b + Z s + e, var(s) = g var(e), depends on g alone once var(e) is profiled out:

    -2 log L(g) = sum_k log(1 + g d_k^2) + nu log(S + sum_k u_k^2 / (1 + g d_k^2)) + constant,   nu = n - rank(X),

where S is the residual sum of squares with site as a fixed effect. There are no more than (sites - 1) terms in the
sums, so all regions are minimized together. The intra-class correlation is g / (1 + g). lme4 minimizes the same
criterion over theta = sqrt(g) (Bates et al. 2015, doi:10.18637/jss.v067.i01, equation 41).
"""

from dataclasses import dataclass

import numpy as np

from harmoniq.statistics.design import independent_columns

#: lme4's ``isSingular`` calls a fit singular below this theta.
SINGULAR_THETA = 1e-4
_RANK_TOLERANCE = 1e-7
_GRID = np.linspace(-8.0, 14.0, 177)
_BISECTIONS = 60


@dataclass(frozen=True)
class SiteSpectrum:
    """What the data say about site, given the fixed effects.

    Parameters
    ----------
    eigenvalues : numpy.ndarray, shape (k,)
        d_k^2, k at most the number of sites less one.
    between : numpy.ndarray, shape (k, p)
        u_k^2 of each region; their sum is the type II sum of squares of site.
    within : numpy.ndarray, shape (p,)
        Residual sum of squares with site as a fixed effect.
    dof : int
        nu = n - rank(X).
    """

    eigenvalues: np.ndarray
    between: np.ndarray
    within: np.ndarray
    dof: int

    @property
    def estimable(self) -> bool:
        """Whether site varies apart from the fixed effects and residuals are left."""
        return len(self.eigenvalues) > 0 and self.dof > len(self.eigenvalues)


def site_spectrum(fixed: np.ndarray, indicators: np.ndarray, values: np.ndarray) -> SiteSpectrum:
    """Split the values' variation into site and residual, off the fixed effects.

    Parameters
    ----------
    fixed : numpy.ndarray, shape (n, k)
        Fixed effects with an intercept; linearly dependent columns are dropped.
    indicators : numpy.ndarray, shape (n, sites)
        From `harmoniq.statistics.design.site_indicators`.
    values : numpy.ndarray, shape (n, p)
        Finite.

    Returns
    -------
    SiteSpectrum
        Of all regions together.
    """
    q, _ = np.linalg.qr(fixed[:, independent_columns(fixed)])

    def off(matrix: np.ndarray) -> np.ndarray:
        rest = matrix - q @ (q.T @ matrix)
        return rest - q @ (q.T @ rest)

    u, d, _ = np.linalg.svd(off(indicators), full_matrices=False)
    kept = d > _RANK_TOLERANCE * np.sqrt(indicators.sum(axis=0).max())
    u, d = u[:, kept], d[kept]
    rest = off(values)
    scores = u.T @ rest
    residual = rest - u @ scores
    return SiteSpectrum(d**2, scores**2, np.einsum("ij,ij->j", residual, residual), values.shape[0] - q.shape[1])


def intraclass_correlation(spectrum: SiteSpectrum) -> tuple[np.ndarray, np.ndarray]:
    """Estimate var(site) / (var(site) + var(residual)) by REML.

    Parameters
    ----------
    spectrum : SiteSpectrum
        From `site_spectrum`; it must be `estimable`.

    Returns
    -------
    icc : numpy.ndarray, shape (p,)
        0 at the boundary.
    singular : numpy.ndarray of bool, shape (p,)
        Whether the fit is at the boundary (theta < 1e-4, as ``lme4::isSingular`` decides).
    """
    top = spectrum.eigenvalues.max()
    grid = 10.0**_GRID / top
    start = _criterion(np.zeros((1, 1)), spectrum)[0]
    levels = _criterion(grid[:, None], spectrum)
    best = levels.argmin(axis=0)
    low = np.log(grid[np.maximum(best - 1, 0)])
    high = np.log(grid[np.minimum(best + 1, len(grid) - 1)])
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        falling = _slope(np.exp(middle), spectrum) < 0
        low, high = np.where(falling, middle, low), np.where(falling, high, middle)
    ratio = np.exp((low + high) / 2)
    interior = _criterion(ratio[None, :], spectrum)[0]
    # A rising slope at zero and no deeper interior minimum: the boundary is the estimate.
    boundary = (_slope(np.zeros_like(ratio), spectrum) >= 0) & (interior >= start)
    ratio = np.where(boundary, 0.0, ratio)
    singular = np.sqrt(ratio) < SINGULAR_THETA
    return np.where(singular, 0.0, ratio / (1 + ratio)), singular


def _criterion(ratio: np.ndarray, spectrum: SiteSpectrum) -> np.ndarray:
    """Return -2 log L up to a constant; `ratio` broadcasts against (p,)."""
    total = spectrum.within[None, :]
    volume = np.zeros_like(ratio)
    for eigenvalue, between in zip(spectrum.eigenvalues, spectrum.between):
        shrink = 1 + ratio * eigenvalue
        total = total + between / shrink
        volume = volume + np.log(shrink)
    return volume + spectrum.dof * np.log(total)


def _slope(ratio: np.ndarray, spectrum: SiteSpectrum) -> np.ndarray:
    """Return the derivative of `_criterion`, shape (p,)."""
    shrink = 1 + ratio * spectrum.eigenvalues[:, None]
    total = spectrum.within + (spectrum.between / shrink).sum(axis=0)
    fall = (spectrum.between * spectrum.eigenvalues[:, None] / shrink**2).sum(axis=0)
    return (spectrum.eigenvalues[:, None] / shrink).sum(axis=0) - spectrum.dof * fall / total
