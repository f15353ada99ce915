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
from harmoniq.report.brain import draw_bundles, draw_cortex
from harmoniq.report.style import METRIC_TITLES, PAGE_WIDTH, in_order, styled

_CORTEX_VIEWS: Final = ("lateral", "medial")
_BUNDLE_VIEWS: Final = ("left", "above", "right")


def left_areas(atlas: str = "auto") -> NDArray[np.int16] | None:
    """Return the Brodmann number of fsaverage5's left vertices, 0 or below outside; None where the atlas is absent."""
    from harmoniq.surface.atlas import find_atlas

    try:
        return find_atlas(atlas).on_fsaverage5().labels["L"]
    except InputError:
        return None


def diverging() -> Colormap:
    """Return the color map of signed values: blue to brown over white, told apart with any color vision."""
    from cmcrameri import cm

    return cm.vik


def vertex_colors(
    areas: NDArray[np.int16], values: Mapping[str, float], norm: Normalize, cmap: Colormap
) -> NDArray[np.float64]:
    """Return the RGB of each vertex, (n, 3): that of its area's value, NaN where it has none."""
    out = np.full((len(areas), 3), np.nan)
    for region, value in values.items():
        if region.startswith("BA") and np.isfinite(value):
            out[areas == int(region[2:])] = cmap(norm(value))[:3]
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
        views += [("WM", view) for view in _BUNDLE_VIEWS]
    top = float(np.nanmax(np.abs(summary["mean"]))) or 1.0
    norm, cmap = Normalize(-top, top), diverging()
    figure = Figure(figsize=(PAGE_WIDTH, 0.88 * len(metrics) + 0.95), layout="constrained")
    grid = figure.subplots(len(metrics), len(views), squeeze=False)
    for i, metric in enumerate(metrics):
        for j, (tissue, view) in enumerate(views):
            part = summary[(summary["metric"] == metric) & (summary["tissue"] == tissue)]
            _paint(grid[i, j], dict(zip(part["region"], part["mean"])), areas, view, norm, cmap)
            if i == 0:
                grid[i, j].set_title(f"{tissue}\n{view}", fontsize=7.5)
        grid[i, 0].text(
            -0.12, 0.5, METRIC_TITLES.get(metric, metric), transform=grid[i, 0].transAxes, rotation=90,
            ha="center", va="center", fontsize=8.5,
        )  # fmt: skip
    bar = figure.colorbar(
        ScalarMappable(norm, cmap), ax=list(grid.ravel()), orientation="horizontal", shrink=0.4, aspect=34, pad=0.03
    )
    bar.set_label(label)
    return figure


def _paint(
    ax: Any, values: Mapping[str, float], areas: NDArray[np.int16] | None, view: str, norm: Normalize, cmap: Colormap
) -> None:
    if view in _BUNDLE_VIEWS:
        known = {name: values[name] for name in BUNDLES if name in values and np.isfinite(values[name])}
        draw_bundles(ax, {name: to_rgb(cmap(norm(value))) for name, value in known.items()}, view=view)
    elif areas is not None:
        draw_cortex(ax, vertex_colors(areas, values, norm, cmap), view=view)
