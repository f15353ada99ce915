"""Z-scores of patients and controls, as a table and as means over the patients."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.harmonization.base import HBR_Z
from harmoniq.statistics.columns import DATA, FEATURE_COLUMNS, ColumnDescriptions
from harmoniq.statistics.comparisons import comparison_rows
from harmoniq.statistics.inputs import Values, check, controls_only
from harmoniq.statistics.normative import normative_z
from harmoniq.statistics.threads import one_blas_thread

ZSCORES_COLUMNS: Final[ColumnDescriptions] = {
    "participant_id": "Participant: the patients, and the controls of the sites whose ages overlap theirs",
    "group": "Group",
    "site": "Site",
    **FEATURE_COLUMNS,
    "data": "Whose deviations: hbr, the Z-scores of the hierarchical model itself, else those of the gam values",
    "z": {
        "Description": "Deviation from the normative model of those controls, given age, sex and site",
        "Units": "standard deviations",
    },
}
ZSCORE_SUMMARY_COLUMNS: Final[ColumnDescriptions] = {
    **FEATURE_COLUMNS,
    "data": {
        **DATA,
        "Description": "The values whose deviations are averaged; hbr: the Z-scores of the hierarchical model itself",
    },
    "n": "Patients with a Z-score",
    "mean": {"Description": "Mean Z-score of the patients", "Units": "standard deviations"},
    "sd": {"Description": "Its standard deviation over the patients (n - 1)", "Units": "standard deviations"},
}


@one_blas_thread
def zscores(
    cohort: Cohort,
    values: Values,
    *,
    reference_site: str,
    patient_group: str = "MS",
    overlap_only: bool = True,
    overlap_share: float = 0.5,
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Compute the Z-scores on the harmonized and on the raw scale (Chen et al. 2026, section 2.5.4).

    Parameters
    ----------
    cohort : Cohort
        Controls and patients; other groups take no part.
    values : mapping of str to numpy.ndarray, shape (n_participants, n_features)
        By method; under ``HBR_Z`` the Z-scores of hierarchical Bayesian regression, where it was run. Else the
        deviations are taken from the ComBat-GAM values (`harmoniq.statistics.normative.normative_z`).
    reference_site, patient_group, overlap_only, overlap_share : str, str, bool, float
        As in `harmoniq.statistics.group_differences.group_differences`: the model is that of the same controls.

    Returns
    -------
    dict of str to numpy.ndarray, shape (n_participants, n_features)
        ``hbr`` or ``gam``, and ``raw``: NaN for those who take no part. Empty without patients.
    list of str
        Notes for the report.

    Raises
    ------
    InputError
        When there are no controls, or a participant lacks age, sex or site.
    """
    methods = {name: array for name, array in values.items() if name != HBR_Z}
    check(cohort, methods)
    controls_only(cohort, {})
    if not (cohort.participants["group"] == patient_group).any():
        return {}, [f"no participant is of group {patient_group}: Z-scores and EDSS are left out"]
    notes = []
    harmonized = "hbr" if HBR_Z in values else "gam"
    if harmonized not in methods:
        notes.append("neither hbr nor gam is among the methods: no harmonized Z-scores, and no EDSS")
    elif harmonized == "gam":
        notes.append(
            "Z-scores and EDSS use gam: deviations of its values from those of controls given age, age² and sex"
        )
    chosen = [name for name in (harmonized, "raw") if name in methods]
    out = {name: np.full(cohort.values.shape, np.nan) for name in chosen}
    for _, part in cohort.features.groupby("metric", sort=False):
        columns = part.index.to_numpy()
        rows, _ = comparison_rows(
            cohort, np.isfinite(cohort.values[:, columns]).any(axis=1), reference_site=reference_site,
            patient_group=patient_group, overlap_only=overlap_only, overlap_share=overlap_share,
        )  # fmt: skip
        mine = np.flatnonzero(rows["harmonized"])
        people = cohort.participants.iloc[mine]
        for name in chosen:
            cells = np.ix_(mine, columns)
            if name == "hbr":
                out[name][cells] = np.asarray(values[HBR_Z], dtype=float)[cells]
            else:
                array = np.asarray(methods[name], dtype=float)[cells]
                out[name][cells] = normative_z(people, array, cohort.is_control[mine])
    return out, notes


def zscore_table(cohort: Cohort, z: np.ndarray, data: str) -> pd.DataFrame:
    """Lay out ``zscores.tsv``.

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).
    z : array, shape (n_participants, n_features)
        NaN where there is none.
    data : str
        What the column ``data`` says: ``hbr`` or ``gam``.

    Returns
    -------
    DataFrame
        Columns ``ZSCORES_COLUMNS``, a row per participant and region with a Z-score.
    """
    frame = cohort.long(z=z).assign(data=data)
    frame = frame[np.isfinite(frame["z"])]
    people = cohort.participants.set_index("participant_id")
    for name in ("group", "site"):
        frame[name] = people[name].reindex(frame["participant_id"]).to_numpy()
    return frame[list(ZSCORES_COLUMNS)].reset_index(drop=True)


def zscore_summary(cohort: Cohort, z: Mapping[str, np.ndarray], *, patient_group: str = "MS") -> pd.DataFrame:
    """Average the patients' Z-scores in each region.

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).
    z : mapping of str to numpy.ndarray
        From `zscores`.
    patient_group : str
        Label of the patients.

    Returns
    -------
    pandas.DataFrame
        Columns ``ZSCORE_SUMMARY_COLUMNS``; regions without a patient's Z-score are left out.
    """
    patients = (cohort.participants["group"] == patient_group).to_numpy()
    parts = []
    for name, array in z.items():
        mine = array[patients]
        n = np.isfinite(mine).sum(axis=0)
        total = np.nansum(mine, axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.where(n > 0, total / n, np.nan)
            sd = np.sqrt(np.nansum((mine - mean) ** 2, axis=0) / np.where(n > 1, n - 1, np.nan))
        frame = cohort.features[["metric", "tissue", "region"]].assign(data=name, n=n, mean=mean, sd=sd)
        parts.append(frame[n > 0])
    columns = list(ZSCORE_SUMMARY_COLUMNS)
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
