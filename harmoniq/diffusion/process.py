"""Start a participant's job in a process of its own, and bring its errors back."""

import os
import subprocess
import sys
from importlib import metadata, util
from pathlib import Path
from typing import Any

from harmoniq.data.errors import InputError
from harmoniq.data.files import read_json, write_text
from harmoniq.diffusion.job import Job, as_json

INSTALL = "pip install 'harmoniq[tracts]'"
#: One thread each: participants run beside each other, and sums are the same for any number of processors.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def pyafq_version() -> str | None:
    """Look for pyAFQ, without importing it.

    Returns
    -------
    str or None
        Its version, ``unknown`` where the installation does not say; None where it is not installed.
    """
    if util.find_spec("AFQ") is None:
        return None
    try:
        return metadata.version("pyAFQ")
    except metadata.PackageNotFoundError:
        return "unknown"


def run_in_process(job: Job) -> dict[str, Any]:
    """Run a job in a new Python process of one thread.

    Parameters
    ----------
    job : Job
        What to do; its folder also gets ``job.json`` and ``log.txt``.

    Returns
    -------
    dict of str to object
        As `harmoniq.diffusion.job.run_job`.

    Raises
    ------
    InputError
        As the job, and when pyAFQ is not installed or the process was killed.
    RuntimeError
        When it failed otherwise; with the last line of its log.
    """
    if pyafq_version() is None:
        raise InputError("pyAFQ is not installed", key="--bundle-engine", value="pyafq", remedy=INSTALL)
    out = Path(job.out_dir)
    file = write_text(out / "job.json", as_json(job))
    for old in ("error.json", "result.json"):
        (out / old).unlink(missing_ok=True)
    log = out / "log.txt"
    environment = {**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), "PYTHONSAFEPATH": "1"}
    with log.open("w", encoding="utf-8") as stream:
        ran = subprocess.run(
            [sys.executable, "-P", "-m", "harmoniq.diffusion.job", str(file)],
            cwd=out, env=environment, stdout=stream, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    if (out / "error.json").is_file():
        said = read_json(out / "error.json")
        raise InputError(
            said["problem"], file=said["file"], key=said["key"], value=said["value"], remedy=said["remedy"]
        )
    if ran.returncode < 0:
        raise InputError(
            f"the process was killed by signal {-ran.returncode}, perhaps for want of memory", file=log,
            remedy="give more memory, or fewer --nprocs",
        )  # fmt: skip
    if ran.returncode != 0 or not (out / "result.json").is_file():
        last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        raise RuntimeError(f"bundles failed with code {ran.returncode}: {''.join(last)}; see {log}")
    return dict(read_json(out / "result.json"))
