"""The process in which ANTs and cat-surf run: ``python -m harmoniq.surface.reconstruction.worker JOB.json``."""

import importlib
import json
import sys
from pathlib import Path

#: Stage to the module and function that runs it.
STAGES = {
    "bias": ("ants_stages", "correct_bias"),
    "denoise": ("cat_volumes", "denoise"),
    "template": ("ants_stages", "register_template"),
    "tissues": ("ants_stages", "segment_tissues"),
    "central": ("cat_surfaces", "central_surface"),
    "layers": ("cat_surfaces", "white_and_pial"),
    "sphere": ("cat_spheres", "map_to_sphere"),
    "register": ("cat_spheres", "register_sphere"),
}


def main(job_file: str) -> int:
    """Run the job and write its result; what the user can mend becomes a sentence in it.

    Parameters
    ----------
    job_file : path
        JSON with ``stage`` (one of `STAGES`), its ``parameters``, and the ``result`` to write.

    Returns
    -------
    int
        Exit code: 0 done, 2 for what the user can mend. Whatever else fails is raised.
    """
    from harmoniq.data.errors import InputError
    from harmoniq.data.files import write_json

    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    module, name = STAGES[job["stage"]]
    stage = getattr(importlib.import_module(f"harmoniq.surface.reconstruction.{module}"), name)
    try:
        facts = stage(**job["parameters"])
    except InputError as error:
        write_json(job["result"], {"problem": error.problem, "remedy": error.remedy})
        return 2
    write_json(job["result"], {"facts": facts or {}})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
