"""Values of both hemispheres in one CIFTI file."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harmoniq.data.files import atomic_path
from harmoniq.data.names import HEMISPHERES

_MODELS = {"L": "CORTEX_LEFT", "R": "CORTEX_RIGHT"}


def write_dscalar(maps: Mapping[str, Mapping[str, npt.ArrayLike]], path: str | Path) -> Path:
    """Write scalar maps of both hemispheres as ``.dscalar.nii``, whole or not at all; equal values give equal bytes.

    Parameters
    ----------
    maps : mapping
        Name of the map to hemisphere (``L``, ``R``) to one value per vertex; NaN is no value. All maps have the same
        vertices.
    path : path
        Ends in ``.dscalar.nii``.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    ValueError
        Where the name does not end in ``.dscalar.nii``.
    """
    import nibabel as nib

    target = Path(path)
    if not target.name.endswith(".dscalar.nii"):
        raise ValueError(f"{target.name}: the name must end in .dscalar.nii")
    rows = [np.concatenate([np.asarray(sides[side], np.float32) for side in HEMISPHERES]) for sides in maps.values()]
    counts = {side: len(np.asarray(next(iter(maps.values()))[side])) for side in HEMISPHERES}
    left, right = (
        nib.cifti2.BrainModelAxis.from_surface(np.arange(counts[side]), counts[side], name=_MODELS[side])
        for side in HEMISPHERES
    )
    image = nib.cifti2.Cifti2Image(np.stack(rows), header=(nib.cifti2.ScalarAxis(list(maps)), left + right))
    image.nifti_header.set_intent("NIFTI_INTENT_CONNECTIVITY_DENSE_SCALARS")
    with atomic_path(target) as temporary:
        image.to_filename(temporary)
    return target
