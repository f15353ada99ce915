"""Slices of a volume in three planes, as a map with a scale or as a picture of a registration."""

from typing import Any

import nibabel as nib
import numpy as np
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure

from harmoniq.report.style import styled

#: How much of the colors stays outside the mask.
_DIMMED = 0.3
#: Around the mask, in mm: the skull and the scalp.
_AROUND = 14.0
_PLANES = (("sagittal", 0, 1, 2, "P", "A"), ("coronal", 1, 0, 2, "L", "R"), ("axial", 2, 0, 1, "L", "R"))


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
    data, zooms = _canonical(np.asarray(volume, dtype=np.float32), affine)
    if mask is not None and np.any(mask):
        inside = _canonical(np.asarray(mask), affine)[0] > 0
        box = _bounding_box(inside, zooms, margin=_AROUND)
    else:
        inside = _foreground(data)
        box = _bounding_box(inside, zooms)
    shown = inside[box]
    # The scale's lower end stands for no value: a map is zero where nothing was fitted.
    data = np.where(data[box] > vmin, data[box], np.nan)
    opacity = None if mask is None else np.where(shown, 1.0, _DIMMED)
    norm = norm or Normalize(vmin, vmax)
    figure, grid = _grid(data.shape, zooms, slices, title, right=0.92)
    image: Any = None
    for ax, (plane, index) in _positions(grid, shown, slices):
        alpha = None if opacity is None else np.take(opacity, index, axis=plane).T
        image = _show(ax, data, zooms, plane, index, cmap=cmap, norm=norm, alpha=alpha)
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
    """
    if moved.shape != reference.shape:
        raise ValueError(f"shape {moved.shape} of the moved image is not {reference.shape} of the reference")
    data, zooms = _canonical(np.asarray(moved, dtype=np.float32), affine)
    box = _bounding_box(_foreground(data), zooms)
    shown = _canonical(np.asarray(mask), affine)[0][box] > 0 if mask is not None else _foreground(data)[box]
    data, edges_of = data[box], _canonical(np.asarray(reference, dtype=np.float32), affine)[0][box]
    top = float(np.quantile(data[shown], 0.99)) if shown.any() else 1.0
    figure, grid = _grid(data.shape, zooms, slices, title, right=0.995)
    for ax, (plane, index) in _positions(grid, shown, slices):
        _show(ax, data, zooms, plane, index, cmap="gray", norm=Normalize(0.0, top))
        outline = edges(np.take(edges_of, index, axis=plane), np.take(shown, index, axis=plane))
        _overlay(ax, outline, zooms, plane)
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
    pair = [_canonical(np.asarray(volume, dtype=np.float32), affine) for volume in (moved, reference)]
    zooms = pair[0][1]
    if mask is not None and np.any(mask):
        inside = _canonical(np.asarray(mask), affine)[0] > 0
        box = _bounding_box(inside, zooms, margin=_AROUND)
    else:
        inside = _foreground(pair[0][0])
        box = _bounding_box(inside, zooms)
    shown, figures = inside[box], []
    for (data, _), title in zip(pair, titles):
        data = data[box]
        top = float(np.quantile(data[shown], 0.99)) if shown.any() else 1.0
        figure, grid = _grid(data.shape, zooms, slices, title, right=0.995)
        for ax, (plane, index) in _positions(grid, shown, slices):
            _show(ax, data, zooms, plane, index, cmap="gray", norm=Normalize(0.0, top or 1.0))
        figures.append(figure)
    return figures[0], figures[1]


def edges(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return thin edges of a slice: local maxima of the smoothed gradient's magnitude, the strongest sixth in the mask.

    Parameters
    ----------
    image : numpy.ndarray, shape (a, b)
        Values that are not finite count as zero.
    mask : numpy.ndarray of bool, shape (a, b)
        Where edges may lie.

    Returns
    -------
    numpy.ndarray of bool, shape (a, b)
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


def _canonical(volume: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the volume with axes to the right, anterior and superior, and the voxel sizes in mm in that order."""
    if volume.ndim != 3:
        raise ValueError(f"a volume of three dimensions is wanted, not {volume.ndim}")
    turn = nib.orientations.io_orientation(affine)
    zooms = np.sqrt((np.asarray(affine)[:3, :3] ** 2).sum(axis=0))
    placed = np.empty(3)
    placed[turn[:, 0].astype(int)] = zooms
    return nib.orientations.apply_orientation(volume, turn), placed


def _foreground(data: np.ndarray) -> np.ndarray:
    finite = np.where(np.isfinite(data), data, 0.0)
    return finite > 0.1 * np.quantile(finite, 0.99)


def _bounding_box(shown: np.ndarray, zooms: np.ndarray, margin: float = 6.0) -> tuple[slice, ...]:
    """Return what holds everything shown and `margin` mm around it: empty space would make the head small."""
    found = []
    for axis, zoom in enumerate(zooms):
        inside = np.flatnonzero(shown.any(axis=tuple(other for other in range(3) if other != axis)))
        if inside.size == 0:
            return (slice(None),) * 3
        pad = round(margin / zoom)
        found.append(slice(max(inside[0] - pad, 0), inside[-1] + pad + 1))
    return tuple(found)


def _grid(
    shape: tuple[int, ...], zooms: np.ndarray, slices: int, title: str, *, right: float
) -> tuple[Figure, np.ndarray]:
    """Return a black figure and its panels, a row per plane, the rows as high as their slices."""
    size = np.array(shape) * zooms
    heights = [size[vertical] / size[horizontal] for _, _, horizontal, vertical, _, _ in _PLANES]
    width, left, head = 10.0, 0.005, 0.4
    height = width * (right - left) / slices * sum(heights) + head
    # Places are known beforehand: a layout engine would take longer than all the drawing.
    figure = Figure(figsize=(width, height), facecolor="black")
    grid = figure.subplots(
        3, slices, squeeze=False, gridspec_kw={
            "height_ratios": heights, "left": left, "right": right, "bottom": 0.0, "top": 1 - head / height,
            "wspace": 0.02, "hspace": 0.02,
        },
    )  # fmt: skip
    figure.suptitle(title, color="white", fontsize=10, y=1 - 0.3 * head / height)
    return figure, grid


def _positions(grid: Any, shown: np.ndarray, slices: int) -> list[tuple[Any, tuple[int, int]]]:
    """Pair each panel with a plane and a slice within the middle 80 % of what is shown."""
    pairs = []
    for row, plane in enumerate(range(3)):
        others = tuple(axis for axis in range(3) if axis != plane)
        inside = np.flatnonzero(shown.any(axis=others))
        low, high = (inside[0], inside[-1]) if inside.size else (0, shown.shape[plane] - 1)
        margin = 0.1 * (high - low)
        for ax, index in zip(grid[row], np.linspace(low + margin, high - margin, slices).round().astype(int)):
            pairs.append((ax, (plane, int(index))))
    return pairs


def _extent(data_shape: tuple[int, int], zooms: np.ndarray, plane: int) -> tuple[float, float, float, float]:
    _, _, horizontal, vertical, _, _ = _PLANES[plane]
    return 0.0, data_shape[0] * zooms[horizontal], 0.0, data_shape[1] * zooms[vertical]


def _show(ax: Any, data: np.ndarray, zooms: np.ndarray, plane: int, index: int, **style: Any) -> Any:
    from matplotlib import colormaps

    piece = np.take(data, index, axis=plane)
    cmap = style["cmap"]
    style["cmap"] = (colormaps[cmap] if isinstance(cmap, str) else cmap).with_extremes(bad="black")
    image = ax.imshow(
        np.where(np.isfinite(piece), piece, np.nan).T, origin="lower", interpolation="nearest",
        extent=_extent(piece.shape, zooms, plane), **style,
    )  # fmt: skip
    ax.set_axis_off()
    _, _, _, _, low, high = _PLANES[plane]
    ax.text(0.02, 0.98, low, transform=ax.transAxes, color="white", fontsize=7, va="top")
    ax.text(0.98, 0.98, high, transform=ax.transAxes, color="white", fontsize=7, va="top", ha="right")
    return image


def _overlay(ax: Any, outline: np.ndarray, zooms: np.ndarray, plane: int) -> None:
    paint = np.zeros((*outline.T.shape, 4), dtype=np.float32)
    paint[outline.T] = (0.902, 0.624, 0.0, 0.95)
    ax.imshow(paint, origin="lower", interpolation="nearest", extent=_extent(outline.shape, zooms, plane))
