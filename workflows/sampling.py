"""Sampling of one map: along the cortex, and along the bundles."""

from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline.engine import Node, Workflow

from harmoniq.interfaces.surface import SampleCortex
from harmoniq.interfaces.tract import CompareProfiles, SampleBundles
from harmoniq.settings.schema import BundleSettings, SurfaceSettings
from harmoniq.surface.depths import parse_depth
from harmoniq.tract.scilpy import Scilpy


def init_cortex_wf(
    *,
    metric: str,
    engine: str,
    surfaces: SurfaceSettings,
    plausible: tuple[float, float],
    name: str | None = None,
) -> Workflow:
    """Sample a map at mid-cortex, below the white surface, and at further depths.

    Parameters
    ----------
    metric : {'R1', 'R2star'}
        What the map holds.
    engine : str
        What made the map, and the surfaces.
    surfaces : SurfaceSettings
        Depths, interpolation, weights.
    plausible : tuple of float
        Lowest and highest value that counts, 1/s.
    name : str or None, optional
        Name of the workflow; default: after the metric.

    Inputs
    ------
    in_map
        The map.
    transform
        From MP2RAGE space to the map's, ITK text; identity when not set.
    subject_dir, surface_files
        FreeSurfer subject in MP2RAGE space, and its files.
    labels, label_facts
        From `init_surfaces_wf`.
    lesions
        Mask of what is left out, on the map's grid; nothing when not set.

    Outputs
    -------
    samples
        Four GIFTI files: hemi-L cGM, hemi-L sWM, hemi-R cGM, hemi-R sWM.
    rows
        Rows of the regional table, JSON.
    further
        GIFTI files at further depths: all of hemi-L, then all of hemi-R.
    profile
        Table of the areas' means at all depths, where there are further ones.

    Returns
    -------
    Workflow
        The workflow.
    """
    workflow = Workflow(name=name or f"{metric.lower()}_cortex_wf")
    given = ["in_map", "transform", "lesions", "subject_dir", "surface_files", "labels", "label_facts"]
    made = ["samples", "rows", "further", "profile"]
    inputnode = Node(IdentityInterface(fields=given), name="inputnode")
    outputnode = Node(IdentityInterface(fields=made), name="outputnode")
    sample_cortex = Node(
        SampleCortex(
            metric=metric,
            engine=engine,
            cgm_depth=surfaces.cgm_depth,
            cgm_fraction=surfaces.cgm_fraction,
            swm_distance=surfaces.swm_distance,
            depths=[parse_depth(text) for text in surfaces.depths],
            area_weighted=surfaces.area_weighted,
            interpolation=surfaces.interpolation,
            plausible=plausible,
        ),
        name="sample_cortex",
        mem_gb=1.0,
    )
    workflow.connect([
        (inputnode, sample_cortex, [(field, field) for field in given]),
        (sample_cortex, outputnode, [(field, field) for field in made]),
    ])  # fmt: skip
    return workflow


def init_bundles_wf(
    *,
    metric: str,
    engine: str,
    bundles: BundleSettings,
    plausible: tuple[float, float],
    scilpy: Scilpy | None = None,
    title: str = "",
    name: str | None = None,
) -> Workflow:
    """Sample a map along the bundles' central part.

    Parameters
    ----------
    metric : {'R1', 'R2star'}
        What the map holds.
    engine : str
        What made the map, and the surfaces or bundles.
    bundles : BundleSettings
        Nodes and central part.
    plausible : tuple of float
        Lowest and highest value that counts, 1/s.
    scilpy : Scilpy, optional
        Makes the profiles and rows; those of the embedded engine are then set beside them.
    title : str
        Of the picture of that comparison.
    name : str or None, optional
        Name of the workflow; default: after the metric.

    Inputs
    ------
    in_map
        The map.
    transform
        From MP2RAGE space to the map's, ITK text; identity when not set.
    lesions
        Mask of what is left out, on the map's grid; nothing when not set.
    placement
        From points of the bundles to MP2RAGE's, ITK text; identity when not set.
    reference
        MP2RAGE image, in whose field of view the bundles should lie.
    names, tractograms
        The bundles, and the tractogram of each.

    Outputs
    -------
    profiles
        Value per bundle and node, TSV.
    rows
        Rows of the regional table, JSON.
    native_profiles, figure, table, sidecar
        With SCILPY: the embedded engine's profiles, and how the two differ.

    Returns
    -------
    Workflow
        The workflow.
    """
    workflow = Workflow(name=name or f"{metric.lower()}_bundles_wf")
    given = ["in_map", "transform", "placement", "lesions", "reference", "names", "tractograms"]
    inputnode = Node(IdentityInterface(fields=given), name="inputnode")
    compared = ["figure", "table", "sidecar"]
    outputnode = Node(IdentityInterface(fields=["profiles", "rows", "native_profiles", *compared]), name="outputnode")
    sample_bundles = Node(
        SampleBundles(metric=metric, engine=engine, nodes=bundles.nodes, central=bundles.central, plausible=plausible),
        name="sample_bundles",
        mem_gb=1.0,
    )
    workflow.connect([(inputnode, sample_bundles, [(field, field) for field in given])])
    if scilpy is None:
        workflow.connect([(sample_bundles, outputnode, [("profiles", "profiles"), ("rows", "rows")])])
        return workflow
    run_scilpy = Node(
        SampleBundles(
            metric=metric, engine=engine, nodes=bundles.nodes, central=bundles.central, plausible=plausible,
            scilpy=[str(scilpy.folder), scilpy.version],
        ),
        name="run_scilpy",
        mem_gb=1.5,
    )  # fmt: skip
    compare_profiles = Node(
        CompareProfiles(metric=metric, names=("native", scilpy.label), title=title), name="compare_profiles"
    )
    workflow.connect([
        (inputnode, run_scilpy, [(field, field) for field in given]),
        (run_scilpy, outputnode, [("profiles", "profiles"), ("rows", "rows")]),
        (sample_bundles, outputnode, [("profiles", "native_profiles")]),
        (sample_bundles, compare_profiles, [("profiles", "native")]),
        (run_scilpy, compare_profiles, [("profiles", "reference")]),
        (compare_profiles, outputnode, [(field, field) for field in compared]),
    ])  # fmt: skip
    return workflow
