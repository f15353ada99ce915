"""Motion between diffusion volumes: each is registered rigidly to the first unweighted one."""

import numpy as np
import numpy.typing as npt

from harmoniq.diffusion.gradients import Gradients
from harmoniq.registration.images import to_sitk
from harmoniq.registration.itk import from_sitk
from harmoniq.registration.threads import one_itk_thread

Volumes = npt.NDArray[np.float32]


#: Smoothing before the registration, mm: a weighted volume is mostly noise.
_SIGMA_MM = 2.0
_SAMPLES = 12_000


@one_itk_thread
def correct_motion(
    data: Volumes,
    affine: npt.NDArray[np.float64],
    gradients: Gradients,
    mask: npt.NDArray[np.bool_],
    *,
    seed: int = 0,
) -> tuple[Volumes, npt.NDArray[np.float64], float]:
    """Register every volume to the first unweighted one and resample it.

    By mutual information (Mattes et al. 2003, doi:10.1109/TMI.2003.809072), on volumes smoothed by 2 mm.

    Parameters
    ----------
    data : ndarray of float32, shape (x, y, z, volumes)
        Diffusion images.
    affine : ndarray, shape (4, 4)
        From voxels to RAS mm.
    gradients : Gradients
        Of the volumes; one is unweighted.
    mask : numpy.ndarray of bool, shape (x, y, z)
        Where the metric is evaluated.
    seed : int
        Of its samples.

    Returns
    -------
    data : ndarray of float32, shape (x, y, z, volumes)
        Resampled, linear; the first unweighted volume is left as it is.
    motions : numpy.ndarray, shape (volumes, 4, 4)
        From points of the reference to points of each volume, RAS mm.
    largest : float
        Largest displacement in the mask, mm.
    """
    from scipy.ndimage import affine_transform, gaussian_filter

    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    unweighted = np.flatnonzero(gradients.unweighted)
    reference = data[..., int(unweighted[0])]
    points = np.argwhere(mask)[:: max(1, int(mask.sum()) // 2000)] @ affine[:3, :3].T + affine[:3, 3]
    registration = _Registration(gaussian_filter(reference, _SIGMA_MM / sizes), affine, mask, seed)
    out, motions, largest = data.copy(), np.tile(np.eye(4), (data.shape[-1], 1, 1)), 0.0
    for number in range(data.shape[-1]):
        if number == int(unweighted[0]):
            continue
        motion = registration.run(gaussian_filter(data[..., number], _SIGMA_MM / sizes))
        shift = float(np.linalg.norm(points @ motion[:3, :3].T + motion[:3, 3] - points, axis=1).max())
        motions[number], largest = motion, max(largest, shift)
        to_voxel = np.linalg.inv(affine) @ motion @ affine
        out[..., number] = affine_transform(
            data[..., number], to_voxel[:3, :3], to_voxel[:3, 3], order=1, mode="nearest"
        )
    return out, motions, largest


class _Registration:
    """Registers volumes to one reference."""

    def __init__(
        self,
        reference: npt.NDArray[np.float32],
        affine: npt.NDArray[np.float64],
        mask: npt.NDArray[np.bool_],
        seed: int,
    ) -> None:
        self.affine, self.seed = affine, seed
        self.fixed, self.mask = to_sitk(reference, affine), to_sitk(mask.astype(np.uint8), affine)
        self.share = min(1.0, _SAMPLES / max(1, int(mask.sum())))
        self.center = ((np.argwhere(mask).mean(axis=0) @ affine[:3, :3].T + affine[:3, 3]) * [-1, -1, 1]).tolist()

    def run(self, moving: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return the motion, from points of the reference to points of the volume, RAS mm."""
        import SimpleITK as sitk  # noqa: N813

        transform = sitk.Euler3DTransform()
        transform.SetCenter(self.center)
        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsMattesMutualInformation(32)
        method.SetMetricFixedMask(self.mask)
        method.SetMetricSamplingStrategy(method.RANDOM)
        method.SetMetricSamplingPercentage(self.share, self.seed + 1)
        method.SetInterpolator(sitk.sitkLinear)
        method.SetOptimizerAsRegularStepGradientDescent(1.0, 0.005, 80, gradientMagnitudeTolerance=1e-7)
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetInitialTransform(transform, inPlace=True)
        method.Execute(self.fixed, to_sitk(moving, self.affine))
        return from_sitk(transform)
