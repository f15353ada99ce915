"""The mode of the posterior by Fisher scoring, and the normal approximation there that whitens the sampler."""

import numpy as np

from harmoniq.harmonization.hbr.basis import N_SPLINES
from harmoniq.harmonization.hbr.prior import TABLE_START, TABLE_STEP, offset_table
from harmoniq.harmonization.hbr.region import Target

MAX_STEPS = 100

#: In standardized units; where a few participants are fitted exactly, the curvature would be beyond any computation.
SMALLEST_SIGMA = 1e-3
TOLERANCE = 1e-6


def find_mode(target: Target) -> np.ndarray:
    """Find a mode of the posterior.

    Fisher scoring with a line search. The random intercepts' prior is not log-concave; its curvature is replaced by
    that of the quadratic that touches it from below, as iteratively reweighted least squares does, so that the matrix
    is positive definite everywhere. The search starts from least squares, not from the prior's peak at equal sites.

    Parameters
    ----------
    target : Target
        The posterior of the region.

    Returns
    -------
    array, shape (n_parameters,)
        In the coordinates of `kernels.log_density`.
    """
    from harmoniq.harmonization.hbr.kernels import log_density

    theta = _start(target)
    gradient = np.empty(target.size)
    value = log_density(theta, target.terms, gradient)
    for _ in range(MAX_STEPS):
        step = np.linalg.solve(information(target, theta), gradient)
        gain = float(step @ gradient)
        if gain < TOLERANCE:
            break
        length = 1.0
        while length > 1e-8:
            candidate = theta + length * step
            new = log_density(candidate, target.terms, gradient)
            if np.isfinite(new) and new >= value + 1e-4 * length * gain:
                break
            length *= 0.5
        else:
            break
        theta, value = candidate, new
    return theta


def whitener(target: Target, mode: np.ndarray) -> np.ndarray:
    """Return what turns standard normal coordinates into the approximate posterior's, without its mean.

    Parameters
    ----------
    target : Target
        The posterior of the region.
    mode : array, shape (n_parameters,)
        Of `find_mode`.

    Returns
    -------
    array, shape (n_parameters, n_parameters)
        Upper triangular.
    """
    return root_of(information(target, mode, widened=True))


def root_of(precision: np.ndarray) -> np.ndarray:
    """Return a root R of the inverse of a positive definite matrix, R R' = inverse.

    Parameters
    ----------
    precision : array, shape (p, p)
        Symmetric and positive definite.

    Returns
    -------
    array, shape (p, p)
        Upper triangular.
    """
    return np.ascontiguousarray(np.linalg.inv(np.linalg.cholesky(precision)).T)


def whitener_from(draws: np.ndarray, root: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return center and root of what a first try has drawn.

    For where the normal approximation at the mode is too far off.

    Parameters
    ----------
    draws : numpy.ndarray, shape (n_chains, n_draws, n_parameters)
        Their first halves are left out.
    root : numpy.ndarray, shape (n_parameters, n_parameters)
        Of that approximation; a tenth of its covariance keeps the new one away from singular.

    Returns
    -------
    center : array, shape (n_parameters,)
        Mean of the draws.
    root : array, shape (n_parameters, n_parameters)
        Upper triangular.
    """
    flat = draws[:, draws.shape[1] // 2 :].reshape(-1, draws.shape[2])
    covariance = 0.9 * np.cov(flat.T) + 0.1 * root @ root.T
    return flat.mean(axis=0), root_of(np.linalg.inv(covariance))


def information(target: Target, theta: np.ndarray, *, widened: bool = False) -> np.ndarray:
    """Return the Fisher information of the data, and the priors' curvature with it.

    With `widened`, the curvature of a random intercepts' prior is that at a distance from its peak as large as the data
    leave open, so that a mode at the peak does not pass for the width of the posterior.

    Parameters
    ----------
    target : Target
        The posterior of the region.
    theta : array, shape (n_parameters,)
        Where.
    widened : bool, optional
        Whether the random intercepts' priors are taken at a distance from their peak.

    Returns
    -------
    array, shape (n_parameters, n_parameters)
        Positive definite.
    """
    half, b = target.size // 2, target.priors.softplus
    design = target.design
    eta = design @ theta[half:]
    sigma = np.maximum(b * np.logaddexp(0.0, eta / b), SMALLEST_SIGMA)
    slope = np.exp(-np.logaddexp(0.0, -eta / b))
    out = np.zeros((target.size, target.size))
    for part, weight in enumerate((1.0 / sigma**2, 2.0 * (slope / sigma) ** 2)):
        base = slice(part * half, (part + 1) * half)
        out[base, base] = (design * weight[:, None]).T @ design
    data = np.diag(out).copy()
    for part in range(2):
        base = slice(part * half, part * half + N_SPLINES)
        out[base, base] += target.precision[part]
    for start, size in target.groups:
        own = slice(start, start + size)
        r2 = float(theta[own] @ theta[own]) + target.priors.floor**2
        if widened:
            r2 += size / max(float(data[own].mean()), 1e-6)
        at = (np.log(r2) - TABLE_START) / TABLE_STEP
        table = offset_table(int(size), target.priors.rate)
        pull = -2.0 * float(np.interp(at, np.arange(len(table)), table[:, 1])) / r2
        out[own, own] += pull * np.eye(size)
    return out


def _start(target: Target) -> np.ndarray:
    """Least squares of the mean, and the residuals' size in each combination of site and sex."""
    half, b, design = target.size // 2, target.priors.softplus, target.design
    ridge = 1e-2 * np.eye(half)
    mean = np.linalg.solve(design.T @ design + ridge, design.T @ target.y)
    residual = target.y - design @ mean
    spread = np.empty_like(residual)
    for cell in np.unique(target.cell):
        here = target.cell == cell
        spread[here] = np.sqrt((residual[here] @ residual[here] + 0.1) / (here.sum() + 0.1))
    eta = b * np.log(np.expm1(np.maximum(spread, 1e-3) / b))
    return np.concatenate([mean, np.linalg.solve(design.T @ design + ridge, design.T @ eta)])
