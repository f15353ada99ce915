"""One session of one participant: maps, samples along cortex and bundles, the regional table, and their places."""

import re
from collections.abc import Sequence
from pathlib import Path

from nipype.pipeline.engine import Workflow

from harmoniq.data.inputs import SessionInputs
from harmoniq.settings.schema import Settings
from harmoniq.workflows.comparison import add_comparisons
from harmoniq.workflows.lesions import add_lesions
from harmoniq.workflows.map_engines import MapEngines
from harmoniq.workflows.qsiprep import add_placement
from harmoniq.workflows.session_cortex import add_cortex, add_cortex_figures, add_surfaces
from harmoniq.workflows.session_figures import add_map_figures
from harmoniq.workflows.session_maps import add_coregistration, add_r1, add_r2star
from harmoniq.workflows.session_parts import SessionParts
from harmoniq.workflows.session_table import add_table
from harmoniq.workflows.session_tracts import add_bundle_figure, add_bundles, add_tracking
from harmoniq.workflows.surface_comparison import add_surface_comparison


def session_name(inputs: SessionInputs) -> str:
    """Name a session's workflow.

    Labels may hold signs that Nipype's names may not; these become underscores.

    Parameters
    ----------
    inputs : SessionInputs
        What the session has.

    Returns
    -------
    str
        It ends in ``_wf``.
    """
    return re.sub(r"\W", "_", inputs.label) + "_wf"


def init_session_wf(
    *,
    inputs: SessionInputs,
    settings: Settings,
    engines: MapEngines,
    out_dir: Path,
    stages: Sequence[str],
    seed: int = 0,
    mem_gb: float = 1.0,
    fs_license_file: Path | None = None,
    threads: int = 1,
) -> Workflow:
    """Process one session for what it has.

    Parameters
    ----------
    inputs : SessionInputs
        Images, existing surfaces and bundles.
    settings : Settings
        Of the study, with the flags over it.
    engines : MapEngines
        What makes maps, surfaces and bundles that do not exist.
    out_dir : path
        Root of the derivatives.
    stages : sequence of str
        Some of ``maps``, ``surfaces``, ``bundles`` and ``regions``.
    seed : int
        Of all that is random.
    mem_gb : float
        Memory of the largest node, GB.
    fs_license_file, threads : path, int
        FreeSurfer's license (None: where FreeSurfer looks), and threads of its programs and of QSIPrep.

    Returns
    -------
    nipype.Workflow
        Its sinks write below ``out_dir/sub-X``.
    """
    workflow = Workflow(name=session_name(inputs))
    parts = SessionParts(workflow, inputs, settings, engines, out_dir, seed, mem_gb, threads)
    if inputs.r1_space is not None:
        add_r1(parts)
    if inputs.r2star_space is not None:
        add_r2star(parts)
    if inputs.r1_space is not None and inputs.r2star_space is not None:
        add_coregistration(parts, required=set(stages) != {"maps"})
    if inputs.r1_space is not None:
        surfaces_wf = add_surfaces(parts) if "surfaces" in stages else None
        tracking = add_tracking(parts) if "bundles" in stages else None
        with_bundles = "bundles" in stages and (bool(inputs.bundles) or tracking is not None)
        placing = add_placement(parts, tracking) if with_bundles else None
        if surfaces_wf is not None or with_bundles:
            add_lesions(parts, fs_license_file)
        for metric in parts.maps:
            if surfaces_wf is not None:
                add_cortex(parts, surfaces_wf, metric)
            if with_bundles:
                add_bundles(parts, tracking, metric, placing)
        if with_bundles:
            add_bundle_figure(parts, tracking, placing)
        if surfaces_wf is not None:
            add_cortex_figures(parts, surfaces_wf)
            add_surface_comparison(parts)
    if "regions" in stages and parts.rows:
        add_table(parts)
    add_map_figures(parts)
    add_comparisons(parts)
    return workflow
