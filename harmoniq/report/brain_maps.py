"""Figures 4 and S2 of the paper: the patients' mean Z-scores, painted on the cortex and on the bundles."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize, to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from harmoniq.data.errors import InputError
from harmoniq.data.names import BUNDLES, METRICS
from harmoniq.report.brain import VIEWS as BUNDLE_VIEWS
from harmoniq.report.brain import brain_axes, draw_bundles, draw_cortex
from harmoniq.report.style import METRIC_TITLES, PAGE_WIDTH, in_order, styled

_CORTEX_VIEWS: Final = ("lateral", "medial")
_OF_BUNDLES: Final = ("left", "above", "right")


def left_areas(atlas: str = "auto") -> NDArray[np.int16] | None:
    """Return the Brodmann number of fsaverage5's left vertices, 0 or below outside; None where the atlas is absent.

    Parameters
    ----------
    atlas : str, optional
        ``auto``, or the folder of the Brodmann atlas.

    Returns
    -------
    numpy.ndarray of int16, shape (10242,), or None
        Brodmann numbers.
    """
    from harmoniq.surface.atlas import find_atlas

    try:
        return find_atlas(atlas).on_fsaverage5().labels["L"]
    except InputError:
        return None


def diverging() -> Colormap:
    """Return the color map of signed values: blue to brown over white, told apart with any color vision.

    Returns
    -------
    Colormap
        Vik of Crameri 2018.
    """
    from cmcrameri import cm

    return cm.vik


def vertex_values(areas: NDArray[np.int16], values: Mapping[str, float]) -> NDArray[np.float64]:
    """Return the value of each vertex: that of its area, NaN where it has none.

    Parameters
    ----------
    areas : numpy.ndarray of int, shape (n,)
        Brodmann number of each vertex, 0 or below outside the areas.
    values : mapping of str to float
        Region to its value; only regions ``BA<number>`` are used.

    Returns
    -------
    numpy.ndarray, shape (n,)
        In the unit of `values`.
    """
    out = np.full(len(areas), np.nan)
    for region, value in values.items():
        if region.startswith("BA"):
            out[areas == int(region[2:])] = value
    return out


@styled
def figure_z_maps(summary: pd.DataFrame, areas: NDArray[np.int16] | None, *, label: str) -> Figure:
    """Paint mean Z-scores on the left cortex, its superficial white matter and the bundles.

    Parameters
    ----------
    summary : pandas.DataFrame
        ``metric tissue region mean`` of one kind of data.
    areas : numpy.ndarray or None
        From `left_areas`; None leaves the cortex out.
    label : str
        Of the color bar.

    Returns
    -------
    matplotlib.figure.Figure
        Metrics in rows; the regional values are means of both sides, so that one hemisphere shows them all.
    """
    metrics = in_order(summary["metric"], METRICS)
    tissues = [name for name in ("cGM", "sWM") if areas is not None and name in set(summary["tissue"])]
    views = [(tissue, view) for tissue in tissues for view in _CORTEX_VIEWS]
    if "WM" in set(summary["tissue"]):
        views += [("WM", view) for view in _OF_BUNDLES]
    top = float(np.nanmax(np.abs(summary["mean"]))) or 1.0
    norm, cmap = Normalize(-top, top), diverging()
    figure = Figure(figsize=(PAGE_WIDTH, 0.88 * len(metrics) + 0.95), layout="constrained")
    grid = figure.add_gridspec(len(metrics), len(views))
    for i, metric in enumerate(metrics):
        for j, (tissue, view) in enumerate(views):
            ax = brain_axes(figure, grid[i, j], view)
            part = summary[(summary["metric"] == metric) & (summary["tissue"] == tissue)]
            paint(ax, dict(zip(part["region"], part["mean"])), areas, norm, cmap, view=view)
            if i == 0:
                ax.set_title(f"{tissue}\n{view}", fontsize=7.5)
            if j == 0:
                ax.annotate(
                    METRIC_TITLES.get(metric, metric), (-0.12, 0.5), xycoords="axes fraction", rotation=90,
                    ha="center", va="center", fontsize=8.5, annotation_clip=False,
                )  # fmt: skip
    bar = figure.colorbar(
        ScalarMappable(norm, cmap), ax=figure.axes, orientation="horizontal", shrink=0.4, aspect=34, pad=0.03
    )
    bar.set_label(label)
    return figure


def paint(
    ax: Any, values: Mapping[str, float], areas: NDArray[np.int16] | None, norm: Normalize, cmap: Colormap, *, view: str
) -> None:
    """Paint regions on axes of `harmoniq.report.brain.brain_axes`.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Axes to draw on.
    values : mapping of str to float
        By area or bundle; what is not finite stays bare.
    areas : numpy.ndarray or None
        From `left_areas`.
    norm, cmap
        Values to colors.
    view : str
        ``lateral`` and ``medial`` are of the cortex, the others of the bundles.
    """
    if view in BUNDLE_VIEWS:
        known = {name: values[name] for name in BUNDLES if name in values and np.isfinite(values[name])}
        draw_bundles(ax, {name: to_rgb(cmap(norm(value))) for name, value in known.items()}, view=view)
    elif areas is not None:
        draw_cortex(ax, vertex_values(areas, values), norm, cmap, view=view)
