"""Pictures of one participant's maps and registration, from files to PNG."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.files import write_bytes
from harmoniq.data.images import Image, load_image
from harmoniq.registration.itk import read_itk
from harmoniq.report.images import figure_bytes
from harmoniq.report.map_colors import SCALES, color_map, color_norm
from harmoniq.report.mosaic import figure_map_mosaic, figure_registration_overlay, figures_registration_frames


def draw_map(
    path: str | Path,
    out: Path,
    *,
    metric: str,
    title: str,
    mask_path: Path | None = None,
    transform: Path | None = None,
) -> None:
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
    mask_path : path, optional
        Of the brain, on any grid: what lies outside is dimmed.
    transform : path, optional
        ITK text, from points of the mask's space to the map's; none where they share one.
    """
    image = load_image(path, ndim=3)
    mask = None if mask_path is None else on_grid(image, mask_path, transform) > 0.5
    figure = figure_map_mosaic(
        image.data, image.affine, title, 0.0, SCALES[metric].top, SCALES[metric].label,
        cmap=color_map(metric), norm=color_norm(metric), mask=mask,
    )  # fmt: skip
    write_bytes(out, figure_bytes(figure))


def draw_bundles(
    r1_path: str | Path,
    tractograms: Mapping[str, str | Path],
    out: Path,
    *,
    title: str,
    mask_path: Path | None = None,
    placement: Path | None = None,
) -> None:
    """Draw bundles over an R1 map in three views.

    Parameters
    ----------
    r1_path : path
        R1 map, 1/s.
    tractograms : mapping of str to path
        Bundle to its file; one without a streamline is left out.
    out : path
        PNG.
    title : str
        Of the figure.
    mask_path : path, optional
        Of the brain: what lies outside is dark.
    placement : path, optional
        ITK text, from points of the bundles to the map's; identity by default.
    """
    from harmoniq.report.tract_views import figure_bundles
    from harmoniq.tract.streamlines import EmptyTractogramError, load_streamlines, move

    image = load_image(r1_path, ndim=3, finite=False)
    mask = None if mask_path is None else on_grid(image, mask_path, None) > 0.5
    place = None if placement is None else read_itk(placement)
    bundles = {}
    for name, path in tractograms.items():
        with suppress(EmptyTractogramError):
            bundles[name] = move(load_streamlines(path)[0], place)
    write_bytes(out, figure_bytes(figure_bundles(image.data, image.affine, bundles, title, mask)))


def draw_registration(
    fixed: str | Path,
    moving: str | Path,
    transform: str | Path,
    out: Path,
    *,
    title: str,
    mask_path: Path | None = None,
    frames: tuple[Path, Path] | None = None,
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
    frames : tuple of path, optional
        PNGs of the fixed and of the moving image, for the page that shows them in turn.
    """
    from scipy.ndimage import affine_transform

    target, source = load_image(fixed, ndim=3), load_image(moving, ndim=3)
    voxels = np.linalg.inv(source.affine) @ read_itk(transform) @ target.affine
    moved = affine_transform(source.data, voxels[:3, :3], voxels[:3, 3], output_shape=target.shape, order=1)
    mask = None if mask_path is None else load_image(mask_path, ndim=3).data > 0
    figure = figure_registration_overlay(moved, target.data, target.affine, title, mask=mask)
    write_bytes(out, figure_bytes(figure))
    if frames is not None:
        titles = ("ME-GRE, first echo, registered", "MP2RAGE")
        pair = figures_registration_frames(moved, target.data, target.affine, titles, mask=mask)
        for figure, path in zip(reversed(pair), frames):
            write_bytes(path, figure_bytes(figure))


def on_grid(image: Image, path: Path, transform: Path | None) -> NDArray[np.float32]:
    """Interpolate an image linearly on the grid of another, for a picture or a table.

    Parameters
    ----------
    image : Image
        Its grid is taken.
    path : path
        Mask or map.
    transform : path, optional
        ITK text, from points of its space to the image's; none where they share one.

    Returns
    -------
    numpy.ndarray of float32, shape of `image`
        0 outside the other image.

    Raises
    ------
    InputError
        When an image or the transform cannot be read.
    """
    from scipy.ndimage import affine_transform

    other = load_image(path, ndim=3)
    to_image = np.eye(4) if transform is None else read_itk(transform)
    voxels = np.linalg.inv(to_image @ other.affine) @ image.affine
    return affine_transform(other.data, voxels[:3, :3], voxels[:3, 3], output_shape=image.shape, order=1)
