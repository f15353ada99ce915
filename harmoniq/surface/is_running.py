"""The files ``IsRunning`` by which recon-all says that it is at work, and which stay when it is killed."""

import os
import socket
from pathlib import Path

from harmoniq.data.errors import InputError


def running_file(folder: Path) -> Path | None:
    """Return a subject's file ``scripts/IsRunning.*``; None where there is none.

    Parameters
    ----------
    folder : Path
        Folder.

    Returns
    -------
    Path or None
        A subject's file ``scripts/IsRunning.*``; None where there is none.
    """
    return next(iter(sorted((folder / "scripts").glob("IsRunning*"))), None)


def stale_process(file: Path) -> str | None:
    """Return what shows that the recon-all of an ``IsRunning`` file is gone, in words; None where nothing shows it.

    Only the machine on which it ran can tell: the file names host and process.

    Parameters
    ----------
    file : Path
        File.

    Returns
    -------
    str or None
        What shows that the recon-all of an ``IsRunning`` file is gone, in words; None where nothing shows
        it.
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
    """Remove the ``IsRunning`` files of a recon-all that is gone; return what showed it.

    Parameters
    ----------
    folder : Path
        Folder.

    Returns
    -------
    str or None
        What showed it.

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
    """Return the sentence for a subject that is being made, or whose recon-all was killed.

    Parameters
    ----------
    file : Path
        File.

    Returns
    -------
    InputError
        The sentence for a subject that is being made, or whose recon-all was killed.
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
