"""Fiber orientations by constrained spherical deconvolution, and their size beside a single fiber's.

Tournier et al. 2007, doi:10.1016/j.neuroimage.2007.02.016, as DIPY implements it, on the highest shell and b = 0.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harmoniq.data.errors import InputError
from harmoniq.diffusion.gradients import Gradients, to_dipy

#: Share of the purest white matter whose anisotropy is highest: single fibers.
_RESPONSE_SHARE = 0.02
_MIN_RESPONSE_VOXELS = 30
_MIN_RESPONSE_FA = 0.35
#: Voxels with less white matter than this are not fitted.
MIN_WHITE = 0.1
_ORDERS = {45: 8, 28: 6, 15: 4}


@dataclass(frozen=True, eq=False)
class Fibers:
    """Orientations in a box of the diffusion grid.

    Parameters
    ----------
    amplitude : numpy.ndarray, float64, shape (x, y, z, directions)
        Fiber orientation density along each vertex of `sphere`, 1 for a single fiber's peak; not negative.
    sphere : dipy.core.sphere.Sphere
        Its vertices.
    affine : numpy.ndarray, shape (4, 4)
        Of the box, from voxels to RAS mm.
    box : tuple of slice
        Where it lies in the diffusion grid.
    response : tuple of float
        Eigenvalues along and across a single fiber, mm²/s.
    b_value : float
        Of the shell, s/mm².
    """

    amplitude: npt.NDArray[np.float64]
    sphere: object
    affine: npt.NDArray[np.float64]
    box: tuple[slice, slice, slice]
    response: tuple[float, float]
    b_value: float


def fit_fibers(
    data: npt.NDArray[np.float32],
    affine: npt.NDArray[np.float64],
    gradients: Gradients,
    white: npt.NDArray[np.float32],
    *,
    source: str = "dwi",
) -> Fibers:
    """Fit fiber orientations.

    Parameters
    ----------
    data : numpy.ndarray, shape (x, y, z, volumes)
        Preprocessed diffusion images.
    affine : numpy.ndarray, shape (4, 4)
        Of their grid, from voxels to RAS mm.
    gradients : Gradients
        Of the volumes.
    white : numpy.ndarray, shape (x, y, z)
        Fraction of white matter; other voxels are not fitted.
    source : str
        Named in errors.

    Returns
    -------
    Fibers
        In the box around the white matter that was fitted.

    Raises
    ------
    InputError
        When there is no white matter, too little that is pure, or none anisotropic enough for a single fiber.
    """
    from dipy.data import get_sphere
    from dipy.reconst.csdeconv import ConstrainedSphericalDeconvModel
    from dipy.reconst.shm import sh_to_sf_matrix

    b_value = gradients.shells[-1]
    chosen = gradients.unweighted | gradients.shell(b_value)
    inside = (white > MIN_WHITE) & (data[..., chosen].min(axis=-1) >= 0)
    box = bounding_box(inside, source)
    inside, part = inside[box], np.ascontiguousarray(data[box][..., chosen])
    table = to_dipy(gradients.part(chosen), affine)
    response, purest = _response(table, part, white[box], source)
    order = next((o for n, o in _ORDERS.items() if int(gradients.shell(b_value).sum()) >= n), 2)
    model = ConstrainedSphericalDeconvModel(table, response, sh_order_max=order)
    harmonics = model.fit(part, mask=inside).shm_coeff
    sphere = get_sphere(name="repulsion200")
    basis, _ = sh_to_sf_matrix(sphere, sh_order_max=order, basis_type="descoteaux07", legacy=True)
    amplitude = np.zeros((*inside.shape, len(sphere.vertices)))
    amplitude[inside] = np.maximum(harmonics[inside] @ basis, 0)
    # The scale of a density depends on the order; beside single fibers it says how much of a fiber there is.
    amplitude /= np.median(amplitude[purest & inside].max(axis=-1))
    return Fibers(amplitude, sphere, shifted(affine, box), box, (response[0][0], response[0][1]), b_value)


def _response(
    table: object, data: npt.NDArray[np.float32], white: npt.NDArray[np.float32], source: str
) -> tuple[tuple, npt.NDArray[np.bool_]]:
    """Return the response of single fibers, and the voxels that it comes from."""
    from dipy.reconst.csdeconv import response_from_mask_ssst
    from dipy.reconst.dti import TensorModel

    pure = white > 0.9
    if pure.sum() < _MIN_RESPONSE_VOXELS:
        raise InputError(f"has only {int(pure.sum())} voxels of pure white matter", file=source)
    anisotropy = np.zeros(white.shape)
    anisotropy[pure] = np.nan_to_num(TensorModel(table).fit(data[pure]).fa)
    count = max(_MIN_RESPONSE_VOXELS, int(_RESPONSE_SHARE * pure.sum()))
    threshold = np.partition(anisotropy[pure], -count)[-count]
    single = pure & (anisotropy >= threshold)
    if threshold < _MIN_RESPONSE_FA:
        raise InputError(
            f"white matter is hardly anisotropic (FA {threshold:.2f} in its best {count} voxels)", file=source,
            remedy="check bvec and bval, and the registration to the R1 map",
        )  # fmt: skip
    response, _ = response_from_mask_ssst(table, data, single)
    return response, single


def bounding_box(mask: npt.NDArray[np.bool_], source: str) -> tuple[slice, slice, slice]:
    """Find the box around a mask with a voxel's margin, as far as the grid reaches.

    Parameters
    ----------
    mask : ndarray of bool, shape (x, y, z)
        White matter.
    source : str
        Named in errors.

    Returns
    -------
    tuple (slice, slice, slice)
        One for each axis.

    Raises
    ------
    InputError
        When the mask is empty.
    """
    voxels = np.argwhere(mask)
    if not len(voxels):
        raise InputError("has no white matter in its field of view", file=source)
    low = np.maximum(voxels.min(axis=0) - 1, 0)
    high = np.minimum(voxels.max(axis=0) + 2, mask.shape)
    x, y, z = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return x, y, z


def shifted(affine: npt.NDArray[np.float64], box: tuple[slice, slice, slice]) -> npt.NDArray[np.float64]:
    """Compute the affine of a box of a grid.

    Parameters
    ----------
    affine : ndarray, shape (4, 4)
        Of the grid, from voxels to RAS mm.
    box : tuple (slice, slice, slice)
        As `bounding_box` returns it.

    Returns
    -------
    ndarray, shape (4, 4)
        From the box's voxels to RAS mm.
    """
    corner = affine.copy()
    corner[:3, 3] = (affine @ [*(part.start for part in box), 1.0])[:3]
    return corner
