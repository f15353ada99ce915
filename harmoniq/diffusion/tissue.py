"""Brain mask and tissue fractions from an R1 map, and how they come to the diffusion grid.

R1 is quantitative, so that its three peaks (fluid, gray, white) part the tissues without training; between two peaks a
voxel is taken as a mixture of both.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harmoniq.data.errors import InputError

Volume = npt.NDArray[np.float32]

#: Where the search for the peaks begins, 1/s: fluid, gray and white matter at 3 T.
_START = (0.28, 0.70, 1.10)
#: White and gray matter must be apart by this much, 1/s, to be told apart.
_LEAST_CONTRAST = 0.15
_MIN_VOXELS = 1000
#: Neither white matter nor the rest is less than this part of a brain.
_LEAST_SHARE = 0.05
#: Where white matter is connected; low, since R1 differs between bundles and falls with age and disease.
_CORE = 0.25


@dataclass(frozen=True, eq=False)
class Tissue:
    """Fractions of voxels. They sum to 1 in the brain and are 0 outside; scalp in a rough mask has no white matter.

    Parameters
    ----------
    csf, gray, white : ndarray of float32, shape (x, y, z)
        From 0 to 1.
    """

    csf: Volume
    gray: Volume
    white: Volume

    @property
    def brain(self) -> npt.NDArray[np.bool_]:
        """Voxels of which the brain fills more than half."""
        return self.csf + self.gray + self.white > 0.5


def tissue_of_r1(r1: Volume, mask: npt.NDArray[np.bool_], *, source: str = "R1map") -> Tissue:
    """Part a brain into fluid, gray and white matter.

    Parameters
    ----------
    r1 : numpy.ndarray, shape (x, y, z)
        R1 in 1/s; what is not finite or not above 0 is no brain.
    mask : numpy.ndarray of bool, shape (x, y, z)
        The brain.
    source : str, optional
        Named in errors.

    Returns
    -------
    Tissue
        On the map's grid.

    Raises
    ------
    InputError
        When the mask is all but empty, or gray and white matter cannot be told apart.
    """
    inside = mask & np.isfinite(r1) & (r1 > 0)
    values = r1[inside]
    if values.size < _MIN_VOXELS:
        raise InputError(f"has only {values.size} voxels of brain", file=source, remedy="check the brain mask")
    fluid, gray, white = _peaks(values)
    middle = (gray + white) / 2
    share = float(np.mean(values > middle))
    if white - gray < _LEAST_CONTRAST or not _LEAST_SHARE < share < 1 - _LEAST_SHARE:
        raise InputError(
            "gray and white matter cannot be told apart", file=source, value=f"{gray:.2f} and {white:.2f} 1/s",
            remedy="check the R1 map and the brain mask",
        )  # fmt: skip
    wm = np.where(inside, np.clip((r1 - gray) / (white - gray), 0, 1), 0)
    csf = np.where(inside, np.clip((gray - r1) / (gray - fluid), 0, 1), 0)
    rest = np.where(inside, 1 - wm - csf, 0)
    return Tissue(csf.astype(np.float32), rest.astype(np.float32), _largest(wm).astype(np.float32))


def _peaks(values: npt.NDArray[np.floating]) -> tuple[float, float, float]:
    """Return the medians of three classes, each voxel in the class of the nearest median (Lloyd's iteration)."""
    centers = np.array(_START)
    for _ in range(50):
        member = np.searchsorted((centers[1:] + centers[:-1]) / 2, values)
        new = np.array([np.median(values[member == n]) if (member == n).any() else centers[n] for n in range(3)])
        if np.allclose(new, centers, atol=1e-4):
            break
        centers = new
    return float(centers[0]), float(centers[1]), float(centers[2])


def _largest(white: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Keep the largest connected part and what lies within it: scalp that a rough mask holds is not white matter."""
    from scipy import ndimage

    core = ndimage.binary_opening(white > _CORE)
    labels, count = ndimage.label(core)
    if count == 0:
        return white
    largest = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    return np.where(ndimage.binary_dilation(largest, iterations=5), white, 0)


def to_grid(
    volume: Volume, affine: npt.ArrayLike, grid: npt.ArrayLike, shape: tuple[int, ...], matrix: npt.ArrayLike
) -> Volume:
    """Bring a volume to another grid, each voxel the mean over 2 x 2 x 2 points in it.

    Parameters
    ----------
    volume : numpy.ndarray, float32, shape (x, y, z)
        Values.
    affine : array, shape (4, 4)
        Of its grid, from voxels to RAS mm.
    grid : array, shape (4, 4)
        Of the wanted grid, from voxels to RAS mm.
    shape : tuple of int
        Of the wanted grid.
    matrix : array, shape (4, 4)
        From points of the wanted grid's space to the volume's, RAS mm.

    Returns
    -------
    ndarray of float32, of that shape
        Linear between voxels; 0 outside the volume.
    """
    from scipy.ndimage import affine_transform

    to_voxel = np.linalg.inv(np.asarray(affine, dtype=np.float64)) @ np.asarray(matrix) @ np.asarray(grid)
    out = np.zeros(shape[:3], dtype=np.float32)
    for corner in np.ndindex(2, 2, 2):
        offset = to_voxel[:3, :3] @ (np.array(corner) / 2 - 0.25) + to_voxel[:3, 3]
        out += affine_transform(volume, to_voxel[:3, :3], offset, output_shape=shape[:3], order=1, output=np.float32)
    return out / np.float32(8)
