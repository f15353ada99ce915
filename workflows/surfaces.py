"""The surfaces of one session: a FreeSurfer subject, whoever made it, and the area of each of its vertices."""

from pathlib import Path

from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline.engine import Node, Workflow

from harmoniq.interfaces.freesurfer import MapAnnotation
from harmoniq.interfaces.surface import LabelCortex
from harmoniq.settings.schema import SurfaceSettings


def init_surfaces_wf(
    *,
    surfaces: SurfaceSettings,
    freesurfer_tools: bool = False,
    license_file: Path | None = None,
    name: str = "surfaces_wf",
) -> Workflow:
    """Label the vertices of a FreeSurfer subject.

    Parameters
    ----------
    surfaces : SurfaceSettings
        Which atlas.
    freesurfer_tools : bool
        Bring PALS-B12 to the subject by FreeSurfer's mri_surf2surf instead of through its sphere here.
    license_file : path, optional
        Of FreeSurfer; default: as FreeSurfer finds it.
    name : str, optional
        Name of the workflow.

    Inputs
    ------
    subject_dir
        FreeSurfer subject in MP2RAGE space: existing, or from a workflow that made it.
    surface_files
        Its files, as `surface_files` lists them, so that a changed one is noticed.

    Outputs
    -------
    subject_dir, surface_files
        The inputs.
    labels
        Two GIFTI label files: hemi-L, hemi-R.
    label_facts
        JSON: atlas, regions, share of cortex without a region, notes.

    Returns
    -------
    Workflow
        The workflow.
    """
    workflow = Workflow(name=name)
    given = ["subject_dir", "surface_files"]
    inputnode = Node(IdentityInterface(fields=given), name="inputnode")
    outputnode = Node(IdentityInterface(fields=[*given, "labels", "label_facts"]), name="outputnode")
    label_cortex = Node(
        LabelCortex(atlas=surfaces.atlas, merged=surfaces.merge_ba33, few=surfaces.few_vertices),
        name="label_cortex",
        mem_gb=1.0,
    )
    both = [(field, field) for field in given]
    workflow.connect([
        (inputnode, label_cortex, both),
        (inputnode, outputnode, both),
        (label_cortex, outputnode, [("labels", "labels"), ("facts", "label_facts")]),
    ])  # fmt: skip
    if freesurfer_tools:
        map_annotation = Node(MapAnnotation(license_file=str(license_file or "")), name="map_annotation", mem_gb=1.0)
        workflow.connect([
            (inputnode, map_annotation, both),
            (map_annotation, label_cortex, [("annotations", "annotations")]),
        ])  # fmt: skip
    return workflow
