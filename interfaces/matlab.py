"""What the nodes of the reference toolboxes share: the toolbox, its interpreter and its time."""

import os
import shlex
from pathlib import Path
from typing import Any

from nipype.interfaces.base import Directory, isdefined, traits

from harmoniq.interfaces.base import VersionedInputSpec, given


class ToolboxInputSpec(VersionedInputSpec):
    """Inputs of a node that runs a reference toolbox."""

    toolbox = Directory(exists=True, desc="the user's copy; default: the folder that the environment names")
    toolbox_version = traits.Str(desc="another version never reuses this node's results")
    command = traits.Str(desc="as HARMONIQ_MATLAB_CMD; default: the environment's, MATLAB or Octave")
    timeout = traits.Float(desc="s; default: HARMONIQ_MATLAB_TIMEOUT, or four hours")


def toolbox_arguments(inputs: Any) -> dict[str, Any]:
    """Read what the functions that run a toolbox take.

    Parameters
    ----------
    inputs : object
        Of a node, by the names of `ToolboxInputSpec`.

    Returns
    -------
    dict of str to object
        Toolbox, interpreter and timeout; None where the default holds.
    """
    from harmoniq.data.octave import COMMAND_VARIABLE, find_interpreter

    interpreter = None
    if isdefined(inputs.command) and shlex.split(inputs.command):
        interpreter = find_interpreter({**os.environ, COMMAND_VARIABLE: inputs.command})
    return {
        "toolbox": given(inputs.toolbox),
        "interpreter": interpreter,
        "timeout": inputs.timeout if isdefined(inputs.timeout) else None,
    }


def job_folder(runtime: Any, name: str) -> Path:
    """Name the folder of the toolbox's job within the node's own.

    Parameters
    ----------
    runtime : object
        Nipype's record of the run.
    name : str
        Of the folder.

    Returns
    -------
    Path
        It is not made.
    """
    return Path(runtime.cwd) / name
