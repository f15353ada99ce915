"""Keep the status files of the sessions of one run up to date while it works, and however it ends."""

import dataclasses
import os
import socket
import threading
import time
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from harmoniq.jobs.claim import slurm_job
from harmoniq.jobs.memory import oom_kills, tree_gb
from harmoniq.jobs.record import Record, read_record, status_dir, write_record
from harmoniq.jobs.signals import Stopped, name_of

#: Seconds between two signs of life of a run.
HEARTBEAT = 10.0


class Ledger:
    """Status files of a run's sessions.

    Parameters
    ----------
    out_dir : path
        Folder of results.
    nodes : mapping
        Number of nodes of each session's workflow, by label.
    options : str
        Digest of the run's options.
    """

    def __init__(self, out_dir: Path, nodes: Mapping[str, int], *, options: str = "") -> None:
        import psutil

        self.out_dir = out_dir
        self._lock = threading.RLock()
        self._end = threading.Event()
        self._oom = oom_kills()
        self._peak = 0.0
        place = {"host": socket.gethostname(), "pid": os.getpid(), "boot": psutil.Process().create_time()}
        self._records: dict[str, Record] = {}
        self._computing: set[tuple[str, str, str]] = set()
        self._gained = False  # whether this run has computed anything
        for label, total in nodes.items():
            old = read_record(status_dir(out_dir) / f"{label}.json")
            self._records[label] = Record(
                label, "running", nodes_total=total, started=time.time(), queued=old.queued if old else 0.0,
                attempt=(old.attempt if old else 0) + 1, options=options, job=slurm_job(), **place,
            )  # fmt: skip
        self._beat = threading.Thread(target=self._keep_alive, daemon=True)

    def __enter__(self) -> "Ledger":
        """Write all sessions as running, and go on saying so."""
        for record in self._records.values():
            write_record(self.out_dir, record)
        self._beat.start()
        return self

    def started(self, label: str, stage: str, node: str) -> None:
        """Note that a node was started; one that is taken from the work folder never is.

        Parameters
        ----------
        label : str
            The session; one that is not in the ledger is passed over.
        stage : str
            Stage of the processing: the session's sub-workflow.
        node : str
            Name of the node within it.
        """
        self._computing.add((label, stage, node))
        self._change(label, stage=stage, node=node)

    def finished(self, label: str, stage: str, node: str) -> None:
        """Note that a node was finished; after the last one the session is done.

        Parameters
        ----------
        label : str
            The session; one that is not in the ledger is passed over.
        stage : str
            Stage of the processing: the session's sub-workflow.
        node : str
            Name of the node within it.
        """
        if (label, stage, node) in self._computing:
            self._computing.discard((label, stage, node))
            self._gained = True
        with self._lock:
            record = self._records.get(label)
            if record is None or record.state != "running":
                return
            done = record.nodes_done + 1
            state = "done" if done == record.nodes_total else "running"
            self._change(label, stage=stage, node=node, nodes_done=done, state=state)

    def failed(self, label: str, message: str, *, cause: str = "exception", crash_file: str = "") -> None:
        """Note that a session failed.

        Parameters
        ----------
        label : str
            The session; one that is not in the ledger is passed over.
        message : str
            What happened, in a sentence.
        cause : str, optional
            One of `CAUSES`; ``killed`` becomes ``out_of_memory`` when the kernel has killed a process for want of
            memory since the run began.
        crash_file : str, optional
            Path of Nipype's crash file.
        """
        if cause == "killed" and oom_kills() > self._oom:
            cause = "out_of_memory"
        self._change(label, state="failed", cause=cause, message=message, crash_file=crash_file)

    def settle(self, failed: Container[str], *, cut_short: bool = False) -> None:
        """Note that the run ended: what has not failed is done, unless it stopped at the first failure.

        Parameters
        ----------
        failed : Container[str]
            Labels of the sessions that failed.
        cut_short : bool, optional
            Whether the run stopped at its first failure: then what still runs is left for `__exit__` to judge.
        """
        for label in self._running():
            if label not in failed and not cut_short:
                self._change(label, state="done")

    def _change(self, label: str, **changes: object) -> None:
        with self._lock:
            record = self._records.get(label)
            if record is None:
                return
            seconds = time.time() - record.started
            record = dataclasses.replace(record, seconds=seconds, peak_gb=round(self._peak, 3), **changes)  # type: ignore[arg-type]
            self._records[label] = record
            write_record(self.out_dir, record)

    def _keep_alive(self) -> None:
        last = 0.0
        while not self._end.wait(1.0):
            self._peak = max(self._peak, tree_gb())
            if time.monotonic() - last >= HEARTBEAT:
                last = time.monotonic()
                for label in self._running():
                    self._change(label)

    def _running(self) -> Sequence[str]:
        with self._lock:
            return [label for label, record in self._records.items() if record.state == "running"]

    def _ended(self, label: str, name: str) -> dict[str, str]:
        """Return how a signal found a session: in which step, and how far."""
        record = self._records[label]
        at_work = sorted((stage, node) for who, stage, node in self._computing if who == label)
        stage, node = at_work[0] if at_work else ("", "")
        done = f"{record.nodes_done} of its {record.nodes_total} steps were done"
        where = " and ".join(f"{stage}: {node}" for stage, node in at_work)
        where = f" during {where}" if where else " between two steps" if record.nodes_done else " before it began"
        return {"message": f"the run was ended by {name}{where}; {done}", "stage": stage, "node": node}

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Say of each session that is still running how the run ended."""
        self._end.set()
        self._beat.join()
        if isinstance(error, Stopped):
            error.gained = self._gained
        self._peak = max(self._peak, tree_gb())
        for label in self._running():
            if isinstance(error, Stopped) and error.requeue and self._gained:
                self._change(label, state="pending", message="stopped before the time limit, to go on in another job")
            elif isinstance(error, Stopped) and error.requeue:
                message = "the time limit came before a single node was finished"
                self._change(label, state="failed", cause="time_limit", message=message)
            elif isinstance(error, Stopped | KeyboardInterrupt):
                self._change(label, state="failed", cause="cancelled", **self._ended(label, name_of(error)))
            elif error is not None:
                self._change(label, state="failed", cause="exception", message=f"{type(error).__name__}: {error}")
            else:
                self._change(label, state="failed", cause="cancelled", message="the run stopped before it was done")


def refuse(out_dir: Path, label: str, message: str, *, options: str = "", cause: str = "input") -> None:
    """Write that a session failed outside of its workflow; by default before that was started, for wrong input.

    Parameters
    ----------
    out_dir : Path
        Folder of the results.
    label : str
        ``sub-X`` or ``sub-X_ses-Y``.
    message : str
        What is wrong, in a sentence.
    options : str, optional
        Digest of the run's options.
    cause : str, optional
        One of `CAUSES`.
    """
    old = read_record(status_dir(out_dir) / f"{label}.json")
    write_record(out_dir, Record(
        label, "failed", cause=cause, message=message, started=time.time(), attempt=(old.attempt if old else 0) + 1,
        options=options, job=slurm_job(), host=socket.gethostname(),
    ))  # fmt: skip
