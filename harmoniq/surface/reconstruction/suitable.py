"""Which images the embedded engine can work on, as far as a header shows it."""

from pathlib import Path

import numpy as np

from harmoniq.data.images import load_grid

#: Gray matter is 2 to 4 mm thick: with coarser voxels there is nothing to see of a surface.
COARSEST_MM = 1.6
#: No head fits into less.
SMALLEST_FIELD_MM = 110.0


def unsuitable(path: str | Path) -> str | None:
    """Return why no surfaces can be made of an image, None where they can.

    Parameters
    ----------
    path : str or Path
        File.

    Returns
    -------
    str or None
        Why no surfaces can be made of an image, None where they can.

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
