"""Figure 2 of the paper: distributions and age curves of example regions, per site and method."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from harmoniq.report.style import (
    METHOD_TITLES,
    METRIC_TITLES,
    PAGE_WIDTH,
    SiteStyle,
    in_order,
    metric_label,
    records,
    site_styles,
    styled,
)

_ROW_KEYS = ["metric", "tissue", "region"]


@styled
def figure_distributions(values: pd.DataFrame, *, sites: Sequence[str] | None = None) -> Figure:
    """Draw the distribution of each example region per site, one column per method (Chen et al. 2026, figure 2a, b).

    Parameters
    ----------
    values : pandas.DataFrame
        From `harmoniq.report.examples.example_values`.
    sites : sequence of str, optional
        All sites of the study, so that colors agree between figures.

    Returns
    -------
    matplotlib.figure.Figure
        Kernel density estimates with Scott's bandwidth; each site integrates to one.
    """

    def draw(ax: Any, rows: pd.DataFrame, styles: dict[str, SiteStyle], limits: tuple[float, float]) -> None:
        grid = np.linspace(*limits, 200)
        for site, members in rows.groupby("site"):
            density = kernel_density(members["value"].to_numpy(dtype=float), grid)
            if density is not None:
                color = styles[str(site)].color
                ax.fill_between(grid, density, color=color, alpha=0.22, linewidth=0)
                ax.plot(grid, density, color=color)
        ax.set_xlim(*limits)
        ax.set_ylim(bottom=0)
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)

    figure, rows = _method_grid(values, draw, sites, line=True)
    last = {row.metric: row for row in rows}
    for row in last.values():
        for ax in row.axes:
            ax.set_xlabel(metric_label(row.metric))
    return figure


@styled
def figure_age_curves(values: pd.DataFrame, curves: pd.DataFrame, *, sites: Sequence[str] | None = None) -> Figure:
    """Draw each site's quadratic age curve over its points, one column per method (Chen et al. 2026, figure 2c, d).

    Parameters
    ----------
    values, curves : pandas.DataFrame
        From `harmoniq.report.examples`: `example_values` and `example_curves`.
    sites : sequence of str, optional
        All sites of the study, so that colors agree between figures.

    Returns
    -------
    matplotlib.figure.Figure
        Curves span the ages of their site, midway between the sexes.
    """

    def draw(ax: Any, rows: pd.DataFrame, styles: dict[str, SiteStyle], limits: tuple[float, float]) -> None:
        for site, members in rows.groupby("site"):
            color, marker = styles[str(site)]
            # Thousands of markers would make a heavy SVG: they alone are embedded as pixels.
            ax.scatter(
                members["age"], members["value"], s=5, c=color, marker=marker, alpha=0.3, linewidths=0, rasterized=True
            )
        first = rows.iloc[0]
        same = (curves[[*_ROW_KEYS, "data"]] == first[[*_ROW_KEYS, "data"]].to_numpy()).all(axis=1)
        for curve in records(curves[same]):
            age = np.linspace(curve.age_low, curve.age_high, 60)
            fitted = curve.b0 + curve.b_age * age + curve.b_age2 * age**2
            ax.plot(age, fitted, color="white", linewidth=3.0)
            ax.plot(age, fitted, color=styles[str(curve.site)].color, linewidth=1.7)
        ax.set_ylim(*limits)

    figure, rows = _method_grid(values, draw, sites, line=False)
    for row in rows:
        for ax in row.axes[1:]:
            ax.tick_params(labelleft=False)
        row.axes[0].set_ylabel(f"{row.title}\n{metric_label(row.metric)}")
    for ax in rows[-1].axes if rows else ():
        ax.set_xlabel("Age (years)")
    return figure


def kernel_density(values: np.ndarray, grid: np.ndarray) -> np.ndarray | None:
    """Return the Gaussian kernel density estimate at `grid`, with Scott's bandwidth sd n^(-1/5).

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
        Those that are not finite are left out.
    grid : numpy.ndarray, shape (m,)
        Where the density is wanted.

    Returns
    -------
    numpy.ndarray, shape (m,), or None
        Per unit of `values`; None for fewer than three values or where all are equal.
    """
    values = values[np.isfinite(values)]
    if values.size < 3 or np.ptp(values) == 0:
        return None
    width = values.std(ddof=1) * values.size ** (-0.2)
    kernels = np.exp(-0.5 * ((grid[:, None] - values[None, :]) / width) ** 2)
    return kernels.sum(axis=1) / (values.size * width * np.sqrt(2 * np.pi))


class _Row:
    """The panels of one region."""

    def __init__(self, metric: str, title: str, axes: Any) -> None:
        self.metric, self.title, self.axes = metric, title, axes


def _method_grid(
    values: pd.DataFrame, draw: Callable[..., None], sites: Sequence[str] | None, *, line: bool
) -> tuple[Figure, list[_Row]]:
    """Lay out regions in rows and methods in columns, and draw each panel within its row's limits."""
    methods = in_order(values["data"], tuple(METHOD_TITLES))
    regions: list[Any] = list(values.groupby(_ROW_KEYS, sort=False))
    styles = site_styles(sites if sites is not None else values["site"])
    layout = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03)
    figure = Figure(figsize=(PAGE_WIDTH, 1.42 * max(len(regions), 1) + 0.5), layout=layout)
    grid = figure.subplots(max(len(regions), 1), max(len(methods), 1), squeeze=False)
    found = []
    for i, ((metric, tissue, region), rows) in enumerate(regions):
        title = f"{METRIC_TITLES.get(metric, metric)} {tissue} {region.replace('_', ' ')}"
        limits = _limits(rows["value"])
        for j, method in enumerate(methods):
            part = rows[rows["data"] == method]
            if not part.empty:
                draw(grid[i, j], part, styles, limits)
            if i == 0:
                grid[i, j].set_title(METHOD_TITLES.get(method, method))
        grid[i, 0].set_ylabel(title)
        found.append(_Row(metric, title, grid[i]))
    figure.align_ylabels(grid[:, 0])
    handles = [
        Line2D([], [], color=styles[s].color, marker="none" if line else styles[s].marker, markersize=5, label=s)
        for s in sorted(set(values["site"]))
    ]
    if handles:
        figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 7))
    return figure, found


def _limits(values: pd.Series) -> tuple[float, float]:
    # The outermost half percent would squeeze everything else; the points beyond are few and named in the table.
    low, high = np.nanquantile(values, [0.0025, 0.9975])
    margin = 0.12 * (high - low) or 0.1 * abs(high) or 1.0
    return low - margin, high + margin
