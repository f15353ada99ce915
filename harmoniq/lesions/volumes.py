"""From a lesion mask's file to the mask of what is left out of a map, on the map's grid."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.errors import InputError
from harmoniq.data.images import load_grid, load_image, save_image
from harmoniq.data.lesions import LesionMask
from harmoniq.lesions.mask import (
    SMALLEST_SHARE_IN_BRAIN,
    Lesions,
    dilate,
    move_lesions,
    read_lesions,
    share_in_brain,
)
from harmoniq.registration.itk import read_itk


def write_excluded(
    source: LesionMask,
    in_map: str | Path,
    out: Path,
    *,
    dilation: float,
    threshold: float = 0.5,
    map_transform: Path | None = None,
    mask_transform: Path | None = None,
    brain_mask: Path | None = None,
) -> dict[str, Any]:
    """Write the mask of a map's voxels that lesions make unusable.

    Parameters
    ----------
    source : LesionMask
        The file and its space.
    in_map : path
        R1 or R2* map; only its grid counts.
    out : path
        The mask, uint8, on the map's grid.
    dilation : float
        In mm.
    threshold : float
        Of probability maps.
    map_transform, mask_transform : path, optional
        ITK texts, from points of MP2RAGE to those of the map's space, and to those of the lesion mask's; identity by
        default.
    brain_mask : path, optional
        In MP2RAGE space: for the check that the lesions lie in this brain.

    Returns
    -------
    dict
        For sidecars and the report: ``LesionMask``, ``LesionMaskSpace``, ``LesionMaskReference``, ``Lesions`` (how
        many), ``LesionVolume`` and ``ExcludedVolume`` (ml), ``Dilation`` (mm).

    Raises
    ------
    InputError
        For a mask that cannot be used, or that lies outside the brain.
    """
    lesions = read_lesions(source.file, source.kind, threshold=threshold, allow_empty=source.allow_empty)
    to_mask, to_map = _matrix(mask_transform), _matrix(map_transform)
    if brain_mask is not None:
        _check_place(lesions, brain_mask, to_mask, source.file)
    shape, affine = load_grid(in_map)
    moved = move_lesions(lesions, shape, affine, to_mask @ np.linalg.inv(to_map))
    excluded = dilate(moved, np.linalg.norm(affine[:3, :3], axis=0), dilation)
    save_image(excluded.astype(np.uint8), affine, out, dtype=np.uint8)
    voxel = abs(np.linalg.det(affine[:3, :3])) / 1000.0
    return {
        "LesionMask": source.file.name,
        "LesionMaskSpace": source.space,
        "LesionMaskReference": source.reference.name if source.reference else "n/a",
        "Lesions": lesions.count,
        "LesionVolume": round(lesions.volume_ml, 4),
        "Dilation": dilation,
        "ExcludedVolume": round(float(np.count_nonzero(excluded) * voxel), 4),
    }


def _check_place(lesions: Lesions, brain_mask: Path, to_mask: NDArray[np.float64], file: Path) -> None:
    share = share_in_brain(lesions, load_image(brain_mask, ndim=3), to_mask)
    if share < SMALLEST_SHARE_IN_BRAIN:
        raise InputError(
            f"{100 * (1 - share):.0f} % of this lesion mask lie outside the participant's brain: it is of another "
            "participant or in another space", file=file, remedy="check both",
        )  # fmt: skip


def _matrix(path: Path | None) -> NDArray[np.float64]:
    return np.eye(4) if path is None else read_itk(path)
