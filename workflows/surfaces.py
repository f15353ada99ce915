"""The surfaces of one session: a FreeSurfer subject, whoever made it, and the area of each of its vertices."""

from pathlib import Path

from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline.engine import Node, Workflow

from harmoniq.interfaces.surface import LabelCortex
from harmoniq.settings.schema import SurfaceSettings

_HEMISPHERE_FILES = (
    *(f"surf/{kind}" for kind in ("?h.white", "?h.pial", "?h.sphere.reg", "?h.thickness")),
    "label/?h.cortex.label",
    "label/?h.PALS_B12_Brodmann.annot",
)
#: What of a FreeSurfer subject the samples depend on.
SURFACE_FILES = (*(name.replace("?h", h) for h in ("lh", "rh") for name in _HEMISPHERE_FILES), "mri/orig.mgz")


def surface_files(subject_dir: str | Path) -> list[str]:
    """Return the files of a FreeSurfer subject on which samples depend, as far as they exist."""
    return [str(path) for name in SURFACE_FILES if (path := Path(subject_dir) / name).exists()]


def init_surfaces_wf(*, surfaces: SurfaceSettings, name: str = "surfaces_wf") -> Workflow:
    """Label the vertices of a FreeSurfer subject.

    Parameters
    ----------
    surfaces : SurfaceSettings
        Which atlas.

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
    return workflow
