"""One participant's bundles in a process of its own: ``python -m harmoniq.diffusion.job JOB.json``.

pyAFQ and DIPY keep what they have allocated; a process that ends gives it back.
"""

import json
import resource
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harmoniq.data.errors import InputError


@dataclass(frozen=True)
class Job:
    """What a job needs; all paths as text.

    Parameters
    ----------
    dwi, bval, bvec : str
        The diffusion acquisition; b-values; directions.
    r1_map, mask, reference : str
        R1, brain mask and MP2RAGE image, on one grid.
    out_dir : str
        Gets ``bundles/*.trk`` and ``result.json``.
    templates : str
        AFQ's waypoint regions.
    steps : list of str
        Preprocessing; empty for images that are preprocessed.
    bundles : list of str
        Which to look for; all where empty.
    n_seeds, step_mm, angle, cutoff : int and float
        As `harmoniq.diffusion.tracking.track` takes them.
    seed : int
        Of all that is random.
    """

    dwi: str
    bval: str
    bvec: str
    r1_map: str
    mask: str
    reference: str
    out_dir: str
    templates: str
    steps: list[str] = field(default_factory=list)
    bundles: list[str] = field(default_factory=list)
    n_seeds: int = 200_000
    step_mm: float = 1.0
    angle: float = 30.0
    cutoff: float = 0.2
    seed: int = 0


def run_job(job: Job) -> dict[str, Any]:
    """Run a job in this process, and write ``result.json``.

    Parameters
    ----------
    job : Job
        What to do.

    Returns
    -------
    dict of str to object
        What stands there: as `harmoniq.diffusion.pipeline.find_bundles_in_dwi`, and ``peak_memory_gb``.

    Raises
    ------
    InputError
        For inputs that cannot be used.
    """
    from harmoniq.data.files import write_json
    from harmoniq.diffusion.pipeline import find_bundles_in_dwi

    result = find_bundles_in_dwi(job)
    result["peak_memory_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2, 2)
    write_json(Path(job.out_dir) / "result.json", result)
    return result


def main(arguments: list[str]) -> int:
    """Run the job of a JSON file.

    Parameters
    ----------
    arguments : list of str
        The file's path.

    Returns
    -------
    int
        Exit code: 0 done, 2 for inputs that cannot be used, with ``error.json`` and a line on stderr. Whatever else
        fails is raised.
    """
    job = Job(**json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    try:
        run_job(job)
    except InputError as error:
        content = {"problem": error.problem, "file": error.file and str(error.file), "key": error.key,
                   "value": error.value, "remedy": error.remedy}  # fmt: skip
        Path(job.out_dir, "error.json").write_text(json.dumps(content, default=str), encoding="utf-8")
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def as_json(job: Job) -> str:
    """Write a job as text, for the file that `main` reads.

    Parameters
    ----------
    job : Job
        What to do.

    Returns
    -------
    str
        JSON.
    """
    return json.dumps(asdict(job), indent=2) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
