"""Sampling of one map: along the cortex, and along the bundles."""

from collections.abc import Mapping
from pathlib import Path

from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline.engine import Node, Workflow

from harmoniq.interfaces.surface import SampleCortex
from harmoniq.interfaces.tract import SampleBundles
from harmoniq.settings.schema import BundleSettings, SurfaceSettings

#: What of a FreeSurfer subject the samples depend on.
SURFACE_FILES = tuple(f"surf/{h}.{kind}" for h in ("lh", "rh") for kind in ("white", "pial", "sphere.reg", "thickness"))


def init_cortex_wf(
    *,
    metric: str,
    engine: str,
    subject_dir: Path,
    surfaces: SurfaceSettings,
    plausible: tuple[float, float],
    name: str | None = None,
) -> Workflow:
    """Sample a map at mid-cortex and below the white surface.

    Parameters
    ----------
    metric : {'R1', 'R2star'}
        What the map holds.
    engine : str
        What made the map, and the surfaces or bundles.
    subject_dir : path
        FreeSurfer subject in MP2RAGE space.
    surfaces : SurfaceSettings
        Depths, interpolation, atlas.
    plausible : tuple of float
        Range of values that count, 1/s.

    Inputs
    ------
    in_map
        The map.
    transform
        From MP2RAGE space to the map's, ITK text; identity when not set.

    Outputs
    -------
    samples
        Four GIFTI files: hemi-L cGM, hemi-L sWM, hemi-R cGM, hemi-R sWM.
    rows
        Rows of the regional table, JSON.
    """
    workflow = Workflow(name=name or f"{metric.lower()}_cortex_wf")
    inputnode = Node(IdentityInterface(fields=["in_map", "transform"]), name="inputnode")
    outputnode = Node(IdentityInterface(fields=["samples", "rows"]), name="outputnode")
    files = [subject_dir / file for file in (*SURFACE_FILES, "mri/orig.mgz")]
    sample_cortex = Node(
        SampleCortex(
            metric=metric,
            engine=engine,
            subject_dir=str(subject_dir),
            surface_files=[str(file) for file in files if file.exists()],
            subjects_dir=str(subject_dir.parent),
            atlas=surfaces.atlas,
            cgm_depth=surfaces.cgm_depth,
            cgm_fraction=surfaces.cgm_fraction,
            swm_distance=surfaces.swm_distance,
            interpolation=surfaces.interpolation,
            plausible=plausible,
        ),
        name="sample_cortex",
        mem_gb=1.0,
    )
    workflow.connect([
        (inputnode, sample_cortex, [("in_map", "in_map"), ("transform", "transform")]),
        (sample_cortex, outputnode, [("samples", "samples"), ("rows", "rows")]),
    ])  # fmt: skip
    return workflow


def init_bundles_wf(
    *,
    metric: str,
    engine: str,
    tractograms: Mapping[str, Path],
    bundles: BundleSettings,
    plausible: tuple[float, float],
    name: str | None = None,
) -> Workflow:
    """Sample a map along the bundles' central part.

    Parameters
    ----------
    metric : {'R1', 'R2star'}
        What the map holds.
    engine : str
        What made the map, and the surfaces or bundles.
    tractograms : mapping of str to path
        Tractogram of each bundle.
    bundles : BundleSettings
        Nodes and central part.
    plausible : tuple of float
        Range of values that count, 1/s.

    Inputs
    ------
    in_map
        The map.
    transform
        From MP2RAGE space to the map's, ITK text; identity when not set.
    reference
        MP2RAGE image, for tractograms without a space of their own.

    Outputs
    -------
    profiles
        Value per bundle and node, TSV.
    rows
        Rows of the regional table, JSON.
    """
    workflow = Workflow(name=name or f"{metric.lower()}_bundles_wf")
    inputnode = Node(IdentityInterface(fields=["in_map", "transform", "reference"]), name="inputnode")
    outputnode = Node(IdentityInterface(fields=["profiles", "rows"]), name="outputnode")
    sample_bundles = Node(
        SampleBundles(
            metric=metric,
            engine=engine,
            names=list(tractograms),
            tractograms=[str(path) for path in tractograms.values()],
            nodes=bundles.nodes,
            central=bundles.central,
            plausible=plausible,
        ),
        name="sample_bundles",
        mem_gb=1.0,
    )
    workflow.connect([
        (inputnode, sample_bundles, [("in_map", "in_map"), ("transform", "transform"), ("reference", "reference")]),
        (sample_bundles, outputnode, [("profiles", "profiles"), ("rows", "rows")]),
    ])  # fmt: skip
    return workflow
