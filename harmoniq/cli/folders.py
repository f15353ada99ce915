"""Check that a folder can be written before anything starts."""

import os
import shutil
import tempfile
from pathlib import Path

from harmoniq.data.errors import InputError


def prepare_folder(folder: Path, key: str) -> Path:
    """Make a folder and try to write in it.

    Parameters
    ----------
    folder : Path
        Need not exist, nor those above it.
    key : str
        Option that named it, for errors.

    Returns
    -------
    Path
        Its absolute path.

    Raises
    ------
    InputError
        When it is a file, cannot be made or cannot be written.
    """
    folder = folder.absolute()
    if folder.exists() and not folder.is_dir():
        raise InputError("is a file, a folder is wanted", file=folder, key=key)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x" * 4096)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror})", file=folder, key=key, remedy="choose another folder, or free space"
        ) from error
    return folder


def check_space(folder: Path, needed_bytes: int, key: str) -> None:
    """Refuse to start where the disk is evidently too small.

    Parameters
    ----------
    folder : Path
        On the disk; it exists.
    needed_bytes : int
        Space that is needed, bytes.
    key : str
        Option that named it, for errors.

    Raises
    ------
    InputError
        The sentence says what is needed and what is free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise InputError(
            f"about {needed_bytes / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free",
            file=folder,
            key=key,
            remedy="free space, choose another folder, or process fewer participants at a time",
        )
