"""The state of every session, from its status file, the scheduler and the processes of this machine."""

import dataclasses
import socket
import time
from collections.abc import Iterable
from pathlib import Path

from harmoniq.jobs.queue import ENDED, Queue, ask_slurm, trace_in_log
from harmoniq.jobs.record import Record, read_records
from harmoniq.jobs.submission import Submission, newest_with, owners, read_submissions

#: Seconds without a sign of life after which a run on another machine, unknown to a scheduler, counts as lost.
SILENCE = 600.0

_SENTENCES = {
    "out_of_memory": "the kernel killed it for want of memory",
    "time_limit": "the scheduler ended it at its time limit",
    "cancelled": "it was cancelled",
    "node_lost": "its node was lost",
    "killed": "its process ended without a word (killed, or its machine was restarted)",
}
REMEDIES = {
    "exception": "read the crash file; run the same command again once it is mended",
    "input": "mend what the message names",
    "out_of_memory": "give more memory (--mem) or fewer processes, and run the same command again",
    "time_limit": "give more time (--time), and run the same command again",
    "cancelled": "run the same command again",
    "node_lost": "run the same command again",
    "killed": "run the same command again",
}


def judge_all(out_dir: Path, *, labels: Iterable[str] = (), queue: Queue | None = None) -> dict[str, Record]:
    """Return the true state of every session below a folder of results.

    A status file alone can be out of date: its writer may have been killed. So one that says ``running`` is held
    against the scheduler, or against the processes of this machine.

    Parameters
    ----------
    out_dir : path
        Folder of results.
    labels : iterable of str
        Labels that are expected, in case they were never started.
    queue : Queue, optional
        Slurm's answer; asked for by default where something was submitted.

    Returns
    -------
    dict of str to Record
        By label, sorted.
    """
    records = read_records(out_dir)
    submissions = read_submissions(out_dir)
    if queue is None:
        asks = submissions or any(record.job for record in records.values())
        queue = ask_slurm(owners(out_dir)) if asks else Queue()
    for label in labels:
        records.setdefault(label, Record(label, "pending"))
    return {label: judge(record, newest_with(submissions, label), queue) for label, record in sorted(records.items())}


def judge(record: Record, submission: Submission | None, queue: Queue) -> Record:
    """Return a session's record as it truly is.

    Parameters
    ----------
    record : Record
        Of its status file.
    submission : Submission or None
        What it was handed to the scheduler with last; None: it never was.
    queue : Queue
        Slurm's answer.

    Returns
    -------
    Record
        One that says ``running`` or ``pending`` may come back as ``pending`` or ``failed``, with a cause and a
        sentence; `job` and `log` are filled in from the submission.
    """
    if submission is not None:
        task = submission.task_of(record.label)
        record = dataclasses.replace(record, job=record.job or task, log=str(submission.log_of(record.label)))
    if record.state in ("done", "failed"):
        return record
    if record.job and queue.known:
        return _by_scheduler(record, queue)
    if record.state == "running" and not _alive(record):
        return _failed(record, "killed" if record.host == socket.gethostname() else "node_lost")
    return record


def _by_scheduler(record: Record, queue: Queue) -> Record:
    if queue.runs(record.job):
        return record
    if queue.waits(record.job):
        return dataclasses.replace(record, state="pending")
    state = queue.states.get(record.job, "")
    cause, message = trace_in_log(Path(record.log))
    cause = cause or ENDED.get(state, "")
    if record.state == "pending" and not cause and not state:
        # Slurm forgets a job some minutes after its end; without a job nothing says that it ever started.
        return _failed(record, "cancelled") if record.queued else record
    return _failed(record, cause or "killed", message)


def _failed(record: Record, cause: str, message: str = "") -> Record:
    if message:
        return dataclasses.replace(record, state="failed", cause=cause, message=message)
    where = f" during {record.node}" if record.node else " before it began" if not record.started else ""
    return dataclasses.replace(record, state="failed", cause=cause, message=_SENTENCES[cause] + where)


def _alive(record: Record) -> bool:
    """Return whether the process that wrote a record still lives."""
    if record.host != socket.gethostname():
        return time.time() - record.updated < SILENCE
    import psutil

    try:
        return abs(psutil.Process(record.pid).create_time() - record.boot) < 1.0
    except psutil.Error:
        return False
