"""How much two maps of one image differ, for example of two engines."""

import numpy as np
from numpy.typing import ArrayLike

from harmoniq.data.errors import InputError


def compare_maps(a: ArrayLike, b: ArrayLike, mask: ArrayLike | None = None) -> dict[str, float]:
    """Compare map `a` with map `b`, the reference, where both are measured.

    Parameters
    ----------
    a, b : array_like
        Of one shape and unit; a voxel counts as measured where its value is finite and above 0.
    mask : array_like, optional
        Not 0 where to compare; default: everywhere.

    Returns
    -------
    dict
        ``n``: voxels compared; ``n_only_a``, ``n_only_b``: measured in one map only; in the maps' unit ``bias`` (mean
        of a - b), ``median_abs``, ``p99_abs``, ``max_abs``; in percent of b ``bias_percent`` (median of the signed
        difference), ``median_percent``, ``p99_percent``, ``max_percent`` (of the absolute one); ``correlation``
        (Pearson's). NaN where nothing can be compared, and for the correlation with a constant map.

    Raises
    ------
    InputError
        When the shapes differ.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    inside = np.ones(first.shape, bool) if mask is None else np.asarray(mask) != 0
    if not first.shape == second.shape == inside.shape:
        raise InputError(f"maps of shapes {first.shape} and {second.shape}, mask {inside.shape}: one grid is wanted")
    with np.errstate(invalid="ignore"):
        in_a, in_b = (np.isfinite(values) & (values > 0) & inside for values in (first, second))
    both = in_a & in_b
    counts = {
        "n": float(np.count_nonzero(both)),
        "n_only_a": float(np.count_nonzero(in_a & ~in_b)),
        "n_only_b": float(np.count_nonzero(in_b & ~in_a)),
    }
    return {**counts, **_differences(first[both], second[both])}


def _differences(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    names = (
        "bias", "median_abs", "p99_abs", "max_abs",
        "bias_percent", "median_percent", "p99_percent", "max_percent", "correlation",
    )  # fmt: skip
    if a.size == 0:
        return dict.fromkeys(names, float("nan"))
    difference = a - b
    relative = 100.0 * difference / b
    varies = a.size > 1 and np.ptp(a) > 0 and np.ptp(b) > 0
    values = (
        difference.mean(), *_spread(difference), np.median(relative), *_spread(relative),
        np.corrcoef(a, b)[0, 1] if varies else np.nan,
    )  # fmt: skip
    return {name: float(value) for name, value in zip(names, values)}


def _spread(difference: np.ndarray) -> tuple[float, float, float]:
    size = np.abs(difference)
    return float(np.median(size)), float(np.percentile(size, 99)), float(size.max())
