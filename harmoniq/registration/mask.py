"""A quick, rough brain mask, for registration and for the report; not a skull-stripping."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Widths in mm: of what joins brain and scalp and is to be cut, and of the gaps to be filled afterwards.
OPENING_MM = 3.0
CLOSING_MM = 5.0
# The opened core must keep this part of the foreground, or the opening took more than the scalp.
SMALLEST_CORE = 0.1
WORKING_MM = 2.0


def brain_mask(image: ArrayLike, voxel_sizes: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Mask the brain in an image that is bright in the head and dark in air.

    Otsu's threshold, opening, the largest component, closing, and filling, on a grid of about 2 mm. The mask is
    rough: cerebrospinal fluid, skull base and scalp can be in it. An image without a brain gives its foreground, and
    one without a foreground is all inside, so that what follows always has voxels to work with.

    Parameters
    ----------
    image : array_like, shape (x, y, z)
        A magnitude: the second inversion of MP2RAGE, the first echo of ME-GRE, or a background-suppressed uniform
        image.
    voxel_sizes : tuple of float
        In mm.

    Returns
    -------
    ndarray of bool, shape (x, y, z)
        Never empty.
    """
    from scipy import ndimage

    image = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0.0, neginf=0.0)
    sizes = np.asarray(voxel_sizes, dtype=float)
    factors = np.maximum(np.round(WORKING_MM / sizes), 1).astype(int)
    small = _block_means(image, factors)
    foreground = small > _otsu(small)
    if not foreground.any():
        return np.ones(image.shape, np.bool_)
    spacing = sizes * factors
    core = _largest(_erode(foreground, OPENING_MM, spacing))
    if core.sum() > 0:
        core = _dilate(core, OPENING_MM, spacing) & foreground
    if core.sum() < SMALLEST_CORE * foreground.sum():
        core = _largest(foreground)
    mask = ndimage.binary_fill_holes(_erode(_dilate(core, CLOSING_MM, spacing), CLOSING_MM, spacing))
    return _expand(mask, factors, image.shape)


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


def _block_means(image: NDArray, factors: NDArray) -> NDArray:
    """Average blocks of voxels; what does not fill a last block is repeated from its edge."""
    widths = [(0, int(-size % factor)) for size, factor in zip(image.shape, factors, strict=True)]
    padded = np.pad(image, widths, mode="edge")
    nx, ny, nz = (size // factor for size, factor in zip(padded.shape, factors, strict=True))
    return padded.reshape(nx, factors[0], ny, factors[1], nz, factors[2]).mean(axis=(1, 3, 5))


def _expand(mask: NDArray, factors: NDArray, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Repeat each voxel back onto the full grid."""
    for axis, factor in enumerate(factors):
        mask = np.repeat(mask, factor, axis=axis)
    return np.ascontiguousarray(mask[tuple(slice(size) for size in shape)])


def _erode(mask: NDArray, radius: float, spacing: NDArray) -> NDArray:
    """Shrink by `radius` mm; beyond the image's edge counts as inside, since a head may touch it."""
    from scipy import ndimage

    return mask if mask.all() else ndimage.distance_transform_edt(mask, sampling=spacing) > radius


def _dilate(mask: NDArray, radius: float, spacing: NDArray) -> NDArray:
    """Grow by `radius` mm."""
    from scipy import ndimage

    return ndimage.distance_transform_edt(~mask, sampling=spacing) <= radius if mask.any() else mask


def _largest(mask: NDArray) -> NDArray:
    """Keep the largest component."""
    from scipy import ndimage

    labels, count = ndimage.label(mask)
    return mask if count < 2 else labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
