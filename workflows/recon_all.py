"""Cortical surfaces by the user's FreeSurfer: recon-all on the uniform image of MP2RAGE without its background."""

from pathlib import Path

from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline.engine import Node, Workflow

from harmoniq.interfaces.freesurfer import ReconAll
from harmoniq.settings.schema import SurfaceSettings


def init_recon_all_wf(
    *,
    subject: str,
    subjects_dir: Path,
    surfaces: SurfaceSettings,
    license_file: Path | None = None,
    threads: int = 1,
    mem_gb: float = 3.0,
    name: str = "recon_all_wf",
) -> Workflow:
    """Reconstruct the cortex of one session; what an earlier run has done of it is not done again.

    Parameters
    ----------
    subject : str
        Name of the subject's folder.
    subjects_dir : path
        FreeSurfer's subjects directory, made when absent.
    surfaces : SurfaceSettings
        Resolution, contrast of the pial surface, skull stripping.
    license_file : path, optional
        Default: as FreeSurfer finds it.
    threads : int
        Of FreeSurfer's programs.
    mem_gb : float
        Memory that recon-all needs, GB.
    name : str, optional
        Name of the workflow.

    Inputs
    ------
    in_file
        The uniform image without its background (or as it is, where it cannot be suppressed).
    mask
        Of the brain, in the image's space.
    pial_file
        T2-weighted or FLAIR image, where there is one and `surfaces` wants it.

    Outputs
    -------
    subject_dir
        The subject.
    surface_files
        Its files on which samples depend.

    Returns
    -------
    Workflow
        The workflow.
    """
    workflow = Workflow(name=name)
    given, made = ["in_file", "mask", "pial_file"], ["subject_dir", "surface_files"]
    inputnode = Node(IdentityInterface(fields=given), name="inputnode")
    outputnode = Node(IdentityInterface(fields=made), name="outputnode")
    recon_all = Node(
        ReconAll(
            subject=subject,
            subjects_dir=str(subjects_dir),
            hires=surfaces.hires,
            pial=surfaces.pial,
            skull_strip=surfaces.skull_strip,
            threads=threads,
            license_file=str(license_file or ""),
        ),
        name="recon_all",
        n_procs=threads,
        mem_gb=mem_gb,
    )
    workflow.connect([
        (inputnode, recon_all, [(field, field) for field in given]),
        (recon_all, outputnode, [(field, field) for field in made]),
    ])  # fmt: skip
    return workflow
