"""Bundles over the R1 map in three views, without a display: streamlines projected along the line of sight."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from harmoniq.data.names import BUNDLES
from harmoniq.report.planes import bounding_box, canonical
from harmoniq.report.style import styled

#: From the left, from the front, from above: axis of sight, horizontal and vertical axis, letters of the sides.
_VIEWS: Final = (
    ("from the left", 0, 1, 2, "P", "A"),
    ("from the front", 1, 0, 2, "L", "R"),
    ("from above", 2, 0, 1, "L", "R"),
)
#: One color per pair of bundles, told apart by people with color vision deficiencies as far as ten can be.
_COLORS: Final = {
    "FA": "#F0E442", "FP": "#E69F00", "ARC": "#D55E00", "pARC": "#FF9DA6", "ATR": "#56B4E9",
    "CGC": "#009E73", "CST": "#0072B2", "IFO": "#CC79A7", "ILF": "#9BE564", "SLF": "#FFFFFF",
}  # fmt: skip
#: Streamlines that are drawn of each bundle, evenly through the file.
_DRAWN: Final = 80
_TOP_R1: Final = 1.6


@styled
def figure_bundles(
    r1: NDArray[np.floating],
    affine: NDArray[np.float64],
    bundles: Mapping[str, Sequence[NDArray[np.float32]]],
    title: str,
    mask: NDArray[np.bool_] | None = None,
) -> Figure:
    """Draw bundles over the middle slices of an R1 map.

    Parameters
    ----------
    r1 : ndarray, shape (x, y, z)
        1/s.
    affine : ndarray, shape (4, 4)
        Of the map, voxels to RAS mm.
    bundles : mapping
        Bundle to its streamlines, RAS mm, in the map's space.
    title : str
        Of the figure.
    mask : ndarray of bool, optional
        Of the brain, on the map's grid: what lies outside is dark.

    Returns
    -------
    Figure
        The figure.
    """
    from matplotlib.lines import Line2D

    shown = np.nan_to_num(r1) if mask is None else np.where(mask, np.nan_to_num(r1), 0.0)
    volume, zooms = canonical(shown, affine)
    place = _to_canonical(affine, r1.shape, zooms)
    box = bounding_box(volume > 0.1 * _TOP_R1, zooms)
    figure = Figure(figsize=(10.0, 4.6), facecolor="black")
    grid = figure.subplots(
        1, 3, gridspec_kw={"left": 0.005, "right": 0.995, "bottom": 0.16, "top": 0.9, "wspace": 0.02}
    )
    lines = {name: [place(line) for line in _some(streamlines)] for name, streamlines in bundles.items()}
    for ax, view in zip(grid, _VIEWS, strict=True):
        _draw_view(ax, view, volume, zooms, box, lines)
    there = [name for name in _COLORS if any(bundle.partition("_")[0] == name for bundle in bundles)]
    handles = [Line2D([], [], color=_COLORS[name], lw=3, label=name) for name in there]
    figure.legend(handles=handles, loc="lower center", ncol=10, labelcolor="white", frameon=False, fontsize=8)
    absent = [name for name in BUNDLES if name not in bundles]
    note = f"; absent: {', '.join(absent)}" if absent else ""
    figure.suptitle(f"{title}: {len(bundles)} of {len(BUNDLES)} bundles{note}", color="white", fontsize=9, y=0.98)
    return figure


def _draw_view(ax, view, volume, zooms, box, lines) -> None:  # type: ignore[no-untyped-def]
    from matplotlib.collections import LineCollection

    name, sight, horizontal, vertical, low, high = view
    middle = volume.shape[sight] // 2
    piece = np.take(volume, middle, axis=sight)
    extent = (0, piece.shape[0] * zooms[horizontal], 0, piece.shape[1] * zooms[vertical])
    ax.imshow(piece.T, origin="lower", cmap="gray", vmin=0, vmax=1.3 * _TOP_R1, extent=extent, interpolation="nearest")
    for bundle, streamlines in lines.items():
        # From the left the right side's bundles would hide those in front of them.
        if sight == 0 and bundle.endswith("_R"):
            continue
        segments = [line[:, [horizontal, vertical]] for line in streamlines]
        color = _COLORS[bundle.partition("_")[0]]
        ax.add_collection(LineCollection(segments, colors=color, linewidths=0.35, alpha=0.55))
    ax.set_xlim(box[horizontal].start * zooms[horizontal], box[horizontal].stop * zooms[horizontal])
    ax.set_ylim(box[vertical].start * zooms[vertical], box[vertical].stop * zooms[vertical])
    ax.set_axis_off()
    side = {"transform": ax.transAxes, "color": "white", "fontsize": 8, "va": "top"}
    ax.text(0.02, 0.98, low, **side)
    ax.text(0.98, 0.98, high, ha="right", **side)
    ax.text(0.5, 0.02, name + (", left and midline" if sight == 0 else ""), transform=ax.transAxes, color="white",
            fontsize=7, ha="center", va="bottom")  # fmt: skip


def _some(streamlines: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    chosen = np.linspace(0, len(streamlines) - 1, min(_DRAWN, len(streamlines))).round().astype(int)
    return [streamlines[index] for index in chosen]


def _to_canonical(affine: NDArray[np.float64], shape: tuple[int, ...], zooms: NDArray[np.float64]):  # type: ignore[no-untyped-def]
    """Return what moves RAS points to mm along the axes of the canonical volume, whose first corner is the origin."""
    import nibabel as nib

    turn = nib.orientations.io_orientation(affine)
    inverse = np.linalg.inv(affine @ nib.orientations.inv_ornt_aff(turn, shape[:3]))

    def place(points: NDArray[np.float32]) -> NDArray[np.float64]:
        return (points @ inverse[:3, :3].T + inverse[:3, 3] + 0.5) * zooms

    return place
