"""``participants_qc.tsv``: what a person said of each session on the page of quality control."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from harmoniq.data.errors import InputError
from harmoniq.data.tables import read_tsv
from harmoniq.report.qc.metrics import RATINGS

RATINGS_FILE: Final = "participants_qc.tsv"
RATING_COLUMNS: Final[dict[str, object]] = {
    "participant_id": {"Description": "Participant, as in participants.tsv"},
    "session_id": {"Description": "Session; n/a where the dataset has none, or all of them are meant"},
    "rating": {
        "Description": "What a person decided",
        "Levels": {
            "pass": "to be used",
            "warn": "to be used with care",
            "fail": "not to be used: --exclude-qc fail leaves it out",
        },
    },
    "comment": {"Description": "Why, in free text"},
    "rater": {"Description": "Who rated"},
}  # fmt: skip


@dataclass(frozen=True)
class Rating:
    """A rating of a session, or of all of a participant's.

    Parameters
    ----------
    participant_id : str
        ``sub-X``.
    session_id : str
        ``ses-Y``; empty: all sessions.
    rating : {'pass', 'warn', 'fail'}
        The word.
    comment, rater : str
        As they stand in the table.
    """

    participant_id: str
    session_id: str
    rating: str
    comment: str = ""
    rater: str = ""

    @property
    def label(self) -> str:
        """Return ``sub-X`` or ``sub-X_ses-Y``."""
        return "_".join(filter(None, (self.participant_id, self.session_id)))

    @property
    def reason(self) -> str:
        """Return what ``excluded.tsv`` says of it."""
        by = f" by {self.rater}" if self.rater else ""
        return f"rated {self.rating} in quality control{by}" + (f": {self.comment}" if self.comment else "")


def read_ratings(path: str | Path) -> list[Rating]:
    """Read a table of ratings.

    Parameters
    ----------
    path : path
        ``participant_id rating`` and, where they are wanted, ``session_id comment rater``; labels with or without
        ``sub-`` and ``ses-``. Rows without a rating are passed over.

    Returns
    -------
    list of Rating
        In the order of the table.

    Raises
    ------
    InputError
        When the table cannot be read, a rating is not one of pass, warn and fail, or a session has two.
    """
    frame = read_tsv(path, required=("participant_id", "rating"))
    found: dict[str, Rating] = {}
    for row in frame.to_dict("records"):
        word = _text(row["rating"]).lower()
        if not word:
            continue
        if word not in RATINGS:
            raise InputError(
                f"must be one of {', '.join(RATINGS)}", file=path, key=f"rating of {row['participant_id']}",
                value=row["rating"], remedy="mend it there, or rate again on the page",
            )  # fmt: skip
        session = _prefixed(_text(row.get("session_id")), "ses-")
        who = _prefixed(_text(row["participant_id"]), "sub-")
        rating = Rating(who, session, word, _text(row.get("comment")), _text(row.get("rater")))
        if rating.label in found:
            raise InputError(
                "stands in two rows", file=path, key="participant_id", value=rating.label, remedy="keep one"
            )
        found[rating.label] = rating
    return list(found.values())


def find_ratings(folders: Iterable[Path]) -> Path | None:
    """Find the first ``participants_qc.tsv``.

    Parameters
    ----------
    folders : iterable of Path
        Searched in this order, not below them.

    Returns
    -------
    Path or None
        None where no folder has one.
    """
    return next((path for folder in folders if (path := folder / RATINGS_FILE).is_file()), None)


def left_out(ratings: Sequence[Rating], level: str) -> dict[str, str]:
    """Return which sessions a rating leaves out, and why.

    Parameters
    ----------
    ratings : sequence of Rating
        Of `read_ratings`.
    level : str
        ``fail``, or ``warn``, which leaves out both.

    Returns
    -------
    dict of str to str
        ``sub-X`` (all sessions) or ``sub-X_ses-Y`` to the reason.
    """
    worst = RATINGS[RATINGS.index(level) :]
    return {rating.label: rating.reason for rating in ratings if rating.rating in worst}


def rated(label: str, ratings: dict[str, Rating]) -> Rating | None:
    """Return the rating of a session: its own, else its participant's.

    Parameters
    ----------
    label : str
        ``sub-X`` or ``sub-X_ses-Y``.
    ratings : dict of str to Rating
        By label.

    Returns
    -------
    Rating or None
        None where neither is rated.
    """
    return ratings.get(label) or ratings.get(label.split("_ses-")[0])


def _text(value: object) -> str:
    return "" if value is None or pd.isna(value) else " ".join(str(value).split())  # type: ignore[call-overload]


def _prefixed(label: str, prefix: str) -> str:
    return label if not label or label.startswith(prefix) else prefix + label
