"""From a participant's diffusion images and R1 map to bundles in the R1 map's space."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harmoniq.data.errors import InputError
from harmoniq.data.images import Image, load_image, same_grid, save_image
from harmoniq.data.names import BUNDLES
from harmoniq.diffusion.fibers import Fibers, fit_fibers
from harmoniq.diffusion.gradients import Gradients, read_gradients
from harmoniq.diffusion.job import Job
from harmoniq.diffusion.preprocess import Preprocessed, preprocess
from harmoniq.diffusion.recognition import bundle_definitions, recognize_bundles
from harmoniq.diffusion.template import midline, register_template
from harmoniq.diffusion.tissue import Tissue, tissue_of_r1, to_grid
from harmoniq.diffusion.tracking import track
from harmoniq.diffusion.waypoints import available_bundles
from harmoniq.registration.rigid import register_rigid
from harmoniq.registration.threads import one_itk_thread
from harmoniq.tract.streamlines import move, save_streamlines

#: Bundles with fewer streamlines are said in a note.
FEW = 20


def find_bundles_in_dwi(job: Job) -> dict[str, Any]:
    """Preprocess, track and recognize; write ``bundles/*.trk`` into the job's folder.

    Parameters
    ----------
    job : Job
        Images, settings and folder.

    Returns
    -------
    dict
        ``bundles`` (name to path), ``counts``, ``notes``, ``preprocessing``, ``largest_motion_mm``, ``streamlines``,
        ``template_correlation``, ``response`` (mm²/s) and ``b_value`` (s/mm²).

    Raises
    ------
    InputError
        For inputs that cannot be used, or when no bundle was recognized.
    """
    out = Path(job.out_dir)
    waypoints = available_bundles(Path(job.templates))
    wanted = [name for name in BUNDLES if name in waypoints and name in (job.bundles or BUNDLES)]
    if not wanted:
        raise InputError("has no waypoint regions of the wanted bundles", file=job.templates, key="bundles.templates")
    r1, mask = load_image(job.r1_map, ndim=3, finite=False), load_image(job.mask, ndim=3)
    same_grid(r1, mask)
    dwi = load_image(job.dwi, ndim=4)
    gradients = read_gradients(job.bval, job.bvec, dwi.shape[3])
    to_dwi = _register(dwi, gradients, job, out)
    tissue = tissue_of_r1(r1.data, mask.data > 0, source=job.r1_map)
    on_dwi = _tissue_on(dwi, tissue, r1.affine, np.linalg.inv(to_dwi))
    ready = _preprocessed(dwi, gradients, on_dwi.brain, job)
    fibers = fit_fibers(ready.data, dwi.affine, ready.gradients, on_dwi.white, source=job.dwi)
    del dwi
    warp = register_template(tissue, r1.affine, source=job.r1_map)
    lines = track(
        fibers, on_dwi.white[fibers.box], n_seeds=job.n_seeds, step_mm=job.step_mm, angle=job.angle,
        cutoff=job.cutoff, seed=job.seed, source=job.dwi,
    )  # fmt: skip
    to_r1 = np.linalg.inv(to_dwi)
    grid, shape = to_r1 @ fibers.affine, fibers.amplitude.shape[:3]
    facts = _facts(ready, fibers, len(lines), warp.correlation)
    del fibers, ready
    lines = move(lines, to_r1)
    definitions = bundle_definitions({name: waypoints[name] for name in wanted}, warp, grid, shape)
    found = recognize_bundles(lines, definitions, grid, shape, to_midline=midline(warp), seed=job.seed)
    if not found:
        raise InputError(f"none of {len(wanted)} bundles was recognized in {len(lines)} streamlines", file=job.dwi)
    return {
        "bundles": {name: str(save_streamlines(found[name], r1, out / "bundles" / f"{name}.trk")) for name in found},
        "counts": {name: len(found[name]) for name in found},
        "notes": _notes(found, wanted),
        **facts,
    }


@one_itk_thread
def _register(dwi: Image, gradients: Gradients, job: Job, out: Path) -> npt.NDArray[np.float64]:
    """Return the matrix from points of the R1 map to points of the diffusion images, RAS mm."""
    mean = dwi.data[..., gradients.unweighted].mean(axis=-1)
    path = save_image(mean, dwi.affine, out / "b0.nii.gz")
    return register_rigid(job.reference, path, fixed_mask_path=job.mask, seed=job.seed).matrix


def _tissue_on(dwi: Image, tissue: Tissue, affine: npt.NDArray[np.float64], matrix: npt.NDArray[np.float64]) -> Tissue:
    parts = (to_grid(part, affine, dwi.affine, dwi.shape, matrix) for part in (tissue.csf, tissue.gray, tissue.white))
    return Tissue(*parts)


def _preprocessed(dwi: Image, gradients: Gradients, brain: npt.NDArray[np.bool_], job: Job) -> Preprocessed:
    if not brain.any():
        raise InputError("does not overlap with the R1 map's brain", file=job.dwi)
    if not job.steps:
        return Preprocessed(dwi.data, gradients, ())
    return preprocess(dwi.data, dwi.affine, gradients, brain, steps=job.steps, seed=job.seed)


def _facts(ready: Preprocessed, fibers: Fibers, streamlines: int, correlation: float) -> dict[str, Any]:
    return {
        "preprocessing": list(ready.done),
        "largest_motion_mm": round(ready.largest_motion_mm, 2),
        "streamlines": streamlines,
        "template_correlation": round(correlation, 3),
        "response": [float(f"{value:.4g}") for value in fibers.response],
        "b_value": fibers.b_value,
    }


def _notes(found: dict[str, list], wanted: Sequence[str]) -> list[str]:
    absent = [name for name in wanted if name not in found]
    few = [f"{name} ({len(found[name])})" for name in wanted if 0 < len(found.get(name, ())) < FEW]
    notes = [f"not recognized: {', '.join(absent)}"] if absent else []
    return notes + ([f"fewer than {FEW} streamlines: {', '.join(few)}"] if few else [])
