"""Write files whole or not at all: a temporary name beside the target, then a rename."""

import filecmp
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from harmoniq.data.errors import InputError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on failure.

    The temporary name keeps the target's full suffix, since writers choose their format by it.

    Parameters
    ----------
    path : str or Path
        The file to write; its folder is made.

    Yields
    ------
    Path
        The temporary path: what is written there is renamed to `path` when the block ends.

    Raises
    ------
    InputError
        When the folder cannot be written or the disk is full.
    """
    target = Path(path)
    temporary = target.with_name(f".tmp-{os.getpid()}-{target.name}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(target)
    except OSError as error:
        if error.errno is None:
            raise
        raise InputError(
            f"cannot be written ({error.strerror})",
            file=target,
            remedy="check the disk's space and the folder's permissions",
        ) from error
    finally:
        # A name that was renamed away is gone already; one left by a failure must not stay.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: str | Path, content: bytes) -> Path:
    """Write `content` to `path`, whole or not at all.

    A file that holds the same already is left alone, so that a second run does not look like a change.

    Parameters
    ----------
    path : str or Path
        The file; its folder is made.
    content : bytes
        The whole file.

    Returns
    -------
    Path
        `path`.
    """
    target = Path(path)
    if target.is_file() and target.stat().st_size == len(content) and target.read_bytes() == content:
        return target
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)
    return target


def write_text(path: str | Path, text: str) -> Path:
    """Write `text` to `path` in UTF-8, as `write_bytes` does.

    Parameters
    ----------
    path : str or Path
        The file; its folder is made.
    text : str
        The whole file.

    Returns
    -------
    Path
        `path`.
    """
    return write_bytes(path, text.encode("utf-8"))


def copy_whole(source: str | Path, target: str | Path) -> Path:
    """Copy a file, whole or not at all; a target that holds the same already is left alone.

    Parameters
    ----------
    source : str or Path
        File to read.
    target : str or Path
        File to write, not a folder.

    Returns
    -------
    Path
        `target`.
    """
    place = Path(target)
    if not place.is_file() or not filecmp.cmp(source, place, shallow=False):
        with atomic_path(place) as temporary:
            shutil.copyfile(source, temporary)
    return place


def write_json(path: str | Path, content: Any) -> Path:
    """Write `content` as JSON with two spaces' indent, as `write_bytes` does.

    Parameters
    ----------
    path : str or Path
        The file; its folder is made.
    content : object
        Of JSON's types; whatever else is in it is written as its text.

    Returns
    -------
    Path
        `path`.
    """
    return write_text(path, json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Parameters
    ----------
    path : str or Path
        File in UTF-8, with or without a byte-order mark.

    Returns
    -------
    object
        Of Python's types: a dict for an object, a list for an array.

    Raises
    ------
    InputError
        When the file is absent or is not JSON; the line and column are named.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise InputError("file not found", file=path) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"is not valid JSON ({error})", file=path, remedy="mend or regenerate the file") from error
