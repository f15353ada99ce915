"""The embedded engine's surfaces and those of an existing FreeSurfer subject, set side by side."""

from nipype.interfaces.utility import Merge
from nipype.pipeline.engine import Node

from harmoniq.interfaces.surface_comparison import CompareSurfaces
from harmoniq.surface.subject import surface_files
from harmoniq.workflows.session_cortex import connect_cortex
from harmoniq.workflows.session_parts import SessionParts
from harmoniq.workflows.surfaces import init_surfaces_wf


def add_surface_comparison(parts: SessionParts) -> None:
    """Sample the maps along an existing subject's surfaces too, where the embedded engine was asked for beside it.

    Parameters
    ----------
    parts : SessionParts
        The session's workflow so far; parts are added to it.
    """
    existing = parts.inputs.compared_surfaces
    if existing is None or not parts.cortex:
        return
    surfaces_wf = init_surfaces_wf(surfaces=parts.settings.surfaces, name="existing_surfaces_wf")
    surfaces_wf.inputs.inputnode.subject_dir = str(existing)
    surfaces_wf.inputs.inputnode.surface_files = surface_files(existing)
    compare_surfaces = Node(CompareSurfaces(), name="compare_surfaces")
    for field in ("embedded", "existing"):
        merge = Node(Merge(len(parts.cortex)), name=f"merge_{field}", run_without_submitting=True)
        for index, (metric, cortex_wf) in enumerate(parts.cortex.items(), start=1):
            source = cortex_wf
            if field == "existing":
                source = connect_cortex(parts, surfaces_wf, metric, name=f"existing_{metric.lower()}_cortex_wf")
            parts.workflow.connect([(source, merge, [("outputnode.rows", f"in{index}")])])
        parts.workflow.connect([(merge, compare_surfaces, [("out", field)])])
    table = parts.path("surfaces", ".tsv", desc="engines")
    parts.put((compare_surfaces, "table"), "surface_engines", table)
    parts.put((compare_surfaces, "sidecar"), "surface_engines_sidecar", table.with_suffix(".json"))
