"""The brain in a whole-head image: ROBEX (Iglesias et al. 2011, doi:10.1109/TMI.2011.2138152)."""

from pathlib import Path

import numpy as np

from harmoniq.data.errors import InputError
from harmoniq.data.images import load_image, same_grid, save_image
from harmoniq.surface.reconstruction.installed import robex_folder
from harmoniq.surface.reconstruction.process import failure, run_logged

#: Volumes outside this range, in ml, are no brain of a person.
BRAIN_ML = (500.0, 2500.0)


def write_brain(in_file: str | Path, out: Path, *, seed: int = 0) -> float:
    """Write the mask of the brain on the image's grid.

    Parameters
    ----------
    in_file : path
        T1-weighted image, or uniform image of MP2RAGE with its background suppressed, of the whole head.
    out : path
        The mask, uint8; its folder takes the log.
    seed : int
        Of ROBEX.

    Returns
    -------
    float
        The brain's volume in ml.

    Raises
    ------
    InputError
        When the image cannot be read, or what was found is no brain.
    RuntimeError
        When ROBEX itself fails.
    """
    image = load_image(in_file, ndim=3)
    folder = out.parent
    plain, stripped, mask_file = (folder / f"robex_{name}.nii" for name in ("in", "brain", "mask"))
    # ROBEX stops at values of the voxel type that it does not know, and at negative ones.
    save_image(np.maximum(image.data, 0.0), image.affine, plain, like=image)
    robex = robex_folder()
    log = folder / "robex.log"
    # It looks for its data in the working folder.
    code = run_logged([str(robex / "ROBEX"), str(plain), str(stripped), str(mask_file), str(seed)], log, robex)
    if code != 0 or not mask_file.is_file():
        raise RuntimeError(failure("ROBEX", code, log))
    mask = load_image(mask_file, ndim=3).data > 0
    for file in (plain, stripped, mask_file):
        file.unlink(missing_ok=True)
    volume = float(mask.sum() * np.prod(image.voxel_sizes) / 1000.0)
    if mask.shape != image.shape or not BRAIN_ML[0] <= volume <= BRAIN_ML[1]:
        raise InputError(
            f"no brain was found: {volume:.0f} ml where {BRAIN_ML[0]:.0f} to {BRAIN_ML[1]:.0f} ml are wanted",
            file=in_file,
            remedy="look at the image: it must hold the whole head, bright against dark air, in its true orientation",
        )
    save_image(mask.astype(np.uint8), image.affine, out, like=image, dtype=np.uint8)
    return volume


def calm_head(in_file: str | Path, out: Path, *, rough_mask: str | Path | None = None) -> None:
    """Write the image as the later stages take it: no negative and no infinite value, and dark air.

    A uniform image from -0.5 to 0.5 is lifted: cut off at 0, it would lose the contrast of gray matter and fluid.

    Parameters
    ----------
    in_file : path
        Image of the head.
    out : path
        The image, float32, on the same grid.
    rough_mask : path, optional
        Voxels outside become 0: a uniform image whose background was not suppressed is noise there.

    Raises
    ------
    InputError
        When an image cannot be read or the grids differ.
    """
    image = load_image(in_file, ndim=3, finite=False)
    data = np.nan_to_num(image.data, posinf=0.0, neginf=0.0)
    data = np.maximum(data - min(float(np.quantile(data, 0.001)), 0.0), 0.0)
    if rough_mask is not None:
        mask = load_image(rough_mask, ndim=3)
        same_grid(image, mask)
        data = np.where(mask.data > 0, data, 0.0)
    save_image(data, image.affine, out, like=image)
