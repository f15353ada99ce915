"""Rigid registration of two images of one session by mutual information.

Mattes et al. 2003, IEEE Trans Med Imaging 22:120, doi:10.1109/TMI.2003.809072, as SimpleITK implements it. One
thread and seeded samples: the same files give the same bytes on any number of processors.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.errors import InputError
from harmoniq.registration.images import load
from harmoniq.registration.itk import from_sitk
from harmoniq.registration.mask import brain_mask
from harmoniq.registration.mutual_information import COARSE, FINE, Problem
from harmoniq.registration.threads import one_itk_thread

MAX_SHIFT_MM = 40.0
MAX_ANGLE_DEG = 45.0
SMALLEST_OVERLAP = 0.25
# In nats: two images that have nothing in common reach about half of it by chance.
SMALLEST_INFORMATION = 0.02


@dataclass(frozen=True, eq=False)
class RigidResult:
    """A rigid registration.

    Parameters
    ----------
    matrix : ndarray, shape (4, 4)
        Maps points of the fixed space to the moving space, both in RAS mm.
    metric : float
        Negative mutual information at the end: lower is better.
    n_iterations : int
        Over all levels.
    shift_mm, angle_deg : float
        By how many mm the center of the fixed mask moved, and by how many degrees the head turned.
    """

    matrix: NDArray[np.float64]
    metric: float
    n_iterations: int
    shift_mm: float = 0.0
    angle_deg: float = 0.0


@one_itk_thread
def register_rigid(
    fixed_path: str | Path, moving_path: str | Path, *, fixed_mask_path: str | Path | None = None, seed: int = 0
) -> RigidResult:
    """Register a moving image to a fixed one.

    Starts from the geometry of the headers, and from the best of some turns about it and about the heads' centers of
    mass; whichever is best after the coarse level goes on.

    Parameters
    ----------
    fixed_path, moving_path : path
        Three-dimensional images (or the first volume of several), such as the second inversion of MP2RAGE and the
        first echo of ME-GRE. Contrasts may differ.
    fixed_mask_path : path, optional
        Where to sample, on the grid of the fixed image; by default a rough mask of the fixed image, dilated.
    seed : int, optional
        Of the samples.

    Returns
    -------
    RigidResult
        The matrix maps fixed to moving points in RAS mm.

    Raises
    ------
    InputError
        When an image or the mask cannot be read, the mask does not fit, the images do not overlap or have nothing in
        common, or the result moves the head by more than 40 mm or 45 degrees.
    """
    fixed_data, fixed_affine = load(fixed_path)
    moving_data, moving_affine = load(moving_path)
    mask = _fixed_mask(fixed_data, fixed_affine, fixed_mask_path)
    moving_mask = brain_mask(moving_data, np.linalg.norm(moving_affine[:3, :3], axis=0))
    center = (fixed_affine @ [*_center(mask.astype(np.float32)), 1.0])[:3]
    problem = Problem((fixed_data, fixed_affine), (moving_data, moving_affine), mask, center, seed)

    shift = (moving_affine @ [*_center(moving_mask.astype(np.float32)), 1.0])[:3] - center
    tries = [found for found in (problem.run(start, COARSE) for start in problem.starts(shift)) if found]
    if not tries:
        raise InputError(
            f"does not overlap with {Path(fixed_path).name}", file=moving_path,
            remedy="check the orientation in both headers",
        )  # fmt: skip
    coarse, _, first = min(tries, key=lambda found: found[1])
    fine = problem.run(coarse, FINE)
    matrix = None if fine is None else from_sitk(fine[0])
    if (
        fine is None
        or matrix is None
        or _overlap(mask, fixed_affine, moving_data.shape, moving_affine, matrix) < (SMALLEST_OVERLAP)
    ):
        raise InputError(f"does not overlap with {Path(fixed_path).name} after registration", file=moving_path)
    if -fine[1] < SMALLEST_INFORMATION:
        raise InputError(f"has nothing in common with {Path(fixed_path).name}", file=moving_path)
    shift, angle = _motion(matrix, center)
    _check_plausible(shift, angle, fixed_path, moving_path)
    return RigidResult(matrix, float(fine[1]), first + fine[2], shift, angle)


def _fixed_mask(data: NDArray, affine: NDArray, path: str | Path | None) -> NDArray[np.bool_]:
    """Return the mask in which samples are taken, with a margin that holds the head's edge."""
    from scipy import ndimage

    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if path is None:
        mask = brain_mask(data, sizes)
    else:
        values, _ = load(path, constant=True)
        if values.shape != data.shape:
            raise InputError(f"has shape {values.shape}, the image {data.shape}", file=path)
        mask = values > 0
        if not mask.any():
            raise InputError("the mask is empty", file=path)
    return ndimage.distance_transform_edt(~mask, sampling=sizes) <= 4.0


def _center(weights: NDArray) -> NDArray:
    """Return the center of mass in voxels."""
    total = weights.sum(dtype=np.float64)
    axes = range(weights.ndim)
    profiles = (weights.sum(axis=tuple(a for a in axes if a != axis), dtype=np.float64) for axis in axes)
    return np.array([(profile * np.arange(profile.size)).sum() / total for profile in profiles])


def _overlap(
    mask: NDArray, fixed_affine: NDArray, shape: tuple[int, ...], moving_affine: NDArray, matrix: NDArray
) -> float:
    """Return the part of the fixed mask that falls into the moving image's field of view."""
    voxels = np.argwhere(mask)
    voxels = voxels[:: max(1, len(voxels) // 20_000)]
    to_moving = np.linalg.inv(moving_affine) @ matrix @ fixed_affine
    points = voxels @ to_moving[:3, :3].T + to_moving[:3, 3]
    return float(((points > -0.5) & (points < np.array(shape) - 0.5)).all(axis=1).mean())


def _motion(matrix: NDArray, center: NDArray) -> tuple[float, float]:
    """Return by how many mm a motion shifts the center, and by how many degrees it turns."""
    shift = float(np.linalg.norm(matrix[:3, :3] @ center + matrix[:3, 3] - center))
    return shift, float(np.degrees(np.arccos(np.clip((np.trace(matrix[:3, :3]) - 1) / 2, -1, 1))))


def _check_plausible(shift: float, angle: float, fixed_path: str | Path, moving_path: str | Path) -> None:
    """Refuse motions that no head makes within a session."""
    if shift > MAX_SHIFT_MM or angle > MAX_ANGLE_DEG:
        raise InputError(
            f"the registration to {Path(fixed_path).name} would move the head by {shift:.0f} mm and "
            f"{angle:.0f} degrees, which is not plausible", file=moving_path,
            remedy="check that both images are of the same head and session, and the orientation in their headers",
        )  # fmt: skip
