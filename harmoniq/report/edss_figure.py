"""Figure 5 of the paper: EDSS against Z-score in the associated regions, and where they lie."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from harmoniq.report.brain import brain_axes
from harmoniq.report.brain_maps import diverging, paint
from harmoniq.report.peak_ages import least_squares_band
from harmoniq.report.style import METRIC_TITLES, OKABE_ITO, PAGE_WIDTH, styled

_KEYS: Final = ["metric", "tissue", "region"]


def edss_panels(edss: pd.DataFrame, partial: pd.DataFrame) -> pd.DataFrame:
    """Return the points of the panels with each region's beta, adjusted p and adjusted R², most significant first.

    Parameters
    ----------
    edss : pandas.DataFrame
        ``metric tissue region beta p_fdr adj_r2``.
    partial : pandas.DataFrame
        ``participant_id metric tissue region z edss_adjusted``.

    Returns
    -------
    DataFrame
        `partial` with ``beta p_fdr adj_r2``; points of regions that `edss` does not have are left out.
    """
    both = partial.merge(edss[[*_KEYS, "beta", "p_fdr", "adj_r2"]], on=_KEYS)
    return both.sort_values("p_fdr", kind="stable").reset_index(drop=True)


@styled
def figure_edss(
    panels: pd.DataFrame, edss: pd.DataFrame, areas: NDArray[np.int16] | None, *, alpha: float = 0.05
) -> Figure:
    """Draw partial residuals with their lines, and the associated regions on the brain.

    Parameters
    ----------
    panels : pandas.DataFrame
        From `edss_panels`.
    edss : pandas.DataFrame
        ``metric tissue region beta p_fdr``.
    areas : numpy.ndarray or None
        Brodmann number of the left vertices of fsaverage5; None leaves the cortex out.
    alpha : float
        Of the adjusted p-values.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    regions = list(dict.fromkeys(zip(*(panels[key] for key in _KEYS))))
    columns = min(3, max(len(regions), 1))
    rows = -(-len(regions) // columns)
    figure = Figure(figsize=(PAGE_WIDTH, 1.9 * rows + 1.9), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=[1.6, 1.9 * rows])
    upper, lower = parts
    _draw_map(upper, edss[edss["p_fdr"] < alpha], areas)
    grid = lower.subplots(rows, columns, squeeze=False, sharey=True)
    for ax, region in zip(grid.ravel(), regions):
        keep = np.logical_and.reduce([panels[key] == value for key, value in zip(_KEYS, region)])
        _draw_panel(ax, panels[keep], region)
    for ax in grid.ravel()[len(regions) :]:
        ax.set_visible(False)
    for ax in grid[:, 0]:
        ax.set_ylabel("adjusted EDSS")
    return figure


def _draw_panel(ax: Any, points: pd.DataFrame, region: tuple[str, ...]) -> None:
    x, y = points["z"].to_numpy(dtype=float), points["edss_adjusted"].to_numpy(dtype=float)
    ax.scatter(x, y, s=9, color=OKABE_ITO["blue"], alpha=0.55, linewidths=0)
    grid = np.linspace(x.min(), x.max(), 60)
    line, half = least_squares_band(x, y, grid)
    ax.fill_between(grid, line - half, line + half, color=OKABE_ITO["vermilion"], alpha=0.2, linewidth=0)
    ax.plot(grid, line, color=OKABE_ITO["vermilion"])
    metric, tissue, name = region
    ax.set_title(f"{METRIC_TITLES.get(metric, metric)} {tissue} {name.replace('BA', 'BA ')}", fontsize=8.0)
    first = points.iloc[0]
    said = f"$\\beta$ = {first['beta']:.2f}\n$p_{{FDR}}$ {_p(first['p_fdr'])}\nadj. $R^2$ = {first['adj_r2']:.2f}"
    ax.text(0.03, 0.97, said, transform=ax.transAxes, va="top", fontsize=7.0)
    # The upper fifth is for the numbers.
    low, high = ax.get_ylim()
    ax.set_ylim(low, max(high, low + (y.max() - low) * 1.35))
    ax.set_xlabel("Z-score")


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def _draw_map(part: Any, hits: pd.DataFrame, areas: NDArray[np.int16] | None) -> None:
    if hits.empty:
        part.text(
            0.5, 0.5, "no region is associated with EDSS\nbelow: those with the lowest p", ha="center", va="center"
        )
        return
    top = float(hits["beta"].abs().max())
    norm, cmap = Normalize(-top, top), diverging()
    kinds = list(dict.fromkeys(zip(hits["metric"], hits["tissue"])))
    views = [(m, t, v) for m, t in kinds for v in (("left", "above") if t == "WM" else ("lateral", "medial"))]
    views = [one for one in views if one[1] == "WM" or areas is not None][:6]
    if not views:
        part.text(0.5, 0.5, "the atlas is not installed: no map of the areas", ha="center", va="center")
        return
    grid = part.add_gridspec(1, len(views))
    for place, (metric, tissue, view) in zip(grid, views):
        mine = hits[(hits["metric"] == metric) & (hits["tissue"] == tissue)]
        ax = brain_axes(part, place, view)
        paint(ax, dict(zip(mine["region"], mine["beta"])), areas, norm, cmap, view=view)
        ax.set_title(f"{METRIC_TITLES.get(metric, metric)} {tissue}, {view}", fontsize=7.5)
    bar = part.colorbar(ScalarMappable(norm, cmap), ax=part.axes, shrink=0.7, aspect=14)
    bar.set_label("$\\beta$ (EDSS per Z)")
