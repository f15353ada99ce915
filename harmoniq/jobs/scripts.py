"""Fill the templates of the batch scripts, which users can copy and edit."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from harmoniq.data.errors import InputError

SCHEDULERS = ("slurm", "pbs", "sge", "lsf")
_FIELD = re.compile(r"@(\w+)@")
_TIME = re.compile(r"(?:(\d+)-)?(\d+)(?::(\d\d))?(?::(\d\d))?")


@dataclass(frozen=True)
class Resources:
    """What one job may use.

    Parameters
    ----------
    cpus : int
        Cores.
    mem_gb : float
        Memory in GB (1024³ bytes).
    time : str
        Wall time, as `time_seconds` reads it.
    """

    cpus: int
    mem_gb: float
    time: str

    def fields(self) -> dict[str, str]:
        """Return the fields of a template that hold the resources, in each scheduler's unit.

        Returns
        -------
        dict of str to str
            ``cpus``, ``mem_gb``, ``mem_mb``, ``mem_mb_per_cpu``, ``time`` (``hh:mm:ss``) and ``time_hours_minutes``
            (``h:mm``).

        Raises
        ------
        InputError
            For a time that cannot be read.
        """
        megabytes = int(self.mem_gb * 1024)
        seconds = time_seconds(self.time)
        hours, rest = divmod(seconds, 3600)
        return {
            "cpus": str(self.cpus),
            "mem_gb": f"{self.mem_gb:g}",
            "mem_mb": str(megabytes),
            "mem_mb_per_cpu": str(megabytes // self.cpus),
            "time": f"{hours:02d}:{rest // 60:02d}:{rest % 60:02d}",
            "time_hours_minutes": f"{hours}:{rest // 60:02d}",
        }


def time_seconds(text: str) -> int:
    """Read a wall time as Slurm writes it.

    Parameters
    ----------
    text : str
        ``minutes``, ``m:ss``, ``h:mm:ss`` or ``days-h[:mm[:ss]]``.

    Returns
    -------
    int
        In s, above 0.

    Raises
    ------
    InputError
        For anything else, and for no time at all.
    """
    found = _TIME.fullmatch(text)
    if not found:
        raise InputError("is not a time", key="--time", value=text, remedy="write hours:minutes:seconds, as 12:00:00")
    days, first, second, third = (int(part) if part else None for part in found.groups())
    if days is not None:
        seconds = 86400 * days + 3600 * (first or 0) + 60 * (second or 0) + (third or 0)
    elif third is not None:
        seconds = 3600 * (first or 0) + 60 * (second or 0) + third
    else:
        seconds = 60 * (first or 0) + (second or 0)
    if seconds == 0:
        raise InputError("is no time at all", key="--time", value=text)
    return seconds


def read_template(scheduler: str, level: str, folder: Path | None = None) -> str:
    """Read the template of a batch script.

    Parameters
    ----------
    scheduler, level : str
        One of `SCHEDULERS`; ``participant`` or ``group``.
    folder : path, optional
        Of templates of the user's own, under the same names; what is not there is ours.

    Returns
    -------
    str
        With fields between two ``@``.

    Raises
    ------
    InputError
        When `folder` is not there.
    """
    name = f"{scheduler}-{level}.sh"
    if folder is not None:
        if not folder.is_dir():
            raise InputError("folder not found", file=folder, key="--template-dir")
        if (folder / name).is_file():
            return (folder / name).read_text(encoding="utf-8")
    return (resources.files("harmoniq.configs") / "cluster" / name).read_text(encoding="utf-8")


def fill(template: str, fields: Mapping[str, str], *, name: str) -> str:
    """Put fields into a template; lines that become empty are left out.

    Parameters
    ----------
    template : str
        Text of the template.
    fields : mapping of str to str
        By name, what is filled in between two ``@``.
    name : str
        Name of the template, for errors.

    Returns
    -------
    str
        With a line break at its end.

    Raises
    ------
    InputError
        For a field of the template that `fields` lacks.
    """
    lines = []
    for line in template.splitlines():
        for field in _FIELD.findall(line):
            if field not in fields:
                known = ", ".join(sorted(fields))
                raise InputError("unknown field", file=name, key=f"@{field}@", remedy=f"known are {known}")
        filled = _FIELD.sub(lambda found: fields[found[1]], line)
        if filled.strip() or not line.strip():
            lines.append(filled)
    return "\n".join(lines) + "\n"


def array_range(count: int, at_most: int | None, *, first: int = 0) -> str:
    """Return the indices of an array job, as its option takes them.

    Parameters
    ----------
    count : int
        Number of tasks.
    at_most : int or None
        Tasks that may run at a time; None: no limit.
    first : int, optional
        Index of the first task.

    Returns
    -------
    str
        Such as ``0-99%10``.
    """
    return f"{first}-{first + count - 1}" + (f"%{at_most}" if at_most else "")


def directives(scheduler: str, words: Sequence[str]) -> str:
    """Return a scheduler's further options as lines of the script.

    Parameters
    ----------
    scheduler : str
        One of `SCHEDULERS`.
    words : sequence of str
        One option each, such as ``--partition=long``.

    Returns
    -------
    str
        A line each, without a line break at the end; empty for none.
    """
    mark = {"slurm": "#SBATCH", "pbs": "#PBS", "sge": "#$", "lsf": "#BSUB"}[scheduler]
    return "\n".join(f"{mark} {word}" for word in words)
