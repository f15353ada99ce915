"""MATLAB, Octave or a compiled runtime: find one, find the reference toolboxes, and run a script of theirs.

The toolboxes are the user's own installation and run in a process of their own; nothing of theirs is copied.
"""

import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harmoniq.data.errors import InputError

COMMAND_VARIABLE = "HARMONIQ_MATLAB_CMD"
TIMEOUT_VARIABLE = "HARMONIQ_MATLAB_TIMEOUT"
#: s; the reference fits take seconds to minutes for one participant, except SEPIA's non-linear one.
DEFAULT_TIMEOUT = 4 * 3600.0

_OCTAVE_FLAGS = ("--norc", "--quiet", "--no-history", "--no-gui", "--no-window-system")
_MATLAB_FLAGS = ("-nodisplay", "-nosplash", "-nodesktop", "-batch")
_GRACE = 10.0

Kind = Literal["matlab", "octave", "compiled"]


@dataclass(frozen=True)
class Interpreter:
    """A program that runs a script in MATLAB's language.

    Parameters
    ----------
    kind : str
        ``matlab``, ``octave``, or ``compiled``: a stand-alone program that evaluates the script it is given.
    command : tuple of str
        Program and arguments; ``{script}`` (the file) and ``{name}`` (the file's name without ``.m``) are filled in.
        Without either, what `kind` needs is appended.
    """

    kind: Kind
    command: tuple[str, ...]

    def arguments(self, script: Path) -> list[str]:
        """Return the command line that runs `script`; it is to be run in the script's folder.

        Parameters
        ----------
        script : Path
            The ``.m`` file.

        Returns
        -------
        list of str
            Program and arguments, for `subprocess`.
        """
        if any("{script}" in word or "{name}" in word for word in self.command):
            return [word.replace("{script}", str(script)).replace("{name}", script.stem) for word in self.command]
        if self.kind == "octave":
            return [*self.command, *_OCTAVE_FLAGS, str(script)]
        if self.kind == "matlab":
            return [*self.command, *_MATLAB_FLAGS, script.stem]
        return [*self.command, str(script)]


@dataclass(frozen=True)
class Toolbox:
    """What is known of a reference toolbox before it is looked for.

    Parameters
    ----------
    title : str
        What sentences call it.
    variable : str
        Environment variable that names the user's copy.
    landmarks : tuple of str
        Files that a copy must hold, relative to its folder.
    address : str
        Where it is to be had.
    """

    title: str
    variable: str
    landmarks: tuple[str, ...]
    address: str


TOOLBOXES = {
    "marques": Toolbox(
        "Marques' MP2RAGE scripts", "HARMONIQ_MP2RAGE_SCRIPTS",
        ("func/T1estimateMP2RAGE.m", "func/T1B1correctpackageTFL.m", "func/MP2RAGE_lookuptable.m", "func/MPRAGEfunc.m"),
        "https://github.com/JosePMarques/MP2RAGE-related-scripts",
    ),
    "sepia": Toolbox(
        "SEPIA", "HARMONIQ_SEPIA",
        ("sepiaIO.m", "sepia_addpath.m", "sepia_universal_variables.m", "wrapper/R2sIOWrapper.m"),
        "https://github.com/kschan0214/sepia, version 1.2.2.4",
    ),
}  # fmt: skip


def find_interpreter(environ: Mapping[str, str] | None = None) -> Interpreter:
    """Find what runs the reference toolboxes: the command of HARMONIQ_MATLAB_CMD, else MATLAB, else Octave.

    Parameters
    ----------
    environ : mapping of str to str, optional
        Environment variables; default: those of this process.

    Returns
    -------
    Interpreter
        Its kind is read from the command: a word named ``octave…`` or ``matlab…``, else it is a compiled runtime.

    Raises
    ------
    InputError
        When there is none, or the named one cannot be run.
    """
    environ = os.environ if environ is None else environ
    path = environ.get("PATH")
    text = environ.get(COMMAND_VARIABLE, "").strip()
    if text:
        return _named_interpreter(text, path)
    if program := shutil.which("matlab", path=path):
        return Interpreter("matlab", (program,))
    for name in ("octave-cli", "octave"):
        if program := shutil.which(name, path=path):
            return Interpreter("octave", (program,))
    raise InputError(
        "neither matlab nor octave is on the PATH",
        remedy=f"install GNU Octave (Debian: apt-get install octave octave-optim), name the command in "
        f"{COMMAND_VARIABLE}, or use the native engine",
    )


def _named_interpreter(text: str, path: str | None) -> Interpreter:
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise InputError(
            f"cannot be read as a command ({error})", key=COMMAND_VARIABLE, value=text, remedy="check its quotes"
        ) from error
    program = shutil.which(words[0], path=path) if words else None
    if program is None:
        raise InputError(
            "is not a program that can be run", key=COMMAND_VARIABLE, value=text,
            remedy="give the command of MATLAB, Octave or a compiled runtime, or unset the variable",
        )  # fmt: skip
    names = [Path(word).name.lower() for word in words]
    for kind in ("octave", "matlab"):
        if any(name.startswith(kind) for name in names):
            return Interpreter(kind, (program, *words[1:]))
    return Interpreter("compiled", (program, *words[1:]))


def find_toolbox(name: Literal["marques", "sepia"], environ: Mapping[str, str] | None = None) -> Path:
    """Find a reference toolbox in the folder that its environment variable names.

    Parameters
    ----------
    name : {"marques", "sepia"}
        Named by HARMONIQ_MP2RAGE_SCRIPTS and by HARMONIQ_SEPIA.
    environ : mapping of str to str, optional
        Environment variables; default: those of this process.

    Returns
    -------
    pathlib.Path
        Absolute.

    Raises
    ------
    InputError
        When the variable is not set, or the folder lacks what is needed of the toolbox.
    """
    toolbox = TOOLBOXES[name]
    environ = os.environ if environ is None else environ
    text = environ.get(toolbox.variable, "").strip()
    if not text:
        raise InputError(
            f"{toolbox.title} was asked for, but the environment variable {toolbox.variable} is not set",
            remedy=f"set it to the folder of your copy ({toolbox.address}), or use the native engine",
        )
    return check_toolbox(name, Path(text))


def check_toolbox(name: Literal["marques", "sepia"], folder: Path) -> Path:
    """Check that a folder is a toolbox's.

    Parameters
    ----------
    name : {marques, sepia}
        Which toolbox.
    folder : Path
        The user's copy of the toolbox; ``~`` is the home folder.

    Returns
    -------
    Path
        Absolute.

    Raises
    ------
    InputError
        When it is not a folder, or lacks what is needed; the variable and the first missing file are named.
    """
    toolbox = TOOLBOXES[name]
    folder = folder.expanduser().absolute()
    remedy = f"set it to the folder of your copy ({toolbox.address})"
    if not folder.is_dir():
        raise InputError("is not a folder", key=toolbox.variable, value=folder, remedy=remedy)
    for landmark in toolbox.landmarks:
        if not (folder / landmark).is_file():
            raise InputError(
                f"is not a copy of {toolbox.title}: {landmark} is missing",
                key=toolbox.variable, value=folder, remedy=remedy,
            )  # fmt: skip
    return folder


def toolbox_version(name: Literal["marques", "sepia"], folder: Path) -> str:
    """Return what tells one copy of a toolbox from another: SEPIA's version, or a digest of Marques' scripts.

    Parameters
    ----------
    name : {marques, sepia}
        Which toolbox.
    folder : Path
        Of `check_toolbox`.

    Returns
    -------
    str
        Such as ``1.2.2.4`` of SEPIA (``unknown`` where it does not say), or eight hexadecimal digits of Marques'
        scripts.
    """
    if name == "sepia":
        text = (folder / "sepia_universal_variables.m").read_text(encoding="utf-8", errors="replace")
        found = re.search(r"SEPIA_version\s*=\s*'v?([^']+)'", text)
        return found[1] if found else "unknown"
    digest = hashlib.sha256()
    for landmark in TOOLBOXES[name].landmarks:
        # Line ends differ between checkouts of one commit.
        digest.update((folder / landmark).read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:8]


def default_timeout(environ: Mapping[str, str] | None = None) -> float:
    """Return the time-out of a reference engine in s: HARMONIQ_MATLAB_TIMEOUT, or four hours.

    Parameters
    ----------
    environ : mapping of str to str, optional
        Environment variables; default: those of this process.

    Returns
    -------
    float
        In s.

    Raises
    ------
    InputError
        When the variable is not a number above 0.
    """
    text = (os.environ if environ is None else environ).get(TIMEOUT_VARIABLE, "").strip()
    try:
        seconds = float(text) if text else DEFAULT_TIMEOUT
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise InputError("must be a number of seconds above 0", key=TIMEOUT_VARIABLE, value=text)
    return seconds


def quote(text: str | Path) -> str:
    """Return `text` as a literal of MATLAB's language.

    Parameters
    ----------
    text : str or Path
        Without line breaks.

    Returns
    -------
    str
        In single quotes, those within doubled.

    Raises
    ------
    InputError
        For a line break, which no literal can hold.
    """
    text = str(text)
    if "\n" in text or "\r" in text:
        raise InputError("a path with a line break cannot be given to MATLAB or Octave", value=repr(text), key="path")
    return "'" + text.replace("'", "''") + "'"


def run_script(interpreter: Interpreter, script: Path, log: Path, timeout: float) -> int | None:
    """Run a script headless in its own folder, with all it prints in `log`.

    Parameters
    ----------
    interpreter : Interpreter
        What runs it.
    script, log : path
        The ``.m`` file; the file that gets standard output and error.
    timeout : float
        In s; then the program and its children are ended.

    Returns
    -------
    int or None
        Exit code, negative for a signal; None when the time was over.

    Raises
    ------
    InputError
        When the program cannot be started.
    """
    environ = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    command = interpreter.arguments(script)
    with log.open("wb") as stream:
        try:
            process = subprocess.Popen(
                command, cwd=script.parent, env=environ, stdin=subprocess.DEVNULL, stdout=stream,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise InputError(
                f"cannot be started ({error.strerror})", key="command", value=shlex.join(command),
                remedy=f"check {COMMAND_VARIABLE}",
            ) from error  # fmt: skip
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the program with its children, unless it has ended: also when this process is interrupted."""
    if process.poll() is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
            return
