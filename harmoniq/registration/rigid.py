"""Rigid registration of two images of one session by mutual information.

Mattes et al. 2003, IEEE Trans Med Imaging 22:120, doi:10.1109/TMI.2003.809072, as SimpleITK implements it. One
thread and seeded samples: the same files give the same bytes on any number of processors.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.errors import InputError
from harmoniq.registration.images import load, to_sitk
from harmoniq.registration.mask import brain_mask
from harmoniq.registration.shading import flatten

MAX_SHIFT_MM = 40.0
MAX_ANGLE_DEG = 45.0
SMALLEST_OVERLAP = 0.25
BINS = 48
# Widths in mm of the smoothing, and number of samples, from coarse to fine.
COARSE = ((8.0, 10_000), (4.0, 20_000))
FINE = ((2.0, 50_000), (1.0, 150_000))
ITERATIONS = 100
FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


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
    """

    matrix: NDArray[np.float64]
    metric: float
    n_iterations: int


def register_rigid(
    fixed_path: str | Path, moving_path: str | Path, *, fixed_mask_path: str | Path | None = None, seed: int = 0
) -> RigidResult:
    """Register a moving image to a fixed one.

    Starts from the geometry of the headers, and also from the images' centers of mass where these disagree with it;
    the better of the two after the coarse levels goes on.

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
        When an image cannot be read, the images do not overlap, or the result moves the head by more than 40 mm or
        45 degrees.
    """
    fixed_data, fixed_affine = load(fixed_path)
    moving_data, moving_affine = load(moving_path)
    mask = _fixed_mask(fixed_data, fixed_affine, fixed_mask_path)
    moving_mask = brain_mask(moving_data, tuple(np.linalg.norm(moving_affine[:3, :3], axis=0)))
    fixed = to_sitk(flatten(fixed_data, mask), fixed_affine)
    moving = to_sitk(flatten(moving_data, moving_mask), moving_affine)
    center = (fixed_affine @ [*_center(mask.astype(np.float32)), 1.0])[:3]
    problem = _Problem(fixed, moving, to_sitk(mask.astype(np.uint8), fixed_affine), int(mask.sum()), center, seed)

    starts = [np.zeros(3)]
    shift = (moving_affine @ [*_center(moving_mask.astype(np.float32)), 1.0])[:3] - center
    if np.linalg.norm(shift) > 5.0:
        starts.append(shift)
    tries = [found for found in (problem.run(problem.start(start), COARSE) for start in starts) if found]
    if not tries:
        raise InputError(
            f"does not overlap with {Path(fixed_path).name}", file=moving_path,
            remedy="check the orientation in both headers",
        )  # fmt: skip
    coarse, _, first = min(tries, key=lambda found: found[1])
    fine = problem.run(coarse, FINE)
    matrix = _ras_matrix(fine[0]) if fine else None
    if fine is None or matrix is None or _overlap(mask, fixed_affine, moving_data.shape, moving_affine, matrix) < (
        SMALLEST_OVERLAP
    ):
        raise InputError(f"does not overlap with {Path(fixed_path).name} after registration", file=moving_path)
    _check_plausible(matrix, center, fixed_path, moving_path)
    return RigidResult(matrix, float(fine[1]), first + fine[2])


class _Problem:
    """The images of one registration, and the optimizer's settings for them."""

    def __init__(self, fixed: Any, moving: Any, mask: Any, inside: int, center: NDArray, seed: int) -> None:
        self.fixed, self.moving, self.mask, self.inside, self.center = fixed, moving, mask, inside, center
        # SimpleITK takes 0 for the clock.
        self.seed = int(seed) % (2**31 - 1) + 1

    def start(self, shift_ras: NDArray) -> Any:
        """Return the transform that shifts by `shift_ras` and turns about the center of the fixed mask."""
        import SimpleITK as sitk  # noqa: N813

        transform = sitk.Euler3DTransform()
        transform.SetCenter((self.center * [-1, -1, 1]).tolist())
        transform.SetTranslation((shift_ras * [-1, -1, 1]).tolist())
        return transform

    def run(self, start: Any, levels: tuple[tuple[float, int], ...]) -> tuple[Any, float, int] | None:
        """Optimize from `start`; return transform, metric and iterations, or None where the images do not meet."""
        import SimpleITK as sitk  # noqa: N813

        transform, metric, iterations = sitk.Euler3DTransform(start), np.nan, 0
        for width, samples in levels:
            method = sitk.ImageRegistrationMethod()
            method.SetNumberOfThreads(1)
            method.SetMetricAsMattesMutualInformation(BINS)
            method.SetMetricFixedMask(self.mask)
            method.SetMetricSamplingStrategy(method.RANDOM)
            # The percentage is of the whole image; the mask then drops the samples outside.
            method.SetMetricSamplingPercentage(min(samples / self.inside, 1.0), self.seed)
            method.SetInterpolator(sitk.sitkLinear)
            method.SetOptimizerAsRegularStepGradientDescent(
                learningRate=width / 2, minStep=width * 1e-3, numberOfIterations=ITERATIONS, relaxationFactor=0.6
            )
            method.SetOptimizerScalesFromPhysicalShift()
            method.SetInitialTransform(transform, inPlace=True)
            try:
                method.Execute(_smooth(self.fixed, width), _smooth(self.moving, width))
            except RuntimeError as error:
                if "samples" not in str(error) and "overlap" not in str(error).lower():
                    raise
                return None
            metric, iterations = method.GetMetricValue(), iterations + method.GetOptimizerIteration()
        return transform, metric, iterations


def _smooth(image: Any, width: float) -> Any:
    """Smooth with a Gaussian whose full width at half maximum is `width` mm; axes coarser than that are left alone."""
    import SimpleITK as sitk  # noqa: N813

    image = sitk.Cast(image, sitk.sitkFloat32)
    sigmas = [width / 2.355 if width > 1.2 * spacing else 0.0 for spacing in image.GetSpacing()]
    for axis, sigma in enumerate(sigmas):
        if sigma > 0.0 and image.GetSize()[axis] >= 4:
            smoother = sitk.RecursiveGaussianImageFilter()
            smoother.SetNumberOfThreads(1)
            smoother.SetDirection(axis)
            smoother.SetSigma(sigma)
            image = smoother.Execute(image)
    return image


def _fixed_mask(data: NDArray, affine: NDArray, path: str | Path | None) -> NDArray[np.bool_]:
    """Return the mask in which samples are taken, with a margin that holds the head's edge."""
    from scipy import ndimage

    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if path is None:
        mask = brain_mask(data, tuple(sizes))
    else:
        values, _ = load(path)
        if values.shape != data.shape:
            raise InputError(f"has shape {values.shape}, the image {data.shape}", file=path)
        mask = values > 0
    return ndimage.distance_transform_edt(~mask, sampling=sizes) <= 4.0


def _center(weights: NDArray) -> NDArray:
    """Return the center of mass in voxels."""
    total = weights.sum(dtype=np.float64)
    axes = range(weights.ndim)
    profiles = (weights.sum(axis=tuple(a for a in axes if a != axis), dtype=np.float64) for axis in axes)
    return np.array([(profile * np.arange(profile.size)).sum() / total for profile in profiles])


def _ras_matrix(transform: Any) -> NDArray[np.float64]:
    """Return SimpleITK's rigid transform as a matrix in RAS."""
    lps = np.eye(4)
    rotation, center = np.array(transform.GetMatrix()).reshape(3, 3), np.array(transform.GetCenter())
    lps[:3, :3] = rotation
    lps[:3, 3] = np.array(transform.GetTranslation()) + center - rotation @ center
    return FLIP @ lps @ FLIP


def _overlap(
    mask: NDArray, fixed_affine: NDArray, shape: tuple[int, ...], moving_affine: NDArray, matrix: NDArray
) -> float:
    """Return the part of the fixed mask that falls into the moving image's field of view."""
    voxels = np.argwhere(mask)
    voxels = voxels[:: max(1, len(voxels) // 20_000)]
    to_moving = np.linalg.inv(moving_affine) @ matrix @ fixed_affine
    points = voxels @ to_moving[:3, :3].T + to_moving[:3, 3]
    return float(((points > -0.5) & (points < np.array(shape) - 0.5)).all(axis=1).mean())


def _check_plausible(matrix: NDArray, center: NDArray, fixed_path: str | Path, moving_path: str | Path) -> None:
    """Refuse motions that no head makes within a session."""
    shift = float(np.linalg.norm(matrix[:3, :3] @ center + matrix[:3, 3] - center))
    angle = float(np.degrees(np.arccos(np.clip((np.trace(matrix[:3, :3]) - 1) / 2, -1, 1))))
    if shift > MAX_SHIFT_MM or angle > MAX_ANGLE_DEG:
        raise InputError(
            f"the registration to {Path(fixed_path).name} would move the head by {shift:.0f} mm and "
            f"{angle:.0f} degrees, which is not plausible", file=moving_path,
            remedy="check that both images are of the same head and session, and the orientation in their headers",
        )  # fmt: skip
