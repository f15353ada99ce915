"""Samples of maps at a depth of the cortex."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harmoniq.data.images import Image
from harmoniq.data.sampling import Interpolation, sample_volume
from harmoniq.surface.geometry import DepthKind, points_at, transform, vertex_normals
from harmoniq.surface.subject import Hemisphere

__all__ = ["sample_depths", "sample_volume"]

Samples = tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]


def sample_depths(
    hemisphere: Hemisphere,
    maps: Sequence[tuple[Image, npt.ArrayLike]],
    depths: Sequence[tuple[DepthKind, float]],
    *,
    interpolation: Interpolation = "trilinear",
) -> list[list[Samples]]:
    """Sample several maps at several depths of one hemisphere.

    Parameters
    ----------
    hemisphere : Hemisphere
        Surfaces with n vertices.
    maps : sequence of (Image, 4 x 4 matrix)
        The matrix goes from the surfaces' coordinates (tkRAS) to the map's scanner space:
        ``surface_to_map @ subject.tkr_to_scanner``.
    depths : sequence of (kind, value)
        As in ``points_at``: ``("projfrac", 0.5)``, ``("projdist", -0.5)``.
    interpolation : {'trilinear', 'nearest'}, optional
        As ``sample_volume`` takes it.

    Returns
    -------
    list of list of (values, inside)
        By map, then by depth; each of shape (n,), as ``sample_volume`` returns them.
    """
    normals = vertex_normals(hemisphere.white, hemisphere.faces)
    points = [points_at(hemisphere, kind=kind, value=value, normals=normals) for kind, value in depths]
    return [
        [sample_volume(transform(p, matrix), image.data, image.affine, interpolation=interpolation) for p in points]
        for image, matrix in maps
    ]
