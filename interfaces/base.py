"""What all nodes share: the code's version as an input, and output files in the node's own folder."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import BaseInterfaceInputSpec, SimpleInterface, traits

from harmoniq.data.provenance import code_version


class VersionedInputSpec(BaseInterfaceInputSpec):
    """Inputs of every node of harmoniq."""

    code_version = traits.Str(desc="version and digest of the program: another one never reuses this node's results")


class VersionedInterface(SimpleInterface):
    """A node whose cached results are never reused by another version of the program.

    Parameters
    ----------
    **inputs : object
        The node's inputs by name.
    """

    def __init__(self, **inputs: Any) -> None:
        super().__init__(**{"code_version": code_version(), **inputs})

    def output_path(self, runtime: Any, name: str) -> Path:
        """Return a path in the node's folder.

        Parameters
        ----------
        runtime : object
            Nipype's record of the run.
        name : str
            Name.

        Returns
        -------
        Path
            A path in the node's folder.
        """
        return Path(runtime.cwd) / name


def given(value: Any) -> Path | None:
    """Return an optional file trait as a path, None where it was not set.

    Parameters
    ----------
    value : object
        What was given.

    Returns
    -------
    Path or None
        An optional file trait as a path, None where it was not set.
    """
    return Path(value) if isinstance(value, str) and value else None
