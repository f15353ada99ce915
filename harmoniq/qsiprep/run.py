"""Run QSIPrep, and QSIRecon where it is apart, for one session; return where the bundles are."""

from dataclasses import replace
from pathlib import Path

from harmoniq.data.errors import InputError
from harmoniq.data.tools import run_tool
from harmoniq.qsiprep.command import Job, is_combined, qsiprep_arguments, qsirecon_arguments
from harmoniq.qsiprep.runtime import Runtime


def run_qsiprep(job: Job, qsiprep: Runtime, qsirecon: Runtime | None, *, log_dir: Path) -> Path:
    """Preprocess a session's diffusion images, and find its bundles.

    Parameters
    ----------
    job : Job
        With paths of this machine. QSIRecon writes beside QSIPrep.
    qsiprep, qsirecon : Runtime
        The second one only with versions of QSIPrep that do not reconstruct.
    log_dir : path
        Gets ``qsiprep.log`` and ``qsirecon.log``.

    Returns
    -------
    path
        Folder below which bundles and QSIPrep's anatomy are: ``job.out_dir``.

    Raises
    ------
    InputError
        When a program fails (its log is named as the file), or QSIRecon is wanted and absent.
    """
    for folder in (job.out_dir, job.work_dir):
        folder.mkdir(parents=True, exist_ok=True)
    if is_combined(qsiprep.version):
        _run("QSIPrep", qsiprep, qsiprep_arguments(qsiprep.version, job), job, log_dir / "qsiprep.log")
        return job.out_dir
    if qsirecon is None:
        raise InputError(
            f"QSIPrep {qsiprep.version} leaves the bundles to QSIRecon, which is not there", key="qsiprep.recon_image",
            remedy="name an image of QSIRecon",
        )  # fmt: skip
    first = replace(job, out_dir=job.out_dir / "qsiprep", work_dir=job.work_dir / "qsiprep")
    second = replace(job, bids_dir=first.out_dir, out_dir=job.out_dir / "qsirecon", work_dir=job.work_dir / "qsirecon")
    for folder in (first.out_dir, first.work_dir, second.out_dir, second.work_dir):
        folder.mkdir(parents=True, exist_ok=True)
    _run("QSIPrep", qsiprep, qsiprep_arguments(qsiprep.version, first), first, log_dir / "qsiprep.log")
    _run("QSIRecon", qsirecon, qsirecon_arguments(second), second, log_dir / "qsirecon.log")
    return job.out_dir


def _run(title: str, runtime: Runtime, arguments: list[str], job: Job, log: Path) -> None:
    mounts = {job.bids_dir: "/data", job.out_dir: "/out", job.work_dir: "/work"}
    if job.license_file is not None:
        mounts[job.license_file] = "/license.txt"
    command = runtime.command(arguments, mounts, {job.out_dir, job.work_dir})
    run_tool(command, title=f"{title} {runtime.version} ({runtime.kind})", log=log)
