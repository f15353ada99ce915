"""The patients' part of the group level: Z-scores, their means, and their association with disability."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.statistics.comparisons import comparison_options
from harmoniq.statistics.edss import EDSS_COLUMNS, EDSS_PARTIAL_COLUMNS, edss_associations, partial_residuals
from harmoniq.statistics.group_differences import group_differences
from harmoniq.statistics.inputs import Values
from harmoniq.statistics.zscores import ZSCORES_COLUMNS, zscore_summary, zscore_table, zscores

#: Panels of figure 5.
_PANELS = 6


class Clinical(NamedTuple):
    """Tables of the patients' part and what has to be said.

    Parameters
    ----------
    zscores : pandas.DataFrame
        Columns `harmoniq.statistics.zscores.ZSCORES_COLUMNS`.
    summary : pandas.DataFrame
        Columns `harmoniq.statistics.zscores.ZSCORE_SUMMARY_COLUMNS`.
    edss : pandas.DataFrame
        Columns `harmoniq.statistics.edss.EDSS_COLUMNS`.
    partial : pandas.DataFrame
        Columns `harmoniq.statistics.edss.EDSS_PARTIAL_COLUMNS`, of the regions of figure 5.
    notes : list of str
        Notes for the report.
    """

    zscores: pd.DataFrame
    summary: pd.DataFrame
    edss: pd.DataFrame
    partial: pd.DataFrame
    notes: list[str]


def clinical(cohort: Cohort, values: Values, options: Mapping[str, Any]) -> Clinical:
    """Compute Z-scores and their association with EDSS (Chen et al. 2026, sections 2.5.4, 3.3.3 and 3.3.4).

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).
    values : mapping of str to numpy.ndarray
        By method, and the Z-scores of hierarchical Bayesian regression as `harmoniq.statistics.zscores.zscores` wants
        them.
    options : mapping
        ``reference_site patient_group harmonized_method overlap_only overlap_share alpha edss_family``.

    Returns
    -------
    Clinical
        Tables without rows where there is nothing to compute them from.
    """
    group = options["patient_group"]
    z, notes = zscores(cohort, values, **comparison_options(options))
    scale = next((name for name in z if name != "raw"), None)
    out = Clinical(
        pd.DataFrame(columns=list(ZSCORES_COLUMNS)), zscore_summary(cohort, z, patient_group=group),
        pd.DataFrame(columns=list(EDSS_COLUMNS)), pd.DataFrame(columns=list(EDSS_PARTIAL_COLUMNS)), notes,
    )  # fmt: skip
    if scale is None:
        return out
    out = out._replace(zscores=zscore_table(cohort, z[scale], scale))
    selected, _ = selected_regions(cohort, values, options)
    edss, said = edss_associations(
        cohort, z[scale], selected, patient_group=group, family=options["edss_family"]
    )  # fmt: skip
    shown = _shown(edss, options["alpha"])
    return out._replace(
        edss=edss, partial=partial_residuals(cohort, z[scale], shown, patient_group=group), notes=[*notes, *said]
    )


def selected_regions(cohort: Cohort, values: Values, options: Mapping[str, Any]) -> tuple[np.ndarray, str | None]:
    """Find the regions that differ between the groups in the harmonized comparison.

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).
    values : mapping of str to numpy.ndarray, shape (n_participants, n_features)
        By method.
    options : mapping of str to object
        ``reference_site patient_group harmonized_method overlap_only overlap_share alpha``.

    Returns
    -------
    numpy.ndarray of bool, shape (n_features,)
        Whether the adjusted p is below ``alpha``.
    str or None
        The method on whose scale; None where neither the wanted one nor gam was run, and then no region is selected.
    """
    wanted = options["harmonized_method"]
    method = wanted if wanted in values else "gam"
    if method not in values:
        return np.zeros(len(cohort.features), dtype=bool), None
    differences, _ = group_differences(
        cohort, {method: values[method]}, harmonized_method=method, **comparison_options(options)
    )
    both = cohort.features.merge(differences, on=["metric", "tissue", "region"], how="left", sort=False)
    return (both["p_fdr"] < options["alpha"]).to_numpy(), method


def _shown(edss: pd.DataFrame, alpha: float) -> np.ndarray:
    """Return the positions of the regions with the lowest p: all significant ones, or else a few to show that."""
    if edss.empty:
        return np.empty(0, dtype=int)
    order = edss["p_fdr"].sort_values(kind="stable").dropna()
    hits = order[order < alpha]
    return (hits if len(hits) else order).index.to_numpy()[:_PANELS]
