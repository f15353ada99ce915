"""The volumes of a FreeSurfer-readable subject, in FreeSurfer's conformed space."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.files import atomic_path
from harmoniq.data.images import load_image
from harmoniq.surface.reconstruction.grids import Affine, resample

SIZE = 256
#: FreeSurfer's value of white matter in T1.mgz.
_WHITE = 110.0


def conformed_affine(shape: tuple[int, ...], affine: Affine) -> Affine:
    """Lay FreeSurfer's conformed space around the middle of an image: 256^3 voxels of 1 mm, LIA.

    Parameters
    ----------
    shape : tuple of int
        Of the image, in voxels.
    affine : ndarray, shape (4, 4)
        Of the image, from voxels to RAS mm.

    Returns
    -------
    ndarray, shape (4, 4)
        From its voxels to RAS mm (vox2ras).
    """
    middle = affine[:3, :3] @ (np.array(shape[:3]) / 2.0) + affine[:3, 3]
    out = np.array([[-1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    # MGH headers hold float32.
    center = np.round(middle, 3)
    out[:3, 3] = center - out[:3, :3] @ np.full(3, SIZE / 2)
    return out


def write_volumes(folder: Path, *, head: Path, corrected: Path, mask: Path, aseg: Path, white: float) -> Affine:
    """Write orig, T1, brainmask and aseg as ``.mgz`` (uint8) in the conformed space.

    Parameters
    ----------
    folder : path
        ``mri`` of the subject.
    head : path
        The image of the whole head; its middle is the middle of the conformed space.
    corrected, mask : path
        Corrected image of the brain's box, and the brain's mask there.
    aseg : path
        The template's segmentation, in the subject.
    white : float
        Intensity of white matter in the corrected image; it becomes 110.

    Returns
    -------
    ndarray, shape (4, 4)
        Of that space, as `conformed_affine`.
    """
    image = load_image(head, ndim=3)
    affine = conformed_affine(image.shape, image.affine)
    top = float(np.quantile(image.data[image.data > 0], 0.999)) if (image.data > 0).any() else 1.0
    _write(folder / "orig.mgz", _conform(image.data * (255.0 / top), image.affine, affine), affine)
    box, brain = load_image(corrected, ndim=3), load_image(mask, ndim=3)
    t1 = _conform(box.data * (_WHITE / white), box.affine, affine)
    inside = resample(brain.data, brain.affine, (SIZE,) * 3, affine) > 0.5
    _write(folder / "T1.mgz", t1, affine)
    _write(folder / "brainmask.mgz", np.where(inside, np.maximum(t1, 1), 0), affine)
    codes = load_image(aseg, ndim=3)
    _write(folder / "aseg.mgz", resample(codes.data, codes.affine, (SIZE,) * 3, affine, order=0), affine)
    return affine


def _conform(data: NDArray, source: Affine, affine: Affine) -> NDArray[np.float32]:
    return np.clip(resample(data, source, (SIZE,) * 3, affine), 0, 255)


def _write(path: Path, data: NDArray, affine: Affine) -> None:
    from nibabel.freesurfer import MGHImage

    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        MGHImage(np.round(data).astype(np.uint8), affine).to_filename(temporary)
