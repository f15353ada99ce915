"""Slices of a volume in three planes, as a map with a scale or as a picture of a registration."""

from typing import Any

import numpy as np
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure

from harmoniq.report.planes import (
    AROUND,
    bounding_box,
    canonical,
    foreground,
    overlay,
    plane_grid,
    show_slice,
    slice_positions,
)
from harmoniq.report.style import styled

#: How much of the colors stays outside the mask.
_DIMMED = 0.3


@styled
def figure_map_mosaic(
    volume: np.ndarray,
    affine: np.ndarray,
    title: str,
    vmin: float,
    vmax: float,
    label: str,
    *,
    cmap: str | Colormap = "magma",
    norm: Normalize | None = None,
    slices: int = 6,
    mask: np.ndarray | None = None,
) -> Figure:
    """Draw a map's slices in three planes at a fixed scale.

    Parameters
    ----------
    volume : numpy.ndarray, shape (x, y, z)
        In any orientation; values that are not finite are left black.
    affine : numpy.ndarray, shape (4, 4)
        From voxels to millimeters, RAS.
    title, label : str
        Of the figure, and of the color bar with the unit.
    vmin, vmax : float
        The scale's ends.
    cmap : str or matplotlib.colors.Colormap
        A color map, or its name in matplotlib.
    norm : matplotlib.colors.Normalize, optional
        Another scale than a linear one.
    slices : int
        Per plane, evenly spaced over the middle of what is shown.
    mask : numpy.ndarray of bool, optional
        Of the brain: it decides which slices are shown, and what lies outside is dimmed, in the picture alone: the
        background of a map is noise.

    Returns
    -------
    matplotlib.figure.Figure
        Neurological convention: left is left.
    """
    data, zooms = canonical(np.asarray(volume, dtype=np.float32), affine)
    if mask is not None and np.any(mask):
        inside = canonical(np.asarray(mask), affine)[0] > 0
        box = bounding_box(inside, zooms, margin=AROUND)
    else:
        inside = foreground(data)
        box = bounding_box(inside, zooms)
    shown = inside[box]
    # The scale's lower end stands for no value: a map is zero where nothing was fitted.
    data = np.where(data[box] > vmin, data[box], np.nan)
    opacity = None if mask is None else np.where(shown, 1.0, _DIMMED)
    norm = norm or Normalize(vmin, vmax)
    figure, grid = plane_grid(data.shape, zooms, slices, title, right=0.92)
    image: Any = None
    for ax, (plane, index) in slice_positions(grid, shown, slices):
        alpha = None if opacity is None else np.take(opacity, index, axis=plane).T
        image = show_slice(ax, data, zooms, plane, index, cmap=cmap, norm=norm, alpha=alpha)
    _color_bar(figure, image, label)
    return figure


def _color_bar(figure: Figure, image: Any, label: str) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.ticker import MaxNLocator

    # Of the scale, not of the image, whose opacity varies.
    bar = figure.colorbar(
        ScalarMappable(image.norm, image.cmap), cax=figure.add_axes((0.93, 0.2, 0.015, 0.6)), extend="max",
        ticks=MaxNLocator(8),
    )  # fmt: skip
    bar.set_label(label, color="white")
    figure.text(0.995, 0.01, f"colors: {image.cmap.name}", color="#BBBBBB", fontsize=7, ha="right")
    bar.ax.tick_params(colors="white")
    bar.outline.set_edgecolor("white")


@styled
def figure_registration_overlay(
    moved: np.ndarray,
    reference: np.ndarray,
    affine: np.ndarray,
    title: str,
    *,
    mask: np.ndarray | None = None,
    slices: int = 6,
) -> Figure:
    """Draw the edges of a reference image over an image that was moved onto its grid.

    Parameters
    ----------
    moved : numpy.ndarray, shape (x, y, z)
        For example the first ME-GRE echo, resampled to the reference.
    reference : numpy.ndarray, shape (x, y, z)
        For example UNI; its edges are drawn in orange.
    affine : numpy.ndarray, shape (4, 4)
        Of both.
    title : str
        Of the figure.
    mask : numpy.ndarray of bool, optional
        Edges outside it are left out: the background of UNI is noise.
    slices : int
        Per plane.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    ValueError
        Where the two images differ in shape.
    """
    if moved.shape != reference.shape:
        raise ValueError(f"shape {moved.shape} of the moved image is not {reference.shape} of the reference")
    data, zooms = canonical(np.asarray(moved, dtype=np.float32), affine)
    box = bounding_box(foreground(data), zooms)
    shown = canonical(np.asarray(mask), affine)[0][box] > 0 if mask is not None else foreground(data)[box]
    data, edges_of = data[box], canonical(np.asarray(reference, dtype=np.float32), affine)[0][box]
    top = float(np.quantile(data[shown], 0.99)) if shown.any() else 1.0
    figure, grid = plane_grid(data.shape, zooms, slices, title, right=0.995)
    for ax, (plane, index) in slice_positions(grid, shown, slices):
        show_slice(ax, data, zooms, plane, index, cmap="gray", norm=Normalize(0.0, top))
        outline = edges(np.take(edges_of, index, axis=plane), np.take(shown, index, axis=plane))
        overlay(ax, outline, zooms, plane)
    return figure


@styled
def figures_registration_frames(
    moved: np.ndarray,
    reference: np.ndarray,
    affine: np.ndarray,
    titles: tuple[str, str],
    *,
    mask: np.ndarray | None = None,
    slices: int = 6,
) -> tuple[Figure, Figure]:
    """Draw the same slices of both images, each in gray on its own scale, to be shown in turn at one place.

    Parameters
    ----------
    moved, reference, affine, mask, slices
        As `figure_registration_overlay` takes them; the mask decides which slices are shown.
    titles : tuple of str
        Of the moved image's figure, and of the reference's.

    Returns
    -------
    tuple of matplotlib.figure.Figure
        Of the moved image and of the reference; of one size, with every voxel at the same place.
    """
    pair = [canonical(np.asarray(volume, dtype=np.float32), affine) for volume in (moved, reference)]
    zooms = pair[0][1]
    if mask is not None and np.any(mask):
        inside = canonical(np.asarray(mask), affine)[0] > 0
        box = bounding_box(inside, zooms, margin=AROUND)
    else:
        inside = foreground(pair[0][0])
        box = bounding_box(inside, zooms)
    shown, figures = inside[box], []
    for (data, _), title in zip(pair, titles):
        data = data[box]
        top = float(np.quantile(data[shown], 0.99)) if shown.any() else 1.0
        figure, grid = plane_grid(data.shape, zooms, slices, title, right=0.995)
        for ax, (plane, index) in slice_positions(grid, shown, slices):
            show_slice(ax, data, zooms, plane, index, cmap="gray", norm=Normalize(0.0, top or 1.0))
        figures.append(figure)
    return figures[0], figures[1]


def edges(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Find thin edges of a slice: local maxima of the smoothed gradient's magnitude, the strongest sixth in the mask.

    Parameters
    ----------
    image : numpy.ndarray, shape (a, b)
        Values that are not finite count as zero.
    mask : numpy.ndarray of bool, shape (a, b)
        Where edges may lie.

    Returns
    -------
    numpy.ndarray of bool, shape (a, b)
        Empty where the mask is, and for slices narrower than three pixels.
    """
    from scipy.ndimage import gaussian_filter

    if not mask.any() or min(image.shape) < 3:
        return np.zeros(image.shape, dtype=bool)
    along_a, along_b = np.gradient(gaussian_filter(np.nan_to_num(image, posinf=0.0, neginf=0.0), 1.0))
    size = np.hypot(along_a, along_b)
    padded = np.pad(size, 1)
    # A point stays where it is not below its two neighbors along the gradient, rounded to one of eight directions.
    step_a = np.rint(along_a / (size + 1e-12)).astype(int)
    step_b = np.rint(along_b / (size + 1e-12)).astype(int)
    a, b = np.indices(image.shape) + 1
    ridge = (size >= padded[a + step_a, b + step_b]) & (size >= padded[a - step_a, b - step_b])
    return ridge & mask & (size > np.quantile(size[mask], 5 / 6))
