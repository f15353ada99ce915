"""QSIPrep in a session's workflow, and the placement of bundles that are not in MP2RAGE's own space."""

from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline.engine import Node, Workflow

from harmoniq.interfaces.qsiprep import PlaceBundles, RunQSIPrep
from harmoniq.settings.schema import QSIPrepSettings
from harmoniq.workflows.bundle_engines import BundleEngine
from harmoniq.workflows.session_parts import SessionParts

_FOUND = ("names", "tractograms", "acpc", "anatomy", "anatomy_transform", "inverse")


def init_qsiprep_wf(
    *,
    participant: str,
    session: str | None,
    bids_dir: str,
    out_dir: str,
    dwi: list[str],
    engine: BundleEngine,
    qsiprep: QSIPrepSettings,
    threads: int = 1,
    name: str = "qsiprep_wf",
) -> Workflow:
    """Preprocess diffusion images and find bundles by QSIPrep, and QSIRecon where the two are separate.

    Parameters
    ----------
    participant, session : str
        Labels without prefix; a session of None where the dataset has none.
    bids_dir, out_dir : str
        Raw dataset, and where QSIPrep's results stay.
    dwi : list of str
        The session's diffusion images.
    engine : BundleEngine
        Where the programs run, and the license.
    qsiprep : QSIPrepSettings
        Resolution, reconstruction, memory.
    threads : int
        Of QSIPrep.
    name : str, optional
        Name of the workflow.

    Inputs
    ------
    t1w
        Uniform MP2RAGE image, background suppressed: QSIPrep's anatomy, so that its AC-PC space leads to the maps'.

    Outputs
    -------
    names, tractograms
        The bundles, in AC-PC space.
    acpc, anatomy, anatomy_transform, inverse
        What relates that space to MP2RAGE's.

    Returns
    -------
    Workflow
        The workflow.
    """
    assert engine.qsiprep is not None
    workflow = Workflow(name=name)
    inputnode = Node(IdentityInterface(fields=["t1w"]), name="inputnode")
    outputnode = Node(IdentityInterface(fields=list(_FOUND)), name="outputnode")
    first, second = engine.qsiprep, engine.qsirecon
    run_qsiprep = Node(
        RunQSIPrep(
            bids_dir=bids_dir, dwi=dwi, participant=participant, session=session or "", out_dir=out_dir,
            qsiprep=(first.kind, first.program, first.image, first.version),
            recon_spec=qsiprep.recon_spec, resolution=qsiprep.resolution, threads=threads,
            mem_mb=round(1000 * qsiprep.memory),
        ),
        name="run_qsiprep", mem_gb=qsiprep.memory, n_procs=threads,
    )  # fmt: skip
    if second is not None:
        run_qsiprep.inputs.qsirecon = [second.kind, second.program, second.image, second.version]
    if engine.license_file is not None:
        run_qsiprep.inputs.license_file = str(engine.license_file)
    workflow.connect([
        (inputnode, run_qsiprep, [("t1w", "t1w")]),
        (run_qsiprep, outputnode, [(field, field) for field in _FOUND]),
    ])  # fmt: skip
    return workflow


def add_qsiprep(parts: SessionParts) -> Workflow:
    """Add QSIPrep to a session's workflow; its results stay in ``sourcedata/qsiprep`` of the derivatives.

    Parameters
    ----------
    parts : SessionParts
        The session's workflow so far; parts are added to it.

    Returns
    -------
    Workflow
        Connected to its input; its outputs are not put anywhere.
    """
    inputs = parts.inputs
    image = inputs.dwi[0].image
    # sub-X[/ses-Y]/dwi/image
    root = image.parents[3 if inputs.session else 2]
    qsiprep_wf = init_qsiprep_wf(
        participant=inputs.participant, session=inputs.session, bids_dir=str(root),
        out_dir=str(parts.out_dir / "sourcedata" / "qsiprep" / inputs.label),
        dwi=[str(dwi.image) for dwi in inputs.dwi], engine=parts.map_engines.bundles, qsiprep=parts.settings.qsiprep,
        threads=parts.threads,
    )  # fmt: skip
    mp2rage = inputs.mp2rage
    if mp2rage is None:
        parts.give_reference(qsiprep_wf, "inputnode.t1w")
    elif mp2rage.uni and mp2rage.inv1 and mp2rage.inv2:
        parts.workflow.connect([(parts.r1_wf, qsiprep_wf, [("outputnode.robust_uni", "inputnode.t1w")])])
    else:
        qsiprep_wf.inputs.inputnode.t1w = str(mp2rage.uni or mp2rage.inv2)
    return qsiprep_wf


def add_placement(parts: SessionParts, tracking: Node | Workflow | None) -> Node | None:
    """Add the node that brings bundles to MP2RAGE.

    Parameters
    ----------
    parts : SessionParts
        The session's workflow so far; parts are added to it.
    tracking : Node or Workflow or None
        What finds the bundles; None: they exist.

    Returns
    -------
    Node or None
        None for bundles that were tracked in MP2RAGE's own space.
    """
    if tracking is not None and not isinstance(tracking, Workflow):
        return None
    place_bundles = Node(PlaceBundles(seed=parts.seed), name="place_bundles", mem_gb=2.0)
    parts.give_reference(place_bundles, "mp2rage")
    if tracking is not None:
        parts.workflow.connect([(tracking, place_bundles, [(f"outputnode.{field}", field) for field in _FOUND])])
    else:
        space, bundles = parts.inputs.bundle_space, parts.inputs.bundles
        place_bundles.inputs.trait_set(
            names=list(bundles), tractograms=[str(path) for path in bundles.values()], acpc=space.acpc,
            inverse=space.inverse,
        )  # fmt: skip
        for field, path in (("anatomy", space.anatomy), ("anatomy_transform", space.transform)):
            if path is not None:
                setattr(place_bundles.inputs, field, str(path))
    parts.workflow.connect([(parts.r1_wf, place_bundles, [("outputnode.mask", "brain_mask")])])
    parts.rows.append((place_bundles, "rows"))
    return place_bundles
