"""Tables of harmonized values and Z-scores, of a fit or of saved models."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.statistics.columns import FEATURE_COLUMNS, ColumnDescriptions

_TITLES: Final = {"raw": "As measured", "combat": "ComBat", "gam": "ComBat-GAM", "hbr": "HBR"}

ZSCORES_COLUMNS: Final[ColumnDescriptions] = {
    "participant_id": "Participant",
    "group": "Group",
    "site": "Site",
    **FEATURE_COLUMNS,
    "data": "Model: hbr where there is one, else gam, else combat",
    "z": "Deviation from what is expected of the reference site's controls of this age and sex, in SDs of theirs",
}


def harmonized_table(cohort: Cohort, values: Mapping[str, np.ndarray]) -> tuple[pd.DataFrame, ColumnDescriptions]:
    """Lay out ``regions_harmonized.tsv``.

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).
    values : mapping of str to numpy.ndarray, shape (n_participants, n_features)
        By method, ``raw`` among them; another one that is absent is missing throughout.

    Returns
    -------
    frame : DataFrame
        A row per participant and region with a raw value: ``participant_id metric tissue region`` and a column per
        method, 1/s.
    columns : dict of str to str or dict
        What its columns mean.
    """
    columns: ColumnDescriptions = {"participant_id": "Participant", **FEATURE_COLUMNS}
    missing = np.full(cohort.values.shape, np.nan)
    for name, title in _TITLES.items():
        columns[name] = {"Description": f"{title}; n/a where it was not run", "Units": "1/s"}
    frame = cohort.long(**{name: values.get(name, missing) for name in _TITLES})
    return frame[np.isfinite(frame["raw"])], columns


def zscore_table(cohort: Cohort, scores: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Lay out ``zscores.tsv`` of one model: HBR where there is one, else ComBat-GAM, else ComBat.

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).
    scores : mapping of str to numpy.ndarray, shape (n_participants, n_features)
        By method; may be empty.

    Returns
    -------
    DataFrame
        Columns ``ZSCORES_COLUMNS``, a row per participant and region with a score; without rows where there is no
        model.
    """
    method = next((name for name in ("hbr", "gam", "combat") if name in scores), None)
    if method is None:
        return pd.DataFrame(columns=list(ZSCORES_COLUMNS))
    frame = cohort.long(z=scores[method])
    people = cohort.participants.set_index("participant_id")
    for name in ("group", "site"):
        frame[name] = frame["participant_id"].map(people[name])
    frame["data"] = method
    return frame.loc[np.isfinite(frame["z"]), list(ZSCORES_COLUMNS)].reset_index(drop=True)
