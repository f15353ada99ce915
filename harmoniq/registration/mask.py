"""A quick, rough brain mask, for registration and for the report; not a skull-stripping."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.registration.images import average_blocks

# Radii in mm of the openings that are tried to cut the scalp from the brain, from gentle to rough.
OPENINGS_MM = (2.0, 4.0, 6.0, 8.0, 10.0)
# How much farther than it shrank the core may grow back into the foreground: thin gyri, at the cost of some meninges.
# On a real T1w head this takes the pial surface inside the mask from 82 to 95 %.
REGAIN_MM = 4.0
# Gaps to be filled: sulci of dark cerebrospinal fluid.
CLOSING_MM = 6.0
# The scalp is the outer shell of the head; it is cut when this part of it or less is left.
SHELL_MM = 5.0
SHELL_LEFT = 0.1
# A brain is at least this part of the head in the field of view; less means that the opening took it, too.
SMALLEST_CORE = 0.15
WORKING_MM = 2.0
# Standard deviation around the voxels of the image's faces, in parts of the range of values: 0.3 for a uniform image
# in air, and under 0.05 for a magnitude.
NOISY_AIR = 0.12


def brain_mask(image: ArrayLike, voxel_sizes: ArrayLike) -> NDArray[np.bool_]:
    """Mask the brain in an image that is bright in the head and dark in air.

    Otsu's threshold; the gentlest opening that cuts off the head's outer shell; the largest component, closing and
    filling, on a grid of about 2 mm. The mask is rough: cerebrospinal fluid, meninges and skull base can be in it. An
    image without a scalp (a phantom, a stripped brain) gives its foreground, and one without a foreground is all
    inside, so that what follows always has voxels to work with.

    Parameters
    ----------
    image : array_like, shape (x, y, z)
        A magnitude (the second inversion of MP2RAGE, the first echo of ME-GRE) or a uniform image, with or without
        its noisy background.
    voxel_sizes : array_like, shape (3,)
        In mm.

    Returns
    -------
    ndarray of bool, shape (x, y, z)
        Never empty.

    Notes
    -----
    The threshold is that of Otsu 1979, doi:10.1109/TSMC.1979.4310076.
    """
    from scipy import ndimage

    image = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0.0, neginf=0.0)
    small, affine = average_blocks(_calm(image), np.diag([*np.asarray(voxel_sizes, dtype=float), 1.0]), WORKING_MM)
    spacing = np.diag(affine)[:3]
    foreground = small > _otsu(small)
    if not foreground.any():
        return np.ones(image.shape, np.bool_)
    head = ndimage.binary_fill_holes(_close(_largest(foreground), spacing))
    core = _without_scalp(foreground, head, spacing)
    mask = head if core is None else ndimage.binary_fill_holes(_close(core, spacing))
    return _expand(mask, image.shape)


def _calm(image: NDArray) -> NDArray:
    """Return the image; for one whose air is noise as strong as its contrast, how calm it is around each voxel.

    A uniform image of MP2RAGE is a ratio: where there is no signal it takes any value, and only its unrest tells.
    """
    if min(image.shape) < 8:
        return image
    low, high = np.quantile(image[::2, ::2, ::2], [0.01, 0.99])
    # The faces are mostly air; only where that is restless is the whole image looked at.
    slabs = (np.moveaxis(image, axis, 0)[part] for axis in range(3) for part in (slice(3), slice(-3, None)))
    air = float(np.median(np.concatenate([_unrest(slab)[1].ravel() for slab in slabs])))
    if not air > NOISY_AIR * (high - low):
        return image
    return np.maximum(air - _unrest(image), 0.0)


def _unrest(image: NDArray) -> NDArray:
    """Return the standard deviation over the 27 voxels around each."""
    from scipy import ndimage

    mean = ndimage.uniform_filter(image, 3)
    return np.sqrt(np.maximum(ndimage.uniform_filter(image * image, 3) - mean * mean, 0.0))


def _without_scalp(foreground: NDArray, head: NDArray, spacing: NDArray) -> NDArray | None:
    """Return what is left in the middle once an opening has cut the scalp off, or None when none does."""
    from scipy import ndimage

    depth = ndimage.distance_transform_edt(head, sampling=spacing)
    shell = head & (depth <= SHELL_MM)
    # Distances inside the foreground; the image's edge does not count as background, since a neck reaches it.
    thickness = ndimage.distance_transform_edt(foreground, sampling=spacing)
    for radius in OPENINGS_MM:
        core = _largest(thickness > radius)
        if not core.any():
            return None
        distance = ndimage.distance_transform_edt(~core, sampling=spacing)
        opened = foreground & (distance <= radius)
        if opened.sum() < SMALLEST_CORE * head.sum():
            return None
        if (opened & shell).sum() <= SHELL_LEFT * shell.sum():
            return foreground & (distance <= radius + REGAIN_MM)
    return None


def _otsu(image: NDArray) -> float:
    """Return the threshold that separates two classes best (Otsu 1979, doi:10.1109/TSMC.1979.4310076).

    The top percent is clipped first: bright vessels and fat would otherwise become a class of their own.
    """
    clipped = np.minimum(image, np.quantile(image, 0.99))
    counts, edges = np.histogram(clipped, bins=256)
    centers = 0.5 * (edges[1:] + edges[:-1])
    below = np.cumsum(counts)
    above = counts.sum() - below
    total = np.cumsum(counts * centers)
    mean_below = total / np.maximum(below, 1)
    mean_above = (total[-1] - total) / np.maximum(above, 1)
    between = below * above.astype(float) * (mean_below - mean_above) ** 2
    return float(edges[int(np.argmax(between)) + 1])


def _expand(mask: NDArray, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Repeat each voxel back onto the full grid."""
    for axis, size in enumerate(shape):
        mask = np.repeat(mask, -(-size // mask.shape[axis]), axis=axis)
    return np.ascontiguousarray(mask[tuple(slice(size) for size in shape)])


def _close(mask: NDArray, spacing: NDArray) -> NDArray:
    """Fill gaps of up to twice CLOSING_MM; the image's edge does not count as outside."""
    from scipy import ndimage

    grown = ndimage.distance_transform_edt(~mask, sampling=spacing) <= CLOSING_MM
    return grown if grown.all() else ndimage.distance_transform_edt(grown, sampling=spacing) > CLOSING_MM


def _largest(mask: NDArray) -> NDArray:
    """Keep the largest component."""
    from scipy import ndimage

    labels, count = ndimage.label(mask)
    return mask if count < 2 else labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
