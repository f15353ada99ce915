"""The user's own FreeSurfer, 6.0 to 8: what is checked before anything starts, and how a tool of its is run.

FreeSurfer's tools want the license of their user. It is looked for, never made up or gone round.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harmoniq.data.errors import InputError

#: Major versions whose command lines are known.
VERSIONS = (6, 7, 8)
REGISTRATION = "https://surfer.nmr.mgh.harvard.edu/registration.html"
#: What recon-all and its parts need of FreeSurfer, and of the system.
BINARIES = ("recon-all", "mri_convert", "mri_surf2surf")
SYSTEM = ("tcsh", "bc", "perl")
_LONGEST = 300


@dataclass(frozen=True)
class FreeSurfer:
    """An installation that is complete.

    Parameters
    ----------
    home : path
        ``FREESURFER_HOME``.
    version : str
        For example ``7.3.2``.
    license : path
        The user's.
    """

    home: Path
    version: str
    license: Path

    @property
    def major(self) -> int:
        """The first number of the version."""
        return int(self.version.split(".")[0])

    @property
    def fsaverage(self) -> Path:
        """The average subject that comes with it."""
        return self.home / "subjects" / "fsaverage"

    def environment(self, subjects_dir: Path, threads: int = 1) -> dict[str, str]:
        """Return the environment in which FreeSurfer's programs run.

        Parameters
        ----------
        subjects_dir : path
            Becomes ``SUBJECTS_DIR``.
        threads : int, optional
            Becomes ``OMP_NUM_THREADS``.

        Returns
        -------
        dict of str to str
            This process's variables, and those that ``SetUpFreeSurfer.sh`` would set.
        """
        folders = [self.home / "bin", self.home / "tktools", self.home / "mni" / "bin"]
        path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")])
        perl = self.home / "mni" / "share" / "perl5"
        return {
            **os.environ,
            "PATH": path,
            "FREESURFER_HOME": str(self.home),
            "FREESURFER": str(self.home),
            "FS_LICENSE": str(self.license),
            "SUBJECTS_DIR": str(subjects_dir),
            "FUNCTIONALS_DIR": str(subjects_dir),
            "FSFAST_HOME": str(self.home / "fsfast"),
            "MNI_DIR": str(self.home / "mni"),
            "MINC_BIN_DIR": str(self.home / "mni" / "bin"),
            "MNI_PERL5LIB": str(perl),
            "PERL5LIB": str(perl),
            "FS_OVERRIDE": "0",
            "OMP_NUM_THREADS": str(threads),
            "LANG": "C",
        }


def freesurfer_version(text: str) -> str | None:
    """Find the version in a build stamp.

    Parameters
    ----------
    text : str
        Content of ``build-stamp.txt``, such as ``...-v6.0.0-2beb96c`` or ``...-7.3.2-20220804-...``.

    Returns
    -------
    str or None
        Two or three numbers with dots; None where there is none.

    Examples
    --------
    >>> freesurfer_version("freesurfer-linux-centos7_x86_64-7.3.2-20220804-6354275")
    '7.3.2'
    """
    found = re.search(r"-v?(\d+\.\d+(?:\.\d+)?)(?=[-_\s]|$)", text)
    return found[1] if found else None


def installed_version(home: Path) -> str | None:
    """Read the version of an installed FreeSurfer.

    Parameters
    ----------
    home : path
        FreeSurfer's folder.

    Returns
    -------
    str or None
        For example ``7.3.2``; None where ``build-stamp.txt`` is absent or names none.
    """
    stamp = home / "build-stamp.txt"
    return freesurfer_version(stamp.read_text(errors="replace").strip()) if stamp.is_file() else None


def find_freesurfer(license_file: str | Path | None = None) -> FreeSurfer:
    """Return the FreeSurfer of the environment, when everything is there that recon-all needs.

    Parameters
    ----------
    license_file : path, optional
        Default: ``FS_LICENSE``, then ``license.txt`` and ``.license`` in ``FREESURFER_HOME``.

    Returns
    -------
    FreeSurfer
        That of ``FREESURFER_HOME``.

    Raises
    ------
    InputError
        One sentence with all that is missing: the folder, programs, a known version, the license.
    """
    text = os.environ.get("FREESURFER_HOME")
    if not text:
        raise InputError(
            "FreeSurfer's recon-all is needed", key="FREESURFER_HOME", value="not set",
            remedy="install FreeSurfer 6.0 to 8 and set it, or bring its subjects with --fs-subjects-dir",
        )  # fmt: skip
    home = Path(text)
    if not home.is_dir():
        raise InputError("folder not found", file=home, key="FREESURFER_HOME", remedy="set it to FreeSurfer's folder")
    problems = []
    version = installed_version(home)
    if version is None:
        problems.append("build-stamp.txt names no version")
    elif int(version.split(".")[0]) not in VERSIONS:
        problems.append(f"version {version} is not among 6.0 to 8")
    absent = [name for name in BINARIES if not os.access(home / "bin" / name, os.X_OK)]
    if absent:
        problems.append(f"no {', '.join(absent)} in its bin folder")
    lacking = [name for name in SYSTEM if shutil.which(name) is None]
    if lacking:
        problems.append(f"recon-all needs {', '.join(lacking)} (apt-get install {' '.join(lacking)})")
    license_path, trouble = find_license(home, license_file)
    if trouble:
        problems.append(trouble)
    if problems or version is None or license_path is None:
        raise InputError(
            f"FreeSurfer cannot be used: {'; '.join(problems)}", file=home, key="FREESURFER_HOME",
            remedy="mend this, or bring its subjects with --fs-subjects-dir",
        )  # fmt: skip
    return FreeSurfer(home, version, license_path)


def find_license(home: Path, given: str | Path | None) -> tuple[Path | None, str]:
    """Look for the user's license file.

    Parameters
    ----------
    home : path
        FreeSurfer's folder.
    given : path or None
        The file of ``--fs-license-file``, which goes before ``FS_LICENSE``, and that before the files
        ``license.txt`` and ``.license`` of `home`.

    Returns
    -------
    file : Path or None
        None where there is none, or it is empty.
    trouble : str
        Why; empty where there is a file.
    """
    named = os.environ.get("FS_LICENSE")
    wanted = [Path(given)] if given is not None else [Path(named)] if named else []
    places = wanted or [home / "license.txt", home / ".license"]
    found = next((path for path in places if path.is_file()), None)
    where = "--fs-license-file" if given is not None else "FS_LICENSE" if named else "FREESURFER_HOME"
    if found is None:
        searched = ", ".join(map(str, places))
        return None, f"no license file ({where}: {searched}; it is free at {REGISTRATION})"
    if not found.read_text(errors="replace").strip():
        return None, f"the license file {found} is empty"
    return found, ""


def run_freesurfer(
    command: Sequence[str], freesurfer: FreeSurfer, *, subjects_dir: Path, log: Path, threads: int = 1
) -> str:
    """Run one of FreeSurfer's programs to its end.

    Parameters
    ----------
    command : sequence of str
        Name of the program, and arguments; no shell reads them.
    freesurfer : FreeSurfer
        Whose program it is.
    subjects_dir : path
        Folder of FreeSurfer subjects, in which it runs.
    log : path
        Gets the command and what it writes to both of its streams, after what is there already.
    threads : int, optional
        For OpenMP.

    Returns
    -------
    str
        What it wrote to both of its streams.

    Raises
    ------
    InputError
        When it refuses for want of a license, fails, or is ended by a signal: one sentence, and the log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    program = str(freesurfer.home / "bin" / command[0])
    with subprocess.Popen(
        [program, *command[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        env=freesurfer.environment(subjects_dir, threads), cwd=subjects_dir, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            output = process.communicate()[0]
        except BaseException:  # the run is stopped: recon-all must not go on alone, nor leave its parts
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            raise
    said = output.decode("utf-8", errors="replace")
    with log.open("a", encoding="utf-8") as stream:
        stream.write(f"{' '.join(command)}\n\n{said}\n")
    if process.returncode != 0:
        raise explain_failure(command[0], process.returncode, said, log)
    return said


def explain_failure(program: str, code: int, said: str, log: Path) -> InputError:
    """Say in one sentence why a program failed; the caller raises it.

    Parameters
    ----------
    program : str
        Its name.
    code : int
        Exit code, not 0; negative or over 128 for a signal.
    said : str
        What it wrote to its streams.
    log : path
        Where that stands too.

    Returns
    -------
    InputError
        Names the license, the signal, or the last error that it wrote, and the log.
    """
    # The license stands in the line of the error, or in the one after it.
    refused = re.search(r"ERROR: ([^\n]*license[^\n]*|[^\n]*\n[^\n]*license[^\n]*)", said, re.IGNORECASE)
    if refused is not None:
        why = " ".join(refused[1].split()).removesuffix(" Please").rstrip(".")
        return InputError(
            f"{program} refuses to run: {why}", file=log, key="--fs-license-file",
            remedy=f"get your own license for free at {REGISTRATION} and name its file",
        )  # fmt: skip
    if code < 0 or 128 < code <= 128 + signal.NSIG:
        number = -code if code < 0 else code - 128
        hint = ", most often for want of memory" if number == signal.SIGKILL else ""
        return InputError(
            f"{program} was ended by signal {number}{hint}", file=log, remedy="run the same command again"
        )
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(ERROR|error:|.*[Cc]ommand not found)", line)]
    last = (errors or lines or ["it said nothing"])[-1][:_LONGEST]
    return InputError(f"{program} failed with exit code {code}: {last}", file=log, remedy="read this log")
