"""Where QSIPrep runs: in Apptainer, in Docker, or natively, and what it is given to see there."""

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harmoniq.data.errors import InputError

_PROGRAMS = {"apptainer": ("apptainer", "singularity"), "docker": ("docker",)}
_ELSE = "bring its results with --derivatives, or use --bundle-engine pyafq"


@dataclass(frozen=True)
class Runtime:
    """How one of the two programs is started.

    Parameters
    ----------
    kind : {'apptainer', 'docker', 'native'}
        Where it runs.
    program : str
        Path of the container's program, or of the tool itself.
    image : str
        File or name of the image; empty for ``native``.
    version : str
        Of the tool.
    """

    kind: str
    program: str
    image: str
    version: str

    def command(self, arguments: list[str], mounts: Mapping[Path, str], writable: set[Path]) -> list[str]:
        """Make the whole command line.

        Parameters
        ----------
        arguments : list of str
            With paths as this machine has them.
        mounts : mapping of path to str
            Path on this machine to the path inside the container.
        writable : set of path
            Those of them that may be written to.

        Returns
        -------
        list of str
            The container's program, its options and the image, then the arguments with paths inside; without a
            container the tool and the arguments as they are.
        """
        if self.kind == "native":
            return [self.program, *arguments]
        inside = [_inside(text, mounts) for text in arguments]
        if self.kind == "docker":
            binds = [f"{host}:{there}{'' if host in writable else ':ro'}" for host, there in mounts.items()]
            user = f"{os.getuid()}:{os.getgid()}"
            options = [
                "run",
                "--rm",
                "--network",
                "none",
                "-u",
                user,
                *(word for bind in binds for word in ("-v", bind)),
            ]
            return [self.program, *options, self.image, *inside]
        binds = [f"{host}:{there}:{'rw' if host in writable else 'ro'}" for host, there in mounts.items()]
        options = ["run", "--containall", "--writable-tmpfs", *(word for bind in binds for word in ("--bind", bind))]
        return [self.program, *options, self.image, *inside]


def _inside(text: str, mounts: Mapping[Path, str]) -> str:
    """Return an argument with the path of this machine replaced by the container's, the longest that fits."""
    for host in sorted(mounts, key=lambda path: len(str(path)), reverse=True):
        if text == str(host) or text.startswith(f"{host}/"):
            return mounts[host] + text[len(str(host)) :]
    return text


def find_runtime(tool: str, kind: str, image: str, version: str) -> Runtime:
    """Find out how a tool can be run here.

    Parameters
    ----------
    tool : {'qsiprep', 'qsirecon'}
        Which.
    kind : {'auto', 'apptainer', 'docker', 'native'}
        ``auto``: Apptainer for an image file, Docker for an image's name, natively without an image.
    image : str
        File of an Apptainer image, or name of a Docker image.
    version : str
        Of QSIPrep; where it is empty it is read from the image's name, for example ``qsiprep-0.18.0.sif``, as that of
        QSIRecon always is (``unknown`` where the name has none).

    Returns
    -------
    Runtime
        What is there: program, image and version.

    Raises
    ------
    InputError
        When the container's program, the image or the tool is not there, or its version is not known.
    """
    key = "qsiprep.image" if tool == "qsiprep" else "qsiprep.recon_image"
    if kind == "auto":
        kind = "native" if not image else "apptainer" if _is_file(image) else "docker"
    if kind == "native":
        found = shutil.which(tool)
        if found is None:
            raise InputError(
                f"{tool} is not installed, and no image is named", key=key,
                remedy=f"name an Apptainer or Docker image, or {_ELSE}",
            )  # fmt: skip
        return Runtime("native", found, "", _version(tool, version, ""))
    program = next((path for name in _PROGRAMS[kind] if (path := shutil.which(name))), None)
    if program is None:
        raise InputError(
            f"{_PROGRAMS[kind][0]} is not installed",
            key="qsiprep.runtime",
            value=kind,
            remedy=f"install it, or {_ELSE}",
        )
    if not image:
        raise InputError(f"{kind} needs an image of {tool}", key=key, remedy="name it in the config")
    if kind == "apptainer" and not Path(image).exists():
        raise InputError("image not found", file=image, key=key, remedy=f"build or copy it, or {_ELSE}")
    place = str(Path(image).absolute()) if kind == "apptainer" else image
    return Runtime(kind, program, place, _version(tool, version, image))


def _is_file(image: str) -> bool:
    return image.endswith((".sif", ".simg", ".img")) or Path(image).exists()


def _version(tool: str, version: str, image: str) -> str:
    if version and tool == "qsiprep":
        return version
    found = re.search(r"(\d+\.\d+(?:\.\d+)?)", Path(image).name)
    if found is not None:
        return found[1]
    if tool == "qsirecon":
        return "unknown"
    raise InputError(
        "the version of QSIPrep is not known", key="qsiprep.version", remedy="name it in the config, for example 0.18.0"
    )
