"""Hand scripts to Slurm, and take jobs back."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from harmoniq.data.errors import InputError


def sbatch(script: Path) -> str:
    """Submit a script to Slurm.

    Parameters
    ----------
    script : Path
        Batch script.

    Returns
    -------
    str
        The job's number.

    Raises
    ------
    InputError
        When Slurm refuses; its own words are in the sentence.
    """
    # Not with --quiet: `sbatch --parsable --quiet` prints no number.
    done = subprocess.run(["sbatch", "--parsable", str(script)], capture_output=True, text=True, check=False)
    found = re.match(r"(\d+)", done.stdout)
    if done.returncode != 0 or not found:
        reason = " ".join((done.stderr or done.stdout).split()) or f"exit code {done.returncode}"
        raise InputError(
            f"Slurm refused it ({reason})", file=script, remedy="change the options of harmoniq slurm, or the template"
        )
    return found[1]


def cancel(jobs: Sequence[str]) -> None:
    """Take jobs back that have not started; those that run or have ended are left alone.

    Parameters
    ----------
    jobs : sequence of str
        Numbers of jobs, such as ``12``; those that Slurm does not know do no harm.
    """
    if jobs:
        command = ["scancel", "--state=PENDING", *jobs]
        subprocess.run(command, capture_output=True, text=True, check=False)


def array_limit() -> int:
    """Return how many tasks one array may have.

    Returns
    -------
    int
        Slurm's ``MaxArraySize`` less one, at least 1; 1000 where Slurm does not say.
    """
    try:
        done = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True, check=False)
    except OSError:
        return 1000
    found = re.search(r"MaxArraySize\s*=\s*(\d+)", done.stdout)
    return max(1, int(found[1]) - 1) if found else 1000
