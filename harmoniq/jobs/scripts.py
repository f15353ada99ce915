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
    """What one job may use: cores, memory in GB, and wall time as ``[days-]hours:minutes:seconds``."""

    cpus: int
    mem_gb: float
    time: str

    def fields(self) -> dict[str, str]:
        """Return the fields of a template, in each scheduler's unit.

        Returns
        -------
        dict of str to str
            The fields of a template, in each scheduler's unit.
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
    """Return the seconds of a time as Slurm writes it: ``minutes``, ``h:mm:ss``, ``m:ss`` or ``days-h[:mm[:ss]]``.

    Parameters
    ----------
    text : str
        Text.

    Returns
    -------
    int
        The seconds of a time as Slurm writes it: ``minutes``, ``h:mm:ss``, ``m:ss`` or
        ``days-h[:mm[:ss]]``.

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
    """Return a template: the user's from `folder` where it lies there, otherwise ours.

    Parameters
    ----------
    scheduler, level : str
        One of `SCHEDULERS`; ``participant`` or ``group``.
    folder : path, optional
        With templates of the user's own, under the same names.

    Returns
    -------
    str
        A template: the user's from `folder` where it lies there, otherwise ours.

    Raises
    ------
    InputError
        Where the folder of templates is not there.
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
        Name of the template.
    fields : mapping of str to str
        What is filled in between two `@`.
    name : str
        Name.

    Returns
    -------
    str
        The filled template.

    Raises
    ------
    InputError
        For a field that there is not.
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
    """Return the indices of an array of `count` tasks, at most `at_most` at a time: ``0-99%10``.

    Parameters
    ----------
    count : int
        How many.
    at_most : int or None
        Tasks at a time; None: no limit.
    first : int, optional
        First index.

    Returns
    -------
    str
        The indices of an array of `count` tasks, at most `at_most` at a time: ``0-99%10``.
    """
    return f"{first}-{first + count - 1}" + (f"%{at_most}" if at_most else "")


def directives(scheduler: str, words: Sequence[str]) -> str:
    """Return a scheduler's further options as lines of the script.

    Parameters
    ----------
    scheduler : str
        Slurm, pbs, sge or lsf.
    words : sequence of str
        Words of the command line.

    Returns
    -------
    str
        A scheduler's further options as lines of the script.
    """
    mark = {"slurm": "#SBATCH", "pbs": "#PBS", "sge": "#$", "lsf": "#BSUB"}[scheduler]
    return "\n".join(f"{mark} {word}" for word in words)
