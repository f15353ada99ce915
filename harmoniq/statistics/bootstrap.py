"""Bootstrap of the peak age: all regions and resamples at once, as products of matrices.

A resample of cases is a vector of counts w. Its least squares are linear in the responses: b = (X'WX)^-1 X'W y, so
the two coefficients that make the peak are two matrices (resamples x participants) times the values
(participants x regions).
"""

from collections.abc import Iterator

import numpy as np

from harmoniq.statistics.design import AgeDesign, independent_columns

#: Resamples drawn and solved together; part of what a seed means, so it is no parameter.
CHUNK = 500
_COLUMNS = 512
_CONDITION = 1e-10


def bootstrap_peaks(
    design: AgeDesign,
    values: np.ndarray,
    *,
    n_resamples: int,
    seed: int,
    strata: np.ndarray | None = None,
    level: float = 0.95,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Resample cases and return the spread of the peak age.

    Resamples in which the model cannot be fitted (for example all of one sex) are left out. Every region with the
    same participants gets the same resamples, whatever the other regions are.

    Parameters
    ----------
    design : AgeDesign
        Quadratic, of n participants.
    values : numpy.ndarray, shape (n, p)
        Finite.
    n_resamples : int
        Number of resamples.
    seed : int
        Of the resamples.
    strata : numpy.ndarray, shape (n,), optional
        Labels within which cases are resampled; by default over all.
    level : float
        Coverage of the percentile interval.

    Returns
    -------
    se, low, high : numpy.ndarray, shape (p,)
        Standard deviation (n - 1) and percentiles of the resampled peaks, in years; NaN where fewer than two
        resamples can be fitted.
    """
    matrix = design.matrix[:, independent_columns(design.matrix)]
    groups = [np.arange(len(matrix))] if strata is None else [np.flatnonzero(strata == s) for s in np.unique(strata)]
    tail = (1 - level) / 2
    peaks_of_chunks: list[list[np.ndarray]] = [[] for _ in range(0, values.shape[1], _COLUMNS)]
    se, low, high = np.full((3, values.shape[1]), np.nan)
    for counts in _resamples(n_resamples, groups, np.random.default_rng(seed)):
        first, second = _functionals(matrix, counts)
        for block, peaks in enumerate(peaks_of_chunks):
            part = values[:, block * _COLUMNS : (block + 1) * _COLUMNS]
            with np.errstate(divide="ignore", invalid="ignore"):
                peaks.append(first @ part / (second @ part) * (-design.scale / 2))
    for block, chunks in enumerate(peaks_of_chunks):
        by_region = np.ascontiguousarray(np.concatenate(chunks).T)
        chunks.clear()
        for offset, row in enumerate(by_region):
            column, usable = block * _COLUMNS + offset, row[np.isfinite(row)]
            if usable.size >= 2:
                se[column] = usable.std(ddof=1)
                low[column], high[column] = design.center + np.quantile(usable, [tail, 1 - tail])
    return se, low, high


def _resamples(n_resamples: int, groups: list[np.ndarray], rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield how often each case stands in each resample, shape (at most CHUNK, n)."""
    n = sum(len(group) for group in groups)
    for start in range(0, n_resamples, CHUNK):
        size = min(CHUNK, n_resamples - start)
        counts = np.zeros((size, n))
        for group in groups:
            m = len(group)
            drawn = rng.integers(0, m, size=(size, m)) + m * np.arange(size)[:, None]
            counts[:, group] = np.bincount(drawn.ravel(), minlength=size * m).reshape(size, m)
        yield counts


def _functionals(matrix: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrices that take values to the linear and the quadratic coefficient of each fittable resample."""
    k = matrix.shape[1]
    products = (matrix[:, :, None] * matrix[:, None, :]).reshape(len(matrix), k * k)
    normal = (counts @ products).reshape(-1, k, k)
    eigenvalues = np.linalg.eigvalsh(normal)
    fittable = eigenvalues[:, 0] > _CONDITION * eigenvalues[:, -1]
    inverse = np.linalg.inv(normal[fittable])
    weights = counts[fittable]
    return (inverse[:, 1] @ matrix.T) * weights, (inverse[:, 2] @ matrix.T) * weights
