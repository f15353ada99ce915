"""Cortical surfaces without FreeSurfer: the embedded engine on cat-surf and ANTs."""

from pathlib import Path

from nipype.interfaces.utility import IdentityInterface, Merge
from nipype.pipeline.engine import Node, Workflow

from harmoniq.interfaces.catsurf_surfaces import (
    CentralSurface,
    MapToSphere,
    RegisterSphere,
    SinkSubject,
    WhiteAndPial,
    WriteSubject,
)
from harmoniq.interfaces.catsurf_volumes import (
    FindBrain,
    LabelHemispheres,
    PrepareBrain,
    RegisterTemplate,
    SegmentTissues,
)

#: The most faces of a hemisphere: as many as FreeSurfer's on an adult brain.
FACES = 300_000
_HEMISPHERES = ("lh", "rh")
#: What a node needs at 1 mm, with room for finer images.
_MEM_GB = 2.0


def init_catsurf_wf(
    *, subject: str, subjects_dir: Path | None, faces: int = FACES, seed: int = 0, name: str = "catsurf_wf"
) -> Workflow:
    """Reconstruct the cortex of one session; each stage is a node, so that a run that was stopped goes on.

    Parameters
    ----------
    subject : str
        Name of the subject's folder.
    subjects_dir : path, optional
        Where the subject is copied to; None for nowhere.
    faces : int
        The most faces of a hemisphere's mesh.
    seed : int
        Of the brain mask and the registration.
    name : str, optional
        Name of the workflow.

    Inputs
    ------
    in_file
        T1-weighted image of the head: the uniform image without its background.
    rough_mask
        Voxels outside are set to 0 first; for images whose background could not be suppressed.

    Outputs
    -------
    subject_dir
        The subject.
    surface_files
        Its files on which samples depend.
    quality
        JSON of the quality figures.
    facts
        The same.

    Returns
    -------
    Workflow
        The workflow.
    """
    workflow = Workflow(name=name)
    inputnode = Node(IdentityInterface(fields=["in_file", "rough_mask"]), name="inputnode")
    made = ["subject_dir", "surface_files", "quality", "facts"]
    outputnode = Node(IdentityInterface(fields=made), name="outputnode")
    find_brain = Node(FindBrain(seed=seed), name="find_brain", mem_gb=_MEM_GB)
    prepare_brain = Node(PrepareBrain(), name="prepare_brain", mem_gb=_MEM_GB)
    register_template = Node(RegisterTemplate(seed=seed), name="register_template", mem_gb=_MEM_GB)
    segment_tissues = Node(SegmentTissues(), name="segment_tissues", mem_gb=_MEM_GB)
    label_hemispheres = Node(LabelHemispheres(), name="label_hemispheres", mem_gb=_MEM_GB)
    merge_facts = Node(Merge(5), name="merge_facts", run_without_submitting=True)
    write_subject = Node(WriteSubject(subject=subject), name="write_subject", mem_gb=_MEM_GB)
    both = [("corrected", "corrected"), ("mask", "mask")]
    workflow.connect([
        (inputnode, find_brain, [("in_file", "in_file"), ("rough_mask", "rough_mask")]),
        (find_brain, prepare_brain, [("head", "in_file"), ("mask", "mask")]),
        (prepare_brain, register_template, both),
        (prepare_brain, segment_tissues, both),
        (prepare_brain, label_hemispheres, both),
        (segment_tissues, label_hemispheres, [("tissues", "tissues")]),
        (register_template, label_hemispheres, [("aseg", "aseg")]),
        (find_brain, write_subject, [("head", "head")]),
        (prepare_brain, write_subject, both),
        (register_template, write_subject, [("aseg", "aseg")]),
        (merge_facts, write_subject, [("out", "facts")]),
        (write_subject, outputnode, [(field, field) for field in made]),
    ])  # fmt: skip
    volumes = (find_brain, prepare_brain, register_template, segment_tissues, label_hemispheres)
    for index, node in enumerate(volumes, start=1):
        workflow.connect([(node, merge_facts, [("facts", f"in{index}")])])
    _connect_hemispheres(workflow, label_hemispheres, write_subject, faces)
    if subjects_dir is not None:
        ds_subject = Node(
            SinkSubject(out_dir=str(subjects_dir / subject)), name="ds_subject", run_without_submitting=True
        )
        files = [("subject_dir", "subject_dir"), ("surface_files", "surface_files")]
        workflow.connect([(write_subject, ds_subject, files)])
    return workflow


def _connect_hemispheres(workflow: Workflow, label_hemispheres: Node, write_subject: Node, faces: int) -> None:
    """Add the stages of both hemispheres between the labels and the subject."""
    merged = {
        field: Node(Merge(2), name=f"merge_{field}", run_without_submitting=True)
        for field in ("labels", "layers", "spheres", "registered")
    }
    for field, node in merged.items():
        workflow.connect([(node, write_subject, [("out", field)])])
    for place, hemisphere in enumerate(_HEMISPHERES, start=1):
        stages = {
            kind: Node(interface(hemisphere=hemisphere), name=f"{kind}_{hemisphere}", mem_gb=_MEM_GB)
            for kind, interface in (
                ("central", CentralSurface), ("layers", WhiteAndPial), ("sphere", MapToSphere),
                ("register", RegisterSphere),
            )
        }  # fmt: skip
        facts = Node(Merge(4), name=f"facts_{hemisphere}", run_without_submitting=True)
        central, layers, sphere, register = stages.values()
        central.inputs.faces = faces
        workflow.connect([
            (label_hemispheres, central, [(hemisphere, "label")]),
            (label_hemispheres, layers, [(hemisphere, "label")]),
            (central, layers, [("mesh", "central")]),
            (layers, sphere, [("mesh", "layers")]),
            (layers, register, [("mesh", "layers")]),
            (sphere, register, [("mesh", "sphere")]),
            (label_hemispheres, merged["labels"], [(hemisphere, f"in{place}")]),
            (layers, merged["layers"], [("mesh", f"in{place}")]),
            (sphere, merged["spheres"], [("mesh", f"in{place}")]),
            (register, merged["registered"], [("mesh", f"in{place}")]),
            (facts, write_subject, [("out", f"facts_{hemisphere}")]),
        ])  # fmt: skip
        for index, node in enumerate(stages.values(), start=1):
            workflow.connect([(node, facts, [("facts", f"in{index}")])])
