"""Run a tool of others in a process of its own: its words go to a log, its failure becomes a sentence."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from harmoniq.data.errors import InputError

_LONGEST = 300


def run_tool(
    command: Sequence[str], *, title: str, log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> None:
    """Run a command to its end.

    Parameters
    ----------
    command : sequence of str
        Program and arguments; no shell reads them.
    title : str
        Of the tool, as a sentence calls it.
    log : path
        Gets the command, and what it writes to both of its streams.
    env : mapping, optional
        Variables over those of this process.
    cwd : path, optional
        Folder to run in.

    Raises
    ------
    InputError
        When the program is not there, is ended by a signal or returns another code than 0: the log is named as the
        file, and its last line stands in the sentence.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as stream:
        stream.write(" ".join(command) + "\n\n")
        stream.flush()
        try:
            done = subprocess.run(
                list(command), stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False, cwd=cwd,
                env={**os.environ, **(env or {})},
            )  # fmt: skip
        except (FileNotFoundError, PermissionError) as error:
            raise InputError(
                f"{title} cannot be started ({error.strerror})", file=command[0], remedy="check its installation"
            ) from error
    if done.returncode != 0:
        raise InputError(f"{title} failed: {_why(log, done.returncode)}", file=log, remedy="read this log")


def _why(log: Path, code: int) -> str:
    """Return the signal that ended a tool, or the code it returned and the last line it wrote."""
    # A shell or a container returns 128 + the signal.
    number = -code if code < 0 else code - 128 if code > 128 else 0
    if number == signal.SIGKILL:
        return "it was ended by SIGKILL, most often for want of memory"
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[1:]]
    last = next((line for line in reversed(lines) if line), "it said nothing")
    last = last if len(last) <= _LONGEST else f"{last[:_LONGEST]} ..."
    return f"exit code {code} ({last})"
