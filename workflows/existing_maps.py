"""Maps that exist already, in the place of fits: the same outputs, as far as there are any."""

from collections.abc import Sequence

from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline.engine import Node, Workflow

from harmoniq.data.existing_maps import ExistingMap
from harmoniq.interfaces.existing_maps import TakeMap
from harmoniq.interfaces.registration import BrainMask
from harmoniq.workflows.maps import add_robust_uni


def init_existing_r1_wf(
    *, source: ExistingMap, plausible: tuple[float, float], images: Sequence[str] = (), name: str = "r1_wf"
) -> Workflow:
    """Take an existing R1 map, and mask the brain.

    Parameters
    ----------
    source : ExistingMap
        Where it lies, and in which unit.
    plausible : tuple of float
        Range of R1, 1/s, by which the unit is checked.
    images : sequence of str
        Which images of MP2RAGE are given.
    name : str
        Of the workflow.

    Returns
    -------
    Workflow
        Not connected to anything.

    Inputs
    ------
    uni, inv1, inv2
        Of MP2RAGE, where there are any.
    reference
        The image in which the brain is masked; without images it is the map.
    freesurfer_mask
        ``brainmask.mgz``, where there is one.

    Outputs
    -------
    r1_map
        1/s.
    robust_uni
        The uniform image without its noisy background, where UNIT1 and both magnitudes are given.
    mask
        Of the brain, on the reference's grid.
    """
    workflow = Workflow(name=name)
    inputnode = Node(
        IdentityInterface(fields=["uni", "inv1", "inv2", "reference", "freesurfer_mask"]), name="inputnode"
    )
    outputnode = Node(IdentityInterface(fields=["r1_map", "robust_uni", "mask"]), name="outputnode")
    take_map = Node(_take(source, plausible), name="take_map", mem_gb=0.5)
    brain_mask = Node(BrainMask(), name="brain_mask", mem_gb=1.0)
    masked = [("reference", "in_file")] if images else []
    workflow.connect([
        (inputnode, brain_mask, [*masked, ("freesurfer_mask", "freesurfer_mask")]),
        (take_map, outputnode, [("out_map", "r1_map")]),
        (brain_mask, outputnode, [("mask", "mask")]),
    ])  # fmt: skip
    if not images:
        workflow.connect([(take_map, brain_mask, [("out_map", "in_file")])])
    add_robust_uni(workflow, images, mem_gb=1.0)
    return workflow


def init_existing_r2star_wf(
    *, source: ExistingMap, plausible: tuple[float, float], name: str = "r2star_wf"
) -> Workflow:
    """Take an existing R2* map.

    Parameters
    ----------
    source : ExistingMap
        Where it lies, and in which unit.
    plausible : tuple of float
        Range of R2*, 1/s, by which the unit is checked.
    name : str
        Of the workflow.

    Returns
    -------
    Workflow
        Not connected to anything.

    Outputs
    -------
    r2star_map
        1/s.
    """
    workflow = Workflow(name=name)
    outputnode = Node(IdentityInterface(fields=["r2star_map"]), name="outputnode")
    take_map = Node(_take(source, plausible), name="take_map", mem_gb=0.5)
    workflow.connect([(take_map, outputnode, [("out_map", "r2star_map")])])
    return workflow


def _take(source: ExistingMap, plausible: tuple[float, float]) -> TakeMap:
    return TakeMap(in_file=str(source.path), inverted=source.inverted, factor=source.factor, plausible=plausible)
