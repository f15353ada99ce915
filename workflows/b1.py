"""The transmit field of one session, in the space of MP2RAGE."""

from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline.engine import Node, Workflow

from harmoniq.data.acquisitions import MP2RAGE, B1Map, MP2RAGETiming
from harmoniq.interfaces.b1 import FitB1, PlaceB1
from harmoniq.interfaces.maps import FitR1
from harmoniq.interfaces.registration import RegisterRigid


def timing_inputs(timing: MP2RAGETiming) -> dict[str, object]:
    """Return a timing as the nodes take it.

    Parameters
    ----------
    timing : MP2RAGETiming
        In s and degrees.

    Returns
    -------
    dict of str to object
        By the names of `harmoniq.interfaces.maps.TimingInputSpec`.
    """
    return {
        "repetition_time": timing.repetition_time,
        "inversion_times": timing.inversion_times,
        "flip_angles": timing.flip_angles,
        "echo_spacing": timing.echo_spacing,
        "shots": timing.shots,
        "efficiency": timing.efficiency,
    }


def image_inputs(acquisition: MP2RAGE) -> dict[str, str]:
    """Return the images of an acquisition as the nodes take them.

    Parameters
    ----------
    acquisition : MP2RAGE
        With its images.

    Returns
    -------
    dict of str to str
        Paths by the names of the inputs, of those images that there are.
    """
    names = ("uni", "inv1", "inv2", "inv1_phase", "inv2_phase")
    return {name: str(path) for name in names if (path := getattr(acquisition, name)) is not None}


def init_b1_wf(*, b1: B1Map, mp2rage: MP2RAGE, seed: int = 0, mem_gb: float = 1.0, name: str = "b1_wf") -> Workflow:
    """Bring the map of the transmit field into the space of MP2RAGE; of SA2RAGE, compute it first.

    A SA2RAGE ratio depends a little on T1: it is that of an R1 map without correction.

    Parameters
    ----------
    b1 : B1Map
        The map, and the image by which it is registered.
    mp2rage : MP2RAGE
        Of the session.
    seed : int
        Of the registration.
    mem_gb : float
        Memory that a node needs, GB.
    name : str, optional
        Name of the workflow.

    Inputs
    ------
    reference
        The MP2RAGE image that the map is registered to.

    Outputs
    -------
    b1_map
        Relative to nominal, on its own grid, in the space of MP2RAGE.
    facts
        For the sidecar.

    Returns
    -------
    Workflow
        The workflow.
    """
    workflow = Workflow(name=name)
    inputnode = Node(IdentityInterface(fields=["reference"]), name="inputnode")
    outputnode = Node(IdentityInterface(fields=["b1_map", "facts"]), name="outputnode")
    place_b1 = Node(PlaceB1(registered=b1.anatomy is not None), name="place_b1", mem_gb=mem_gb)
    if b1.scale is not None:
        place_b1.inputs.b1_scale = b1.scale
    workflow.add_nodes([inputnode])
    workflow.connect([(place_b1, outputnode, [("b1_map", "b1_map"), ("facts", "facts")])])
    register_b1 = None
    if b1.anatomy is not None:
        register_b1 = Node(
            RegisterRigid(moving=str(b1.anatomy), required=False, seed=seed), name="register_b1", mem_gb=mem_gb
        )
        workflow.connect([
            (inputnode, register_b1, [("reference", "fixed")]),
            (register_b1, place_b1, [("transform", "transform")]),
        ])  # fmt: skip
    if b1.sa2rage is None:
        place_b1.inputs.b1_map = str(b1.image)
        return workflow
    scan = b1.sa2rage
    nominal_r1 = Node(FitR1(**timing_inputs(mp2rage.timing), **image_inputs(mp2rage)), name="nominal_r1", mem_gb=mem_gb)
    fit_b1 = Node(
        FitB1(
            **timing_inputs(scan.timing),
            mp2rage=timing_inputs(mp2rage.timing),
            inv1=str(scan.inv1),
            inv2=str(scan.inv2),
            inv1_phase=str(scan.inv1_phase),
            inv2_phase=str(scan.inv2_phase),
        ),
        name="fit_b1",
        mem_gb=mem_gb,
    )
    workflow.connect([
        (nominal_r1, fit_b1, [("r1_map", "r1_map")]),
        (fit_b1, place_b1, [("b1_map", "b1_map")]),
    ])  # fmt: skip
    if register_b1 is not None:
        workflow.connect([(register_b1, fit_b1, [("transform", "transform")])])
    return workflow
