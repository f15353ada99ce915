"""The status file of a session: one small JSON, replaced whole, that every other command reads."""

import dataclasses
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harmoniq.data.files import atomic_path

STATES = ("pending", "running", "done", "failed")

#: Why a session failed.
CAUSES = ("exception", "input", "out_of_memory", "time_limit", "cancelled", "node_lost", "killed")


@dataclasses.dataclass(frozen=True)
class Record:
    """What is known of one session.

    Attributes
    ----------
    label : str
        ``sub-X`` or ``sub-X_ses-Y``.
    state : str
        One of `STATES`.
    cause, message : str
        Of a failure: one of `CAUSES`, and a sentence.
    stage, node : str
        What ran last.
    nodes_done, nodes_total : int
        Nodes of the session's workflow.
    queued, started, updated : float
        Seconds since 1970; 0 where it has not happened.
    seconds, peak_gb : float
        Wall time, and largest memory of all processes of the run that held the session.
    host, pid, boot : str, int, float
        Of the process that wrote the record; `boot` is when that process started, since numbers are used again.
    job : str
        Of the scheduler, such as ``12_3``.
    attempt : int
        How often the session was started.
    options : str
        Digest of the options, so that a session done with other ones is not taken for done.
    crash_file, log : str
        Where more is written.
    """

    label: str
    state: str
    cause: str = ""
    message: str = ""
    stage: str = ""
    node: str = ""
    nodes_done: int = 0
    nodes_total: int = 0
    queued: float = 0.0
    started: float = 0.0
    updated: float = 0.0
    seconds: float = 0.0
    peak_gb: float = 0.0
    host: str = ""
    pid: int = 0
    boot: float = 0.0
    job: str = ""
    attempt: int = 0
    options: str = ""
    crash_file: str = ""
    log: str = ""

    @property
    def participant_id(self) -> str:
        """``sub-X``."""
        return self.label.split("_ses-")[0]

    @property
    def session_id(self) -> str:
        """``ses-Y``, or ``n/a`` where the dataset has no sessions."""
        return "ses-" + self.label.split("_ses-")[1] if "_ses-" in self.label else "n/a"


def status_dir(out_dir: Path) -> Path:
    """Return the folder of the status files below a folder of results.

    Parameters
    ----------
    out_dir : Path
        Folder of the results.

    Returns
    -------
    Path
        ``logs/status``; it need not exist.
    """
    return out_dir / "logs" / "status"


def write_record(out_dir: Path, record: Record) -> None:
    """Write a session's status file, whole; one that cannot be written does not stop the work it tells of.

    Parameters
    ----------
    out_dir : Path
        Folder of the results.
    record : Record
        The moment of writing is entered as `updated`.
    """
    from harmoniq.data.errors import InputError

    changed = dataclasses.replace(record, updated=time.time())
    try:
        with atomic_path(status_dir(out_dir) / f"{record.label}.json") as temporary:
            temporary.write_text(json.dumps(dataclasses.asdict(changed), indent=1) + "\n", encoding="utf-8")
    except InputError:
        pass  # a full disk: the results themselves say so, with a sentence


def read_records(out_dir: Path) -> dict[str, Record]:
    """Read all status files below a folder of results.

    Parameters
    ----------
    out_dir : Path
        Folder of the results.

    Returns
    -------
    dict of str to Record
        By label, sorted; files that are not of ours are passed over.
    """
    folder = status_dir(out_dir)
    if not folder.is_dir():
        return {}
    with os.scandir(folder) as entries:
        paths = sorted(entry.path for entry in entries if entry.name.endswith(".json") and entry.name[0] != ".")
    records = (read_record(Path(path)) for path in paths)
    return {record.label: record for record in records if record is not None}


def read_record(path: Path) -> Record | None:
    """Read a status file.

    Parameters
    ----------
    path : Path
        Need not exist.

    Returns
    -------
    Record or None
        None where there is no file, or none that can be understood.
    """
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        known = {field.name for field in dataclasses.fields(Record)}
        return Record(**{name: value for name, value in content.items() if name in known})
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def queue_records(out_dir: Path, labels: Iterable[str], *, options: str, since: float) -> None:
    """Write that sessions wait for the scheduler, unless they have begun since they were handed in.

    Parameters
    ----------
    out_dir : Path
        Folder of the results.
    labels : iterable of str
        ``sub-X`` or ``sub-X_ses-Y``.
    options : str
        Digest of the run's options.
    since : float
        When they were handed in, seconds since 1970; a status file that was written later is left alone.
    """
    from harmoniq.data.errors import InputError
    from harmoniq.jobs.claim import Claim

    for label in labels:
        try:
            with Claim(out_dir, label):
                old = read_record(status_dir(out_dir) / f"{label}.json")
                if old is None or old.updated < since:
                    attempt = 0 if old is None else old.attempt
                    write_record(out_dir, Record(label, "pending", queued=since, attempt=attempt, options=options))
        except InputError:
            continue  # its task has it: it has begun
