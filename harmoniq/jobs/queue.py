"""What Slurm knows of jobs: which wait, which run, and how the others ended."""

import os
import re
import shutil
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: Slurm's states of a job that has not ended.
WAITING = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "SUSPENDED", "CONFIGURING", "SPECIAL_EXIT")
RUNNING = ("RUNNING", "COMPLETING", "STAGE_OUT", "SIGNALING", "STOPPED", "RESIZING")

#: Slurm's states of a job that ended badly, with our word for the cause.
ENDED = {
    "OUT_OF_MEMORY": "out_of_memory",
    "TIMEOUT": "time_limit",
    "DEADLINE": "time_limit",
    "CANCELLED": "cancelled",
    "PREEMPTED": "cancelled",
    "NODE_FAIL": "node_lost",
    "BOOT_FAIL": "node_lost",
    "FAILED": "killed",
    "REVOKED": "cancelled",
}

#: What Slurm writes into a job's log when it ends it.
_TRACES = (
    (re.compile(r"oom[-_ ]kill|out[- ]of[- ]memory|exceeded (?:\w+ )?memory limit", re.IGNORECASE), "out_of_memory"),
    (re.compile(r"DUE TO TIME LIMIT"), "time_limit"),
    (re.compile(r"DUE TO NODE FAIL"), "node_lost"),
    (re.compile(r"CANCELLED AT"), "cancelled"),
)


@dataclass(frozen=True)
class Queue:
    """Slurm's answer.

    Parameters
    ----------
    states : mapping of str to str
        Slurm's state (``RUNNING``) by job, such as ``12`` or ``12_3``.
    known : bool
        False where Slurm could not be asked.
    """

    states: Mapping[str, str] = field(default_factory=dict)
    known: bool = False

    def ended(self, job: str) -> bool:
        """Return whether no task of a job waits or runs.

        Parameters
        ----------
        job : str
            A job without its task, such as ``12``.

        Returns
        -------
        bool
            True also for a job that Slurm does not know (any more).
        """
        mine = [name for name in self.states if name == job or name.startswith(f"{job}_")]
        return not any(self.waits(name) or self.runs(name) for name in mine)

    def waits(self, job: str) -> bool:
        """Return whether a job waits to be started.

        Parameters
        ----------
        job : str
            A job or task, such as ``12_3``.

        Returns
        -------
        bool
        """
        return self.states.get(job, "") in WAITING

    def runs(self, job: str) -> bool:
        """Return whether a job is running.

        Parameters
        ----------
        job : str
            A job or task, such as ``12_3``.

        Returns
        -------
        bool
        """
        return self.states.get(job, "") in RUNNING


def ask_slurm(owners: Collection[int] = ()) -> Queue:
    """Ask ``squeue`` once for all jobs of some users, those that ended lately among them. Accounting is not needed.

    Parameters
    ----------
    owners : collection of int
        Numbers of the users who submitted; by default this one.

    Returns
    -------
    Queue
        Empty and not `known` where there is no ``squeue``, or it fails or takes more than a minute.
    """
    if shutil.which("squeue") is None:
        return Queue()
    users = ",".join(map(str, owners or [os.getuid()]))
    command = ["squeue", "-h", "-r", "-t", "all", "-u", users, "-o", "%F|%K|%A|%T"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return Queue()
    if done.returncode != 0:
        return Queue()
    states = {}
    for line in done.stdout.splitlines():
        array, task, job, state = line.strip().split("|")
        states[f"{array}_{task}" if task.isdigit() else job] = state
    return Queue(states, known=True)


def trace_in_log(log: Path) -> tuple[str, str]:
    """Return what the end of a job's log says of why the job ended.

    Parameters
    ----------
    log : Path
        Its last 8 kB are read.

    Returns
    -------
    cause : str
        By Slurm's own words, one of `CAUSES`; ``input`` by an ``error:`` line of ours; empty where there is neither.
    sentence : str
        Of our last ``error:`` line; empty otherwise.
    """
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - 8192))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return "", ""
    cause = next((cause for pattern, cause in _TRACES if pattern.search(text)), "")
    if cause:
        return cause, ""
    errors = re.findall(r"^error: (.+)$", text, re.MULTILINE)
    return ("input", errors[-1]) if errors else ("", "")
