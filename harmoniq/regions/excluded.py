"""Who stands in participants.tsv and is not in the cohort, and why."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from harmoniq.data.names import with_prefix
from harmoniq.data.tables import read_tsv
from harmoniq.regions.left_out import reason_of

EXCLUDED_COLUMNS: Final[dict[str, str]] = {
    "participant_id": "Participant of participants.tsv who is not in the analysis",
    "reason": "Why",
}
_NEEDED: Final = ("site", "group", "age", "sex")


def excluded_participants(
    path: Path, columns: Mapping[str, str], kept: Iterable[str], reasons: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Find who stands in ``participants.tsv`` and is not in the cohort, and why.

    Parameters
    ----------
    path : path
        ``participants.tsv``; an ``excluded.tsv`` beside it gives the participant level's reasons.
    columns : mapping of str to str
        Our names of its columns to the file's.
    kept : iterable of str
        Participants of the cohort.
    reasons : mapping of str to str, optional
        Of participants (``sub-X``) and sessions (``sub-X_ses-Y``) that were left out on purpose; they come first.

    Returns
    -------
    pandas.DataFrame
        Columns ``EXCLUDED_COLUMNS``, sorted by participant.

    Raises
    ------
    InputError
        When a table cannot be read.
    """
    frame = read_tsv(path)
    by_lower = {str(name).strip().lower(): name for name in frame.columns}
    names = {name: by_lower.get(columns.get(name, name).lower()) for name in ("participant_id", *_NEEDED)}
    people = frame.set_index(frame[names["participant_id"]].map(with_prefix))
    told = _told(path.with_name("excluded.tsv"))
    present = set(kept)
    rows = []
    for who in sorted(set(people.index) - present):
        row = people.loc[who]
        lacks = [name for name in _NEEDED if names[name] is not None and pd.isna(row[names[name]])]
        reason = f"lacks {', '.join(lacks)}" if lacks else told.get(who, "no regional values")
        reason = reason_of(who, reasons or {}) or reason
        rows.append((who, reason))
    return pd.DataFrame(rows, columns=list(EXCLUDED_COLUMNS))


def _told(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    frame = read_tsv(path, required=("participant_id", "reason"))
    return {with_prefix(who): str(why) for who, why in zip(frame["participant_id"], frame["reason"]) if pd.notna(why)}
