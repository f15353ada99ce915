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
        """Name a file in the node's folder.

        Parameters
        ----------
        runtime : object
            Nipype's record of the run.
        name : str
            Of the file.

        Returns
        -------
        Path
            It is not made.
        """
        return Path(runtime.cwd) / name


def given(value: Any) -> Path | None:
    """Turn an optional trait of a file into a path.

    Parameters
    ----------
    value : object
        Of the trait.

    Returns
    -------
    Path or None
        None where it was not set.
    """
    return Path(value) if isinstance(value, str) and value else None
