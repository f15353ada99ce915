"""The transmit field from SA2RAGE images on disk: read, look up, write."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.acquisitions import SA2RAGE, MP2RAGETiming
from harmoniq.data.errors import InputError
from harmoniq.data.images import Image, load_image, same_grid, save_image
from harmoniq.mp2rage.sa2rage import AVERAGE_T1, T1_GRID, b1_and_t1, b1_from_ratio
from harmoniq.mp2rage.signal import inversion_signals, uniform_image

#: The field is measured where the second image has this part of its top: elsewhere there is air.
TISSUE = 0.1


def fit_b1_files(
    out: Path,
    acquisition: SA2RAGE,
    *,
    r1_map: Path | None = None,
    mp2rage: MP2RAGETiming | None = None,
    transform: NDArray[np.float64] | None = None,
) -> float:
    """Compute the transmit field from the images of one SA2RAGE acquisition and write the map.

    Parameters
    ----------
    out : path
        Relative to nominal, float32, on the images' grid; 0 in air and where the ratio is beyond its branch.
    acquisition : SA2RAGE
        Magnitudes, phases of any kind that `harmoniq.data.phase` knows, and timing.
    r1_map : path, optional
        R1 in 1/s, not corrected for the transmit field, on any grid: with `mp2rage` each voxel has its own T1, and
        otherwise all have 1.5 s.
    mp2rage : MP2RAGETiming, optional
        Of that map: its uniform image is what the timing makes of R1.
    transform : ndarray, shape (4, 4), optional
        Maps points of the R1 map's space into the images', RAS mm.

    Returns
    -------
    float
        Fraction of the voxels in tissue that are beyond the branch.

    Raises
    ------
    InputError
        For images that cannot be read or are not on one grid, and as `ratio_table`.
    """
    ratio, tissue, grid = load_ratio(acquisition)
    if r1_map is None or mp2rage is None:
        b1, outside = b1_from_ratio(ratio, acquisition.timing)
    else:
        t1 = _t1_on(grid.affine, tissue, r1_map, transform)
        uniform = uniform_image(*inversion_signals(t1, mp2rage))
        b1, outside = b1_and_t1(ratio, acquisition.timing, uniform, mp2rage)
    field = np.zeros(grid.shape, np.float32)
    field[tissue] = np.where(outside, 0, b1)
    save_image(field, grid.affine, out)
    return float(np.mean(outside))


def load_ratio(acquisition: SA2RAGE) -> tuple[NDArray[np.float32], NDArray[np.bool_], Image]:
    """Read the images of an acquisition and return the ratio of the first to the second.

    Parameters
    ----------
    acquisition : SA2RAGE
        Magnitudes and phases.

    Returns
    -------
    ratio : ndarray of float32, shape (n_tissue,)
        In the voxels of tissue, in C order; its sign is the cosine of the phases' difference.
    tissue : ndarray of bool, shape (x, y, z)
        Where the second image has a tenth of its top (its 99th percentile) or more.
    grid : Image
        The first image.

    Raises
    ------
    InputError
        For images that cannot be read, are not on one grid, or have no signal, and for phases of no known kind.
    """
    from harmoniq.data.phase import phase_to_radians

    files = (acquisition.inv1, acquisition.inv2, acquisition.inv1_phase, acquisition.inv2_phase)
    images = [load_image(path, ndim=3) for path in files]
    for image in images[1:]:
        same_grid(images[0], image)
    first, second, *phases = (image.data for image in images)
    positive = second[second > 0]
    if not positive.size:
        raise InputError("has no signal", file=acquisition.inv2, remedy="use --b1-correction off")
    tissue = second >= TISSUE * np.quantile(positive, 0.99)
    difference = (phase_to_radians(phases[1]) - phase_to_radians(phases[0]))[tissue]
    return first[tissue] * np.cos(difference) / second[tissue], tissue, images[0]


def _t1_on(
    affine: NDArray[np.float64], tissue: NDArray[np.bool_], r1_map: Path, transform: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return T1 in the voxels of a grid that are tissue: the average one where the map has no plausible value."""
    from scipy.ndimage import gaussian_filter, map_coordinates

    image = load_image(r1_map, ndim=3)
    size = np.linalg.norm(affine[:3, :3], axis=0) / image.voxel_sizes
    # About the mean over the coarser voxels.
    smooth = gaussian_filter(image.data, np.maximum(size, 1) / 3)
    to_map = np.linalg.inv((np.eye(4) if transform is None else transform) @ image.affine) @ affine
    points = to_map[:3, :3] @ np.argwhere(tissue).T + to_map[:3, 3:]
    r1 = map_coordinates(smooth, points, order=1)
    plausible = (r1 > 1 / T1_GRID[-1]) & (r1 < 1 / T1_GRID[0])
    return np.divide(1.0, r1, out=np.full(r1.shape, AVERAGE_T1), where=plausible)
