"""Averages per Brodmann area and per bundle: the rows of the regional table."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harmoniq.data.names import BRODMANN_NUMBERS, BUNDLES
from harmoniq.tract.profile import Profile

Row = dict[str, Any]


def engine_label(map_engine: str, *sampling_engines: str) -> str:
    """Return the text of the column ``engine``.

    Parameters
    ----------
    map_engine : str
        What made the map.
    *sampling_engines : str
        What made the surfaces or bundles, and the profiles where it says so.

    Returns
    -------
    str
        Joined by a plus sign between spaces.
    """
    return " + ".join((map_engine, *sampling_engines))


def cortical_rows(
    values: npt.ArrayLike,
    labels: npt.ArrayLike,
    inside: npt.ArrayLike | None = None,
    *,
    metric: str,
    tissue: str,
    hemisphere: str,
    engine: str,
    plausible: tuple[float, float],
    excluded: npt.ArrayLike | None = None,
    areas: Sequence[int] = BRODMANN_NUMBERS,
    names: Mapping[int, str] | None = None,
    weights: npt.ArrayLike | None = None,
) -> list[Row]:
    """Average the samples of one hemisphere per area.

    Parameters
    ----------
    values : array, shape (n,)
        Samples at the vertices, 1/s.
    labels : array of int, shape (n,)
        Number of each vertex's area.
    inside : array of bool, shape (n,), optional
        False outside the field of view.
    metric, tissue, hemisphere, engine : str
        Entries of the columns of these names.
    plausible : tuple (float, float)
        What the metric of living brain tissue can be, 1/s; a value outside is fluid, a vessel, air or a failed fit, and
        is left out.
    excluded : array of bool, shape (n,), optional
        True where a vertex is to be left out, in a lesion for example.
    areas : sequence of int
        Which get a row; by default the 41 of PALS-B12.
    names : mapping of int to str, optional
        Number to the region's name, for other atlases; goes before `areas`.
    weights : array, shape (n,), optional
        Of the vertices, the area of each for example; equal by default.

    Returns
    -------
    list of dict
        One row per area: ``value`` the mean, ``sd`` with n - 1 (NaN for fewer than two vertices; with weights the
        unbiased one for weights of reliability), ``n`` vertices used, ``n_excluded`` left out. Without a vertex the
        value is NaN.

    Raises
    ------
    ValueError
        Where samples and labels differ in number.
    """
    samples, numbers = np.asarray(values, dtype=np.float64), np.asarray(labels)
    if samples.shape != numbers.shape:
        raise ValueError(f"{samples.size} values for {numbers.size} labels")
    low, high = plausible
    valid = np.isfinite(samples) & (samples >= low) & (samples <= high)
    if inside is not None:
        valid &= np.asarray(inside, dtype=bool)
    if excluded is not None:
        valid &= ~np.asarray(excluded, dtype=bool)
    weight = None if weights is None else np.asarray(weights, dtype=np.float64)
    rows = []
    for area, name in (names or {area: f"BA{area}" for area in areas}).items():
        members = numbers == area
        used = members & valid
        n_excluded = int(np.count_nonzero(members)) - int(np.count_nonzero(used))
        row = _row(metric, tissue, name, hemisphere, samples[used], n_excluded, engine)
        if weight is not None:
            row |= _weighted(samples[used], weight[used])
        rows.append(row)
    return rows


def _weighted(values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> dict[str, float]:
    total = weights.sum()
    if not total > 0:
        return {}
    mean = float(weights @ values / total)
    freedom = total - weights @ weights / total
    spread = float(weights @ (values - mean) ** 2)
    return {"value": mean, "sd": float(np.sqrt(spread / freedom)) if freedom > 0 and len(values) > 1 else np.nan}


def bundle_rows(profiles: Mapping[str, Profile], *, metric: str, engine: str) -> list[Row]:
    """Average the central nodes of each bundle's profile.

    Parameters
    ----------
    profiles : mapping of str to Profile
        Bundle to its profile of the map.
    metric : str
        ``R1`` or ``R2star``.
    engine : str
        Entry of the column ``engine``.

    Returns
    -------
    list of dict
        One row per bundle, in the study's order: ``value`` the mean over the central nodes that could be used, ``sd``
        over them with n - 1, ``n`` their number, ``n_excluded`` the central nodes left out. ``hemisphere`` is
        missing, since the bundle's name holds the side.
    """
    rows = []
    for bundle in BUNDLES:
        if bundle in profiles:
            profile = profiles[bundle]
            chosen = profile.mean[profile.central & profile.used]
            n_excluded = int(np.count_nonzero(profile.central)) - len(chosen)
            rows.append(_row(metric, "WM", bundle, None, chosen, n_excluded, engine))
    return rows


def _row(
    metric: str,
    tissue: str,
    region: str,
    hemisphere: str | None,
    chosen: npt.NDArray[np.float64],
    n_excluded: int,
    engine: str,
) -> Row:
    n = len(chosen)
    return {
        "metric": metric,
        "tissue": tissue,
        "region": region,
        "hemisphere": hemisphere,
        "value": float(chosen.mean()) if n else np.nan,
        "sd": float(chosen.std(ddof=1)) if n > 1 else np.nan,
        "n": n,
        "n_excluded": n_excluded,
        "engine": engine,
    }
