"""The maps of one session: R1, R2*, the brain mask, and the transform between their spaces."""

from collections.abc import Sequence

from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline.engine import Node, Workflow

from harmoniq.data.acquisitions import MP2RAGETiming
from harmoniq.interfaces.maps import FitR1, FitR2Star, SuppressBackground
from harmoniq.interfaces.marques import FitR1Marques
from harmoniq.interfaces.registration import BrainMask, RegisterRigid
from harmoniq.interfaces.sepia import FitR2StarSepia
from harmoniq.workflows.b1 import timing_inputs
from harmoniq.workflows.map_engines import MapEngine

_MAGNITUDES = ("uni", "inv1", "inv2")
_R1_OUTPUTS = ["r1_map", "outside_mask", "robust_uni", "native_map", "mask"]


def init_r1_wf(
    *,
    timing: MP2RAGETiming,
    images: Sequence[str],
    engine: MapEngine | None = None,
    mem_gb: float = 1.0,
    name: str = "r1_wf",
) -> Workflow:
    """Fit R1 to one MP2RAGE acquisition and mask the brain.

    Parameters
    ----------
    timing : MP2RAGETiming
        In s and degrees.
    images : sequence of str
        Which of the inputs are given, by name.
    engine : MapEngine, optional
        The embedded lookup by default, or Marques' scripts.
    mem_gb : float
        Memory that the fit needs, GB.
    name : str, optional
        Name of the workflow.

    Inputs
    ------
    uni, inv1, inv2, inv1_phase, inv2_phase, b1_map, b1_scale
        Images of the acquisition, and of the transmit field.
    reference
        The image in which the brain is masked.
    freesurfer_mask
        ``brainmask.mgz``, where there is one.

    Outputs
    -------
    r1_map
        1/s.
    outside_mask
        Voxels outside the lookup table's range; of the embedded engine alone.
    robust_uni
        The uniform image without its noisy background, where UNIT1 and both magnitudes are given.
    native_map
        With a reference engine: what the embedded one makes of the same images.
    mask
        Of the brain, on the same grid.

    Returns
    -------
    Workflow
        The workflow.
    """
    workflow = Workflow(name=name)
    fields = ["uni", "inv1", "inv2", "inv1_phase", "inv2_phase", "b1_map", "b1_scale", "reference", "freesurfer_mask"]
    inputnode = Node(IdentityInterface(fields=fields), name="inputnode")
    outputnode = Node(IdentityInterface(fields=_R1_OUTPUTS), name="outputnode")
    interface, toolbox = _interface(engine, FitR1, FitR1Marques)
    fit_r1 = Node(
        interface(
            **toolbox,
            **timing_inputs(timing),
        ),
        name="fit_r1",
        mem_gb=mem_gb,
    )
    brain_mask = Node(BrainMask(), name="brain_mask", mem_gb=mem_gb)
    workflow.connect([
        (inputnode, fit_r1, [(image, image) for image in images]),
        (inputnode, brain_mask, [("reference", "in_file"), ("freesurfer_mask", "freesurfer_mask")]),
        (fit_r1, outputnode, [("r1_map", "r1_map")]),
        (brain_mask, outputnode, [("mask", "mask")]),
    ])  # fmt: skip
    if interface is FitR1:
        workflow.connect([(fit_r1, outputnode, [("outside_mask", "outside_mask")])])
    else:
        native_r1 = Node(FitR1(**timing_inputs(timing)), name="native_r1", mem_gb=mem_gb)
        workflow.connect([
            (inputnode, native_r1, [(image, image) for image in images]),
            (native_r1, outputnode, [("r1_map", "native_map")]),
        ])  # fmt: skip
    add_robust_uni(workflow, images, mem_gb=mem_gb)
    return workflow


def add_robust_uni(workflow: Workflow, images: Sequence[str], *, mem_gb: float) -> None:
    """Add the uniform image without its noisy background to a workflow, where its images permit it.

    Parameters
    ----------
    workflow : nipype.Workflow
        With an `inputnode` that has the images, and an `outputnode` that has ``robust_uni``.
    images : sequence of str
        Which images are given; UNIT1 and both magnitudes are needed.
    mem_gb : float
        Memory of the node, GB.
    """
    if not set(_MAGNITUDES) <= set(images):
        return
    suppress_background = Node(SuppressBackground(), name="suppress_background", mem_gb=mem_gb)
    workflow.connect([
        (workflow.get_node("inputnode"), suppress_background, [(image, image) for image in _MAGNITUDES]),
        (suppress_background, workflow.get_node("outputnode"), [("uni", "robust_uni")]),
    ])  # fmt: skip


def init_r2star_wf(
    *,
    echo_times: Sequence[float],
    method: str = "nlls",
    engine: MapEngine | None = None,
    field_axes: Sequence[int] | None = None,
    mem_gb: float = 1.0,
    name: str = "r2star_wf",
) -> Workflow:
    """Fit R2* to one multi-echo acquisition.

    Parameters
    ----------
    echo_times : sequence of float
        In s.
    method : str
        As `harmoniq.r2star.fit.fit_r2star` takes it; SEPIA has some of them.
    engine : MapEngine, optional
        The embedded fit by default, or SEPIA.
    field_axes : sequence of int, optional
        Voxel axes along which a voxel is a box, for the correction for gradients of the main field, which needs phases;
        None for no correction.
    mem_gb : float
        Memory that the fit needs, GB.
    name : str, optional
        Name of the workflow.

    Inputs
    ------
    magnitudes, phases
        One image per echo.

    Outputs
    -------
    r2star_map
        1/s.
    s0_map
        In the images' units.
    warning_map
        Where gradients bias R2*; with `field_axes` alone.
    field_facts
        For the sidecar; of the embedded engine alone.
    native_map
        With a reference engine: what the embedded one makes of the same images, by the same method.

    Returns
    -------
    Workflow
        The workflow.
    """
    workflow = Workflow(name=name)
    inputnode = Node(IdentityInterface(fields=["magnitudes", "phases"]), name="inputnode")
    fields = ["r2star_map", "s0_map", "warning_map", "field_facts", "native_map"]
    outputnode = Node(IdentityInterface(fields=fields), name="outputnode")
    interface, toolbox = _interface(engine, FitR2Star, FitR2StarSepia)
    fit_r2star = Node(
        interface(**toolbox, echo_times=list(echo_times), method=method), name="fit_r2star", mem_gb=mem_gb
    )
    workflow.connect([
        (inputnode, fit_r2star, [("magnitudes", "magnitudes")]),
        (fit_r2star, outputnode, [("r2star_map", "r2star_map"), ("s0_map", "s0_map")]),
    ])  # fmt: skip
    if interface is FitR2Star:
        fit_r2star.inputs.field_correction = "off" if field_axes is None else "auto"
        workflow.connect([(fit_r2star, outputnode, [("field_facts", "field_facts")])])
    else:
        native_r2star = Node(
            FitR2Star(echo_times=list(echo_times), method=method, field_correction="off"),
            name="native_r2star",
            mem_gb=mem_gb,
        )
        workflow.connect([
            (inputnode, native_r2star, [("magnitudes", "magnitudes")]),
            (native_r2star, outputnode, [("r2star_map", "native_map")]),
        ])  # fmt: skip
    if interface is FitR2Star and field_axes is not None:
        fit_r2star.inputs.field_axes = list(field_axes)
        workflow.connect([
            (inputnode, fit_r2star, [("phases", "phases")]),
            (fit_r2star, outputnode, [("warning_map", "warning_map")]),
        ])  # fmt: skip
    return workflow


def init_coregistration_wf(
    *, required: bool = True, seed: int = 0, mem_gb: float = 1.0, name: str = "coregistration_wf"
) -> Workflow:
    """Register the multi-echo images to MP2RAGE rigidly.

    Parameters
    ----------
    required : bool
        Whether images that cannot be registered (a phantom, say) are a failure, or only a warning.
    seed : int
        Of the metric's samples.
    mem_gb : float
        Memory that the registration needs, GB.
    name : str, optional
        Name of the workflow.

    Inputs
    ------
    fixed
        MP2RAGE image.
    moving
        Magnitude of the first echo.
    mask
        Of the brain, in the fixed image.

    Outputs
    -------
    transform
        ITK text: maps points of MP2RAGE space into ME-GRE space.
    facts
        The registration's cost and the head's motion.

    Returns
    -------
    Workflow
        The workflow.
    """
    workflow = Workflow(name=name)
    inputnode = Node(IdentityInterface(fields=["fixed", "moving", "mask"]), name="inputnode")
    outputnode = Node(IdentityInterface(fields=["transform", "facts"]), name="outputnode")
    register = Node(RegisterRigid(required=required, seed=seed), name="register", mem_gb=mem_gb)
    workflow.connect([
        (inputnode, register, [("fixed", "fixed"), ("moving", "moving"), ("mask", "fixed_mask")]),
        (register, outputnode, [("transform", "transform"), ("facts", "facts")]),
    ])  # fmt: skip
    return workflow


def _interface(engine: MapEngine | None, native: type, reference: type) -> tuple[type, dict[str, str]]:
    """Return the node's class, and the toolbox that it runs."""
    if engine is None or engine.toolbox is None:
        return native, {}
    return reference, {"toolbox": str(engine.toolbox), "toolbox_version": engine.version}
