"""Take out of a work folder what Nipype could not go on from."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def drop_damaged(folder: Path) -> int:
    """Remove the folders of nodes whose saved result cannot be read, or names files that are gone.

    Nipype trusts a node's hash file: a result that a full disk cut short, or images that a scratch file system removed
    by age, would end the run with a traceback. A node without a folder is simply computed again.

    Parameters
    ----------
    folder : path
        Of a workflow, in the work folder.

    Returns
    -------
    int
        Number of nodes that will be computed again.
    """
    damaged = [path.parent for path in folder.rglob("result_*.pklz") if not _whole(path)]
    for node in damaged:
        shutil.rmtree(node, ignore_errors=True)
    return len(damaged)


def _whole(path: Path) -> bool:
    from nipype.pipeline.engine.utils import load_resultfile

    try:
        outputs = load_resultfile(path).outputs
        values = [] if outputs is None else list(outputs.get().values())
    except Exception:  # a pickle cut short can raise anything
        return False
    return all(Path(text).exists() for text in _paths(values, str(path.parent)))


def _paths(value: Any, folder: str) -> Iterator[str]:
    """Yield the paths below a node's folder in its outputs; those of the input or the results are not its own."""
    if isinstance(value, str):
        if value.startswith(folder):
            yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _paths(item, folder)
