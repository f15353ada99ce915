"""What stands in a batch script: the scheduler's options, the user's setup, and the words that start harmoniq."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from harmoniq.data.errors import InputError
from harmoniq.jobs.scripts import directives


def job_directives(args: argparse.Namespace) -> str:
    """Return the scheduler's further options as lines of a script.

    Parameters
    ----------
    args : Namespace
        Of ``harmoniq slurm``.

    Returns
    -------
    str
        A line each; of Slurm with partition and account.
    """
    words = list(args.directive)
    if args.scheduler == "slurm":
        words = [f"--{name}={value}" for name in ("partition", "account") if (value := getattr(args, name))] + words
    return directives(args.scheduler, words)


def job_setup(path: Path | None) -> str:
    """Read the shell lines that a job runs first.

    Parameters
    ----------
    path : Path or None
        Of ``--setup``; None: none.

    Returns
    -------
    str
        Without line breaks at the ends.

    Raises
    ------
    InputError
        Where the file is not there.
    """
    if path is None:
        return ""
    if not path.is_file():
        raise InputError("file not found", file=path, key="--setup")
    return path.read_text(encoding="utf-8").strip()


def run_command(args: argparse.Namespace, level: str) -> str:
    """Return the command that runs one level: by this very program, or in a container.

    Parameters
    ----------
    args : Namespace
        Of ``harmoniq slurm``.
    level : str
        ``participant`` or ``group``.

    Returns
    -------
    str
        Quoted for a shell.
    """
    bids_dir, out_dir = args.bids_dir.absolute(), args.out_dir.absolute()
    words = [str(bids_dir), str(out_dir), level, *args.run_options]
    if level == "participant":
        words += ["--work-dir", str((args.work_dir or out_dir / "work").absolute())]
        words += [] if args.keep_work_dir else ["--clean-work-dir"]
        # It reads the whole dataset: once, at submission.
        words += [] if "--skip-bids-validation" in words else ["--skip-bids-validation"]
    return shlex.join([*program(args, "run", [f"{bids_dir}:{bids_dir}:ro", f"{out_dir}:{out_dir}"]), *words])


def program(args: argparse.Namespace, command: str, binds: Sequence[str]) -> list[str]:
    """Return the words that start a command of harmoniq.

    Parameters
    ----------
    args : argparse.Namespace
        Of ``harmoniq slurm``.
    command : str
        Such as ``run``.
    binds : sequence of str
        Folders that a container needs beside those of ``--bind``, as ``from:to[:ro]``.

    Returns
    -------
    list of str
        Not quoted.
    """
    if args.container is None:
        return [sys.executable, "-P", "-m", "harmoniq", command]
    bound = [word for bind in dict.fromkeys([*binds, *args.bind]) for word in ("--bind", bind)]
    return [
        "apptainer", "exec", "--cleanenv", "--containall", *bound, str(args.container.absolute()), "harmoniq", command,
    ]  # fmt: skip
