"""Samples of a volume at points, in the volume's own grid: the points move, the map is never resampled."""

from typing import Literal

import numpy as np
import numpy.typing as npt

Interpolation = Literal["trilinear", "nearest"]


def sample_volume(
    points: npt.ArrayLike,
    volume: npt.NDArray[np.floating],
    affine: npt.ArrayLike,
    *,
    interpolation: Interpolation = "trilinear",
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Sample a volume at points in its own scanner space.

    Parameters
    ----------
    points : array, shape (n, 3)
        RAS coordinates in mm.
    volume : numpy.ndarray, shape (x, y, z)
        NaN voxels (a lesion, say) make the samples that touch them NaN.
    affine : array, shape (4, 4)
        From voxel indices to RAS, mm.
    interpolation : {'trilinear', 'nearest'}
        As ``mri_vol2surf --interp``.

    Returns
    -------
    values : numpy.ndarray, shape (n,)
        NaN outside the volume.
    inside : numpy.ndarray of bool, shape (n,)
        True where the nearest voxel center is in the volume; in the outer half voxel the edge's values hold, as in
        FreeSurfer (``MRIsampleSeqVolume``).

    Raises
    ------
    ValueError
        For an unknown interpolation, or a volume that has not three dimensions.
    """
    if volume.ndim != 3:
        raise ValueError(f"a volume of 3 dimensions is wanted, not {volume.ndim}")
    if interpolation not in ("trilinear", "nearest"):
        raise ValueError(f"interpolation must be trilinear or nearest, not {interpolation!r}")
    inverse = np.linalg.inv(np.asarray(affine, dtype=np.float64))
    places = np.ascontiguousarray(points, dtype=np.float64).reshape(-1, 3)
    if interpolation == "trilinear":
        return _trilinear(places, inverse, volume)
    voxels = inverse[:3, :3] @ places.T + inverse[:3, 3:]
    size = np.array(volume.shape, dtype=np.float64)[:, None]
    inside: npt.NDArray[np.bool_] = np.asarray(((voxels >= -0.5) & (voxels < size - 0.5)).all(axis=0))
    values = np.full(voxels.shape[1], np.nan)
    i, j, k = np.floor(voxels[:, inside] + 0.5).astype(np.intp)
    values[inside] = volume[i, j, k]
    return values, inside


def _trilinear(
    points: npt.NDArray[np.float64], inverse: npt.NDArray[np.float64], volume: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    from harmoniq.data.kernels import run_blocks
    from harmoniq.data.sampling_kernels import trilinear

    values, inside = np.empty(len(points)), np.empty(len(points), dtype=bool)
    # Volumes come from files with the first axis fastest: turned round, all have one kind of memory to compile for.
    turned = volume.flags.f_contiguous and not volume.flags.c_contiguous
    grid = np.ascontiguousarray(volume.T if turned else volume)
    to_voxels = np.ascontiguousarray(inverse[[2, 1, 0, 3]] if turned else inverse)

    def work(part: slice) -> None:
        trilinear(points[part], to_voxels, grid, values[part], inside[part])

    run_blocks(work, len(points))
    return values, inside
