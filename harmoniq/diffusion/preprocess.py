"""Preprocessing of raw diffusion images: noise, Gibbs ringing, motion, bias field.

MRtrix3's ``dwidenoise`` and ``mrdegibbs`` are called where they are installed; DIPY does the same more slowly. Neither
corrects for distortion by susceptibility and eddy currents: what comes out is a quick look beside QSIPrep.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from harmoniq.data.errors import InputError
from harmoniq.data.images import load_image, save_image
from harmoniq.diffusion.bias import correct_bias
from harmoniq.diffusion.gradients import Gradients, turned
from harmoniq.diffusion.motion import correct_motion

Volumes = npt.NDArray[np.float32]

STEPS: Final = ("denoise", "gibbs", "motion", "bias")
_COMMANDS: Final = {"denoise": "dwidenoise", "gibbs": "mrdegibbs"}


@dataclass(frozen=True, eq=False)
class Preprocessed:
    """Diffusion images after preprocessing.

    Parameters
    ----------
    data : numpy.ndarray, float32, shape (x, y, z, volumes)
        The images.
    gradients : Gradients
        Turned with the head where motion was corrected.
    done : tuple of str
        What was done and by what, in order.
    largest_motion_mm : float
        Largest displacement of the brain between volumes; 0 where motion was not corrected.
    """

    data: Volumes
    gradients: Gradients
    done: tuple[str, ...]
    largest_motion_mm: float = 0.0


def mrtrix_commands(steps: Sequence[str] = STEPS) -> dict[str, str]:
    """Look for MRtrix3's commands on the PATH.

    Parameters
    ----------
    steps : sequence of str, optional
        Steps that are wanted, of `STEPS`; only ``denoise`` and ``gibbs`` have a command.

    Returns
    -------
    dict of str to str
        Step to path of the command, for those that are there.
    """
    found = {step: shutil.which(command) for step, command in _COMMANDS.items() if step in steps}
    return {step: path for step, path in found.items() if path is not None}


def preprocess(
    data: Volumes,
    affine: npt.NDArray[np.float64],
    gradients: Gradients,
    mask: npt.NDArray[np.bool_],
    *,
    steps: Sequence[str] = STEPS,
    seed: int = 0,
) -> Preprocessed:
    """Preprocess diffusion images.

    Parameters
    ----------
    data : numpy.ndarray, float32, shape (x, y, z, volumes)
        Raw diffusion images.
    affine : numpy.ndarray, shape (4, 4)
        From voxels to RAS mm.
    gradients : Gradients
        Of the volumes; one is unweighted.
    mask : numpy.ndarray of bool, shape (x, y, z)
        The brain, roughly.
    steps : sequence of str
        Of denoise, gibbs, motion, bias; they are done in this order.
    seed : int
        Of the samples for motion.

    Returns
    -------
    Preprocessed
        Images, gradients, and what was done.

    Raises
    ------
    InputError
        When a command of MRtrix3 fails.

    Notes
    -----
    Denoising is MP-PCA (Veraart et al. 2016, doi:10.1016/j.neuroimage.2016.08.016), unringing that of Kellner et al.
    2016, doi:10.1002/mrm.26054.
    """
    commands, done, moved = mrtrix_commands(steps), [], 0.0
    for step, function in (("denoise", _denoise), ("gibbs", _unring)):
        if step not in steps:
            continue
        if step in commands:
            data = _by_command(commands[step], data, affine)
            done.append(f"{step}: {_COMMANDS[step]} (MRtrix3)")
        else:
            data = function(data, mask)
            done.append(f"{step}: DIPY")
    if "motion" in steps:
        data, motions, moved = correct_motion(data, affine, gradients, mask, seed=seed)
        gradients = turned(gradients, motions, affine)
        done.append("motion: rigid, directions turned")
    if "bias" in steps:
        data = correct_bias(data, affine, gradients, mask)
        done.append("bias: N4")
    return Preprocessed(data, gradients, tuple(done), moved)


def _denoise(data: Volumes, mask: npt.NDArray[np.bool_]) -> Volumes:
    """MP-PCA (Veraart et al. 2016, doi:10.1016/j.neuroimage.2016.08.016)."""
    from dipy.denoise.localpca import mppca

    radius = 1 if data.shape[-1] <= 27 else 2
    return np.asarray(mppca(data, mask=mask, patch_radius=radius), dtype=np.float32)


def _unring(data: Volumes, mask: npt.NDArray[np.bool_]) -> Volumes:
    """Shift by parts of a voxel within slices (Kellner et al. 2016, doi:10.1002/mrm.26054)."""
    from dipy.denoise.gibbs import gibbs_removal

    out = data.copy()
    planes = np.flatnonzero(mask.any(axis=(0, 1)))
    part = slice(int(planes[0]), int(planes[-1]) + 1)
    out[:, :, part] = gibbs_removal(data[:, :, part].astype(np.float64), slice_axis=2, num_processes=1, inplace=False)
    return out


def _by_command(command: str, data: Volumes, affine: npt.NDArray[np.float64]) -> Volumes:
    """Run one of MRtrix3's commands on files in a temporary folder.

    Raises
    ------
    InputError
        When it fails, with the end of what it said.
    """
    with tempfile.TemporaryDirectory(prefix="harmoniq-mrtrix-") as folder:
        source, target = Path(folder, "in.nii"), Path(folder, "out.nii")
        save_image(data, affine, source)
        ran = subprocess.run(
            [command, str(source), str(target), "-nthreads", "1", "-quiet", "-force"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if ran.returncode != 0 or not target.is_file():
            said = (ran.stderr or ran.stdout).strip().splitlines()
            raise InputError(
                f"failed with code {ran.returncode}: {said[-1] if said else 'no message'}", file=command,
                remedy="repair MRtrix3, or take its commands off the PATH",
            )  # fmt: skip
        return load_image(target, ndim=4, finite=False).data
