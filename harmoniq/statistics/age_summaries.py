"""Summaries of the age models over regions: mean peak age, its agreement between methods, change of the error."""

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np
import pandas as pd

from harmoniq.statistics.columns import BLOCK_COLUMNS, DATA, METRIC, TISSUE, ColumnDescriptions

PEAK_AGE_SUMMARY_COLUMNS: Final[ColumnDescriptions] = {
    **BLOCK_COLUMNS,
    "mean": {"Description": "Mean peak age over the kept regions", "Units": "years"},
    "se": {"Description": "Standard error of that mean, SD (n - 1) over sqrt(n_kept)", "Units": "years"},
    "n_kept": "Regions kept: a significant curvature and a stable peak",
    "n_regions": "Regions in all",
}
PEAK_AGE_CORRELATION_COLUMNS: Final[ColumnDescriptions] = {
    "metric": METRIC,
    "tissue": TISSUE,
    "data_x": DATA,
    "data_y": DATA,
    "n": "Regions kept with both",
    "rho": "Spearman's rank correlation of the peak ages",
    "p": "Its two-sided p-value (t approximation with n - 2 degrees of freedom)",
}
RMSE_CHANGE_COLUMNS: Final[ColumnDescriptions] = {
    **BLOCK_COLUMNS,
    "mean": {"Description": "Mean over regions of the decrease of the RMSE from raw", "Units": "percent"},
    "q25": {"Description": "25th percentile over regions", "Units": "percent"},
    "q75": {"Description": "75th percentile over regions", "Units": "percent"},
}


def peak_age_summary(models: pd.DataFrame) -> pd.DataFrame:
    """Average the peak ages of the kept regions (Chen et al. 2026, sections 3.1.3 and 3.2.3).

    Parameters
    ----------
    models : pandas.DataFrame
        From `harmoniq.statistics.age_models.age_models`.

    Returns
    -------
    pandas.DataFrame
        Columns ``PEAK_AGE_SUMMARY_COLUMNS``; n/a mean where no region is kept, n/a se where only one is.
    """
    rows = []
    for keys, part in models.groupby(["metric", "tissue", "data"], sort=False):
        peaks = part.loc[part["kept"].astype(bool), "peak_age"].to_numpy(dtype=float)
        n = len(peaks)
        mean = peaks.mean() if n else np.nan
        se = peaks.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
        rows.append([*keys, mean, se, n, len(part)])
    return pd.DataFrame(rows, columns=list(PEAK_AGE_SUMMARY_COLUMNS))


def peak_age_correlation(models: pd.DataFrame) -> pd.DataFrame:
    """Correlate the regions' peak ages between each two methods, over regions kept with both (section 2.5.2).

    Parameters
    ----------
    models : pandas.DataFrame
        From `harmoniq.statistics.age_models.age_models`.

    Returns
    -------
    pandas.DataFrame
        Columns ``PEAK_AGE_CORRELATION_COLUMNS``; n/a with fewer than three regions or equal peaks throughout.
    """
    rows = []
    methods = list(models["data"].unique())
    for keys, part in models.groupby(["metric", "tissue"], sort=False):
        kept = part[part["kept"].astype(bool)]
        peaks = {name: kept[kept["data"] == name].set_index("region")["peak_age"] for name in methods}
        for x, y in combinations(methods, 2):
            both = pd.concat([peaks[x], peaks[y]], axis=1, join="inner").to_numpy(dtype=float)
            rows.append([*keys, x, y, len(both), *_spearman(both)])
    return pd.DataFrame(rows, columns=list(PEAK_AGE_CORRELATION_COLUMNS))


def rmse_change(models: pd.DataFrame) -> pd.DataFrame:
    """Return by how many percent the RMSE falls from raw, over regions (section 2.5.3).

    Parameters
    ----------
    models : pandas.DataFrame
        From `harmoniq.statistics.age_models.age_models`.

    Returns
    -------
    pandas.DataFrame
        Columns ``RMSE_CHANGE_COLUMNS``, one row per metric, tissue and method other than raw; empty without raw.
    """
    rows: list[Sequence[object]] = []
    for (metric, tissue), part in models.groupby(["metric", "tissue"], sort=False):
        wide = part.pivot(index="region", columns="data", values="rmse")
        if "raw" not in wide:
            continue
        raw = wide["raw"].where(wide["raw"] > 0)
        for name in [name for name in part["data"].unique() if name != "raw"]:
            change = (100 * (raw - wide[name]) / raw).dropna().to_numpy()
            numbers = [change.mean(), *np.quantile(change, [0.25, 0.75])] if len(change) else [np.nan] * 3
            rows.append([metric, tissue, name, *numbers])
    return pd.DataFrame(rows, columns=list(RMSE_CHANGE_COLUMNS))


def _spearman(pairs: np.ndarray) -> tuple[float, float]:
    from scipy.stats import spearmanr

    if len(pairs) < 3 or (np.ptp(pairs, axis=0) == 0).any():
        return np.nan, np.nan
    found = spearmanr(pairs[:, 0], pairs[:, 1])
    return float(found.statistic), float(found.pvalue)
