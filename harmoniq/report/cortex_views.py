"""Values along the cortex on fsaverage5's inflated and flat surfaces, with the borders of areas."""

from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from harmoniq.data.errors import InputError
from harmoniq.report.map_colors import SCALES, color_map
from harmoniq.report.style import TISSUE_TITLES, styled

_SIDES: Final = {"L": "left", "R": "right"}
#: Name of the view, file, and signs of the screen's axes: right, up, toward the eye; as (axis, sign).
_VIEWS: Final[dict[str, dict[str, Any]]] = {
    "L": {
        "lateral": ("infl", ((1, -1), (2, 1), (0, -1))),
        "medial": ("infl", ((1, 1), (2, 1), (0, 1))),
        "flat": ("flat", ((0, 1), (1, 1), (2, 1))),
    },
    "R": {
        "lateral": ("infl", ((1, 1), (2, 1), (0, 1))),
        "medial": ("infl", ((1, -1), (2, 1), (0, -1))),
        "flat": ("flat", ((0, 1), (1, 1), (2, 1))),
    },
}
#: The order of the panels of one row.
PANELS: Final = (("L", "lateral"), ("L", "medial"), ("R", "medial"), ("R", "lateral"), ("L", "flat"), ("R", "flat"))
#: mm per pixel, and how far a pixel may lie from the nearest vertex to be on the surface.
_PIXEL, _REACH = 0.8, 4.0
#: Of the cortex, 1/s: narrower than the maps' scale, and fixed, so that participants can be compared by eye.
LIMITS: Final = {"R1": (0.4, 1.2), "R2star": (5.0, 35.0)}


class View(NamedTuple):
    """One view of fsaverage5, pixel by pixel.

    Parameters
    ----------
    vertices : numpy.ndarray of int, shape (rows, columns, 3)
        The nearest vertices on the near side, nearest first; -1 outside the surface.
    weights : numpy.ndarray, shape (rows, columns, 3)
        By the inverse of their distance; they sum to 1.
    """

    vertices: NDArray[np.intp]
    weights: NDArray[np.float64]


@lru_cache(maxsize=6)
def view(side: str, name: str) -> View:
    """Return a view of a hemisphere: ``lateral``, ``medial`` or ``flat``.

    Parameters
    ----------
    side : {'L', 'R'}
        The hemisphere.
    name : {'lateral', 'medial', 'flat'}
        From where it is seen; flat is the flattened cortex.

    Returns
    -------
    View
        The vertices of each pixel.
    """
    from scipy.spatial import cKDTree

    kind, axes = _VIEWS[side][name]
    points, faces = _read(side, kind)
    screen = np.column_stack([sign * points[:, axis] for axis, sign in axes])
    corners = screen[faces]
    toward = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2]
    near = np.unique(faces[toward > 0] if kind == "infl" else faces)
    flat, depth = screen[near, :2], screen[near, 2]
    low, high = flat.min(axis=0) - _REACH, flat.max(axis=0) + _REACH
    across, up = (np.arange(low[k], high[k], _PIXEL) for k in (0, 1))
    pixels = np.stack(np.meshgrid(across, up), axis=-1)
    distance, found = cKDTree(flat).query(pixels, k=8)
    # Folds of the inflated surface can lie one behind the other: only the foremost of the candidates count.
    behind = depth[found] < depth[found].max(axis=-1, keepdims=True) - 15.0
    order = np.argsort(np.where(behind, np.inf, distance), axis=-1, kind="stable")[..., :3]
    distance, found = np.take_along_axis(distance, order, -1), np.take_along_axis(found, order, -1)
    weights = 1.0 / np.maximum(distance, 1e-3)
    weights /= weights.sum(axis=-1, keepdims=True)
    vertices = np.where((distance[..., :1] < _REACH), near[found], -1)
    return View(vertices, weights)


def _read(side: str, kind: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    import nibabel as nib

    spec = find_spec("nilearn")
    folder = Path(spec.origin).parent / "datasets" / "data" / "fsaverage5" if spec and spec.origin else Path()
    file = folder / f"{kind}_{_SIDES[side]}.gii.gz"
    if not file.is_file():
        raise InputError("nilearn's fsaverage5 was not found", file=file, remedy="install nilearn >= 0.14.1")
    arrays = nib.load(file).darrays  # type: ignore[attr-defined]
    return arrays[0].data.astype(np.float64), arrays[1].data.astype(np.int64)


def paint(seen: View, values: NDArray) -> NDArray[np.float64]:
    """Return the values in a view, NaN outside the surface and where there is no value.

    Parameters
    ----------
    seen : View
        View of the surface.
    values : numpy.ndarray, shape (10242,)
        Of fsaverage5's vertices; NaN is no value.

    Returns
    -------
    numpy.ndarray, shape (rows, columns)
        The weighted mean of up to three vertices; NaN too where the nearest has no value.
    """
    given = np.asarray(values, dtype=np.float64)[seen.vertices]
    weights = np.where(np.isfinite(given), seen.weights, 0.0)
    total = weights.sum(axis=-1)
    shown = np.divide(
        (np.nan_to_num(given) * weights).sum(axis=-1), total, out=np.full_like(total, np.nan), where=total > 0
    )
    nearest_valid = np.isfinite(given[..., 0])
    return np.where((seen.vertices[..., 0] >= 0) & nearest_valid, shown, np.nan)


def borders(seen: View, labels: NDArray) -> NDArray[np.bool_]:
    """Return the pixels in a view at which one area ends and another begins.

    Parameters
    ----------
    seen : View
        View of the surface.
    labels : numpy.ndarray of int, shape (10242,)
        Area of each of fsaverage5's vertices.

    Returns
    -------
    numpy.ndarray of bool, shape (rows, columns)
        The surface's own edge is among them.
    """
    outside = int(np.min(labels)) - 1
    area = np.where(seen.vertices[..., 0] >= 0, np.asarray(labels)[seen.vertices[..., 0]], outside)
    edge = np.zeros(area.shape, dtype=bool)
    edge[:-1] |= area[:-1] != area[1:]
    edge[:, :-1] |= area[:, :-1] != area[:, 1:]
    return edge & (seen.vertices[..., 0] >= 0)


@styled
def figure_cortex(
    metric: str, values: Mapping[str, Mapping[str, NDArray]], labels: Mapping[str, NDArray], title: str
) -> Figure:
    """Draw a metric on the inflated and flat cortex, a row per tissue.

    Parameters
    ----------
    metric : {'R1', 'R2star'}
        Which scale and colors.
    values : mapping
        Tissue to hemisphere to the values at fsaverage5's vertices, 1/s; NaN is no value.
    labels : mapping
        Hemisphere to the area of each of these vertices; -1 is the medial wall.
    title : str
        Above the panels.

    Returns
    -------
    Figure
        The figure.
    """
    shapes = [view(side, name).vertices.shape[:2] for side, name in PANELS]
    # The flat cortex is larger than the inflated one, and no more important.
    zooms = [0.72 if name == "flat" else 1.0 for _, name in PANELS]
    widths = [zoom * shape[1] for zoom, shape in zip(zooms, shapes, strict=True)]
    width, head = 11.0, 0.45
    row = width * 0.905 * max(zoom * shape[0] for zoom, shape in zip(zooms, shapes, strict=True)) / sum(widths)
    figure = Figure(figsize=(width, head + (row + 0.1) * len(values)), facecolor="white")
    bottom, top = 0.02, 1 - head / figure.get_figheight()
    grid = figure.subplots(
        len(values), len(PANELS), squeeze=False,
        gridspec_kw={"width_ratios": widths, "left": 0.025, "right": 0.93, "bottom": bottom, "top": top,
                     "wspace": 0.02, "hspace": 0.06},
    )  # fmt: skip
    figure.suptitle(title, fontsize=10, y=1 - 0.15 * head / figure.get_figheight())
    image: Any = None
    for place, (axes, (tissue, sides)) in enumerate(zip(grid, values.items(), strict=True)):
        for ax, (side, name) in zip(axes, PANELS, strict=True):
            image = _draw(ax, view(side, name), sides[side], labels[side], metric)
            if place == 0:
                ax.set_title(f"{_SIDES[side]}, {name}", fontsize=7.5, pad=2)
        axes[0].text(
            -0.03, 0.5, TISSUE_TITLES.get(tissue, tissue), rotation=90, transform=axes[0].transAxes, ha="right",
            va="center", fontsize=7.5,
        )  # fmt: skip
    bar = figure.colorbar(image, cax=figure.add_axes((0.94, 0.15, 0.012, 0.65)), extend="both")
    bar.set_label(SCALES[metric].label)
    return figure


def _draw(ax: Any, seen: View, values: NDArray, labels: NDArray, metric: str) -> Any:
    shape = seen.vertices.shape[:2]
    ground = np.ones((*shape, 4), dtype=np.float32)
    ground[seen.vertices[..., 0] >= 0, :3] = 0.8
    ax.imshow(ground, origin="lower", interpolation="nearest")
    shown = paint(seen, np.where(np.asarray(labels) == -1, np.nan, values))
    colors = color_map(metric).with_extremes(bad=(0, 0, 0, 0))
    norm = Normalize(*LIMITS[metric])
    image = ax.imshow(shown, origin="lower", interpolation="nearest", cmap=colors, norm=norm)
    lines = np.zeros((*shape, 4), dtype=np.float32)
    lines[borders(seen, labels)] = (0, 0, 0, 0.9)
    ax.imshow(lines, origin="lower", interpolation="nearest")
    ax.set_axis_off()
    return image
