"""Penalized least squares with several smooths, the penalty of each chosen by REML, for many responses at once.

One smooth alone has a closed form (`harmoniq.harmonization.penalized`). With more, the criterion of Wood 2017
(Generalized Additive Models, 2nd ed., section 6.6.2) is minimized by Newton's method in the logarithms of the
penalties. The matrices are of the size of the bases (some 8 columns each), so all responses are solved together.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np

from harmoniq.harmonization.penalized import PenalizedFit, check_penalty

_GRID = 9
_STEPS = 60
_LARGEST_STEP = 3.0
_SETTLED = 1e-9


def fit_additive(
    fixed: np.ndarray, random: Sequence[np.ndarray], responses: np.ndarray, *, penalty: np.ndarray | None = None
) -> PenalizedFit:
    """Minimize |y - X b - sum_k Z_k u_k|^2 + sum_k penalty_k |u_k|^2 for every column y of `responses`.

    Parameters
    ----------
    fixed : numpy.ndarray, shape (n, n_fixed)
        X, of full column rank.
    random : sequence of numpy.ndarray, shape (n, n_k)
        Z_k of every smooth.
    responses : numpy.ndarray, shape (n, n_responses)
        One column y per response.
    penalty : numpy.ndarray, shape (n_smooths, n_responses), optional
        Taken as given; without it REML chooses.

    Returns
    -------
    PenalizedFit
        ``random`` holds the coefficients of all smooths one below the other; ``penalty`` and ``edf`` have a row per
        smooth.
    """
    q, r = np.linalg.qr(fixed)
    both = np.column_stack(random)
    rest = both - q @ (q.T @ both)
    free = responses - q @ (q.T @ responses)
    sizes = [part.shape[1] for part in random]
    problem = _Problem(rest, free, sizes, len(fixed) - fixed.shape[1])
    logs = problem.choose() if penalty is None else np.log(check_penalty(penalty, (len(random), responses.shape[1])))
    inverse = np.linalg.inv(problem.penalized(logs))
    u = np.einsum("pij,jp->ip", inverse, problem.products)
    b = np.linalg.solve(r, q.T @ (responses - both @ u))
    # The share of each coefficient that the data decide: diagonal of (G + L)^-1 G = 1 - diagonal of (G + L)^-1 L.
    decided = 1.0 - np.einsum("pii->ip", inverse) * problem.per_column(logs)
    edf = np.array([decided[part].sum(axis=0) for part in problem.parts])
    return PenalizedFit(fixed=b, random=u, penalty=np.exp(logs), edf=edf)


class _Problem:
    """The criterion nu log(y'y - c'u) + log|G + L| - log|L| of all responses, with L the penalties, and its minimum."""

    def __init__(self, rest: np.ndarray, free: np.ndarray, sizes: Sequence[int], degrees: int) -> None:
        ends = np.cumsum(sizes)
        self.parts = [slice(end - size, end) for end, size in zip(ends, sizes)]
        self.sizes = np.array(sizes, dtype=float)
        self.gram = rest.T @ rest
        self.products = rest.T @ free
        self.squares = (free**2).sum(axis=0)
        self.degrees = degrees
        bounds = []
        for part in self.parts:
            eigenvalues = np.linalg.eigvalsh(self.gram[part, part])
            top = max(eigenvalues[-1], np.finfo(float).tiny)
            bounds.append((np.log(top * 1e-10), np.log(top * 1e6)))
        self.low, self.high = np.array(bounds).T

    def per_column(self, logs: np.ndarray) -> np.ndarray:
        """Return the penalty of every coefficient, shape (n_random, n_responses)."""
        return np.repeat(np.exp(logs), self.sizes.astype(int), axis=0)

    def penalized(self, logs: np.ndarray) -> np.ndarray:
        """Return G + L of every response, shape (n_responses, n_random, n_random)."""
        out = np.broadcast_to(self.gram, (logs.shape[1], *self.gram.shape)).copy()
        diagonal = np.arange(len(self.gram))
        out[:, diagonal, diagonal] += self.per_column(logs).T
        return out

    def criterion(self, logs: np.ndarray) -> np.ndarray:
        """Return the criterion, shape (n_responses,)."""
        matrix = self.penalized(logs)
        u = np.linalg.solve(matrix, self.products.T[..., None])[..., 0]
        left = np.maximum(self.squares - (u * self.products.T).sum(axis=1), np.finfo(float).tiny)
        return self.degrees * np.log(left) + np.linalg.slogdet(matrix)[1] - self.sizes @ logs

    def choose(self) -> np.ndarray:
        """Return the logarithms of the best penalties, shape (n_smooths, n_responses)."""
        logs = self._start()
        value = self.criterion(logs)
        for _ in range(_STEPS):
            step = self._newton(logs)
            moved, improved = logs, np.zeros(logs.shape[1], dtype=bool)
            for halving in range(12):
                trial = np.clip(logs + step * 0.5**halving, self.low[:, None], self.high[:, None])
                found = self.criterion(trial)
                better = ~improved & (found <= value)
                moved = np.where(better, trial, moved)
                value = np.where(better, found, value)
                improved |= better
                if improved.all():
                    break
            change = np.abs(moved - logs).max(initial=0.0)
            logs = moved
            if change < _SETTLED:
                break
        return logs

    def _start(self) -> np.ndarray:
        """Return the best point of a coarse grid; its matrices are the same for all responses."""
        p = self.products.shape[1]
        best, logs = np.full(p, np.inf), np.zeros((len(self.parts), p))
        axes = [np.linspace(low, high, _GRID) for low, high in zip(self.low, self.high)]
        for point in product(*axes):
            each = np.repeat(np.exp(point), self.sizes.astype(int))
            matrix = self.gram + np.diag(each)
            left = self.squares - (self.products * np.linalg.solve(matrix, self.products)).sum(axis=0)
            value = self.degrees * np.log(np.maximum(left, np.finfo(float).tiny))
            value = value + np.linalg.slogdet(matrix)[1] - self.sizes @ np.array(point)
            here = value < best
            best = np.where(here, value, best)
            logs[:, here] = np.array(point)[:, None]
        return logs

    def _newton(self, logs: np.ndarray) -> np.ndarray:
        """Return a descending step, at most `_LARGEST_STEP` in each direction."""
        inverse = np.linalg.inv(self.penalized(logs))
        u = np.einsum("pij,jp->pi", inverse, self.products)
        weights = np.exp(logs)
        left = np.maximum(self.squares - (u * self.products.T).sum(axis=1), np.finfo(float).tiny)
        k = len(self.parts)
        bent = np.array([weights[i] * (u[:, part] ** 2).sum(axis=1) for i, part in enumerate(self.parts)])
        trace = np.array(
            [weights[i] * np.einsum("pii->p", inverse[:, part, part]) for i, part in enumerate(self.parts)]
        )
        slope = self.degrees * bent / left + trace - self.sizes[:, None]
        curve = np.empty((logs.shape[1], k, k))
        for i, mine in enumerate(self.parts):
            for j, other in enumerate(self.parts):
                block = inverse[:, mine, other]
                both = weights[i] * weights[j]
                second = -2.0 * both * np.einsum("pi,pij,pj->p", u[:, mine], block, u[:, other])
                curve[:, i, j] = self.degrees * (second / left - bent[i] * bent[j] / left**2)
                curve[:, i, j] -= both * (block**2).sum(axis=(1, 2))
            curve[:, i, i] += self.degrees * bent[i] / left + trace[i]
        # The absolute eigenvalues turn a saddle or a maximum into a descent.
        values, vectors = np.linalg.eigh(curve)
        values = np.maximum(np.abs(values), 1e-8)
        step = -np.einsum("pij,pj,pkj,kp->ip", vectors, 1.0 / values, vectors, slope)
        return np.clip(step, -_LARGEST_STEP, _LARGEST_STEP)
