"""The table of sessions that the group level does not have, and why."""

from collections.abc import Mapping
from pathlib import Path

from harmoniq.jobs.record import Record
from harmoniq.jobs.verdict import REMEDIES

COLUMNS = {
    "participant_id": "participant",
    "session_id": "session, n/a where the dataset has none",
    "state": "pending, running or failed when the group level was started",
    "cause": "exception, input, out_of_memory, time_limit, cancelled, node_lost or killed; n/a while not failed",
    "reason": "what happened, in a sentence",
    "remedy": "what would mend it",
    "log": "where more is written",
}


def write_exclusions(path: Path, records: Mapping[str, Record]) -> int:
    """Write ``excluded.tsv`` and its sidecar from the true states of all sessions.

    Returns
    -------
    int
        Number of sessions that are excluded; the table is written also when that is none.
    """
    import pandas as pd

    from harmoniq.data.tables import write_tsv

    rows = [_row(record) for record in records.values() if record.state != "done"]
    write_tsv(pd.DataFrame(rows, columns=list(COLUMNS)), path, columns=COLUMNS)
    return len(rows)


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
