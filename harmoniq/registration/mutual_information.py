"""Mutual information of two images under a rigid motion, and its optimization from several starts.

Mattes et al. 2003, IEEE Trans Med Imaging 22:120, doi:10.1109/TMI.2003.809072, as SimpleITK implements it. One
thread and seeded samples: the same images give the same numbers on any number of processors.
"""

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmoniq.registration.images import average_blocks, to_sitk

BINS = 48
# Voxel size in mm to average to, and number of samples, from coarse to fine; 0 is the images' own grid.
COARSE = ((6.0, 20_000),)
FINE = ((3.0, 30_000), (0.0, 100_000))
# Turns in degrees about each axis that are tried at the start, and how many of the best starts are optimized.
TURNS_DEG = (-15.0, 0.0, 15.0)
BEST_STARTS = 2
ITERATIONS = 100


class Problem:
    """The images of one registration, and the optimizer's settings for them.

    Parameters
    ----------
    fixed, moving : tuple (ndarray, ndarray)
        Data, shape (x, y, z), and affine, shape (4, 4), to RAS mm, of the image that stays and of the one that moves.
    mask : ndarray of bool
        On the fixed image's grid: where the metric is sampled, but on the coarsest level.
    center : ndarray, shape (3,)
        Center of rotation in the fixed space, RAS mm.
    seed : int
        Of the samples.
    """

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
        """Make the transform that turns about `center` and then shifts.

        Parameters
        ----------
        shift_ras : ndarray, shape (3,)
            In RAS mm.
        turns : tuple of float, optional
            Angles about ITK's three axes (LPS), in degrees.

        Returns
        -------
        SimpleITK.Euler3DTransform
            Maps fixed points to moving points, in LPS mm.
        """
        import SimpleITK as sitk  # noqa: N813

        transform = sitk.Euler3DTransform()
        transform.SetCenter((self.center * [-1, -1, 1]).tolist())
        transform.SetRotation(*np.deg2rad(turns).tolist())
        transform.SetTranslation((shift_ras * [-1, -1, 1]).tolist())
        return transform

    def starts(self, shift_ras: NDArray) -> list[Any]:
        """Choose starts: the headers' geometry, and the best of some turns by the metric on the coarsest level.

        Parameters
        ----------
        shift_ras : ndarray, shape (3,)
            In RAS mm: turns are tried with it and without.

        Returns
        -------
        list of SimpleITK.Euler3DTransform
            The headers' geometry first, then up to two others, the better one first.

        Raises
        ------
        RuntimeError
            ITK's own, unless it says that the images do not meet.
        """
        width, samples = COARSE[0]
        fixed, moving = self._images(width)
        ranked: list[tuple[float, int, Any]] = []
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
        """Optimize a rigid transform level by level.

        Parameters
        ----------
        start : SimpleITK.Euler3DTransform
            Copied.
        levels : tuple of tuple (float, int)
            Voxel size in mm to which the images are averaged (0: their own), and number of samples, of each level.

        Returns
        -------
        tuple (SimpleITK.Euler3DTransform, float, int) or None
            The transform, the negative mutual information at its end, and the iterations over all levels; None where
            the images do not meet.

        Raises
        ------
        RuntimeError
            ITK's own, unless it says that the images do not meet.
        """
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

        method = sitk.ImageRegistrationMethod()
        method.SetNumberOfThreads(1)
        method.SetMetricAsMattesMutualInformation(BINS)
        inside = self._images(width)[0].GetNumberOfPixels()
        # The coarsest level has no mask: it also sees the head's outline, which reaches farthest.
        if width != COARSE[0][0]:
            mask, affine = average_blocks(self.mask.astype(np.float32), self.fixed[1], width)
            method.SetMetricFixedMask(to_sitk((mask > 0.5).astype(np.uint8), affine))
            inside = max(int((mask > 0.5).sum()), 1)
        # Random positions between the voxels' centers: on the grid, interpolation would favor aligned grids.
        method.SetMetricSamplingStrategy(method.RANDOM)
        # The percentage is of the whole image; the mask then drops the samples outside.
        method.SetMetricSamplingPercentage(min(samples / inside, 1.0), self.seed)
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
