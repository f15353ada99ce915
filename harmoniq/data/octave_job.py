"""One job of a reference toolbox: its folder, its script, its log, and its failure as one sentence."""

import shutil
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harmoniq.data.errors import InputError
from harmoniq.data.octave import TIMEOUT_VARIABLE, Interpreter, quote, run_script
from harmoniq.data.octave_standins import write_standins

#: Names within a job's folder.
SCRIPT, LOG, FAILURE, VERSION = "harmoniq_job.m", "harmoniq_job.log", "failure.txt", "version.txt"
_LONGEST = 300
_NATIVE = "read the log, or use the native engine"
_MEMORY = "give the run more memory, or use the native engine"
#: What a message holds, in lower case, and what can be done about it.
_REMEDIES = (
    ("out of memory", _MEMORY),
    ("license", "check the license of MATLAB, name Octave in HARMONIQ_MATLAB_CMD, or use the native engine"),
    ("package", "install the Octave package (Debian: apt-get install octave-optim), or use the native engine"),
    ("undefined", "check that the toolbox and the Octave packages are complete, or use the native engine"),
    ("not found", "check that the toolbox and the Octave packages are complete, or use the native engine"),
)

_TEMPLATE = """% Written by harmoniq: a job of {title}.
try
  harmoniq_octave = exist ('OCTAVE_VERSION', 'builtin') ~= 0;
  harmoniq_deployed = exist ('isdeployed') ~= 0 && isdeployed ();
  if harmoniq_octave
    warning ('off', 'Octave:shadowed-function');
    more off
    harmoniq_version = ['octave ' OCTAVE_VERSION()];
{packages}  else
    harmoniq_version = ['matlab ' version()];
    set (0, 'DefaultFigureVisible', 'off');
  end
  if ~harmoniq_deployed
{paths}  end
  if harmoniq_octave
    addpath (fullfile (pwd (), 'standins_octave'));
  end

{body}
  harmoniq_file = fopen ({version}, 'w');
  fprintf (harmoniq_file, '%s', harmoniq_version);
  fclose (harmoniq_file);
catch harmoniq_error
  disp (harmoniq_error.message);
  for harmoniq_level = harmoniq_error.stack(:)'
    fprintf ('  in %s, line %d\\n', harmoniq_level.name, harmoniq_level.line);
  end
  harmoniq_file = fopen ({failure}, 'w');
  fprintf (harmoniq_file, '%s', harmoniq_error.message);
  fclose (harmoniq_file);
  exit (1);
end
exit (0);
"""


@dataclass(frozen=True)
class Job:
    """What is to be run of a toolbox.

    Parameters
    ----------
    title : str
        Of the toolbox, as a sentence calls it.
    body : tuple of str
        Statements; relative paths are of the job's folder.
    paths : tuple of path
        Folders of the toolbox that are put before the interpreter's own.
    outputs : tuple of str
        Files that must be there afterwards, relative to the job's folder.
    octave_standins, standins : mapping of str to str
        Functions to put before all others, in Octave or in every interpreter: text of the m-file by name.
    packages : tuple of str
        Octave packages that are needed.
    """

    title: str
    body: tuple[str, ...]
    paths: tuple[Path, ...]
    outputs: tuple[str, ...]
    octave_standins: Mapping[str, str] = field(default_factory=dict)
    standins: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()

    def script(self) -> str:
        """Return the job's script.

        Returns
        -------
        str
            In MATLAB's language. It leaves `VERSION` and ends with exit code 0, or leaves `FAILURE` with the message
            and ends with 1.
        """
        paths = [f"addpath ({quote(path)});" for path in self.paths]
        paths.append("addpath (fullfile (pwd (), 'standins'));")
        return _TEMPLATE.format(
            title=self.title,
            packages=_indent((f"pkg load {name};" for name in self.packages), 4),
            paths=_indent(paths, 4),
            body=_indent(self.body, 2),
            version=quote(VERSION),
            failure=quote(FAILURE),
        )


def _indent(lines: Iterable[str], spaces: int) -> str:
    return "".join(f"{' ' * spaces}{line}\n" for line in lines)


def new_folder(folder: Path) -> Path:
    """Make an empty folder for a job, removing what an earlier try left.

    Parameters
    ----------
    folder : Path
        Of the job alone: all in it is deleted.

    Returns
    -------
    Path
        `folder`.
    """
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder


def run_job(job: Job, folder: Path, interpreter: Interpreter, timeout: float) -> str:
    """Write the job's script and stand-ins into `folder`, run it there, and check its outputs.

    Parameters
    ----------
    job : Job
        What is run.
    folder : path
        Of the job alone; its log stays there.
    interpreter : Interpreter
        What runs it.
    timeout : float
        In s.

    Returns
    -------
    str
        Interpreter and version, for example ``octave 7.3.0``.

    Raises
    ------
    InputError
        When the toolbox fails, takes too long, or leaves no result: one sentence, the log named as the file.
    """
    write_standins(folder / "standins", job.standins.items())
    write_standins(folder / "standins_octave", job.octave_standins.items())
    script, log = folder / SCRIPT, folder / LOG
    script.write_text(job.script(), encoding="utf-8")
    code = run_script(interpreter, script.absolute(), log, timeout)
    where = f"{job.title} in {interpreter.kind}"
    if code is None:
        raise InputError(
            f"{where} did not finish within {timeout:g} s", file=log,
            remedy=f"raise {TIMEOUT_VARIABLE}, choose a faster method, or use the native engine",
        )  # fmt: skip
    missing = [name for name in job.outputs if not (folder / name).is_file()]
    if code != 0 or missing or not (folder / VERSION).is_file():
        message = _failure(folder, code, missing)
        raise InputError(f"{where} failed: {message}", file=log, remedy=_remedy(message))
    return (folder / VERSION).read_text(encoding="utf-8")


def _failure(folder: Path, code: int, missing: list[str]) -> str:
    """Return why the job failed: its own message, the signal that ended it, or the last line of the log."""
    own = folder / FAILURE
    text = own.read_text(encoding="utf-8", errors="replace") if own.is_file() else ""
    if not text.strip() and code < 0:
        text = f"ended by signal {signal.Signals(-code).name}" + (
            " (often: out of memory)" if code == -signal.SIGKILL else ""
        )
    if not text.strip():
        lines = (folder / LOG).read_text(encoding="utf-8", errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        text = said[-1] if said else f"exit code {code} without a message"
        if code == 0:
            text = f"it ended without {' and '.join(missing) or 'a result'} ({text})"
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def _remedy(message: str) -> str:
    return next((remedy for part, remedy in _REMEDIES if part in message.lower()), _NATIVE)
