"""The receive field in diffusion images: N4 on the mean unweighted volume, one field for all volumes."""

import numpy as np
import numpy.typing as npt

from harmoniq.diffusion.gradients import Gradients
from harmoniq.registration.images import to_sitk
from harmoniq.registration.threads import one_itk_thread


@one_itk_thread
def correct_bias(
    data: npt.NDArray[np.float32],
    affine: npt.NDArray[np.float64],
    gradients: Gradients,
    mask: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float32]:
    """Divide all volumes by the receive field of the unweighted ones.

    N4 of Tustison et al. 2010, doi:10.1109/TMI.2010.2046908, as SimpleITK has it.

    Parameters
    ----------
    data : ndarray of float32, shape (x, y, z, volumes)
        Diffusion images.
    affine : ndarray, shape (4, 4)
        From voxels to RAS mm.
    gradients : Gradients
        Of the volumes; one is unweighted.
    mask : ndarray of bool, shape (x, y, z)
        Where the field is estimated, and has the median 1.

    Returns
    -------
    ndarray of float32, shape (x, y, z, volumes)
        Corrected images; the field is kept within 0.1 to 10.
    """
    import SimpleITK as sitk  # noqa: N813

    mean = data[..., gradients.unweighted].mean(axis=-1)
    image, brain = to_sitk(mean, affine), to_sitk(mask.astype(np.uint8), affine)
    corrector = sitk.N4BiasFieldCorrectionImageFilter()
    corrector.SetMaximumNumberOfIterations([30, 20, 10])
    corrector.Execute(sitk.Shrink(image, [2] * 3), sitk.Shrink(brain, [2] * 3))
    field = np.exp(sitk.GetArrayFromImage(corrector.GetLogBiasFieldAsImage(image)).T)
    field /= np.median(field[mask])
    return (data / np.clip(field, 0.1, 10.0)[..., None]).astype(np.float32)
