"""A brain mask on disk: FreeSurfer's, brought to the image's grid, or a rough one from the intensities."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.images import Image, load_image, save_image


def write_brain_mask(in_file: str | Path, out: Path, *, freesurfer_mask: Path | None = None) -> None:
    """Write a mask of the brain on the grid of an image.

    Parameters
    ----------
    in_file : path
        As `harmoniq.registration.mask.brain_mask` takes it: second inversion, first echo or uniform image.
    out : path
        The mask, uint8.
    freesurfer_mask : path, optional
        ``brainmask.mgz`` in the same scanner space; where it is above 0, there is brain. It is taken instead.

    Raises
    ------
    InputError
        For images that cannot be read.
    """
    from harmoniq.registration.mask import brain_mask

    image = load_image(in_file, ndim=3)
    if freesurfer_mask is None:
        mask = brain_mask(image.data, image.voxel_sizes)
    else:
        mask = _on_grid(load_image(freesurfer_mask, ndim=3), image)
    save_image(mask.astype(np.uint8), image.affine, out, dtype=np.uint8)


def _on_grid(source: Image, target: Image) -> NDArray[np.bool_]:
    """Return where a mask is above 0, on another grid."""
    from scipy.ndimage import affine_transform

    voxels = np.linalg.inv(source.affine) @ target.affine
    inside = (source.data > 0).astype(np.float32)
    return affine_transform(inside, voxels[:3, :3], voxels[:3, 3], output_shape=target.shape, order=1) >= 0.5
