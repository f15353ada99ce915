"""A volume's slices in three planes: which ones, where they stand in a figure, and what lies over them."""

from typing import Any

import nibabel as nib
import numpy as np
from matplotlib.figure import Figure

#: Around the mask, in mm: the skull and the scalp.
AROUND = 14.0
PLANES = (("sagittal", 0, 1, 2, "P", "A"), ("coronal", 1, 0, 2, "L", "R"), ("axial", 2, 0, 1, "L", "R"))


def canonical(volume: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn a volume so that its axes run to the right, anterior and superior.

    Parameters
    ----------
    volume : numpy.ndarray, shape (x, y, z)
        In any orientation; it is not resampled.
    affine : numpy.ndarray, shape (4, 4)
        From voxels to mm, RAS.

    Returns
    -------
    numpy.ndarray
        The volume, its axes flipped and in another order.
    numpy.ndarray, shape (3,)
        Edges of its voxels, mm.

    Raises
    ------
    ValueError
        For a volume that has not three dimensions.
    """
    if volume.ndim != 3:
        raise ValueError(f"a volume of three dimensions is wanted, not {volume.ndim}")
    turn = nib.orientations.io_orientation(affine)
    zooms = np.sqrt((np.asarray(affine)[:3, :3] ** 2).sum(axis=0))
    placed = np.empty(3)
    placed[turn[:, 0].astype(int)] = zooms
    return nib.orientations.apply_orientation(volume, turn), placed


def foreground(data: np.ndarray) -> np.ndarray:
    """Find where there is signal: above a tenth of the 99 % quantile.

    Parameters
    ----------
    data : array
        Values of any shape; those that are not finite count as zero.

    Returns
    -------
    numpy.ndarray of bool
        Of the shape of `data`.
    """
    finite = np.where(np.isfinite(data), data, 0.0)
    return finite > 0.1 * np.quantile(finite, 0.99)


def bounding_box(shown: np.ndarray, zooms: np.ndarray, margin: float = 6.0) -> tuple[slice, ...]:
    """Find what holds everything shown and `margin` mm around it: empty space would make the head small.

    Parameters
    ----------
    shown : numpy.ndarray of bool, shape (x, y, z)
        Voxels that are to be seen.
    zooms : numpy.ndarray, shape (3,)
        Edges of the voxel, mm.
    margin : float, optional
        mm on each side.

    Returns
    -------
    tuple of slice
        One per axis; everything where nothing is shown.
    """
    found = []
    for axis, zoom in enumerate(zooms):
        inside = np.flatnonzero(shown.any(axis=tuple(other for other in range(3) if other != axis)))
        if inside.size == 0:
            return tuple(slice(0, count) for count in shown.shape)
        pad = round(margin / zoom)
        found.append(slice(max(inside[0] - pad, 0), inside[-1] + pad + 1))
    return tuple(found)


def plane_grid(
    shape: tuple[int, ...], zooms: np.ndarray, slices: int, title: str, *, right: float
) -> tuple[Figure, np.ndarray]:
    """Make a black figure of three rows of panels, a row per plane, as high as its slices.

    Parameters
    ----------
    shape : tuple of int
        Voxels along the three axes.
    zooms : numpy.ndarray, shape (3,)
        Edges of the voxel, mm.
    slices : int
        Panels in a row.
    title : str
        Above the panels.
    right : float
        Where the panels end, as a share of the figure's width.

    Returns
    -------
    Figure
        The figure.
    numpy.ndarray of Axes, shape (3, slices)
        The panels.
    """
    size = np.array(shape) * zooms
    heights = [size[vertical] / size[horizontal] for _, _, horizontal, vertical, _, _ in PLANES]
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


def slice_positions(grid: Any, shown: np.ndarray, slices: int) -> list[tuple[Any, tuple[int, int]]]:
    """Pair each panel with a plane and a slice within the middle 80 % of what is shown.

    Parameters
    ----------
    grid : numpy.ndarray of Axes, shape (3, slices)
        Panels of `plane_grid`.
    shown : numpy.ndarray of bool, shape (x, y, z)
        Voxels that are to be seen.
    slices : int
        Panels in a row.

    Returns
    -------
    list of tuple
        The axes of a panel, and (plane, index) of its slice.
    """
    pairs = []
    for row, plane in enumerate(range(3)):
        others = tuple(axis for axis in range(3) if axis != plane)
        inside = np.flatnonzero(shown.any(axis=others))
        low, high = (inside[0], inside[-1]) if inside.size else (0, shown.shape[plane] - 1)
        margin = 0.1 * (high - low)
        for ax, index in zip(grid[row], np.linspace(low + margin, high - margin, slices).round().astype(int)):
            pairs.append((ax, (plane, int(index))))
    return pairs


def extent_of(data_shape: tuple[int, int], zooms: np.ndarray, plane: int) -> tuple[float, float, float, float]:
    """Return the place of a slice for ``imshow``, mm.

    Parameters
    ----------
    data_shape : tuple (int, int)
        Of the slice, before it is transposed.
    zooms : numpy.ndarray, shape (3,)
        Edges of the voxel, mm.
    plane : int
        Axis across the slice, 0 to 2.

    Returns
    -------
    tuple (float, float, float, float)
        Left, right, bottom and top; the first voxel's corner is the origin.
    """
    _, _, horizontal, vertical, _, _ = PLANES[plane]
    return 0.0, data_shape[0] * zooms[horizontal], 0.0, data_shape[1] * zooms[vertical]


def show_slice(ax: Any, data: np.ndarray, zooms: np.ndarray, plane: int, index: int, **style: Any) -> Any:
    """Show a slice and the letters of its sides.

    Parameters
    ----------
    ax : object
        Axes to draw on.
    data : numpy.ndarray, shape (x, y, z)
        By `canonical`; what is not finite is black.
    zooms : numpy.ndarray, shape (3,)
        Edges of the voxel, mm.
    plane : int
        Axis across the slice, 0 to 2.
    index : int
        Of the slice, along that axis.
    **style : object
        For ``imshow``; `cmap` is needed.

    Returns
    -------
    matplotlib.image.AxesImage
        For the color bar.
    """
    from matplotlib import colormaps

    piece = np.take(data, index, axis=plane)
    cmap = style["cmap"]
    style["cmap"] = (colormaps[cmap] if isinstance(cmap, str) else cmap).with_extremes(bad="black")
    image = ax.imshow(
        np.where(np.isfinite(piece), piece, np.nan).T, origin="lower", interpolation="nearest",
        extent=extent_of(piece.shape, zooms, plane), **style,
    )  # fmt: skip
    ax.set_axis_off()
    _, _, _, _, low, high = PLANES[plane]
    ax.text(0.02, 0.98, low, transform=ax.transAxes, color="white", fontsize=7, va="top")
    ax.text(0.98, 0.98, high, transform=ax.transAxes, color="white", fontsize=7, va="top", ha="right")
    return image


def overlay(ax: Any, outline: np.ndarray, zooms: np.ndarray, plane: int) -> None:
    """Paint pixels orange over a slice.

    Parameters
    ----------
    ax : object
        Axes to draw on.
    outline : numpy.ndarray of bool, shape of the slice
        Pixels that are painted.
    zooms : numpy.ndarray, shape (3,)
        Edges of the voxel, mm.
    plane : int
        Axis across the slice, 0 to 2.
    """
    paint = np.zeros((*outline.T.shape, 4), dtype=np.float32)
    paint[outline.T] = (0.902, 0.624, 0.0, 0.95)
    ax.imshow(paint, origin="lower", interpolation="nearest", extent=extent_of(outline.shape, zooms, plane))
