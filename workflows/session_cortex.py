"""The cortex of one session: its surfaces, the samples along them, and their places in the derivatives."""

from pathlib import Path
from typing import TYPE_CHECKING

from nipype.interfaces.utility import Select
from nipype.pipeline.engine import Node, Workflow

from harmoniq.data.names import HEMISPHERES
from harmoniq.regions.aggregate import engine_label
from harmoniq.surface.depths import depth_label, parse_depth
from harmoniq.surface.subject import surface_files
from harmoniq.workflows.recon_all import init_recon_all_wf
from harmoniq.workflows.sampling import init_cortex_wf
from harmoniq.workflows.surfaces import init_surfaces_wf

if TYPE_CHECKING:
    from harmoniq.workflows.session import SessionParts

_FIELDS = ("subject_dir", "surface_files", "labels", "label_facts")


def add_surfaces(parts: "SessionParts") -> Workflow | None:
    """Add the session's surfaces, and the area of each vertex; return None where there are none."""
    existing, engine = parts.inputs.freesurfer, parts.map_engines.surfaces
    if existing is None and not engine.builds:
        return None
    own = existing is not None and (existing / "label" / "lh.PALS_B12_Brodmann.annot").is_file()
    surfaces_wf = init_surfaces_wf(
        surfaces=parts.settings.surfaces,
        freesurfer_tools=engine.freesurfer_tools and parts.settings.surfaces.atlas == "auto" and not own,
        license_file=engine.license_file,
    )
    if existing is not None:
        surfaces_wf.inputs.inputnode.subject_dir = str(existing)
        surfaces_wf.inputs.inputnode.surface_files = surface_files(existing)
        parts.workflow.add_nodes([surfaces_wf])
    else:
        recon_wf = _recon_all(parts)
        edges = [(f"outputnode.{field}", f"inputnode.{field}") for field in ("subject_dir", "surface_files")]
        parts.workflow.connect([(recon_wf, surfaces_wf, edges)])
    for side, name in zip(HEMISPHERES, _select(parts, surfaces_wf, "labels", 2), strict=True):
        path = parts.path("dseg", ".label.gii", hemi=side, desc="areas")
        parts.put((name, "out"), f"areas_{side}".lower(), path, parts.sidecars["areas"])
    return surfaces_wf


def _recon_all(parts: "SessionParts") -> Workflow:
    """Reconstruct the session's cortex by FreeSurfer."""
    inputs, surfaces = parts.inputs, parts.settings.surfaces
    assert inputs.mp2rage is not None
    recon_all_wf = init_recon_all_wf(
        subject=inputs.label,
        subjects_dir=freesurfer_dir(parts.out_dir),
        surfaces=surfaces,
        license_file=parts.map_engines.surfaces.license_file,
        threads=parts.threads,
    )
    edges = [("outputnode.mask", "inputnode.mask")]
    if None not in (inputs.mp2rage.uni, inputs.mp2rage.inv1, inputs.mp2rage.inv2):
        edges.append(("outputnode.robust_uni", "inputnode.in_file"))
    else:
        recon_all_wf.inputs.inputnode.in_file = str(inputs.mp2rage.uni or inputs.mp2rage.inv2)
    parts.workflow.connect([(parts.r1_wf, recon_all_wf, edges)])
    pial = {"FLAIR": inputs.flair, "T2": inputs.t2w}.get(surfaces.pial, ())
    if pial:
        recon_all_wf.inputs.inputnode.pial_file = str(pial[0])
    return recon_all_wf


def freesurfer_dir(out_dir: Path) -> Path:
    """Return the subjects directory of the subjects that recon-all makes in this run."""
    return out_dir / "sourcedata" / "freesurfer"


def add_cortex(parts: "SessionParts", surfaces_wf: Workflow, metric: str) -> None:
    """Sample a map along the cortex."""
    cortex_wf = init_cortex_wf(
        metric=metric,
        engine=engine_label(parts.engines[metric], parts.engines["surfaces"]),
        surfaces=parts.settings.surfaces,
        plausible=parts.plausible(metric),
    )
    parts.connect_map(metric, cortex_wf)
    edges = [(f"outputnode.{field}", f"inputnode.{field}") for field in _FIELDS]
    parts.workflow.connect([(surfaces_wf, cortex_wf, edges)])
    parts.rows.append((cortex_wf, "outputnode.rows"))
    _put_samples(parts, cortex_wf, metric, "samples", ["cGM", "sWM"])
    depths = [depth_label(parse_depth(text)) for text in parts.settings.surfaces.depths]
    if depths:
        _put_samples(parts, cortex_wf, metric, "further", depths)
        path = parts.path(f"{metric}map_profiles", ".tsv", desc="depths")
        parts.put((cortex_wf, "outputnode.profile"), f"{metric}_depths".lower(), path, parts.sidecars["depths"])


def _put_samples(parts: "SessionParts", cortex_wf: Workflow, metric: str, field: str, names: list[str]) -> None:
    order = [(side, name) for side in HEMISPHERES for name in names]
    selected = _select(parts, cortex_wf, field, len(order), prefix=f"{metric.lower()}_")
    for (side, name), node in zip(order, selected, strict=True):
        path = parts.path(f"{metric}map", ".shape.gii", hemi=side, desc=name)
        parts.put((node, "out"), f"{metric}_{side}_{name}".lower(), path, parts.sidecars[f"{metric}_{name}"])


def _select(parts: "SessionParts", workflow: Workflow, field: str, n: int, prefix: str = "") -> list[Node]:
    """Return a node per entry of a list that a workflow puts out."""
    nodes = []
    for index in range(n):
        node = Node(Select(index=[index]), name=f"select_{prefix}{field}_{index}", run_without_submitting=True)
        parts.workflow.connect([(workflow, node, [(f"outputnode.{field}", "inlist")])])
        nodes.append(node)
    return nodes
