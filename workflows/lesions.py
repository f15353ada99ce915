"""Normal-appearing tissue: lesion masks on the grids of the maps, from existing masks or from SAMSEG."""

from collections.abc import Sequence
from pathlib import Path

from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline.engine import Node, Workflow

from harmoniq.data.inputs import SessionInputs
from harmoniq.data.lesions import LesionMask
from harmoniq.interfaces.lesions import ExcludeLesions, LesionFigure, SamsegLesions
from harmoniq.interfaces.registration import RegisterRigid
from harmoniq.settings.schema import LesionSettings
from harmoniq.workflows.session_parts import SessionParts
from harmoniq.workflows.sidecars import raw_uri

_INPUTS = ["fixed", "brain_mask", "megre_transform", "t1", "flair", "R1_map", "R2star_map"]


def init_lesions_wf(
    *,
    source: LesionMask | None,
    metrics: Sequence[str],
    lesions: LesionSettings,
    license_file: str = "",
    threads: int = 1,
    seed: int = 0,
    name: str = "lesions_wf",
) -> Workflow:
    """Make the mask of what is left out of each map.

    Parameters
    ----------
    source : LesionMask, optional
        An existing mask; without one SAMSEG makes it.
    metrics : sequence of str
        ``R1``, ``R2star``: the maps there are.
    lesions : LesionSettings
        Dilation, threshold.
    license_file : str
        FreeSurfer license, for SAMSEG.
    threads : int
        Of SAMSEG.
    seed : int
        Of the registration.
    name : str, optional
        Name of the workflow.

    Inputs
    ------
    fixed
        MP2RAGE image that others are registered to.
    brain_mask
        In MP2RAGE space.
    megre_transform
        From points of MP2RAGE to ME-GRE, ITK text.
    t1, flair
        For SAMSEG: the background-suppressed uniform image, and the FLAIR in its own space.
    R1_map, R2star_map
        The maps.

    Outputs
    -------
    R1_mask, R2star_mask
        What is left out, on the map's grid.
    R1_facts, R2star_facts
        What was done, for sidecars.

    Returns
    -------
    Workflow
        The workflow.
    """
    workflow = Workflow(name=name)
    inputnode = Node(IdentityInterface(fields=_INPUTS), name="inputnode")
    outputs = [f"{metric}_{what}" for metric in metrics for what in ("mask", "facts")]
    outputnode = Node(IdentityInterface(fields=outputs), name="outputnode")
    moving = source.reference if source is not None else None
    register_reference = Node(RegisterRigid(seed=seed), name="register_reference", mem_gb=2.0)
    if moving is not None or source is None:
        workflow.connect([(inputnode, register_reference, [("fixed", "fixed"), ("brain_mask", "fixed_mask")])])
    if moving is not None:
        register_reference.inputs.moving = str(moving)
    if source is None:
        samseg_lesions = Node(
            SamsegLesions(license_file=license_file, threads=threads),
            name="samseg_lesions", mem_gb=6.0, n_procs=threads,
        )  # fmt: skip
        workflow.connect([
            (inputnode, register_reference, [("flair", "moving")]),
            (inputnode, samseg_lesions, [("t1", "t1"), ("flair", "flair")]),
            (register_reference, samseg_lesions, [("transform", "transform")]),
        ])  # fmt: skip
    for metric in metrics:
        exclude = Node(
            ExcludeLesions(dilation=lesions.dilation, threshold=lesions.threshold),
            name=f"exclude_{metric.lower()}", mem_gb=1.0,
        )  # fmt: skip
        if source is None:
            exclude.inputs.trait_set(kind="samseg", space="MP2RAGE", allow_empty=True)
            workflow.connect([(samseg_lesions, exclude, [("segmentation", "in_mask")])])
        else:
            exclude.inputs.trait_set(
                in_mask=str(source.file), kind=source.kind, space=source.space, allow_empty=source.allow_empty
            )
        if moving is not None:
            exclude.inputs.reference = str(moving)
            workflow.connect([(register_reference, exclude, [("transform", "mask_transform")])])
        elif source is not None and source.space == "MEGRE":
            workflow.connect([(inputnode, exclude, [("megre_transform", "mask_transform")])])
        if metric == "R2star":
            workflow.connect([(inputnode, exclude, [("megre_transform", "map_transform")])])
        workflow.connect([
            (inputnode, exclude, [(f"{metric}_map", "in_map"), ("brain_mask", "brain_mask")]),
            (exclude, outputnode, [("mask", f"{metric}_mask"), ("facts", f"{metric}_facts")]),
        ])  # fmt: skip
    return workflow


def add_lesions(parts: SessionParts, license_file: Path | None) -> None:
    """Add the lesions to a session's workflow, where it has a mask or SAMSEG is planned.

    Parameters
    ----------
    parts : SessionParts
        The session's workflow with its maps and registration.
    license_file : path, optional
        Of FreeSurfer, for SAMSEG.
    """
    inputs: SessionInputs = parts.inputs
    if inputs.lesions is None and inputs.samseg_flair is None:
        return
    lesions_wf = init_lesions_wf(
        source=inputs.lesions, metrics=list(parts.maps), lesions=parts.settings.lesions,
        license_file=str(license_file.absolute()) if license_file else "", threads=parts.threads, seed=parts.seed,
    )  # fmt: skip
    workflow, inputnode = parts.workflow, lesions_wf.inputs.inputnode
    parts.give_reference(lesions_wf, "inputnode.fixed")
    workflow.connect([(parts.r1_wf, lesions_wf, [("outputnode.mask", "inputnode.brain_mask")])])
    if inputs.samseg_flair is not None:
        inputnode.flair = str(inputs.samseg_flair)
        mp2rage = inputs.mp2rage
        if mp2rage is None:
            parts.give_reference(lesions_wf, "inputnode.t1")
        elif mp2rage.uni and mp2rage.inv1 and mp2rage.inv2:
            workflow.connect([(parts.r1_wf, lesions_wf, [("outputnode.robust_uni", "inputnode.t1")])])
        else:
            inputnode.t1 = str(mp2rage.uni or mp2rage.inv2)
    for metric, (source, field) in parts.maps.items():
        workflow.connect([(source, lesions_wf, [(field, f"inputnode.{metric}_map")])])
    if parts.coregistration is not None:
        edge = [("outputnode.transform", "inputnode.megre_transform")]
        workflow.connect([(parts.coregistration, lesions_wf, edge)])
    parts.lesions = lesions_wf
    title = f"{inputs.label}: left out for lesions"
    figure_lesions = Node(LesionFigure(title=title), name="figure_lesions", mem_gb=1.0)
    source, field = parts.maps["R1"]
    workflow.connect([
        (source, figure_lesions, [(field, "in_map")]),
        (parts.r1_wf, figure_lesions, [("outputnode.mask", "brain_mask")]),
        (lesions_wf, figure_lesions, [("outputnode.R1_mask", "lesions")]),
    ])  # fmt: skip
    parts.put((figure_lesions, "figure"), "figure_lesions_png", parts.figure_path("lesions"))
    for metric in parts.maps:
        space = {"space": "MEGRE"} if metric == "R2star" else {}
        path = parts.path("mask", ".nii.gz", **space, label="lesion", desc="excluded")
        source = (lesions_wf, f"outputnode.{metric}_mask")
        sidecar = dict(parts.sidecars["lesions"])
        if space and parts.inputs.megre is not None:
            sidecar["SpatialReference"] = raw_uri(parts.inputs, parts.inputs.megre.magnitudes[0].name)
        parts.put(source, f"lesions_{metric.lower()}", path, sidecar, facts=f"outputnode.{metric}_facts")
