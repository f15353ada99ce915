"""The maps of the reference engine and of the embedded one, set side by side."""

from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline.engine import Node, Workflow

from harmoniq.data.names import METRIC_WORDS
from harmoniq.interfaces.report import CompareEngines
from harmoniq.workflows.map_engines import MapEngine
from harmoniq.workflows.session_parts import SessionParts


def init_comparison_wf(
    *, metric: str, engine: MapEngine, title: str, masked: bool, mem_gb: float = 1.0, name: str = "comparison_wf"
) -> Workflow:
    """Compare a metric's maps of two engines.

    Parameters
    ----------
    metric : {"R1", "R2star"}
        What the maps hold.
    engine : MapEngine
        The reference engine.
    title : str
        Of the picture.
    masked : bool
        Whether there is a brain mask, and an R1 map with it; otherwise the whole image is compared.
    mem_gb : float
        Memory that the comparison needs, GB.
    name : str, optional
        Name of the workflow.

    Inputs
    ------
    native, reference
        The maps.
    mask, r1_map
        In the space of MP2RAGE.
    transform
        From that space to the maps'; for R2* alone.

    Outputs
    -------
    difference, scatter
        Pictures.
    table, sidecar
        Per class of tissue.

    Returns
    -------
    Workflow
        The workflow.
    """
    workflow = Workflow(name=name)
    inputs = ["native", "reference", "mask", "r1_map", "transform"]
    outputs = ["difference", "scatter", "table", "sidecar"]
    inputnode = Node(IdentityInterface(fields=inputs), name="inputnode")
    outputnode = Node(IdentityInterface(fields=outputs), name="outputnode")
    compare = Node(
        CompareEngines(metric=metric, names=("native", engine.name), title=title), name="compare", mem_gb=mem_gb
    )
    used = inputs[:2]
    if masked:
        used = inputs if metric == "R2star" else inputs[:3]
    workflow.connect([
        (inputnode, compare, [(field, field) for field in used]),
        (compare, outputnode, [(field, field) for field in outputs]),
    ])  # fmt: skip
    return workflow


def add_comparisons(parts: SessionParts) -> None:
    """Set the reference engine's maps and the embedded engine's side by side, where a reference engine runs.

    Parameters
    ----------
    parts : SessionParts
        The session's workflow so far; parts are added to it.
    """
    for metric, (source, field) in parts.maps.items():
        engine = parts.map_engines.r1 if metric == "R1" else parts.map_engines.r2star
        if engine.toolbox is None or metric in parts.inputs.maps:
            continue
        moved = metric == "R2star"
        masked = not moved or (parts.coregistration is not None and parts.registered)
        name = f"{metric.lower()}_engines"
        title = f"{parts.inputs.label}: {METRIC_WORDS[metric]}, native minus {engine.label}"
        comparison_wf = init_comparison_wf(
            metric=metric, engine=engine, title=title, masked=masked, mem_gb=parts.mem_gb, name=f"{name}_wf"
        )
        edges = [(field, "inputnode.reference"), ("outputnode.native_map", "inputnode.native")]
        parts.workflow.connect([(source, comparison_wf, edges)])
        if masked:
            parts.workflow.connect([(parts.r1_wf, comparison_wf, [("outputnode.mask", "inputnode.mask")])])
        if masked and moved:
            assert parts.coregistration is not None
            parts.workflow.connect([
                (parts.r1_wf, comparison_wf, [("outputnode.r1_map", "inputnode.r1_map")]),
                (parts.coregistration, comparison_wf, [("outputnode.transform", "inputnode.transform")]),
            ])  # fmt: skip
        _put_comparison(parts, metric, source, comparison_wf, name)


def _put_comparison(parts: SessionParts, metric: str, source: Workflow, comparison_wf: Workflow, name: str) -> None:
    suffix = f"{metric}map"
    path = parts.path(suffix, ".nii.gz", desc="native")
    parts.put((source, "outputnode.native_map"), f"{name}_native", path, parts.sidecars[f"{metric}_native"])
    for field in ("difference", "scatter"):
        picture = parts.figure_path(f"{metric}engines{field}")
        parts.put((comparison_wf, f"outputnode.{field}"), f"{name}_{field}", picture)
    table = parts.path(suffix, ".tsv", desc="engines")
    parts.put((comparison_wf, "outputnode.table"), f"{name}_table", table)
    parts.put((comparison_wf, "outputnode.sidecar"), f"{name}_sidecar", table.with_suffix(".json"))
