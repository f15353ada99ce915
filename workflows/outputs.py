"""Where the results of a session go: their BIDS names, and a sink for each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nipype.pipeline.engine import Node

from harmoniq.interfaces.sinks import Sink


def derivative_path(
    out_dir: Path, participant: str, session: str | None, *, folder: str, suffix: str, extension: str, **entities: str
) -> Path:
    """Name a derivative.

    ``sub-X[/ses-Y]/folder/sub-X[_ses-Y][_key-value ...]_suffix.ext``. Underscores at the end of the names of entities
    stand for none: ``from_`` gives ``from-``.

    Parameters
    ----------
    out_dir : Path
        Folder of the results.
    participant : str
        Participant's label, without `sub-`.
    session : str or None
        Session's label, without `ses-`; None: no sessions.
    folder : str
        Such as ``anat``; empty: none.
    suffix : str
        BIDS suffix, such as ``R1map``.
    extension : str
        With its dot, such as ``.nii.gz``.
    **entities : str
        BIDS entities, in the order in which they are written.

    Returns
    -------
    Path
        Below `out_dir`; nothing is made.
    """
    parts = [f"sub-{participant}", *([f"ses-{session}"] if session else [])]
    middle = [f"{key.rstrip('_')}-{value}" for key, value in entities.items()]
    name = "_".join([*parts, *middle, suffix]) + extension
    return out_dir.joinpath(*parts, folder, name)


def sink(name: str, path: Path, sidecar: Mapping[str, Any] | None = None) -> Node:
    """Make a node that puts its ``in_file`` at a place, in the main process.

    Parameters
    ----------
    name : str
        Of the node.
    path : Path
        Where the file goes.
    sidecar : mapping of str to object or None, optional
        Content of the JSON beside it; None: none.

    Returns
    -------
    Node
        Not connected.
    """
    node = Node(Sink(out_file=str(path)), name=name, run_without_submitting=True)
    if sidecar:
        node.inputs.sidecar = dict(sidecar)
    return node
