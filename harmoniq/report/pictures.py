"""Pictures of one participant's maps and registration, from files to PNG."""

from pathlib import Path

import numpy as np

from harmoniq.data.files import atomic_path
from harmoniq.data.images import load_image
from harmoniq.registration.itk import read_itk
from harmoniq.report.images import figure_bytes
from harmoniq.report.mosaic import COLOR_MAPS, figure_map_mosaic, figure_registration_overlay

#: Fixed scales, so that pages of different participants can be compared by eye.
SCALES = {"R1": (0.0, 1.6, "R1 (1/s)"), "R2star": (0.0, 50.0, "R2* (1/s)")}


def draw_map(path: str | Path, out: Path, *, metric: str, title: str) -> None:
    """Draw a map's slices in three planes at the metric's fixed scale.

    Parameters
    ----------
    path : path
        R1 or R2* map, 1/s.
    out : path
        PNG.
    metric : {'R1', 'R2star'}
        Which scale and colors.
    title : str
        Of the figure.
    """
    image = load_image(path, ndim=3)
    low, high, label = SCALES[metric]
    figure = figure_map_mosaic(image.data, image.affine, title, low, high, label, cmap=COLOR_MAPS[metric])
    _write(figure_bytes(figure), out)


def draw_registration(
    fixed: str | Path,
    moving: str | Path,
    transform: str | Path,
    out: Path,
    *,
    title: str,
    mask_path: Path | None = None,
) -> None:
    """Draw the edges of the fixed image over the moving one, resampled to the fixed grid for the picture alone.

    Parameters
    ----------
    fixed, moving : path
        Images of one head.
    transform : path
        ITK text, from points of the fixed space to the moving one.
    out : path
        PNG.
    title : str
        Of the figure.
    mask_path : path, optional
        Brain mask on the fixed grid.
    """
    from scipy.ndimage import affine_transform

    target, source = load_image(fixed, ndim=3), load_image(moving, ndim=3)
    voxels = np.linalg.inv(source.affine) @ read_itk(transform) @ target.affine
    moved = affine_transform(source.data, voxels[:3, :3], voxels[:3, 3], output_shape=target.shape, order=1)
    mask = None if mask_path is None else load_image(mask_path, ndim=3).data > 0
    figure = figure_registration_overlay(moved, target.data, target.affine, title, mask=mask)
    _write(figure_bytes(figure), out)


def _write(content: bytes, out: Path) -> None:
    with atomic_path(out) as temporary:
        temporary.write_bytes(content)
