"""Penalized least squares of many responses at once, with the penalty of each chosen by REML.

The smooth is written as a mixed model (Wood 2017, Generalized Additive Models, 2nd ed., sections 5.8 and 6.6): a fixed
part, here the site intercepts, the linear covariates and the straight line in age, and a part with independent
coefficients of equal variance. One singular value decomposition of that part, with the fixed part projected out, turns
the criterion of every response into a sum over a handful of coordinates (Demmler and Reinsch 1975).
"""

from dataclasses import dataclass

import numpy as np

_GRID = 81
_GOLDEN_STEPS = 48
_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0


@dataclass(frozen=True)
class PenalizedFit:
    """Coefficients of the two parts, and how smooth each response came out.

    Parameters
    ----------
    fixed : numpy.ndarray, shape (n_fixed, n_responses)
        Coefficients without a penalty.
    random : numpy.ndarray, shape (n_random, n_responses)
        Coefficients with a penalty.
    penalty : numpy.ndarray, shape (n_responses,) or (n_smooths, n_responses)
        Weight of the sum of squares of the random coefficients.
    edf : numpy.ndarray, shape (n_responses,) or (n_smooths, n_responses)
        Effective degrees of freedom of the random part: 0 is a straight line.
    """

    fixed: np.ndarray
    random: np.ndarray
    penalty: np.ndarray
    edf: np.ndarray


def fit_penalized(
    fixed: np.ndarray, random: np.ndarray, responses: np.ndarray, *, penalty: np.ndarray | None = None
) -> PenalizedFit:
    """Minimize |y - X b - Z u|^2 + penalty |u|^2 for every column y of `responses`.

    Parameters
    ----------
    fixed : numpy.ndarray, shape (n, n_fixed)
        X, of full column rank.
    random : numpy.ndarray, shape (n, n_random)
        Z; its rank may be lower than its number of columns.
    responses : numpy.ndarray, shape (n, n_responses)
        One column y per response.
    penalty : numpy.ndarray, shape (n_responses,), optional
        Taken as given; without it REML chooses one per response.

    Returns
    -------
    PenalizedFit
        ``penalty`` and ``edf`` of shape (n_responses,).
    """
    q, r = np.linalg.qr(fixed)
    rest = random - q @ (q.T @ random)
    left, singular, right = np.linalg.svd(rest, full_matrices=False)
    keep = singular > 1e-9 * max(np.linalg.norm(random), np.finfo(float).tiny)
    left, squares, right = left[:, keep], singular[keep] ** 2, right[keep]
    free = responses - q @ (q.T @ responses)
    z = left.T @ free
    if penalty is None:
        noise = np.maximum((free**2).sum(axis=0) - (z**2).sum(axis=0), 0.0)
        penalty = choose_penalty(squares, z, noise, len(fixed) - fixed.shape[1])
    shrunk = np.sqrt(squares)[:, None] / (squares[:, None] + penalty) * z
    u = right.T @ shrunk
    b = np.linalg.solve(r, q.T @ (responses - random @ u))
    edf = (squares[:, None] / (squares[:, None] + penalty)).sum(axis=0)
    return PenalizedFit(fixed=b, random=u, penalty=penalty, edf=edf)


def check_penalty(penalty: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a given penalty, repeated to a shape.

    Parameters
    ----------
    penalty : array_like
        One number for all, or what NumPy can broadcast to `shape`.
    shape : tuple of int
        Of the smooths and the regions.

    Returns
    -------
    array of `shape`
        Read-only where it was repeated.

    Raises
    ------
    ValueError
        When it cannot be broadcast.
    """
    return np.broadcast_to(np.asarray(penalty, dtype=np.float64), shape)


def choose_penalty(squares: np.ndarray, z: np.ndarray, noise: np.ndarray, degrees: int) -> np.ndarray:
    """Choose the penalty of every response by restricted maximum likelihood.

    The criterion, with the error variance profiled out, is
    ``degrees log(noise + sum z^2 l / (l + s)) + sum log(1 + s / l)`` for the penalty l and the squared singular
    values s.
    It depends on l / s alone: the unit of the covariate does not matter, nor does chance.

    Parameters
    ----------
    squares : numpy.ndarray, shape (k,)
        Squared singular values of the random part.
    z : numpy.ndarray, shape (k, n_responses)
        Coordinates of the responses.
    noise : numpy.ndarray, shape (n_responses,)
        Sum of squares outside both parts.
    degrees : int
        Number of observations minus the rank of the fixed part.

    Returns
    -------
    numpy.ndarray, shape (n_responses,)
        Between 1e-4 times the smallest and 1e6 times the largest square; at the upper end the fit is a straight line.
    """
    if not len(squares):
        return np.ones(z.shape[1])
    z2, floor = z**2, np.finfo(float).tiny

    def criterion(log_penalty: np.ndarray) -> np.ndarray:
        ratio = squares[:, None] * np.exp(-log_penalty)
        fit = noise + (z2 / (1.0 + ratio)).sum(axis=0)
        return degrees * np.log(np.maximum(fit, floor)) + np.log1p(ratio).sum(axis=0)

    grid = np.linspace(np.log(squares.min() * 1e-4), np.log(squares.max() * 1e6), _GRID)
    values = np.array([criterion(np.full(z.shape[1], point)) for point in grid])
    best = values.argmin(axis=0)
    low, high = grid[np.maximum(best - 1, 0)], grid[np.minimum(best + 1, _GRID - 1)]
    for _ in range(_GOLDEN_STEPS):
        first, second = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        left_is_better = criterion(first) < criterion(second)
        high, low = np.where(left_is_better, second, high), np.where(left_is_better, low, first)
    return np.exp((low + high) / 2.0)
