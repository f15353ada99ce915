"""Read a lesion mask, bring it to a map's grid, dilate it, and take it out of the map.

The mask moves to the map: for each voxel of the map the nearest voxel of the mask is looked up, and the map itself is
never resampled.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.errors import InputError
from harmoniq.data.images import Image, load_image, same_grid
from harmoniq.data.lesions import LesionKind

#: SAMSEG's lesions, and FreeSurfer's left and right lesion.
SAMSEG_LABELS = (99, 25, 57)
#: A mask with less of itself inside the brain lies in another space, or is another person's.
SMALLEST_SHARE_IN_BRAIN = 0.5

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Lesions:
    """Lesions on their own grid.

    Parameters
    ----------
    inside : ndarray of bool, shape (x, y, z)
        True in lesions.
    affine : ndarray, shape (4, 4)
        From voxels to RAS mm.
    """

    inside: Mask
    affine: NDArray[np.float64]

    @property
    def volume_ml(self) -> float:
        """Volume in milliliters."""
        return float(np.count_nonzero(self.inside) * abs(np.linalg.det(self.affine[:3, :3])) / 1000.0)

    @property
    def count(self) -> int:
        """Number of lesions: what touches at faces, edges or corners is one."""
        from scipy.ndimage import label

        return int(label(self.inside, structure=np.ones((3, 3, 3)))[1])


def read_lesions(
    path: str | Path, kind: LesionKind = "mask", *, threshold: float = 0.5, allow_empty: bool = False
) -> Lesions:
    """Read a lesion mask.

    Parameters
    ----------
    path : path
        Volume of three dimensions.
    kind : {'mask', 'probability', 'samseg'}
        0 and one other value; 0 to 1, lesion from `threshold` on; labels, of which 99, and FreeSurfer's 25 and 57, are
        lesions.
    threshold : float
        Of probability maps.
    allow_empty : bool
        Whether no lesion at all is accepted.

    Returns
    -------
    Lesions
        On the file's grid.

    Raises
    ------
    InputError
        For a volume that cannot be read, a mask that is not binary, empty or full, and probabilities outside 0 to 1.
    """
    image = load_image(path, ndim=3)
    if kind == "samseg":
        inside = np.isin(np.rint(image.data).astype(np.int64), SAMSEG_LABELS)
    elif kind == "probability":
        low, high = float(image.data.min()), float(image.data.max())
        if low < -1e-6 or high > 1 + 1e-6:
            raise InputError(
                f"a map of lesion probabilities must hold 0 to 1, this one {low:g} to {high:g}", file=path,
                remedy="convert it, or threshold it and name it *_label-lesion_mask.nii.gz",
            )  # fmt: skip
        inside = image.data >= threshold
    else:
        inside = _binary(image)
    if inside.all():
        raise InputError("this lesion mask covers the whole image", file=path, remedy="check which value is a lesion")
    if not inside.any() and not allow_empty:
        said = "no voxel has the label 99" if kind == "samseg" else "this lesion mask is empty"
        run = "run run_samseg with --lesion" if kind == "samseg" else "check the segmentation"
        raise InputError(f"{said}, though a patient's is wanted", file=path, remedy=f"{run}, or remove the file")
    return Lesions(inside, image.affine)


def _binary(image: Image) -> Mask:
    inside: Mask = image.data != 0
    values = image.data[inside]
    if values.size and values.min() != values.max():
        number = len(np.unique(values))
        raise InputError(
            f"this lesion mask is not binary: beside 0 it holds {number} values from {values.min():g} to "
            f"{values.max():g}", file=image.path,
            remedy="threshold it, or name a map of probabilities *_label-lesion_probseg.nii.gz",
        )  # fmt: skip
    return inside


def move_lesions(lesions: Lesions, shape: tuple[int, ...], affine: NDArray, to_mask: NDArray) -> Mask:
    """Bring lesions to another grid by the nearest voxel.

    Parameters
    ----------
    lesions : Lesions
        On their own grid.
    shape, affine : tuple of int, ndarray (4, 4)
        Of the grid wanted.
    to_mask : ndarray, shape (4, 4)
        From points of the wanted grid's space to those of the mask's, RAS mm.

    Returns
    -------
    ndarray of bool
        A voxel is lesion where the mask's voxel nearest to its center is, and where the center of a lesion voxel lies
        in it, so that no lesion is lost between coarse voxels.
    """
    from scipy.ndimage import affine_transform

    voxels = np.linalg.inv(lesions.affine) @ to_mask @ affine
    moved: Mask = affine_transform(
        lesions.inside.astype(np.uint8), voxels[:3, :3], voxels[:3, 3], output_shape=shape[:3], order=0
    ).astype(bool)
    back = np.linalg.inv(voxels)
    centers = np.argwhere(lesions.inside) @ back[:3, :3].T + back[:3, 3]
    nearest = np.floor(centers + 0.5).astype(np.intp)
    within = ((nearest >= 0) & (nearest < np.array(shape[:3]))).all(axis=1)
    moved[tuple(nearest[within].T)] = True
    return moved


def dilate(inside: Mask, voxel_sizes: NDArray, distance: float) -> Mask:
    """Add every voxel whose center lies within `distance` mm of a lesion voxel's center.

    Parameters
    ----------
    inside : ndarray of bool, shape (x, y, z)
        Lesions.
    voxel_sizes : ndarray, shape (3,)
        Edges of a voxel, in mm.
    distance : float
        In mm; 0 or less adds nothing.

    Returns
    -------
    ndarray of bool, shape (x, y, z)
        A copy.
    """
    from scipy.ndimage import distance_transform_edt

    if distance <= 0 or not inside.any():
        return inside.copy()
    reach = np.ceil(distance / np.asarray(voxel_sizes)).astype(int)
    found = np.argwhere(inside)
    # Only the box around the lesions is measured: the rest is too far away.
    low = np.maximum(found.min(axis=0) - reach, 0)
    high = np.minimum(found.max(axis=0) + reach + 1, inside.shape)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    out = inside.copy()
    # Sizes come out of float32 headers: 1 mm on a grid of 1 mm must not depend on their last digit.
    out[box] = distance_transform_edt(~inside[box], sampling=voxel_sizes) <= distance + 1e-4
    return out


def share_in_brain(lesions: Lesions, brain: Image, to_mask: NDArray) -> float:
    """Measure which part of the lesions lies in a brain mask.

    Parameters
    ----------
    lesions : Lesions
        On their own grid.
    brain : Image
        Above 0 in the brain.
    to_mask : ndarray, shape (4, 4)
        From points of the brain's space to those of the lesions', RAS mm.

    Returns
    -------
    float
        From 0 to 1; 1 without lesions.
    """
    to_brain = np.linalg.inv(lesions.affine) @ to_mask @ brain.affine
    back = np.linalg.inv(to_brain)
    voxels = np.floor(np.argwhere(lesions.inside) @ back[:3, :3].T + back[:3, 3] + 0.5).astype(np.intp)
    if not len(voxels):
        return 1.0
    within = ((voxels >= 0) & (voxels < np.array(brain.shape[:3]))).all(axis=1)
    return float((brain.data[tuple(voxels[within].T)] > 0).sum() / len(voxels))


def without_lesions(image: Image, mask: str | Path | None) -> Image:
    """Make the lesion voxels of a map NaN, so that samples that touch one are left out.

    Parameters
    ----------
    image : Image
        A map.
    mask : path, optional
        On the map's grid; None for no lesions.

    Returns
    -------
    Image
        A copy of the map; the map itself without a mask.

    Raises
    ------
    InputError
        When the mask cannot be read or has another grid.
    """
    if mask is None:
        return image
    lesions = load_image(mask, ndim=3)
    same_grid(image, lesions)
    data = np.where(lesions.data > 0, np.float32(np.nan), image.data)
    return Image(data, image.affine, image.path, image.header)
