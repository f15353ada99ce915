"""Rigid registration of two images of one session by mutual information.

Mattes et al. 2003, IEEE Trans Med Imaging 22:120, doi:10.1109/TMI.2003.809072, as SimpleITK implements it. One
thread and seeded samples: the same files give the same bytes on any number of processors.
"""

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.errors import InputError
from harmoniq.registration.images import average_blocks, load, to_sitk
from harmoniq.registration.mask import brain_mask

MAX_SHIFT_MM = 40.0
MAX_ANGLE_DEG = 45.0
SMALLEST_OVERLAP = 0.25
# In nats: two images that have nothing in common reach about half of it by chance.
SMALLEST_INFORMATION = 0.02
BINS = 48
# Voxel size in mm to average to, and number of samples, from coarse to fine; 0 is the images' own grid.
COARSE = ((6.0, 20_000),)
FINE = ((3.0, 30_000), (0.0, 100_000))
# Turns in degrees about each axis that are tried at the start, and how many of the best starts are optimized.
TURNS_DEG = (-15.0, 0.0, 15.0)
BEST_STARTS = 2
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
        When an image cannot be read, the images do not overlap, or the result moves the head by more than 40 mm or
        45 degrees.
    """
    fixed_data, fixed_affine = load(fixed_path)
    moving_data, moving_affine = load(moving_path)
    mask = _fixed_mask(fixed_data, fixed_affine, fixed_mask_path)
    moving_mask = brain_mask(moving_data, tuple(np.linalg.norm(moving_affine[:3, :3], axis=0)))
    center = (fixed_affine @ [*_center(mask.astype(np.float32)), 1.0])[:3]
    problem = _Problem((fixed_data, fixed_affine), (moving_data, moving_affine), mask, center, seed)

    shift = (moving_affine @ [*_center(moving_mask.astype(np.float32)), 1.0])[:3] - center
    tries = [found for found in (problem.run(start, COARSE) for start in problem.starts(shift)) if found]
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
    if -fine[1] < SMALLEST_INFORMATION:
        raise InputError(f"has nothing in common with {Path(fixed_path).name}", file=moving_path)
    _check_plausible(matrix, center, fixed_path, moving_path)
    return RigidResult(matrix, float(fine[1]), first + fine[2])


class _Problem:
    """The images of one registration, and the optimizer's settings for them."""

    def __init__(
        self,
        fixed: tuple[NDArray, NDArray],
        moving: tuple[NDArray, NDArray],
        mask: NDArray[np.bool_],
        center: NDArray,
        seed: int,
    ) -> None:
        self.fixed, self.moving, self.mask, self.center = fixed, moving, mask, center
        # SimpleITK takes 0 for the clock.
        self.seed = int(seed) % (2**31 - 1) + 1
        self._cache: dict[float, Any] = {}

    def start(self, shift_ras: NDArray, turns: tuple[float, ...] = (0.0, 0.0, 0.0)) -> Any:
        """Return the transform that turns about the center of the fixed mask and then shifts by `shift_ras`."""
        import SimpleITK as sitk  # noqa: N813

        transform = sitk.Euler3DTransform()
        transform.SetCenter((self.center * [-1, -1, 1]).tolist())
        transform.SetRotation(*np.deg2rad(turns).tolist())
        transform.SetTranslation((shift_ras * [-1, -1, 1]).tolist())
        return transform

    def starts(self, shift_ras: NDArray) -> list[Any]:
        """Return the headers' geometry and the best other starts, by the metric on the coarsest level."""
        width, samples = COARSE[0]
        fixed, moving = self._images(width)
        ranked = []
        for turns in product(TURNS_DEG, repeat=3):
            for shift in (np.zeros(3), shift_ras):
                start = self.start(shift, turns)
                method = self._method(width, samples // 4)
                method.SetInitialTransform(start, inPlace=False)
                try:
                    ranked.append((method.MetricEvaluate(fixed, moving), len(ranked), start))
                except RuntimeError as error:
                    _raise_unless_apart(error)
        return [self.start(np.zeros(3))] + [start for _, _, start in sorted(ranked)[:BEST_STARTS]]

    def run(self, start: Any, levels: tuple[tuple[float, int], ...]) -> tuple[Any, float, int] | None:
        """Optimize from `start`; return transform, metric and iterations, or None where the images do not meet."""
        import SimpleITK as sitk  # noqa: N813

        transform, metric, iterations = sitk.Euler3DTransform(start), np.nan, 0
        for width, samples in levels:
            method = self._method(width, samples)
            method.SetInitialTransform(transform, inPlace=True)
            try:
                method.Execute(*self._images(width))
            except RuntimeError as error:
                _raise_unless_apart(error)
                return None
            metric, iterations = method.GetMetricValue(), iterations + method.GetOptimizerIteration()
        return transform, metric, iterations

    def _images(self, width: float) -> tuple[Any, Any]:
        """Return fixed and moving image averaged to `width`."""
        if width not in self._cache:
            images = (to_sitk(*average_blocks(*image, width)) for image in (self.fixed, self.moving))
            self._cache[width] = tuple(images)
        return self._cache[width]

    def _method(self, width: float, samples: int) -> Any:
        """Return SimpleITK's method, set up for one level."""
        import SimpleITK as sitk  # noqa: N813

        inside, affine = average_blocks(self.mask.astype(np.float32), self.fixed[1], width)
        # The coarsest level also sees the head's outline, which reaches farthest.
        mask = np.ones_like(inside, bool) if width == COARSE[0][0] else inside > 0.5
        method = sitk.ImageRegistrationMethod()
        method.SetNumberOfThreads(1)
        method.SetMetricAsMattesMutualInformation(BINS)
        method.SetMetricFixedMask(to_sitk(mask.astype(np.uint8), affine))
        # Random positions between the voxels' centers: on the grid, interpolation would favor aligned grids.
        method.SetMetricSamplingStrategy(method.RANDOM)
        # The percentage is of the whole image; the mask then drops the samples outside.
        method.SetMetricSamplingPercentage(min(samples / max(int(mask.sum()), 1), 1.0), self.seed)
        # Gradients at the samples alone cost far less than the gradient of the whole image.
        method.MetricUseFixedImageGradientFilterOff()
        method.MetricUseMovingImageGradientFilterOff()
        method.SetInterpolator(sitk.sitkLinear)
        step = width or 1.0
        method.SetOptimizerAsRegularStepGradientDescent(
            learningRate=step / 2, minStep=step * 1e-3, numberOfIterations=ITERATIONS, relaxationFactor=0.6
        )
        method.SetOptimizerScalesFromPhysicalShift()
        return method


def _raise_unless_apart(error: RuntimeError) -> None:
    """Raise ITK's error again unless it says that the images do not meet."""
    if not any(word in str(error).lower() for word in ("samples", "overlap", "valid points")):
        raise error


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
