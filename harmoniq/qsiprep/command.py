"""Command lines of QSIPrep 0.18 (which reconstructs too), and of QSIPrep 26 with QSIRecon.

Cieslak et al. 2021, doi:10.1038/s41592-021-01185-5. The study ran 0.18.0 with its recon workflow
``mrtrix_multishell_msmt_pyafq_tractometry``. Options were checked against the parsers of 0.18.0 and 26.1.1.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from harmoniq.data.errors import InputError

RECON_SPEC = "mrtrix_multishell_msmt_pyafq_tractometry"
#: The last minor version of 0 that reconstructs by itself; later, QSIRecon does.
_LAST_COMBINED = 21


@dataclass(frozen=True)
class Job:
    """What is to be done with one session.

    Parameters
    ----------
    bids_dir, out_dir, work_dir : path
        As the tool sees them.
    participant : str
        Label without ``sub-``.
    session : str, optional
        Label without ``ses-``.
    resolution : float
        Voxels of the preprocessed diffusion images, mm.
    threads, omp_threads : int
        In all, and of each process.
    mem_mb : int
        Upper bound.
    license_file : path, optional
        Of FreeSurfer.
    recon_spec : str
        Workflow of the reconstruction.
    """

    bids_dir: Path
    out_dir: Path
    work_dir: Path
    participant: str
    session: str | None = None
    resolution: float = 1.8
    threads: int = 1
    omp_threads: int = 1
    mem_mb: int = 16000
    license_file: Path | None = None
    recon_spec: str = RECON_SPEC


def is_combined(version: str) -> bool:
    """Say whether a version of QSIPrep reconstructs by itself, without QSIRecon.

    Parameters
    ----------
    version : str
        Of QSIPrep, for example ``0.18.0``.

    Returns
    -------
    bool
        True up to 0.21.

    Raises
    ------
    InputError
        For a text that is no version.
    """
    found = re.fullmatch(r"v?(\d+)\.(\d+)(?:\.\w+)*", version)
    if found is None:
        raise InputError(
            "is not a version of QSIPrep", key="qsiprep.version", value=version, remedy="for example 0.18.0 or 26.1.1"
        )
    return int(found[1]) == 0 and int(found[2]) <= _LAST_COMBINED


def qsiprep_arguments(version: str, job: Job) -> list[str]:
    """Make the arguments of QSIPrep.

    Parameters
    ----------
    version : str
        For example ``0.18.0`` or ``26.1.1``.
    job : Job
        What is to be done.

    Returns
    -------
    list of str
        Of 0.18 with the reconstruction. A session is not named to it: it knows no such option, and its dataset is
        staged with one session alone.

    Raises
    ------
    InputError
        As `is_combined`.
    """
    common = [
        str(job.bids_dir), str(job.out_dir), "participant", "--participant-label", job.participant,
        "--output-resolution", f"{job.resolution:g}", "--omp-nthreads", str(job.omp_threads),
        "--work-dir", str(job.work_dir), "--skip-bids-validation", "--notrack", "--stop-on-first-crash",
    ]  # fmt: skip
    if is_combined(version):
        license_file = ["--fs-license-file", str(job.license_file)] if job.license_file is not None else []
        return [
            *common, "--nthreads", str(job.threads), "--mem-mb", str(job.mem_mb), *license_file,
            "--recon-spec", job.recon_spec,
        ]  # fmt: skip
    session = ["--session-label", job.session] if job.session is not None else []
    return [*common, "--nprocs", str(job.threads), "--mem", str(job.mem_mb), *session]


def qsirecon_arguments(job: Job) -> list[str]:
    """Make the arguments of QSIRecon.

    Parameters
    ----------
    job : Job
        What is to be done; its ``bids_dir`` is QSIPrep's output.

    Returns
    -------
    list of str
        Of version 26; no session is named.
    """
    license_file = ["--fs-license-file", str(job.license_file)] if job.license_file is not None else []
    return [
        str(job.bids_dir), str(job.out_dir), "participant", "--participant-label", job.participant,
        "--recon-spec", job.recon_spec, "--input-type", "qsiprep", "--nprocs", str(job.threads),
        "--omp-nthreads", str(job.omp_threads), "--mem", str(job.mem_mb), "--work-dir", str(job.work_dir),
        *license_file, "--notrack", "--stop-on-first-crash",
    ]  # fmt: skip
