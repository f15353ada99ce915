"""Figure 3 of the paper: peak ages under one method against those under another."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harmoniq.data.names import METRICS, TISSUES
from harmoniq.data.tables import flags
from harmoniq.report.style import (
    METHOD_TITLES,
    METRIC_TITLES,
    PAGE_WIDTH,
    TISSUE_SHORT,
    TISSUE_STYLES,
    in_order,
    styled,
)


def peak_pairs(age_models: pd.DataFrame) -> pd.DataFrame:
    """Pair each region's peak ages between methods.

    Parameters
    ----------
    age_models : pandas.DataFrame
        ``metric tissue region data peak_age kept``.

    Returns
    -------
    pandas.DataFrame
        ``metric tissue region data_x data_y peak_x peak_y``, regions that are kept and have a peak under both;
        raw against every method, and the two most flexible methods against each other.
    """
    kept = flags(age_models["kept"])
    good = age_models[kept & age_models["peak_age"].notna()]
    methods = in_order(good["data"], tuple(METHOD_TITLES))
    wanted = [pair for pair in combinations(methods, 2) if pair[0] == "raw" or pair == tuple(methods[-2:])]
    keys = ["metric", "tissue", "region"]
    parts = []
    for x, y in wanted:
        left = good.loc[good["data"] == x, [*keys, "peak_age"]].rename(columns={"peak_age": "peak_x"})
        right = good.loc[good["data"] == y, [*keys, "peak_age"]].rename(columns={"peak_age": "peak_y"})
        parts.append(left.merge(right, on=keys).assign(data_x=x, data_y=y))
    columns = [*keys, "data_x", "data_y", "peak_x", "peak_y"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


@styled
def figure_peak_ages(pairs: pd.DataFrame, correlation: pd.DataFrame | None = None) -> Figure:
    """Draw peak ages against each other with least-squares lines and 95 % bands (Chen et al. 2026, figure 3).

    Parameters
    ----------
    pairs : pandas.DataFrame
        From `peak_pairs`.
    correlation : pandas.DataFrame, optional
        ``metric tissue data_x data_y n rho p``; its rho stands in the panels.

    Returns
    -------
    matplotlib.figure.Figure
        Metrics in rows, pairs of methods in columns.
    """
    metrics = in_order(pairs["metric"], METRICS)
    couples = list(dict.fromkeys(zip(pairs["data_x"], pairs["data_y"])))
    rows, columns = max(len(metrics), 1), max(len(couples), 1)
    figure = Figure(figsize=(PAGE_WIDTH, min(2.6, PAGE_WIDTH / columns) * rows + 0.6), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for i, metric in enumerate(metrics):
        of_metric = pairs[pairs["metric"] == metric]
        limits = _limits(of_metric[["peak_x", "peak_y"]].to_numpy(dtype=float))
        for j, (x, y) in enumerate(couples):
            part = of_metric[(of_metric["data_x"] == x) & (of_metric["data_y"] == y)]
            notes = _draw_panel(grid[i, j], part, limits, correlation)
            grid[i, j].set_title(f"{METRIC_TITLES.get(metric, metric)} peak age (years)", fontsize=8.0)
            _finish(grid[i, j], x, y, limits, notes)
    handles = [
        Line2D([], [], color=c, marker=m, markersize=5, label=TISSUE_SHORT[t]) for t, (c, m) in TISSUE_STYLES.items()
    ]
    handles.append(Line2D([], [], color="#666666", linewidth=0.8, linestyle=":", label="identity"))
    figure.legend(handles=handles, loc="outside upper center", ncols=4)
    return figure


def least_squares_band(x: np.ndarray, y: np.ndarray, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the least-squares line at `grid` and the half width of its pointwise 95 % confidence band.

    The band is t(0.975, n - 2) s sqrt(1/n + (x0 - mean)² / Sxx).

    Parameters
    ----------
    x : numpy.ndarray, shape (n,)
        On the horizontal axis; at least three, not all equal.
    y : numpy.ndarray, shape (n,)
        On the vertical axis.
    grid : numpy.ndarray, shape (m,)
        Where on the horizontal axis the line is wanted.

    Returns
    -------
    numpy.ndarray, shape (m,)
        The line.
    numpy.ndarray, shape (m,)
        The half width.
    """
    from scipy.special import stdtrit

    n = x.size
    slope, intercept = np.polyfit(x, y, 1)
    residual = y - (intercept + slope * x)
    spread = np.sum((x - x.mean()) ** 2)
    sigma = np.sqrt(np.sum(residual**2) / (n - 2))
    half = stdtrit(n - 2, 0.975) * sigma * np.sqrt(1 / n + (grid - x.mean()) ** 2 / spread)
    return intercept + slope * grid, half


def _draw_panel(
    ax: Any, part: pd.DataFrame, limits: tuple[float, float], correlation: pd.DataFrame | None
) -> list[tuple[str, str]]:
    ax.plot(limits, limits, color="#666666", linewidth=0.8, linestyle=":", zorder=0)
    notes = []
    for tissue in in_order(part["tissue"], TISSUES):
        color, marker = TISSUE_STYLES.get(tissue, ("#000000", "o"))
        points = part[part["tissue"] == tissue]
        x, y = points["peak_x"].to_numpy(dtype=float), points["peak_y"].to_numpy(dtype=float)
        ax.scatter(x, y, s=11, c=color, marker=marker, alpha=0.65, linewidths=0)
        if x.size > 3 and np.ptp(x) > 0:
            grid = np.linspace(x.min(), x.max(), 50)
            line, half = least_squares_band(x, y, grid)
            ax.fill_between(grid, line - half, line + half, color=color, alpha=0.18, linewidth=0)
            ax.plot(grid, line, color=color)
        rho = _rho(correlation, points)
        if rho is not None:
            notes.append((f"{tissue} $\\rho$ = {rho:.2f}", color))
    return notes


def _rho(correlation: pd.DataFrame | None, points: pd.DataFrame) -> float | None:
    if correlation is None or points.empty:
        return None
    keys: Sequence[str] = ("metric", "tissue", "data_x", "data_y")
    match = correlation
    for key in keys:
        match = match[match[key] == points[key].iloc[0]]
    return None if match.empty or pd.isna(match["rho"].iloc[0]) else float(match["rho"].iloc[0])


def _finish(ax: Any, x: str, y: str, limits: tuple[float, float], notes: list[tuple[str, str]]) -> None:
    ax.set(xlim=limits, ylim=limits, aspect="equal")
    ax.set_xlabel(METHOD_TITLES.get(x, x))
    ax.set_ylabel(METHOD_TITLES.get(y, y))
    for k, (text, color) in enumerate(notes):
        ax.text(0.03, 0.98 - 0.085 * k, text, transform=ax.transAxes, color=color, fontsize=7.0, va="top")


def _limits(values: np.ndarray) -> tuple[float, float]:
    if not np.isfinite(values).any():
        return 0.0, 100.0
    low, high = np.nanmin(values), np.nanmax(values)
    margin = 0.06 * (high - low) + 1.0
    return float(low - margin), float(high + margin)
