"""Take the coils' shading off an image, so that mutual information sees tissue rather than distance to the coils.

Without it, shading of +-30 % that one image has and the other lacks pulls a registration by up to a millimeter.
"""

from itertools import product

import numpy as np
from numpy.typing import NDArray

DEGREE = 4
SAMPLES = 20_000
ROUNDS = 5
# Residuals beyond this many median absolute deviations are another tissue, not shading.
OUTLIER = 2.5


def flatten(image: NDArray, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Divide an image by a smooth field: a polynomial through its logarithm in the mask, fitted robustly.

    Parameters
    ----------
    image : ndarray, shape (x, y, z)
        Magnitudes.
    mask : ndarray of bool, shape (x, y, z)
        Of the head or brain.

    Returns
    -------
    ndarray of float32
        Shading removed inside the mask and extrapolated, within the field's range, outside; the image itself where
        the mask holds too few voxels.
    """
    inside = mask & (image > 0.1 * np.median(image[mask])) if mask.any() else mask
    voxels = np.argwhere(inside)
    voxels = voxels[:: max(1, len(voxels) // SAMPLES)]
    if len(voxels) < 1000:
        return image.astype(np.float32)
    scale = np.array(image.shape) / 2.0
    powers = [power for power in product(range(DEGREE + 1), repeat=3) if sum(power) <= DEGREE]
    logs = np.log(image[tuple(voxels.T)].astype(np.float64))
    terms = np.stack([np.prod((voxels / scale - 1.0) ** power, axis=1) for power in powers], axis=1)
    used = np.ones(len(logs), bool)
    for _ in range(ROUNDS):
        coefficients = np.linalg.lstsq(terms[used], logs[used], rcond=None)[0]
        residual = logs - terms @ coefficients
        center = np.median(residual[used])
        used = np.abs(residual - center) <= OUTLIER * np.median(np.abs(residual[used] - center)) + 1e-6
    fitted = terms @ coefficients
    field = _evaluate(image.shape, scale, powers, coefficients)
    np.clip(field, *np.quantile(fitted, [0.001, 0.999]), out=field)
    return (image * np.exp(np.median(fitted) - field)).astype(np.float32)


def _evaluate(shape: tuple[int, ...], scale: NDArray, powers: list, coefficients: NDArray) -> NDArray[np.float32]:
    """Return the polynomial on the grid, axis by axis: far cheaper than term by term over all voxels."""
    cube = np.zeros((DEGREE + 1,) * 3)
    for power, coefficient in zip(powers, coefficients, strict=True):
        cube[power] = coefficient
    bases = [np.arange(size)[:, np.newaxis] / scale[axis] - 1.0 for axis, size in enumerate(shape)]
    x, y, z = (base ** np.arange(DEGREE + 1) for base in bases)
    return np.einsum("xa,yb,zc,abc->xyz", x, y, z, cube, optimize=True).astype(np.float32)
