"""One process at a time for a session: a lock that ends with the process that holds it, however that ends."""

import errno
import fcntl
import os
import socket
from pathlib import Path
from types import TracebackType

from harmoniq.data.errors import InputError
from harmoniq.jobs.record import status_dir


class Claim:
    """Hold a session for this process.

    A POSIX lock, since the kernel (or the file server) gives it back when its holder is killed or its node is lost: no
    stale lock can stay behind. Two runs of one process can hold the same one.

    Parameters
    ----------
    out_dir : path
        Folder of results.
    label : str
        Of the session.

    Raises
    ------
    InputError
        On entering, when another process holds the session.
    """

    def __init__(self, out_dir: Path, label: str) -> None:
        self.path = status_dir(out_dir) / f".{label}.lock"
        self.label = label
        self._file: int | None = None

    def __enter__(self) -> "Claim":
        """Take the session."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):  # this file system has no locks: go on without
                self._file = file
                return self
            holder = os.read(file, 200).decode("utf-8", "replace").strip() or "another process"
            os.close(file)
            raise InputError(
                f"is being processed by {holder}", file=self.path, remedy="wait for it, or stop it; nothing was changed"
            ) from error
        os.ftruncate(file, 0)
        os.write(file, holder_name().encode())
        self._file = file
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Give the session back. The empty file stays: to remove it would let two others lock two files of its name."""
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None


def holder_name() -> str:
    """Say who this process is: host, process number, and the scheduler's job where there is one.

    Returns
    -------
    str
        Such as ``process 4711 on node3, job 12_3``.
    """
    job = slurm_job()
    return f"process {os.getpid()} on {socket.gethostname()}" + (f", job {job}" if job else "")


def slurm_job() -> str:
    """Return this process's job as Slurm writes it.

    Returns
    -------
    str
        ``12_3`` for a task of an array, else ``12``; empty outside of Slurm.
    """
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID", "")
