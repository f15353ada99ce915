"""Association of the patients' disability with their regional deviations."""

from typing import Final

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.data.missing import missingness_groups
from harmoniq.statistics.columns import FEATURE_COLUMNS, ColumnDescriptions
from harmoniq.statistics.fdr import benjamini_hochberg
from harmoniq.statistics.linear import least_squares
from harmoniq.statistics.threads import one_blas_thread

#: What is in the equation beside Z: Chen et al. 2026, equation 7.
COVARIATES: Final = ("phenotype", "disease_duration", "sex")

EDSS_COLUMNS: Final[ColumnDescriptions] = {
    **FEATURE_COLUMNS,
    "n": "Patients with EDSS, Z-score, phenotype, disease duration and sex",
    "beta": {
        "Description": "Coefficient of z in edss ~ z + phenotype + disease_duration + sex",
        "Units": "EDSS per standard deviation",
    },
    "se": {"Description": "Its standard error", "Units": "EDSS per standard deviation"},
    "p": "Its two-sided p-value (t, n - rank degrees of freedom)",
    "p_fdr": "p adjusted by Benjamini-Hochberg over the selected regions; n/a for the others",
    "adj_r2": "Adjusted R squared of the whole model",
    "selected": "Whether the region is significant in the harmonized group comparison",
}
EDSS_PARTIAL_COLUMNS: Final[ColumnDescriptions] = {
    "participant_id": "Patient",
    **FEATURE_COLUMNS,
    "z": {"Description": "Z-score", "Units": "standard deviations"},
    "edss_adjusted": "EDSS less what phenotype, disease duration and sex contribute, at their average: the partial "
    "residual plus the mean EDSS",
}


@one_blas_thread
def edss_associations(
    cohort: Cohort, z: np.ndarray, selected: np.ndarray, *, patient_group: str = "MS", family: str = "all"
) -> tuple[pd.DataFrame, list[str]]:
    """Regress EDSS on the Z-score of each region (Chen et al. 2026, equation 7).

    Parameters
    ----------
    cohort : Cohort
        Its participants need ``edss``, ``phenotype`` and ``disease_duration``; others than patients take no part.
    z : numpy.ndarray, shape (n_participants, n_features)
        Z-scores; NaN where there is none.
    selected : numpy.ndarray of bool, shape (n_features,)
        Regions over which p is adjusted: those that are significant in the harmonized comparison.
    patient_group : str
        Label of the patients.
    family : {"all", "tissue"}
        Adjust over all selected regions together, or within each metric and tissue.

    Returns
    -------
    pandas.DataFrame
        Columns ``EDSS_COLUMNS``, a row per region; empty where no patient has all that is needed.
    list of str
        Notes for the report.
    """
    rows, notes = _usable(cohort, patient_group)
    if not rows.size:
        return pd.DataFrame(columns=list(EDSS_COLUMNS)), notes
    people = cohort.participants.iloc[rows]
    found = {name: np.full(z.shape[1], np.nan) for name in ("n", "beta", "se", "p", "adj_r2")}
    found["n"] = np.isfinite(z[rows]).sum(axis=0).astype(float)
    for picked, columns in missingness_groups(z[rows]):
        fitted = _fit(people.iloc[picked], z[np.ix_(rows[picked], columns)])
        for name, numbers in fitted.items():
            found[name][columns] = numbers
    table = cohort.features[["metric", "tissue", "region"]].assign(**found, selected=np.asarray(selected, dtype=bool))
    table["n"] = table["n"].astype(int)
    table["p_fdr"] = np.nan
    keys = ["metric", "tissue"] if family == "tissue" else pd.Series(0, index=table.index)
    for _, part in table[table["selected"]].groupby(keys, sort=False):
        table.loc[part.index, "p_fdr"] = benjamini_hochberg(part["p"].to_numpy())
    return table[list(EDSS_COLUMNS)], notes


def partial_residuals(cohort: Cohort, z: np.ndarray, regions: np.ndarray, *, patient_group: str = "MS") -> pd.DataFrame:
    """Adjust EDSS for the covariates, for the panels of figure 5.

    Parameters
    ----------
    cohort, z, patient_group : Cohort, numpy.ndarray, str
        As in `edss_associations`.
    regions : numpy.ndarray of int, shape (k,)
        Positions of the features wanted; those with fewer than three patients are left out.

    Returns
    -------
    pandas.DataFrame
        Columns ``EDSS_PARTIAL_COLUMNS``, a row per region and patient. A line through the points of a region has the
        slope beta.
    """
    rows, _ = _usable(cohort, patient_group)
    parts = []
    for column in regions:
        mine = rows[np.isfinite(z[rows, column])]
        if len(mine) < 3:
            continue
        people, own = cohort.participants.iloc[mine], z[mine, column]
        covariates = _covariates(people)
        both = least_squares(covariates, np.column_stack([_edss(people), own])).residuals
        # What is left of EDSS given the covariates, plus beta times what the covariates explain of z.
        beta = both[:, 0] @ both[:, 1] / (both[:, 1] @ both[:, 1])
        adjusted = _edss(people).mean() + both[:, 0] + beta * (own - both[:, 1] - own.mean())
        keys = {key: cohort.features[key].iloc[column] for key in ("metric", "tissue", "region")}
        frame = pd.DataFrame({"participant_id": people["participant_id"].to_numpy(), **keys})
        parts.append(frame.assign(z=own, edss_adjusted=adjusted))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(EDSS_PARTIAL_COLUMNS))


def _usable(cohort: Cohort, patient_group: str) -> tuple[np.ndarray, list[str]]:
    """Return the patients that have EDSS and all covariates, and what has to be said about the others."""
    people = cohort.participants
    patients = (people["group"] == patient_group).to_numpy()
    complete = people[["edss", "phenotype", "disease_duration"]].notna().all(axis=1).to_numpy()
    rows = np.flatnonzero(patients & complete)
    lacking = int((patients & ~complete).sum())
    if not rows.size:
        return rows, ["no patient has EDSS, phenotype and disease duration: associations with EDSS are left out"]
    lack = f"{lacking} patients lack EDSS, phenotype or disease duration: not in the associations with EDSS"
    return rows, [lack] if lacking else []


def _edss(people: pd.DataFrame) -> np.ndarray:
    return people["edss"].to_numpy(dtype=float)


def _covariates(people: pd.DataFrame) -> np.ndarray:
    """Return intercept, phenotype (treatment contrasts), disease duration and sex, as R's ``lm`` codes them."""
    labels = sorted(people["phenotype"].unique())
    columns: list[np.ndarray] = [np.ones(len(people))]
    columns += [(people["phenotype"] == label).to_numpy(dtype=float) for label in labels[1:]]
    columns += [people["disease_duration"].to_numpy(dtype=float), (people["sex"] == "M").to_numpy(dtype=float)]
    return np.column_stack(columns)


def _fit(people: pd.DataFrame, z: np.ndarray) -> dict[str, np.ndarray]:
    """Return beta, its error and test, and the adjusted R² for each column of `z`.

    By Frisch, Waugh and Lovell: beta is the slope of what the covariates leave of EDSS on what they leave of z.
    """
    from scipy.stats import t

    covariates, edss = _covariates(people), _edss(people)
    rest = least_squares(covariates, np.column_stack([edss, z]))
    dof = rest.n - rest.rank - 1
    if dof < 1:
        return {}
    of_edss, of_z = rest.residuals[:, :1], rest.residuals[:, 1:]
    spread = rest.rss[1:]
    # What the covariates explain fully, or a Z that does not vary, has no slope.
    spread = np.where(spread > 1e-12 * np.einsum("ij,ij->j", z, z), spread, np.nan)
    beta = (of_edss * of_z).sum(axis=0) / spread
    rss = ((of_edss - of_z * beta) ** 2).sum(axis=0)
    total = ((edss - edss.mean()) ** 2).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        se = np.sqrt(rss / dof / spread)
        p = 2 * t.sf(np.abs(beta / se), dof)
        adj_r2 = 1 - (rss / dof) / (total / (rest.n - 1))
    return {"beta": beta, "se": se, "p": p, "adj_r2": adj_r2}
