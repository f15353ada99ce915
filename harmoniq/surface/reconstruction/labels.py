"""Partial-volume labels of each hemisphere: 1 outside and fluid, 2 gray matter, 3 white matter, and all between."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.errors import InputError
from harmoniq.data.images import load_image, save_image
from harmoniq.surface.reconstruction.grids import FINE_MM, Affine, isotropic_grid, resample, shifted, voxel_sizes
from harmoniq.surface.reconstruction.template import CORTEX, FILLED, HINDBRAIN, LEFT, RIGHT, WHITE

Volume = NDArray[np.float32]
Mask = NDArray[np.bool_]

#: Where the white surface lies between the intensity of gray (0) and white matter (1). Half-way, it lies 0.23 mm
#: deeper in the white matter than FreeSurfer's on the real brain of the tests; at 0.38, 0.05 mm, and one point in
#: twenty 0.5 mm beneath it is no longer in FreeSurfer's white matter. See docs/surfaces.md.
WHITE_FRACTION = 0.43
#: Radius (sigma, mm) over which the intensities of the tissues are averaged: they differ between lobes.
LOCAL_MM = 10.0
#: Brain further than this from what the template calls cerebrum is none: meninges, and the hindbrain's neighbors.
REACH_MM = 4.5
#: White matter deeper than this below the template's cortex is white matter whatever its intensity: lesions.
DEEP_MM = 4.0


@dataclass(frozen=True)
class Means:
    """What pure tissue measures.

    Parameters
    ----------
    csf : float
        Intensity of fluid.
    gray, white : ndarray of float32, shape (x, y, z)
        Intensity of gray and of white matter around each voxel.
    """

    csf: float
    gray: Volume
    white: Volume


def write_hemisphere_labels(
    in_file: str | Path, mask_file: str | Path, tissues_file: str | Path, aseg_file: str | Path, folder: Path
) -> dict[str, Any]:
    """Write ``lh_label.nii`` and ``rh_label.nii`` on the fine grid.

    Parameters
    ----------
    in_file, mask_file : path
        Corrected and denoised image of the brain's box, and the brain's mask.
    tissues_file, aseg_file : path
        Tissue classes and the template's segmentation, on the coarse grid.
    folder : path
        Gets the labels.

    Returns
    -------
    dict
        ``fluid_intensity``, ``gray_intensity`` and ``white_intensity``; ``lh_white_ml`` and ``rh_white_ml``.

    Raises
    ------
    InputError
        When a class of tissue or a hemisphere is empty, or has next to no white matter.
    """
    image = load_image(in_file, ndim=3)
    tissues, aseg = load_image(tissues_file, ndim=3), load_image(aseg_file, ndim=3)
    affine, shape = tissues.affine, tissues.data.shape
    data = resample(image.data, image.affine, shape, affine, fill=None)
    brain = load_image(mask_file, ndim=3)
    mask = resample(brain.data, brain.affine, shape, affine) > 0.5
    codes = np.round(aseg.data).astype(np.uint8)
    means = tissue_means(data, np.round(tissues.data).astype(np.int8), codes, voxel_sizes(affine))
    sides, filled = hemispheres(mask, codes, voxel_sizes(affine)), filled_region(codes, voxel_sizes(affine))
    inside = mask & (sides > 0)
    facts: dict[str, Any] = {
        "fluid_intensity": round(means.csf, 1),
        "gray_intensity": round(float(np.median(means.gray[inside])), 1),
        "white_intensity": round(float(np.median(means.white[inside])), 1),
    }
    for hemisphere, number in (("lh", 1), ("rh", 2)):
        label, fine = _fine_label(image.data, image.affine, means, sides == number, filled, affine)
        volume = float((label > 2.5).sum() * FINE_MM**3 / 1000.0)
        if volume < 30.0:
            raise InputError(
                f"the {hemisphere} has {volume:.0f} ml of white matter",
                remedy="look at the image: its contrast or the brain mask is wrong",
            )
        save_image(label, fine, folder / f"{hemisphere}_label.nii")
        facts[f"{hemisphere}_white_ml"] = round(volume, 1)
    return facts


def tissue_means(data: Volume, tissues: NDArray[np.int8], codes: NDArray[np.uint8], sizes: NDArray) -> Means:
    """Measure pure tissue around each voxel.

    Gray matter is that of the cortex: deep nuclei are brighter. White matter is taken one voxel inside its class.

    Parameters
    ----------
    data : ndarray of float32, shape (x, y, z)
        Intensities.
    tissues : ndarray of int8, shape (x, y, z)
        1 fluid, 2 gray, 3 white matter, 0 outside; negative where it is not certain.
    codes : ndarray of uint8, shape (x, y, z)
        The template's segmentation, FreeSurfer's codes.
    sizes : ndarray, shape (3,)
        Edges of a voxel, in mm.

    Returns
    -------
    Means
        In the unit of `data`.

    Raises
    ------
    InputError
        Where a class of tissue is empty.
    """
    from scipy import ndimage

    white = ndimage.binary_erosion(abs(tissues) == 3)
    gray = (tissues == 2) & ndimage.binary_dilation(np.isin(codes, CORTEX), iterations=2)
    fluid = tissues == 1
    if not (white.any() and gray.any() and fluid.any()):
        raise InputError("a tissue class is empty", remedy="look at the image: a T1-weighted contrast is wanted")
    sigma = LOCAL_MM / sizes
    return Means(float(np.median(data[fluid])), _local(data, gray, sigma), _local(data, white, sigma))


def _local(data: Volume, mask: Mask, sigma: NDArray) -> Volume:
    """Return the mean over a mask around each voxel; far from it, the mask's median."""
    from scipy.ndimage import gaussian_filter

    weight = mask.astype(np.float32)
    total, count = gaussian_filter(data * weight, sigma), gaussian_filter(weight, sigma)
    few = np.float32(1e-3)
    out: Volume = (total + few * np.median(data[mask])) / (count + few)
    return out


def hemispheres(mask: Mask, codes: NDArray[np.uint8], sizes: NDArray) -> NDArray[np.uint8]:
    """Part the cerebrum into its sides, by the nearest structure of the template.

    Parameters
    ----------
    mask : ndarray of bool, shape (x, y, z)
        The brain.
    codes : ndarray of uint8, shape (x, y, z)
        The template's segmentation, FreeSurfer's codes.
    sizes : ndarray, shape (3,)
        Edges of a voxel, in mm.

    Returns
    -------
    ndarray of uint8, shape (x, y, z)
        1 left, 2 right; 0 outside the brain, nearer to the hindbrain, and more than 4.5 mm from both sides.
    """
    from scipy.ndimage import distance_transform_edt

    left, right, hind = (
        distance_transform_edt(~np.isin(codes, names), sampling=sizes) for names in (LEFT, RIGHT, HINDBRAIN)
    )
    near = np.minimum(left, right)
    ours = mask & (near < hind) & (near < REACH_MM)
    return np.where(ours, np.where(left < right, 1, 2), 0).astype(np.uint8)


def filled_region(codes: NDArray[np.uint8], sizes: NDArray) -> Mask:
    """Tell what is taken for white matter whatever it measures.

    Parameters
    ----------
    codes : ndarray of uint8, shape (x, y, z)
        The template's segmentation, FreeSurfer's codes.
    sizes : ndarray, shape (3,)
        Edges of a voxel, in mm.

    Returns
    -------
    ndarray of bool, shape (x, y, z)
        Ventricles, deep nuclei and callosum, and what lies more than 4 mm inside these and white matter.
    """
    from scipy.ndimage import distance_transform_edt

    filled = np.isin(codes, FILLED)
    inside = distance_transform_edt(filled | np.isin(codes, WHITE), sampling=sizes) > DEEP_MM
    both: Mask = filled | inside
    return both


def partial_volume(data: Volume, csf: float, gray: Volume, white: Volume) -> Volume:
    """Turn intensities into a label from 1 for fluid over 2 for gray to 3 for white matter.

    It is linear from fluid to gray, and from gray to white matter in two pieces that meet at 2.5, `WHITE_FRACTION` of
    the way.

    Parameters
    ----------
    data : ndarray of float32, shape (x, y, z)
        Intensities.
    csf : float
        Intensity of fluid.
    gray, white : ndarray of float32, shape (x, y, z)
        Intensity of pure gray and of pure white matter around each voxel.

    Returns
    -------
    ndarray of float32, shape (x, y, z)
        From 1 to 3.
    """
    low = 1.0 + (data - csf) / np.maximum(gray - csf, 1e-3)
    part = np.clip((data - gray) / np.maximum(white - gray, 1e-3), 0.0, 1.0)
    high = 2.0 + np.interp(part, [0.0, WHITE_FRACTION, 1.0], [0.0, 0.5, 1.0])
    return np.clip(np.where(data < gray, low, high), 1.0, 3.0).astype(np.float32)


def _fine_label(
    data: Volume, source: Affine, means: Means, side: Mask, filled: Mask, affine: Affine
) -> tuple[Volume, Affine]:
    """Return one hemisphere's label on its own fine grid, with a margin of 4 coarse voxels."""
    indices = np.argwhere(side)
    if not len(indices):
        raise InputError("a hemisphere is empty", remedy="look at the image and the brain mask")
    low, high = np.maximum(indices.min(axis=0) - 4, 0), np.minimum(indices.max(axis=0) + 5, side.shape)
    shape, fine = isotropic_grid(tuple(int(n) for n in high - low), shifted(affine, low), FINE_MM)

    def refine(values: NDArray) -> Volume:
        return resample(values, affine, shape, fine, fill=None)

    values = resample(data, source, shape, fine, order=3, fill=None)
    label = partial_volume(values, means.csf, refine(means.gray), refine(means.white))
    inside = refine(side) > 0.5
    label[~inside] = 1.0
    label[inside & (refine(filled) > 0.5)] = 3.0
    return close_white(label), fine


def close_white(label: Volume) -> Volume:
    """Make the white matter of a label one piece without holes: islands become gray, holes white matter.

    Parameters
    ----------
    label : ndarray of float32, shape (x, y, z)
        From 1 to 3; white matter is above 2.5.

    Returns
    -------
    ndarray of float32, shape (x, y, z)
        A copy.
    """
    from scipy import ndimage

    white = label > 2.5
    pieces, count = ndimage.label(white)
    out = label.copy()
    if count > 1:
        largest = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
        out[white & ~largest] = 2.0
        white = largest
    out[ndimage.binary_fill_holes(white) & ~white] = 3.0
    return out
