"""The cortex of one session: its surfaces, the samples along them, and their places in the derivatives."""

from pathlib import Path

from nipype.interfaces.utility import Select
from nipype.pipeline.engine import Node, Workflow

from harmoniq.data.names import HEMISPHERES
from harmoniq.interfaces.report import CortexFigures
from harmoniq.interfaces.surface import ExportSurfaces, MapFsaverage
from harmoniq.regions.aggregate import engine_label
from harmoniq.regions.cortex_export import LAYERS
from harmoniq.surface.depths import depth_label, parse_depth
from harmoniq.surface.fsaverage import DENSITIES, subject_level
from harmoniq.surface.subject import surface_files
from harmoniq.workflows.catsurf import init_catsurf_wf
from harmoniq.workflows.recon_all import init_recon_all_wf
from harmoniq.workflows.sampling import init_cortex_wf
from harmoniq.workflows.session_parts import SessionParts
from harmoniq.workflows.surfaces import init_surfaces_wf

_FIELDS = ("subject_dir", "surface_files", "labels", "label_facts")


def add_surfaces(parts: SessionParts) -> Workflow | None:
    """Add the session's surfaces, and the area of each vertex.

    Parameters
    ----------
    parts : SessionParts
        The session's workflow so far; parts are added to it.

    Returns
    -------
    Workflow or None
        Of `init_surfaces_wf`, connected; None where there are no surfaces and none can be made.
    """
    existing, engine = parts.inputs.freesurfer, parts.map_engines.surfaces
    if existing is None and not engine.builds_for(parts.inputs):
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
        recon_wf = _catsurf(parts) if engine.name == "catsurf" else _recon_all(parts)
        edges = [(f"outputnode.{field}", f"inputnode.{field}") for field in ("subject_dir", "surface_files")]
        parts.workflow.connect([(recon_wf, surfaces_wf, edges)])
    for side, name in zip(HEMISPHERES, _select(parts, surfaces_wf, "labels", 2), strict=True):
        path = parts.path("dseg", ".label.gii", hemi=side, desc="areas")
        parts.put((name, "out"), f"areas_{side}".lower(), path, parts.sidecars["areas"])
    _export_surfaces(parts, surfaces_wf)
    return surfaces_wf


def _export_surfaces(parts: SessionParts, surfaces_wf: Workflow) -> None:
    """Put the surfaces and the thickness into the derivatives, in scanner space."""
    export_surfaces = Node(ExportSurfaces(), name="export_surfaces", mem_gb=1.0)
    parts.workflow.connect([(surfaces_wf, export_surfaces, _surface_edges())])
    order = [(side, kind) for side in HEMISPHERES for kind in LAYERS]
    for (side, kind), node in zip(order, _select(parts, export_surfaces, "surfaces", 6), strict=True):
        path = parts.path(kind, ".surf.gii", hemi=side)
        parts.put((node, "out"), f"{kind}_{side}".lower(), path, parts.sidecars[kind])
    for side, node in zip(HEMISPHERES, _select(parts, export_surfaces, "thickness", 2), strict=True):
        path = parts.path("thickness", ".shape.gii", hemi=side)
        parts.put((node, "out"), f"thickness_{side}".lower(), path, parts.sidecars["thickness"])


def _map_to_fsaverage(
    parts: SessionParts, surfaces_wf: Workflow, cortex_wf: Workflow, metric: str, names: list[str]
) -> None:
    """Put a map's samples on fsaverage into the derivatives: GIFTI, and CIFTI of both hemispheres."""
    existing = parts.inputs.freesurfer
    level = max(DENSITIES) if existing is None else subject_level(existing)
    map_fsaverage = Node(MapFsaverage(names=names, level=level), name=f"map_fsaverage_{metric.lower()}", mem_gb=1.0)
    samples = [("outputnode.samples", "samples"), ("outputnode.further", "further")]
    parts.workflow.connect([
        (surfaces_wf, map_fsaverage, _surface_edges()),
        (cortex_wf, map_fsaverage, samples),
    ])  # fmt: skip
    space = {"space": "fsaverage", "den": DENSITIES[level]}
    density = {"Density": {DENSITIES[level]: f"{10 * 4**level + 2} vertices per hemisphere"}}
    order = [(side, name) for side in HEMISPHERES for name in names]
    selected = _select(parts, map_fsaverage, "shapes", len(order), prefix=f"{metric.lower()}_")
    for (side, name), node in zip(order, selected, strict=True):
        path = parts.path(f"{metric}map", ".shape.gii", hemi=side, **space, desc=name)
        sidecar = {**parts.sidecars[f"{metric}_{name}"], **density}
        parts.put((node, "out"), f"{metric}_{side}_{name}_fsaverage".lower(), path, sidecar)
    path = parts.path(f"{metric}map", ".dscalar.nii", **space)
    sidecar = {**parts.sidecars[f"{metric}_dscalar"], **density}
    parts.put((map_fsaverage, "dscalar"), f"{metric}_dscalar".lower(), path, sidecar)


def add_cortex_figures(parts: SessionParts, surfaces_wf: Workflow) -> None:
    """Draw the cortex: outlines on R1, the metrics on fsaverage, depths, and the size of the areas.

    Parameters
    ----------
    parts : SessionParts
        The session's workflow so far; parts are added to it.
    surfaces_wf : Workflow
        Of `add_surfaces`.
    """
    surfaces = parts.settings.surfaces
    figure_cortex = Node(
        CortexFigures(
            title=parts.inputs.label,
            cgm=(surfaces.cgm_depth, surfaces.cgm_fraction),
            swm=("projdist", surfaces.swm_distance),
        ),
        name="figure_cortex",
        mem_gb=1.0,
    )
    edges = [(f"outputnode.{field}", field) for field in _FIELDS]
    parts.workflow.connect([(surfaces_wf, figure_cortex, edges)])
    r1_wf = [("outputnode.r1_map", "r1_map"), ("outputnode.mask", "mask")]
    parts.workflow.connect([(parts.r1_wf, figure_cortex, r1_wf)])
    for metric, cortex_wf in parts.cortex.items():
        field = [("outputnode.samples", f"{metric.lower()}_samples")]
        parts.workflow.connect([(cortex_wf, figure_cortex, field)])
    pictures = {"outlines": "outlines", "plain": "outlinesplain", "depths": "depths", "areas": "areas"}
    pictures |= {metric.lower(): f"{metric}cortex" for metric in parts.cortex}
    for output, name in pictures.items():
        parts.put((figure_cortex, output), f"figure_cortex_{output}", parts.figure_path(name))


def _recon_all(parts: SessionParts) -> Workflow:
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


def _catsurf(parts: SessionParts) -> Workflow:
    """Reconstruct the session's cortex by the embedded engine, and put its quality figures into the derivatives."""
    inputs = parts.inputs
    assert inputs.mp2rage is not None
    subjects_dir = parts.out_dir / "sourcedata" / "catsurf"
    catsurf_wf = init_catsurf_wf(subject=inputs.label, subjects_dir=subjects_dir, seed=parts.seed)
    if None not in (inputs.mp2rage.uni, inputs.mp2rage.inv1, inputs.mp2rage.inv2):
        edges = [("outputnode.robust_uni", "inputnode.in_file")]
    else:
        # Without both magnitudes the air is noise: what is not head is taken away first. R1 is a T1 contrast.
        edges = [("outputnode.r1_map", "inputnode.in_file"), ("outputnode.mask", "inputnode.rough_mask")]
    parts.workflow.connect([(parts.r1_wf, catsurf_wf, edges)])
    path = parts.path("surfaces", ".json", desc="quality")
    parts.put((catsurf_wf, "outputnode.quality"), "surface_quality", path)
    return catsurf_wf


def freesurfer_dir(out_dir: Path) -> Path:
    """Return the subjects directory of the subjects that recon-all makes.

    Parameters
    ----------
    out_dir : Path
        Folder of the results.

    Returns
    -------
    Path
        ``sourcedata/freesurfer``.
    """
    return out_dir / "sourcedata" / "freesurfer"


def connect_cortex(parts: SessionParts, surfaces_wf: Workflow, metric: str, name: str | None = None) -> Workflow:
    """Add the sampling of a map along surfaces.

    Parameters
    ----------
    parts : SessionParts
        The session's workflow so far; parts are added to it.
    surfaces_wf : Workflow
        Of `init_surfaces_wf`.
    metric : str
        ``R1`` or ``R2star``.
    name : str or None, optional
        Of the new workflow; None: after the metric.

    Returns
    -------
    Workflow
        Of `init_cortex_wf`, connected to the map and the surfaces.
    """
    cortex_wf = init_cortex_wf(
        metric=metric,
        engine=engine_label(parts.engines[metric], parts.engines["surfaces"]),
        surfaces=parts.settings.surfaces,
        plausible=parts.plausible(metric),
        name=name,
    )
    parts.connect_map(metric, cortex_wf)
    edges = [(f"outputnode.{field}", f"inputnode.{field}") for field in _FIELDS]
    parts.workflow.connect([(surfaces_wf, cortex_wf, edges)])
    return cortex_wf


def add_cortex(parts: SessionParts, surfaces_wf: Workflow, metric: str) -> None:
    """Sample a map along the cortex, and put the samples into the derivatives.

    Parameters
    ----------
    parts : SessionParts
        The session's workflow so far; parts are added to it.
    surfaces_wf : Workflow
        Of `add_surfaces`.
    metric : str
        ``R1`` or ``R2star``.
    """
    cortex_wf = connect_cortex(parts, surfaces_wf, metric)
    parts.rows.append((cortex_wf, "outputnode.rows"))
    _put_samples(parts, cortex_wf, metric, "samples", ["cGM", "sWM"])
    depths = [depth_label(parse_depth(text)) for text in parts.settings.surfaces.depths]
    _map_to_fsaverage(parts, surfaces_wf, cortex_wf, metric, ["cGM", "sWM", *depths])
    parts.cortex[metric] = cortex_wf
    if depths:
        _put_samples(parts, cortex_wf, metric, "further", depths)
        path = parts.path(f"{metric}map_profiles", ".tsv", desc="depths")
        parts.put((cortex_wf, "outputnode.profile"), f"{metric}_depths".lower(), path, parts.sidecars["depths"])


def _put_samples(parts: SessionParts, cortex_wf: Workflow, metric: str, field: str, names: list[str]) -> None:
    order = [(side, name) for side in HEMISPHERES for name in names]
    selected = _select(parts, cortex_wf, field, len(order), prefix=f"{metric.lower()}_")
    for (side, name), node in zip(order, selected, strict=True):
        path = parts.path(f"{metric}map", ".shape.gii", hemi=side, desc=name)
        parts.put((node, "out"), f"{metric}_{side}_{name}".lower(), path, parts.sidecars[f"{metric}_{name}"])


def _surface_edges() -> list[tuple[str, str]]:
    """Return the edges of the subject to a node, anew for each: Nipype keeps the list it is given."""
    return [(f"outputnode.{field}", field) for field in _FIELDS[:2]]


def _select(parts: SessionParts, source: Workflow | Node, field: str, n: int, prefix: str = "") -> list[Node]:
    """Return a node per entry of a list that a workflow or node puts out."""
    nodes, output = [], f"outputnode.{field}" if isinstance(source, Workflow) else field
    for index in range(n):
        node = Node(Select(index=[index]), name=f"select_{prefix}{field}_{index}", run_without_submitting=True)
        parts.workflow.connect([(source, node, [(output, "inlist")])])
        nodes.append(node)
    return nodes
