"""The regional table of a session, from the rows of all samples."""

from nipype.interfaces.utility import Merge
from nipype.pipeline.engine import Node

from harmoniq.interfaces.table import RegionalTable
from harmoniq.workflows.session_parts import SessionParts


def add_table(parts: SessionParts) -> None:
    """Gather the rows of all samples in the regional table, and write it with its sidecar.

    Parameters
    ----------
    parts : SessionParts
        The session's workflow so far; parts are added to it.
    """
    merge_rows = Node(Merge(len(parts.rows)), name="merge_rows", run_without_submitting=True)
    for index, (source, field) in enumerate(parts.rows, start=1):
        parts.workflow.connect([(source, merge_rows, [(field, f"in{index}")])])
    regional_table = Node(
        RegionalTable(
            participant_id=f"sub-{parts.inputs.participant}",
            session_id=f"ses-{parts.inputs.session}" if parts.inputs.session else "",
            engines=parts.engines,
            notes=list(parts.inputs.notes),
            parameters={name: dict(keys) for name, keys in parts.inputs.parameters.items()},
        ),
        name="regional_table",
    )
    parts.workflow.connect([(merge_rows, regional_table, [("out", "rows")])])
    if parts.lesions is not None:
        fields = [(f"outputnode.{metric}_facts", f"lesions_{metric}") for metric in parts.maps]
        parts.workflow.connect([(parts.lesions, regional_table, fields)])
    path = parts.path("regions", ".tsv", folder="")
    parts.put((regional_table, "table"), "regions", path)
    parts.put((regional_table, "sidecar"), "regions_json", path.with_suffix(".json"))
