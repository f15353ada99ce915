"""What the participant level recovered, beside what was planted."""

from pathlib import Path
from typing import Final

import pandas as pd

from harmoniq.data.tables import read_tsv
from harmoniq.regions.collect import find_regions
from harmoniq.regions.table import read_regions_tables

RECOVERY_COLUMNS: Final[dict[str, str | dict[str, object]]] = {
    "participant_id": "Participant",
    "metric": "R1 or R2star",
    "tissue": "cGM, sWM or WM",
    "region": "Brodmann area, mean of both hemispheres, or bundle",
    "true": {"Description": "What was planted", "Units": "1/s"},
    "recovered": {"Description": "What the participant level made of the simulated images", "Units": "1/s"},
}
_KEYS = ["participant_id", "metric", "tissue", "region"]


def recovery_table(derivatives: str | Path, truth: str | Path) -> pd.DataFrame:
    """Set recovered values beside the truth.

    Parameters
    ----------
    derivatives : path
        The participant level's output.
    truth : path
        ``sourcedata/truth/regions.tsv`` of a simulated dataset.

    Returns
    -------
    pandas.DataFrame
        Columns ``RECOVERY_COLUMNS``; hemispheres averaged; only what stands in both.

    Raises
    ------
    InputError
        When there are no regional tables, or one cannot be read.
    """
    recovered = read_regions_tables(find_regions(derivatives))
    planted = read_tsv(truth, required=[*_KEYS, "value"])
    pair = [frame.groupby(_KEYS, sort=False)["value"].mean() for frame in (planted, recovered)]
    joined = pd.concat(pair, axis=1, keys=["true", "recovered"], join="inner").dropna().reset_index()
    return joined[list(RECOVERY_COLUMNS)]
