"""The table of sessions that the group level does not have, and why."""

from collections.abc import Mapping
from pathlib import Path

from harmoniq.jobs.record import Record
from harmoniq.jobs.verdict import REMEDIES

COLUMNS = {
    "participant_id": "participant",
    "session_id": "session, n/a where the dataset has none",
    "state": "pending, running or failed when the group level was started; done where a rating leaves it out",
    "cause": "exception, input, out_of_memory, time_limit, cancelled, node_lost or killed; quality for a rating; "
    "n/a while not failed",
    "reason": "what happened, in a sentence",
    "remedy": "what would mend it",
    "log": "where more is written",
}


def write_exclusions(path: Path, records: Mapping[str, Record], rated: Mapping[str, str] | None = None) -> int:
    """Write ``excluded.tsv`` and its sidecar from the true states of all sessions, and from their ratings.

    Parameters
    ----------
    path : path
        Of the table.
    records : mapping
        Of all sessions, by label.
    rated : mapping, optional
        Sessions (or participants) that a person's rating leaves out, and why.

    Returns
    -------
    int
        Number of sessions that are excluded; the table is written also when that is none.
    """
    import pandas as pd

    from harmoniq.data.tables import write_tsv

    rows = [_row(record) for record in records.values() if record.state != "done"]
    rows += [_rated(label, reason) for label, reason in (rated or {}).items()]
    write_tsv(pd.DataFrame(rows, columns=list(COLUMNS)), path, columns=COLUMNS)
    return len(rows)


def _rated(label: str, reason: str) -> dict[str, str]:
    who = Record(label, "done")
    return {
        "participant_id": who.participant_id,
        "session_id": who.session_id,
        "state": "done",
        "cause": "quality",
        "reason": reason,
        "remedy": "rate again on the page of quality control, or leave out --exclude-qc",
        "log": "n/a",
    }


def _row(record: Record) -> dict[str, str]:
    waiting = {"pending": "has not been started", "running": "is still being processed"}
    return {
        "participant_id": record.participant_id,
        "session_id": record.session_id,
        "state": record.state,
        "cause": record.cause or "n/a",
        "reason": " ".join((record.message or waiting.get(record.state, "n/a")).split()),
        "remedy": REMEDIES.get(record.cause, "wait for it, and run the group level again"),
        "log": record.crash_file or record.log or "n/a",
    }
