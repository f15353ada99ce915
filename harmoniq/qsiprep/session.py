"""One session through QSIPrep: what is done already is not done twice, unless its images have changed."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from harmoniq.data.bundle_space import BundleSpace
from harmoniq.data.errors import InputError
from harmoniq.data.files import read_json, write_json
from harmoniq.qsiprep.command import Job
from harmoniq.qsiprep.run import run_qsiprep
from harmoniq.qsiprep.runtime import Runtime
from harmoniq.qsiprep.space import find_space
from harmoniq.qsiprep.stage import stage_dataset
from harmoniq.tract.find import find_bundles

#: Written when the programs have ended well.
DONE = "harmoniq.json"


def process_session(
    job: Job, bids_dir: Path, t1w: Path, qsiprep: Runtime, qsirecon: Runtime | None
) -> tuple[Mapping[str, Path], BundleSpace]:
    """Stage a session, run the programs, and find its bundles and their space.

    Parameters
    ----------
    job : Job
        Its ``bids_dir`` is where the small dataset is staged.
    bids_dir : path
        The raw dataset.
    t1w : path
        The uniform MP2RAGE image, its background suppressed.
    qsiprep, qsirecon : Runtime
        As in `harmoniq.qsiprep.run.run_qsiprep`.

    Returns
    -------
    bundles : mapping of str to Path
        Tractogram of each bundle.
    space : BundleSpace
        That they are in.

    Raises
    ------
    InputError
        When the session has no diffusion images, or a program fails or leaves no bundle; its log is named.
    """
    done, logs = job.out_dir / DONE, job.out_dir / "logs"
    stage_dataset(bids_dir, job.participant, job.session, t1w, job.bids_dir)
    what = {
        "QSIPrep": qsiprep.version, "QSIRecon": qsirecon.version if qsirecon else "n/a", "Spec": job.recon_spec,
        "Resolution": job.resolution, "Inputs": _digest(job.bids_dir),
    }  # fmt: skip
    if not done.is_file() or read_json(done) != what:
        run_qsiprep(job, qsiprep, qsirecon, log_dir=logs)
        write_json(done, what)
    bundles = find_bundles(job.out_dir, job.participant, job.session)
    if not bundles:
        log = logs / ("qsiprep.log" if qsirecon is None else "qsirecon.log")
        raise InputError("QSIPrep ended without bundles", file=log, remedy="read this log")
    return bundles, find_space(bundles, [job.out_dir], job.participant, job.session)


def _digest(folder: Path) -> str:
    """Return a digest of all files' names and content."""
    total = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        with file.open("rb") as stream:
            total.update(f"{file.relative_to(folder)} {hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()
