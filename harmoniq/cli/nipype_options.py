"""What is Nipype's own among the options: the graph's picture, and another plugin."""

import argparse
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from harmoniq.data.errors import InputError


def write_graph(workflow: Any, out_dir: Path) -> None:
    """Write ``logs/graph.dot``, and its picture where Graphviz is installed.

    Parameters
    ----------
    workflow : nipype.Workflow
        Of the whole run.
    out_dir : Path
        Root of the derivatives.
    """
    target = out_dir / "logs" / "graph.dot"
    if shutil.which("dot") is not None:
        workflow.write_graph(dotfilename=str(target), graph2use="colored", format="svg")
        return
    with suppress(OSError):  # Nipype writes the text first, and then fails for want of `dot`
        workflow.write_graph(dotfilename=str(target), graph2use="colored", format="svg")
    print(f"note: Graphviz (dot) is not installed: {target} alone is written", file=sys.stderr)


def foreign_plugin(args: argparse.Namespace) -> tuple[str | None, dict[str, Any]]:
    """Return the plugin of Nipype that is asked for, and its arguments.

    Parameters
    ----------
    args : Namespace
        With ``nipype_plugin`` and ``nipype_plugin_file``; the former goes before the file's.

    Returns
    -------
    plugin : str or None
        Name as Nipype has it, without ``Plugin``; None: harmoniq's own.
    arguments : dict of str to object
        ``plugin_args`` of the file.

    Raises
    ------
    InputError
        For a file that is no JSON object, and a plugin that Nipype does not have.
    """
    from harmoniq.data.files import read_json

    content = read_json(args.nipype_plugin_file) if args.nipype_plugin_file else {}
    if not isinstance(content, dict):
        raise InputError("must be a JSON object", file=args.nipype_plugin_file, key="--nipype-plugin-file")
    plugin = args.nipype_plugin or content.get("plugin")
    if plugin is not None:
        import nipype.pipeline.plugins as plugins

        if not hasattr(plugins, f"{plugin}Plugin"):
            raise InputError(
                "Nipype has no such plugin", key="--nipype-plugin", value=plugin, remedy="try MultiProc or SLURM"
            )
    return plugin, dict(content.get("plugin_args", {}))
