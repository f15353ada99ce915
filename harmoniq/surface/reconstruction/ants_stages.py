"""Stages with ANTs, in the worker's process: bias field, tissue classes, and the template's segmentation."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.errors import InputError
from harmoniq.data.images import load_image, save_image
from harmoniq.surface.reconstruction.grids import (
    COARSE_MM,
    Affine,
    crop_box,
    cropped,
    isotropic_grid,
    resample,
    to_ras,
)


def correct_bias(in_file: str, mask_file: str, out_file: str, out_mask: str) -> dict[str, Any]:
    """Turn to RAS, crop to the brain, and correct the intensities' bias field.

    N4 (Tustison et al. 2010, doi:10.1109/TMI.2010.2046908) in the brain, splines of 200 mm.

    Parameters
    ----------
    in_file, mask_file : path
        The head and the mask of its brain, on one grid.
    out_file, out_mask : path
        The corrected image (its brain some 1000 at the top) and the mask (uint8), cropped, axes nearest to RAS.

    Returns
    -------
    dict
        ``voxels``: of the brain.
    """
    import ants

    image, brain = load_image(in_file, ndim=3), load_image(mask_file, ndim=3)
    data, affine = to_ras(image.data, image.affine)
    mask, _ = to_ras((brain.data > 0).astype(np.uint8), brain.affine)
    box = crop_box(mask, affine)
    data, mask, affine = data[box], mask[box], cropped(affine, box)
    data = np.maximum(data, 0.0) * (1000.0 / max(float(np.quantile(data[mask > 0], 0.99)), 1e-6))
    source, within = _ants(data, affine), _ants(mask, affine)
    corrected = ants.n4_bias_field_correction(
        source, mask=within, shrink_factor=3, convergence={"iters": [50, 50, 50, 30], "tol": 1e-6}, spline_param=200
    )
    save_image(corrected.numpy(), affine, out_file)
    save_image(mask, affine, out_mask, dtype=np.uint8)
    return {"voxels": int(mask.sum())}


def register_template(
    in_file: str, mask_file: str, brain_file: str, aseg_file: str, out_file: str, seed: int
) -> dict[str, Any]:
    """Bring fsaverage's segmentation to the subject: affine, then SyN (Avants 2008, doi:10.1016/j.media.2007.06.004).

    Parameters
    ----------
    in_file, mask_file : path
        Corrected image and mask.
    brain_file, aseg_file : path
        The template's brain and its segmentation.
    out_file : path
        The segmentation on the subject's coarse grid, uint8.
    seed : int
        Of the metric's samples.

    Returns
    -------
    dict
        ``template_correlation``: of the two brains' intensities, after registration.

    Raises
    ------
    InputError
        Where the brain does not come to lie on the template.
    """
    import ants

    data, mask, affine = coarse(in_file, mask_file)
    target = _ants(data * (mask > 0), affine)
    brain = _ants(*to_ras(*_volume(brain_file)))
    aseg = _ants(*to_ras(*_volume(aseg_file)))
    prefix = str(Path(out_file).parent / "syn_")
    found = ants.registration(target, brain, "SyN", reg_iterations=(40, 20, 0), random_seed=seed + 1, outprefix=prefix)
    warped = ants.apply_transforms(target, aseg, found["fwdtransforms"], interpolator="genericLabel")
    inside = mask > 0
    alike = float(np.corrcoef(target.numpy()[inside], found["warpedmovout"].numpy()[inside])[0, 1])
    for file in {*found["fwdtransforms"], *found["invtransforms"]}:
        Path(file).unlink(missing_ok=True)
    if not alike > 0.4:
        raise InputError(
            f"the brain could not be registered to the template: their correlation is {alike:.2f}",
            remedy="look at the image and the brain mask: a T1-weighted contrast of the whole brain is wanted",
        )
    save_image(np.round(warped.numpy()).astype(np.uint8), affine, out_file, dtype=np.uint8)
    return {"template_correlation": round(alike, 4)}


def segment_tissues(in_file: str, mask_file: str, out_file: str) -> dict[str, Any]:
    """Divide the brain into three classes by Atropos (Avants et al. 2011, doi:10.1007/s12021-011-9109-y).

    Parameters
    ----------
    in_file, mask_file : path
        Corrected image and mask.
    out_file : path
        On the coarse grid: 1 cerebrospinal fluid, 2 gray matter, 3 white matter; negative where the class is not
        certain (a posterior up to 0.9).

    Returns
    -------
    dict
        ``fluid_ml``, ``gray_ml`` and ``white_ml``.

    Raises
    ------
    InputError
        Where the brain has not three classes of tissue.
    """
    import ants

    data, mask, affine = coarse(in_file, mask_file)
    found = ants.atropos(
        a=_ants(data, affine), x=_ants(mask, affine), i="KMeans[3]", m="[0.1,1x1x1]", c="[5,0]", verbose=0
    )
    classes = np.round(found["segmentation"].numpy()).astype(np.int8)
    likely = np.max([image.numpy() for image in found["probabilityimages"]], axis=0)
    counts = np.bincount(classes[classes > 0], minlength=4)[1:]
    if np.any(counts < 0.02 * counts.sum()):
        raise InputError(
            "the brain has not three tissue classes that can be told apart",
            remedy="look at the image: a T1-weighted contrast is wanted",
        )
    save_image(np.where(likely > 0.9, classes, -classes), affine, out_file, dtype=np.int8)
    voxel = float(abs(np.linalg.det(affine[:3, :3]))) / 1000.0
    return {name: round(count * voxel, 1) for name, count in zip(("fluid_ml", "gray_ml", "white_ml"), counts)}


def coarse(in_file: str, mask_file: str) -> tuple[NDArray[np.float32], NDArray[np.uint8], Affine]:
    """Bring an image and its mask to the coarse grid of 1 mm.

    Parameters
    ----------
    in_file, mask_file : path
        Image and brain mask, on one grid; voxels within 0.1 mm of 1 mm stay as they are.

    Returns
    -------
    data : ndarray of float32, shape (x, y, z)
        The image.
    mask : ndarray of uint8, shape (x, y, z)
        1 in the brain.
    affine : ndarray, shape (4, 4)
        From voxels to RAS mm.
    """
    image, brain = load_image(in_file, ndim=3), load_image(mask_file, ndim=3)
    if np.all(np.abs(image.voxel_sizes - COARSE_MM) < 0.1):
        return image.data, (brain.data > 0).astype(np.uint8), image.affine
    shape, affine = isotropic_grid(image.shape, image.affine, COARSE_MM)
    data = resample(image.data, image.affine, shape, affine)
    mask = resample(brain.data, brain.affine, shape, affine) > 0.5
    return data, mask.astype(np.uint8), affine


def _volume(file: str) -> tuple[NDArray[np.float32], Affine]:
    image = load_image(file, ndim=3)
    return image.data, image.affine


def _ants(data: NDArray, affine: Affine) -> Any:
    """Return an ANTs image; ANTs takes LPS coordinates."""
    import ants

    flip = np.diag([-1.0, -1.0, 1.0])
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    return ants.from_numpy(
        np.ascontiguousarray(data, dtype=np.float32),
        origin=tuple(float(value) for value in flip @ affine[:3, 3]),
        spacing=tuple(float(value) for value in sizes),
        direction=flip @ (affine[:3, :3] / sizes),
    )
