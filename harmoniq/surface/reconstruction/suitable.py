"""Which images the embedded engine can work on, as far as a header shows it."""

from pathlib import Path

import numpy as np

from harmoniq.data.images import load_grid

#: Gray matter is 2 to 4 mm thick: with coarser voxels there is nothing to see of a surface.
COARSEST_MM = 1.6
#: No head fits into less.
SMALLEST_FIELD_MM = 110.0


def unsuitable(path: str | Path) -> str | None:
    """Tell by an image's header whether surfaces can be made of it.

    Parameters
    ----------
    path : path
        The uniform image of MP2RAGE, or another of the head.

    Returns
    -------
    str or None
        Why they cannot: voxels over 1.6 mm, or a field of view under 110 mm; None where they can.

    Raises
    ------
    InputError
        When the image cannot be read.
    """
    shape, affine = load_grid(path)
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    field = sizes * shape[:3]
    if sizes.max() > COARSEST_MM:
        return f"voxels of {sizes.max():.3g} mm are too coarse for surfaces ({COARSEST_MM:g} mm at most)"
    if field.min() < SMALLEST_FIELD_MM:
        least = f"{SMALLEST_FIELD_MM:.0f} mm at least"
        return f"a field of view of {field.min():.0f} mm is too small for surfaces ({least})"
    return None
