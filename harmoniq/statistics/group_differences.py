"""Differences of patients from controls, region by region: across sites, within their site, and harmonized."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.data.missing import missingness_groups
from harmoniq.statistics.cohens_d import cohens_d
from harmoniq.statistics.columns import FEATURE_COLUMNS, ColumnDescriptions
from harmoniq.statistics.comparisons import COMPARISONS, check_reference, comparison_rows
from harmoniq.statistics.design import age_design
from harmoniq.statistics.fdr import benjamini_hochberg
from harmoniq.statistics.inputs import Values, blocks, check, controls_only, feature_table
from harmoniq.statistics.linear import least_squares
from harmoniq.statistics.threads import one_blas_thread

_COMPARISON: Final[dict[str, object]] = {
    "Description": "Which controls the patients are compared with",
    "Levels": {
        "cross_site": "raw values, controls of the reference site",
        "within_site": "raw values, controls of the patients' own site",
        "harmonized": "harmonized values, controls of the sites that overlap the patients in age",
    },
}
GROUP_DIFFERENCES_COLUMNS: Final[ColumnDescriptions] = {
    **FEATURE_COLUMNS,
    "comparison": _COMPARISON,
    "n_controls": "Controls with a value",
    "n_patients": "Patients with a value",
    "d": "Cohen's d of the residuals of value ~ age + sex over both groups: (mean of controls - mean of patients) over "
    "the pooled SD; positive where controls are higher",
    "ci_low": "Lower end of the 95 % interval of d (noncentral t)",
    "ci_high": "Upper end of the 95 % interval of d (noncentral t)",
    "p": "Two-sided p of the t-test with equal variances on the residuals",
    "p_fdr": "p adjusted by Benjamini-Hochberg within metric, tissue and comparison",
    "direction": {
        "Description": "Which group is higher, whether or not significantly",
        "Levels": {"HC>MS": "controls higher", "HC<MS": "patients higher"},
    },
}
TABLE3_COLUMNS: Final[ColumnDescriptions] = {
    "metric": FEATURE_COLUMNS["metric"],
    "tissue": FEATURE_COLUMNS["tissue"],
    "comparison": _COMPARISON,
    "n_significant": "Regions with p_fdr below alpha",
    "n_regions": "Regions tested",
    "d_median": "Median Cohen's d over the significant regions",
    "d_q25": "25th percentile over them",
    "d_q75": "75th percentile over them",
    "n_hc_gt_ms": "Significant regions where controls are higher",
    "n_hc_lt_ms": "Significant regions where patients are higher",
    "p_trend": {
        "Description": "Of harmonized: the median p_fdr over all regions against that of within_site",
        "Levels": {"down": "smaller after harmonization", "up": "larger after harmonization"},
    },
}


@one_blas_thread
def group_differences(
    cohort: Cohort,
    values: Values,
    *,
    reference_site: str,
    patient_group: str = "MS",
    harmonized_method: str = "hbr",
    overlap_only: bool = True,
    overlap_share: float = 0.5,
) -> tuple[pd.DataFrame, list[str]]:
    """Compare patients with controls in each region (Chen et al. 2026, section 2.5.4).

    Parameters
    ----------
    cohort : Cohort
        Controls and patients; other groups take no part.
    values : mapping of str to numpy.ndarray, shape (n_participants, n_features)
        ``raw`` and a harmonized method.
    reference_site : str
        Its controls are those of ``cross_site``.
    patient_group : str
        Label of the patients.
    harmonized_method : str
        The method of the harmonized comparison; ``gam`` is taken, and a note says so, where it is not in `values`.
    overlap_only, overlap_share : bool, float
        As `harmoniq.statistics.comparisons.comparison_rows` takes them.

    Returns
    -------
    pandas.DataFrame
        Columns ``GROUP_DIFFERENCES_COLUMNS``, a row per region and comparison; empty without patients.
    list of str
        Notes for the report.

    Raises
    ------
    InputError
        When there are no controls, nobody is from the reference site, or a participant lacks age, sex or site.
    """
    check(cohort, values)
    controls_only(cohort, {})
    check_reference(cohort.participants, reference_site)
    if not (cohort.participants["group"] == patient_group).any():
        return pd.DataFrame(columns=list(GROUP_DIFFERENCES_COLUMNS)), [
            f"no participant is of group {patient_group}: group differences are left out"
        ]
    sources, notes = _sources(values, harmonized_method)
    p = len(cohort.features)
    empty = {name: np.full(p, np.nan) for name in ("n_controls", "n_patients", "d", "ci_low", "ci_high", "p", "p_fdr")}
    by_comparison = {name: {k: v.copy() for k, v in empty.items()} for name in sources}
    for metric, part in cohort.features.groupby("metric", sort=False):
        columns = part.index.to_numpy()
        rows, said = comparison_rows(
            cohort, np.isfinite(cohort.values[:, columns]).any(axis=1), reference_site=reference_site,
            patient_group=patient_group, overlap_only=overlap_only, overlap_share=overlap_share,
        )  # fmt: skip
        notes += [f"{metric}: {note}" for note in said]
        for name, array in sources.items():
            found = compare(cohort.select(rows=rows[name]), np.asarray(array, dtype=float)[np.ix_(rows[name], columns)])
            for key, numbers in found.items():
                by_comparison[name][key][columns] = numbers
    for name, out in by_comparison.items():
        for _, _, columns in blocks(cohort.features):
            out["p_fdr"][columns] = benjamini_hochberg(out["p"][columns])
        by_comparison[name] = _finished(out)
    table = feature_table(cohort.features, by_comparison, "comparison")
    return table.reindex(columns=list(GROUP_DIFFERENCES_COLUMNS)), notes


def compare(cohort: Cohort, values: np.ndarray) -> dict[str, np.ndarray]:
    """Compare the controls of a cohort with everybody else in it.

    Cohen's d of the residuals of value ~ age + sex over both groups (Chen et al. 2026, section 2.5.4).

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).
    values : numpy.ndarray, shape (n_participants, p)
        Harmonized or raw values, NaN where missing.

    Returns
    -------
    dict of str to numpy.ndarray, shape (p,)
        ``n_controls n_patients d ci_low ci_high p``; NaN where a group has fewer than two values or nobody varies.
    """
    finite, control = np.isfinite(values), cohort.is_control
    out = {name: np.full(values.shape[1], np.nan) for name in ("d", "ci_low", "ci_high", "p")}
    out |= {"n_controls": finite[control].sum(axis=0), "n_patients": finite[~control].sum(axis=0)}
    people = cohort.participants
    age, sex = people["age"].to_numpy(dtype=float), people["sex"].to_numpy()
    for rows, columns in missingness_groups(values):
        design = age_design(age[rows], sex[rows], quadratic=False)
        part = values[np.ix_(rows, columns)]
        fit = least_squares(design.matrix, part)
        # What is left of values that the covariates explain fully is rounding.
        moving = fit.rss > 1e-24 * np.einsum("ij,ij->j", part, part)
        found = cohens_d(np.where(moving, fit.residuals, np.nan), control[rows])
        for name, numbers in (("d", found.d), ("ci_low", found.low), ("ci_high", found.high), ("p", found.p)):
            out[name][columns] = numbers
    return out


def table3(differences: pd.DataFrame, *, alpha: float = 0.05) -> pd.DataFrame:
    """Summarize the significant regions of each metric, tissue and comparison (Chen et al. 2026, table 3).

    Parameters
    ----------
    differences : pandas.DataFrame
        From `group_differences`.
    alpha : float
        Level of the adjusted p-values.

    Returns
    -------
    pandas.DataFrame
        Columns ``TABLE3_COLUMNS``; n/a effect sizes where no region is significant.
    """
    rows = []
    for (metric, tissue), block in differences.groupby(["metric", "tissue"], sort=False):
        for comparison in [name for name in COMPARISONS if (block["comparison"] == name).any()]:
            part = block[block["comparison"] == comparison]
            significant = part.loc[part["p_fdr"] < alpha, "d"].to_numpy(dtype=float)
            found = np.quantile(significant, [0.5, 0.25, 0.75]) if len(significant) else [np.nan] * 3
            counts = [len(significant), int(part["p"].notna().sum())]
            signs = [int((significant > 0).sum()), int((significant < 0).sum())]
            trend = _p_trend(block) if comparison == "harmonized" else None
            rows.append([metric, tissue, comparison, *counts, *found, *signs, trend])
    return pd.DataFrame(rows, columns=list(TABLE3_COLUMNS))


def _p_trend(block: pd.DataFrame) -> str | None:
    medians = block.groupby("comparison")["p_fdr"].median()
    change = medians.get("harmonized", np.nan) - medians.get("within_site", np.nan)
    return None if not np.isfinite(change) or change == 0 else ("down" if change < 0 else "up")


def _sources(values: Values, harmonized_method: str) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the values of each comparison that can be made, and what stands in or is left out."""
    notes: list[str] = []
    out: dict[str, np.ndarray] = {}
    if "raw" in values:
        out |= {"cross_site": values["raw"], "within_site": values["raw"]}
    else:
        notes.append("without raw values the cross_site and within_site comparisons are left out")
    if harmonized_method in values:
        out["harmonized"] = values[harmonized_method]
    elif "gam" in values:
        out["harmonized"] = values["gam"]
        notes.append(f"the harmonized comparison uses gam, since {harmonized_method} is not among the methods")
    else:
        notes.append(f"the harmonized comparison is left out: neither {harmonized_method} nor gam is among the methods")
    return out, notes


def _finished(out: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    d = out["d"]
    direction = np.full(len(d), None, dtype=object)
    direction[d > 0], direction[d < 0] = "HC>MS", "HC<MS"
    counts = {name: np.nan_to_num(out[name]).astype(int) for name in ("n_controls", "n_patients")}
    return {**out, **counts, "direction": direction}
