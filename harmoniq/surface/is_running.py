"""The files ``IsRunning`` by which recon-all says that it is at work, and which stay when it is killed."""

import os
import socket
from pathlib import Path

from harmoniq.data.errors import InputError


def running_file(folder: Path) -> Path | None:
    """Find the file by which recon-all says that it is at work on a subject.

    Parameters
    ----------
    folder : path
        The subject's.

    Returns
    -------
    Path or None
        The first of ``scripts/IsRunning*`` by name; None where there is none.
    """
    return next(iter(sorted((folder / "scripts").glob("IsRunning*"))), None)


def stale_process(file: Path) -> str | None:
    """Tell whether the recon-all of an ``IsRunning`` file is gone.

    Only the machine on which it ran can tell: the file names host and process.

    Parameters
    ----------
    file : path
        ``scripts/IsRunning.*`` of a subject.

    Returns
    -------
    str or None
        What shows that it is gone, in words; None where it runs, or nothing shows that it does not.
    """
    facts = dict(
        line.split(maxsplit=1) for line in file.read_text(errors="replace").splitlines() if len(line.split()) >= 2
    )
    host, number = facts.get("HOST", "").strip(), facts.get("PROCESSID", "").strip()
    if host != socket.gethostname() or not number.isdigit() or _is_recon_all(int(number)):
        return None
    return f"process {number} of {facts.get('DATE', 'an earlier run').strip()} no longer runs on {host}"


def _is_recon_all(number: int) -> bool:
    """Tell whether a process is a recon-all; a number that was given anew belongs to something else."""
    try:
        words = Path(f"/proc/{number}/cmdline").read_bytes()
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
        try:
            os.kill(number, 0)
        except OSError:
            return False
        return True
    except OSError:
        return True
    return b"recon-all" in words


def clear_stale(folder: Path) -> str | None:
    """Remove the ``IsRunning`` files of a recon-all that is gone.

    Parameters
    ----------
    folder : path
        The subject's.

    Returns
    -------
    str or None
        What showed that it is gone; None where there was no such file.

    Raises
    ------
    InputError
        When recon-all is at work on the subject, or ran on another machine and may be.
    """
    said = None
    while (file := running_file(folder)) is not None:
        said = stale_process(file)
        if said is None:
            raise still_running(file)
        file.unlink()
    return said


def still_running(file: Path) -> InputError:
    """Say in one sentence that a subject is being made, or that its recon-all was killed; the caller raises it.

    Parameters
    ----------
    file : path
        ``scripts/IsRunning.*`` of the subject.

    Returns
    -------
    InputError
        Names the file and what to do with it.
    """
    said = stale_process(file)
    if said is not None:
        return InputError(
            f"recon-all was killed on this subject: {said}", file=file,
            remedy="delete the file and run recon-all to its end",
        )  # fmt: skip
    return InputError(
        "recon-all is still at work on this subject, or was killed", file=file,
        remedy="wait for it; if nothing runs, delete the file and run recon-all to its end",
    )  # fmt: skip
