"""The bundles of one session: those that exist, or those that are found in its diffusion images."""

from nipype.pipeline.engine import Node, Workflow

from harmoniq.data.names import METRIC_WORDS
from harmoniq.interfaces.diffusion import BundleFigure, PutBundles, TrackBundles
from harmoniq.regions.aggregate import engine_label
from harmoniq.workflows.bundle_engines import steps_for
from harmoniq.workflows.qsiprep import add_qsiprep
from harmoniq.workflows.sampling import init_bundles_wf
from harmoniq.workflows.session_parts import SessionParts

#: What tracking needs: the diffusion images twice in float32, fiber densities, whole-brain streamlines.
MEM_GB = 4.0


def add_tracking(parts: SessionParts) -> Node | Workflow | None:
    """Add what finds bundles in diffusion images.

    Parameters
    ----------
    parts : SessionParts
        The session's workflow so far; parts are added to it.

    Returns
    -------
    Node or Workflow or None
        pyAFQ's node or QSIPrep's workflow; None where bundles exist or nothing can find them.
    """
    engine, dwi = parts.map_engines.bundles, parts.inputs.dwi
    if engine.qsiprep is not None and dwi and not parts.inputs.bundles:
        return add_qsiprep(parts)
    if parts.inputs.bundles or not engine.tracks or not dwi:
        return None
    bundles = parts.settings.bundles
    track_bundles = Node(
        TrackBundles(
            dwi=str(dwi[0].image), bval=str(dwi[0].bvals), bvec=str(dwi[0].bvecs),
            templates=str(engine.templates),
            steps=list(steps_for(dwi[0], bundles)),
            bundles=list(bundles.expected),
            n_seeds=bundles.seeds, step_mm=bundles.step, angle=bundles.angle, cutoff=bundles.fod_cutoff,
            seed=parts.seed,
        ),
        name="track_bundles",
        mem_gb=MEM_GB,
    )  # fmt: skip
    parts.give_reference(track_bundles, "reference")
    source, field = parts.maps["R1"]
    parts.workflow.connect([
        (source, track_bundles, [(field, "r1_map")]),
        (parts.r1_wf, track_bundles, [("outputnode.mask", "mask")]),
    ])  # fmt: skip
    path = parts.path("tractography", ".trk", folder="dwi", space="UNIT1")
    ds_bundles = Node(
        PutBundles(stem=str(path).removesuffix("_tractography.trk"), sidecar=parts.sidecars["tracts"]),
        name="ds_bundles", run_without_submitting=True,
    )  # fmt: skip
    fields = [(name, name) for name in ("names", "tractograms", "facts")]
    parts.workflow.connect([(track_bundles, ds_bundles, fields)])
    return track_bundles


def add_bundles(
    parts: SessionParts, tracking: Node | Workflow | None, metric: str, placing: Node | None = None
) -> None:
    """Sample a map along the bundles, existing or found.

    Parameters
    ----------
    parts : SessionParts
        The session's workflow so far; parts are added to it.
    tracking : Node or Workflow or None
        Of `add_tracking`; None: the bundles exist.
    metric : str
        ``R1`` or ``R2star``.
    placing : Node or None, optional
        Of `harmoniq.workflows.qsiprep.add_placement`; None: the bundles are in the space of MP2RAGE.
    """
    scilpy = parts.map_engines.tractometry
    made_by = [parts.engines[name] for name in (metric, "bundles", "tractometry") if name in parts.engines]
    bundles_wf = init_bundles_wf(
        metric=metric, engine=engine_label(*made_by), bundles=parts.settings.bundles,
        plausible=parts.plausible(metric), scilpy=scilpy,
        title=f"{parts.inputs.label}: {METRIC_WORDS[metric]} along the bundles, in brackets native minus SCILPY",
    )  # fmt: skip
    parts.give_reference(bundles_wf, "inputnode.reference")
    if tracking is None:
        bundles_wf.inputs.inputnode.names = list(parts.inputs.bundles)
        bundles_wf.inputs.inputnode.tractograms = [str(path) for path in parts.inputs.bundles.values()]
    else:
        prefix = "outputnode." if isinstance(tracking, Workflow) else ""
        edges = [(f"{prefix}{name}", f"inputnode.{name}") for name in ("names", "tractograms")]
        parts.workflow.connect([(tracking, bundles_wf, edges)])
    if placing is not None:
        parts.workflow.connect([(placing, bundles_wf, [("placement", "inputnode.placement")])])
    parts.connect_map(metric, bundles_wf)
    parts.rows.append((bundles_wf, "outputnode.rows"))
    central = f"central{round(100 * parts.settings.bundles.central)}"
    path = parts.path(f"{metric}map_profiles", ".tsv", folder="dwi", desc=central)
    parts.put((bundles_wf, "outputnode.profiles"), f"{metric.lower()}_profiles", path, parts.sidecars["profiles"])
    if scilpy is not None:
        _put_comparison(parts, bundles_wf, metric)


def _put_comparison(parts: SessionParts, bundles_wf: Workflow, metric: str) -> None:
    """Put the embedded engine's profiles, and how SCILPY's differ from them, beside SCILPY's."""
    name, suffix = f"{metric.lower()}_profile_engines", f"{metric}map_profiles"
    native = parts.path(suffix, ".tsv", folder="dwi", desc="native")
    parts.put((bundles_wf, "outputnode.native_profiles"), f"{name}_native", native, parts.sidecars["profiles_native"])
    picture = parts.figure_path(f"{metric}profileengines")
    parts.put((bundles_wf, "outputnode.figure"), f"{name}_figure", picture)
    table = parts.path(suffix, ".tsv", folder="dwi", desc="engines")
    parts.put((bundles_wf, "outputnode.table"), f"{name}_table", table)
    parts.put((bundles_wf, "outputnode.sidecar"), f"{name}_sidecar", table.with_suffix(".json"))


def add_bundle_figure(parts: SessionParts, tracking: Node | Workflow | None, placing: Node | None = None) -> None:
    """Draw the bundles over the R1 map.

    Parameters
    ----------
    parts : SessionParts
        The session's workflow so far; parts are added to it.
    tracking : Node or Workflow or None
        Of `add_tracking`; None: the bundles exist.
    placing : Node or None, optional
        Of `harmoniq.workflows.qsiprep.add_placement`; None: the bundles are in the space of MP2RAGE.
    """
    figure_bundles = Node(BundleFigure(title=parts.inputs.label), name="figure_bundles", mem_gb=1.0)
    source, field = parts.maps["R1"]
    parts.workflow.connect([
        (source, figure_bundles, [(field, "r1_map")]),
        (parts.r1_wf, figure_bundles, [("outputnode.mask", "mask")]),
    ])  # fmt: skip
    if tracking is None:
        figure_bundles.inputs.names = list(parts.inputs.bundles)
        figure_bundles.inputs.tractograms = [str(path) for path in parts.inputs.bundles.values()]
    else:
        prefix = "outputnode." if isinstance(tracking, Workflow) else ""
        edges = [(f"{prefix}{name}", name) for name in ("names", "tractograms")]
        parts.workflow.connect([(tracking, figure_bundles, edges)])
    if placing is not None:
        parts.workflow.connect([(placing, figure_bundles, [("placement", "placement")])])
    parts.put((figure_bundles, "figure"), "figure_bundles", parts.figure_path("bundles"))
