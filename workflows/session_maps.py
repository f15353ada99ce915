"""The maps of a session, R1 and R2*, fitted or taken, and the registration between them."""

from nipype.pipeline.engine import Workflow

from harmoniq.data.acquisitions import MP2RAGE, B1Map
from harmoniq.workflows.b1 import image_inputs, init_b1_wf
from harmoniq.workflows.engines import field_axes
from harmoniq.workflows.existing_maps import init_existing_r1_wf, init_existing_r2star_wf
from harmoniq.workflows.maps import init_coregistration_wf, init_r1_wf, init_r2star_wf
from harmoniq.workflows.session_parts import SessionParts


def add_r1(parts: SessionParts) -> None:
    """Fit R1, or take the map that exists, and mask the brain.

    Parameters
    ----------
    parts : SessionParts
        The session's workflow so far; parts are added to it.
    """
    mp2rage, existing = parts.inputs.mp2rage, parts.inputs.maps.get("R1")
    images: dict[str, str] = {} if mp2rage is None else image_inputs(mp2rage)
    if existing is not None:
        images = {name: path for name, path in images.items() if "phase" not in name}
        r1_wf = init_existing_r1_wf(source=existing, plausible=parts.plausible("R1"), images=list(images))
    else:
        assert mp2rage is not None
        fields = [*images, *(["b1_map", "b1_scale"] if parts.inputs.b1 is not None else [])]
        r1_wf = init_r1_wf(timing=mp2rage.timing, images=fields, engine=parts.map_engines.r1, mem_gb=parts.mem_gb)
        if parts.inputs.b1 is not None:
            _add_b1(parts, parts.inputs.b1, mp2rage, r1_wf)
    for name, path in images.items():
        setattr(r1_wf.inputs.inputnode, name, path)
    if mp2rage is not None:
        r1_wf.inputs.inputnode.reference = str(mp2rage.inv2 or mp2rage.uni)
    if parts.inputs.freesurfer is not None and (mask := parts.inputs.freesurfer / "mri" / "brainmask.mgz").is_file():
        r1_wf.inputs.inputnode.freesurfer_mask = str(mask)
    parts.maps["R1"] = (r1_wf, "outputnode.r1_map")
    parts.put((r1_wf, "outputnode.r1_map"), "r1", parts.path("R1map", ".nii.gz"), parts.sidecars["R1"])
    if existing is None and parts.map_engines.r1.toolbox is None:
        outside_path = parts.path("mask", ".nii.gz", desc="R1outside")
        parts.put((r1_wf, "outputnode.outside_mask"), "outside", outside_path, parts.sidecars["outside"])
    if {"uni", "inv1", "inv2"} <= set(images):
        robust_path = parts.path("UNIT1", ".nii.gz", desc="robust")
        parts.put((r1_wf, "outputnode.robust_uni"), "robust", robust_path, parts.sidecars["robust"])
    mask_path = parts.path("mask", ".nii.gz", desc="brain")
    parts.put((r1_wf, "outputnode.mask"), "mask", mask_path, parts.sidecars["mask"])


def _add_b1(parts: SessionParts, b1: B1Map, mp2rage: MP2RAGE, r1_wf: Workflow) -> None:
    """Bring the transmit field to MP2RAGE, for the fit of R1."""
    b1_wf = init_b1_wf(b1=b1, mp2rage=mp2rage, seed=parts.seed, mem_gb=parts.mem_gb)
    parts.give_reference(b1_wf, "inputnode.reference")
    r1_wf.inputs.inputnode.b1_scale = 1.0
    parts.workflow.connect([(b1_wf, r1_wf, [("outputnode.b1_map", "inputnode.b1_map")])])
    path = parts.path("TB1map", ".nii.gz", folder="fmap", space="UNIT1")
    parts.put((b1_wf, "outputnode.b1_map"), "b1", path, parts.sidecars["b1"], facts="outputnode.facts")


def add_r2star(parts: SessionParts) -> None:
    """Fit R2*, or take the map that exists.

    Parameters
    ----------
    parts : SessionParts
        The session's workflow so far; parts are added to it.
    """
    if (existing := parts.inputs.maps.get("R2star")) is not None:
        r2star_wf = init_existing_r2star_wf(source=existing, plausible=parts.plausible("R2star"))
        parts.maps["R2star"] = (r2star_wf, "outputnode.r2star_map")
        parts.put(parts.maps["R2star"], "r2star", parts.path("R2starmap", ".nii.gz"), parts.sidecars["R2star"])
        return
    megre = parts.inputs.megre
    assert megre is not None
    engine, axes = parts.map_engines.r2star, field_axes(parts.inputs, parts.settings, parts.map_engines)
    r2star_wf = init_r2star_wf(
        echo_times=megre.echo_times, method=engine.method, engine=engine, field_axes=axes, mem_gb=parts.mem_gb
    )
    r2star_wf.inputs.inputnode.magnitudes = [str(path) for path in megre.magnitudes]
    parts.maps["R2star"] = (r2star_wf, "outputnode.r2star_map")
    facts = None if engine.toolbox is not None else "outputnode.field_facts"
    for name, suffix in (("r2star", "R2starmap"), ("s0", "S0map")):
        path, sidecar = parts.path(suffix, ".nii.gz"), parts.sidecars[suffix.removesuffix("map")]
        parts.put((r2star_wf, f"outputnode.{name}_map"), name, path, sidecar, facts=facts)
    if axes is not None:
        r2star_wf.inputs.inputnode.phases = [str(path) for path in megre.phases]
        path = parts.path("dseg", ".nii.gz", desc="R2starwarning")
        source = (r2star_wf, "outputnode.warning_map")
        parts.put(source, "warning", path, parts.sidecars["warning"], facts="outputnode.field_facts")


def add_coregistration(parts: SessionParts, *, required: bool) -> None:
    """Register ME-GRE to MP2RAGE; maps alone need no transform, and no brain.

    Parameters
    ----------
    parts : SessionParts
        The session's workflow so far; parts are added to it.
    required : bool
        Whether images that cannot be registered are a failure; else only a warning.
    """
    coregistration_wf = init_coregistration_wf(required=required, seed=parts.seed, mem_gb=parts.mem_gb)
    parts.give_reference(coregistration_wf, "inputnode.fixed")
    parts.give_moving(coregistration_wf, "inputnode.moving")
    parts.workflow.connect([(parts.r1_wf, coregistration_wf, [("outputnode.mask", "inputnode.mask")])])
    parts.coregistration = coregistration_wf
    parts.registered = required
    path = parts.path("xfm", ".txt", from_="MEGRE", to="UNIT1", mode="image")
    source = (coregistration_wf, "outputnode.transform")
    parts.put(source, "xfm", path, parts.sidecars["xfm"], facts="outputnode.facts")
