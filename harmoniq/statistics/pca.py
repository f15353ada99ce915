"""Principal components of the regions, which show whether the controls cluster by site."""

from typing import Final

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.statistics.columns import BLOCK_COLUMNS, ColumnDescriptions
from harmoniq.statistics.inputs import Values, blocks, controls_only
from harmoniq.statistics.linear import is_constant
from harmoniq.statistics.threads import one_blas_thread

PCA_COLUMNS: Final[ColumnDescriptions] = {
    **BLOCK_COLUMNS,
    "participant_id": "Control with a value in every region",
    "site": "Site",
    "PC1": "Score on the first principal component of the standardized regions (mean 0, SD 1 with n - 1); the sign "
    "makes the largest loading positive",
    "PC2": "Score on the second principal component",
}
PCA_SUMMARY_COLUMNS: Final[ColumnDescriptions] = {
    **BLOCK_COLUMNS,
    "variance_PC1": "Share of the variance on the first component, 0 to 1",
    "variance_PC2": "Share of the variance on the second component, 0 to 1",
    "eta2_PC1": "Share of the first component's variation that lies between sites (one-way), 0 to 1",
    "eta2_PC2": "Share of the second component's variation that lies between sites (one-way), 0 to 1",
}


@one_blas_thread
def pca(cohort: Cohort, values: Values) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compute the first two principal components per metric, tissue and method (Chen et al. 2026, section 2.4.1).

    Controls with a value in every region of the metric and tissue; regions that no control has, or that do not
    vary, are left out.

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).
    values : mapping of str to numpy.ndarray, shape (n_participants, n_features)
        By method.

    Returns
    -------
    scores : pandas.DataFrame
        Columns ``PCA_COLUMNS``.
    summary : pandas.DataFrame
        Columns ``PCA_SUMMARY_COLUMNS``; n/a where fewer than three controls are complete.

    Raises
    ------
    InputError
        When there are no controls, or a participant lacks age, sex or site.
    """
    controls, mine = controls_only(cohort, values)
    scores, summary = [], []
    for metric, tissue, columns in blocks(controls.features):
        for name, array in mine.items():
            block = array[:, columns]
            block = block[:, np.isfinite(block).any(axis=0)]
            complete = np.isfinite(block).all(axis=1)
            score, share = components(block[complete])
            people = controls.participants[complete]
            site = people["site"].to_numpy()
            keys = {"metric": metric, "tissue": tissue, "data": name}
            if np.isfinite(score).any():
                who = {"participant_id": people["participant_id"].to_numpy(), "site": site}
                scores.append(pd.DataFrame({**keys, **who, "PC1": score[:, 0], "PC2": score[:, 1]}))
            between = [_eta_squared(score[:, k], site) for k in (0, 1)]
            summary.append([*keys.values(), *share, *between])
    columns_of_scores = list(PCA_COLUMNS)
    table = pd.concat(scores, ignore_index=True) if scores else pd.DataFrame(columns=columns_of_scores)
    return table[columns_of_scores], pd.DataFrame(summary, columns=list(PCA_SUMMARY_COLUMNS))


def components(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the first two principal components of standardized columns.

    Parameters
    ----------
    values : array, shape (n, p)
        Finite; columns that do not vary are left out.

    Returns
    -------
    scores : array, shape (n, 2)
        The sign makes the largest loading of each component positive.
    shares : array, shape (2,)
        Of the variance, 0 to 1. NaN where there is no such component, and both are with fewer than three rows.
    """
    n = values.shape[0]
    scores, shares = np.full((n, 2), np.nan), np.full(2, np.nan)
    if n < 3:
        return scores, shares
    values = values[:, ~is_constant(values)]
    if values.shape[1] == 0:
        return scores, shares
    standard = (values - values.mean(axis=0)) / values.std(axis=0, ddof=1)
    u, s, vt = np.linalg.svd(standard, full_matrices=False)
    sign = np.sign(vt[np.arange(len(vt)), np.abs(vt).argmax(axis=1)])
    k = min(2, len(s))
    scores[:, :k] = (u * s * sign)[:, :k]
    shares[:k] = (s**2 / (s**2).sum())[:k]
    return scores, shares


def _eta_squared(score: np.ndarray, site: np.ndarray) -> float:
    labels = np.unique(site)
    total = ((score - score.mean()) ** 2).sum() if len(score) else np.nan
    if len(labels) < 2 or not total > 0:
        return np.nan
    between = sum((site == s).sum() * (score[site == s].mean() - score.mean()) ** 2 for s in labels)
    return float(between / total)
