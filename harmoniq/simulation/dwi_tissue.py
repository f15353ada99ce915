"""What diffusion sees of an anatomy: fluid, gray and white matter, and the directions of the bundles."""

import numpy as np

from harmoniq.simulation.anatomy import Anatomy
from harmoniq.simulation.dwi_images import DiffusionTissue
from harmoniq.simulation.fibers import fiber_map
from harmoniq.simulation.protocol_grid import Grid
from harmoniq.simulation.rasterize import tissue_fractions

#: Lesions have lost fibers and hold more water: this part of them diffuses as gray matter does, the rest as white.
_LESION_AS_GRAY = 0.6


def diffusion_tissue(anatomy: Anatomy, grid: Grid) -> DiffusionTissue:
    """Compute what diffusion sees on a grid.

    Where two bundles cross, white matter is shared equally between them.

    Parameters
    ----------
    anatomy : Anatomy
        Of the head.
    grid : Grid
        In the head's coordinates.

    Returns
    -------
    DiffusionTissue
        Up to two bundles in each voxel.
    """
    parts = tissue_fractions(anatomy, grid.affine, grid.shape)
    index, direction = fiber_map(anatomy, grid.affine, grid.shape)
    present = (index >= 0).astype(np.float32)
    white = parts["wm"] + np.float32(1 - _LESION_AS_GRAY) * parts["lesion"]
    share = present / np.maximum(present.sum(axis=-1, keepdims=True), 1)
    return DiffusionTissue(
        fluid=parts["csf"],
        gray=parts["gm"] + np.float32(_LESION_AS_GRAY) * parts["lesion"],
        white=white,
        fiber=share * white[..., None],
        direction=direction,
    )
