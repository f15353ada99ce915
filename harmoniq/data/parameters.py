"""What a session's images were acquired with, out of their sidecars and headers: for the group's acquisition table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harmoniq.data.acquisitions import DWI, MEGRE, MP2RAGE

if TYPE_CHECKING:
    from bids.layout import BIDSImageFile

Parameters = dict[str, dict[str, Any]]

#: Of the sidecars, where they have them; times in s, angles in degrees.
_COMMON = ("Manufacturer", "ManufacturersModelName", "MagneticFieldStrength", "AcquisitionDuration")
#: b-values that differ by less, in s/mm², are one shell: scanners report what the gradients really gave.
_SHELL_GAP = 75.0


def acquisition_parameters(
    mp2rage: MP2RAGE | None,
    megre: MEGRE | None,
    files: Mapping[str, "Sequence[BIDSImageFile]"],
    series: Sequence[DWI] = (),
) -> Parameters:
    """Return what each sequence was acquired with.

    Parameters
    ----------
    mp2rage, megre : MP2RAGE or None, MEGRE or None
        Checked acquisitions; their timing may come from the config where a sidecar lacks it.
    files : mapping of str to sequence of BIDSImageFile
        The images of ``mp2rage``, ``megre`` and ``dwi``, for what else stands in their sidecars and headers.
    series : sequence of DWI, optional
        The diffusion images that have gradients.

    Returns
    -------
    dict
        ``MP2RAGE``, ``MEGRE`` and ``DWI``, each as far as it was measured: BIDS keys, ``VoxelSize`` in mm, ``Matrix``,
        and for DWI ``BValues`` in s/mm² with the number of ``Directions`` of each, over all of `series`.
    """
    out: Parameters = {}
    if mp2rage is not None:
        timing = mp2rage.timing
        out["MP2RAGE"] = {
            **_of_images(files.get("mp2rage", ()), mp2rage.files[0]),
            "RepetitionTimePreparation": timing.repetition_time,
            "InversionTime": list(timing.inversion_times),
            "FlipAngle": list(timing.flip_angles),
            "RepetitionTimeExcitation": timing.echo_spacing,
            "NumberShots": list(timing.shots),
        }
    if megre is not None:
        known = ("RepetitionTime", "RepetitionTimeExcitation", "FlipAngle")
        own = _of_images(files.get("megre", ()), megre.magnitudes[0], known)
        out["MEGRE"] = {**own, "EchoTime": list(megre.echo_times)}
    if dwi := files.get("dwi", ()):
        out["DWI"] = {**_of_images(dwi, Path(dwi[0].path)), **_shells(series)}
    return out


def _of_images(files: "Sequence[BIDSImageFile]", image: Path, keys: Sequence[str] = ()) -> dict[str, Any]:
    from harmoniq.data.images import load_grid

    shape, affine = load_grid(image)
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    out: dict[str, Any] = {"VoxelSize": [round(float(size), 3) for size in sizes], "Matrix": list(shape[:3])}
    metadata = dict(files[0].get_metadata()) if files else {}
    return out | {key: metadata[key] for key in (*_COMMON, *keys) if key in metadata}


def _shells(series: Sequence[DWI]) -> dict[str, Any]:
    """Return the b-values and how many directions each has, over all diffusion images of the session."""
    values: list[float] = []
    for images in series:
        try:
            values += [float(word) for word in images.bvals.read_text(encoding="utf-8").split()]
        except (OSError, ValueError):
            continue
    if not values:
        return {}
    ordered = np.sort(np.array(values))
    parts = np.split(ordered, np.flatnonzero(np.diff(ordered) > _SHELL_GAP) + 1)
    return {"BValues": [round(float(np.median(p)) / 5) * 5 for p in parts], "Directions": [len(p) for p in parts]}
