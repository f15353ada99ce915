"""How well the participant level recovers a simulated truth."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from harmoniq.data.names import METRICS, TISSUES
from harmoniq.report.style import (
    METRIC_TITLES,
    PAGE_WIDTH,
    TISSUE_STYLES,
    TISSUE_TITLES,
    in_order,
    metric_label,
    panel_letters,
    styled,
)


def recovery_summary(recovery: pd.DataFrame) -> pd.DataFrame:
    """Summarize recovered against true values.

    Parameters
    ----------
    recovery : pandas.DataFrame
        ``participant_id metric tissue region true recovered``, in 1/s; rows without one of them are left out.

    Returns
    -------
    pandas.DataFrame
        Per metric and tissue: ``n`` values, ``n_participants``, ``n_regions``, ``r`` (Pearson, over all values),
        ``r_participants`` (median over participants of the correlation over regions), ``slope`` of recovered on true,
        ``bias_percent`` (median), and the median, 90th percentile and maximum of the absolute error in percent.
    """
    parts = []
    for metric in in_order(recovery["metric"], METRICS):
        for tissue in in_order(recovery["tissue"], TISSUES):
            rows = recovery[(recovery["metric"] == metric) & (recovery["tissue"] == tissue)]
            rows = rows.dropna(subset=["true", "recovered"])
            if not rows.empty:
                parts.append({"metric": metric, "tissue": tissue, **_measures(rows)})
    return pd.DataFrame(parts)


def _measures(rows: pd.DataFrame) -> dict[str, float]:
    true, recovered = rows["true"].to_numpy(dtype=float), rows["recovered"].to_numpy(dtype=float)
    error = 100.0 * (recovered - true) / true
    per_participant = [
        _pearson(part["true"].to_numpy(dtype=float), part["recovered"].to_numpy(dtype=float))
        for _, part in rows.groupby("participant_id")
    ]
    finite = [r for r in per_participant if np.isfinite(r)]
    varies = true.size > 1 and np.ptp(true) > 0
    return {
        "n": len(rows),
        "n_participants": rows["participant_id"].nunique(),
        "n_regions": rows["region"].nunique(),
        "r": _pearson(true, recovered),
        "r_participants": float(np.median(finite)) if finite else np.nan,
        "slope": float(np.polyfit(true, recovered, 1)[0]) if varies else np.nan,
        "bias_percent": float(np.median(error)),
        "median_abs_error_percent": float(np.median(np.abs(error))),
        "p90_abs_error_percent": float(np.quantile(np.abs(error), 0.9)),
        "max_abs_error_percent": float(np.abs(error).max()),
    }


def _pearson(x: np.ndarray, y: np.ndarray) -> float:
    if x.size < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan
    return float(np.corrcoef(x, y)[0, 1])


@styled
def figure_recovery(recovery: pd.DataFrame, summary: pd.DataFrame) -> Figure:
    """Draw recovered against true values with the identity line, one panel per metric and tissue.

    Parameters
    ----------
    recovery : pandas.DataFrame
        ``participant_id metric tissue region true recovered``.
    summary : pandas.DataFrame
        From `recovery_summary`; its r and median absolute error stand in the panels.

    Returns
    -------
    matplotlib.figure.Figure
        Metrics in rows, tissues in columns.
    """
    metrics, tissues = in_order(summary["metric"], METRICS), in_order(summary["tissue"], TISSUES)
    figure = Figure(figsize=(PAGE_WIDTH, 2.55 * len(metrics)), layout="constrained")
    grid = figure.subplots(len(metrics), len(tissues), squeeze=False)
    for i, metric in enumerate(metrics):
        for j, tissue in enumerate(tissues):
            rows = recovery[(recovery["metric"] == metric) & (recovery["tissue"] == tissue)]
            measured = summary[(summary["metric"] == metric) & (summary["tissue"] == tissue)]
            if measured.empty:
                grid[i, j].set_axis_off()
                continue
            _draw_panel(grid[i, j], rows, measured.iloc[0], tissue)
            grid[i, j].set_title(
                f"{METRIC_TITLES.get(metric, metric)}, {TISSUE_TITLES.get(tissue, tissue)}", fontsize=7.5
            )
            grid[i, j].set(xlabel=f"true {metric_label(metric)}", ylabel=f"recovered {metric_label(metric)}")
    panel_letters(grid.ravel())
    return figure


def _draw_panel(ax: Any, rows: pd.DataFrame, measured: pd.Series, tissue: str) -> None:
    color, marker = TISSUE_STYLES.get(tissue, ("#000000", "o"))
    both = rows[["true", "recovered"]].to_numpy(dtype=float)
    low, high = np.nanmin(both), np.nanmax(both)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    limits = (low - margin, high + margin)
    ax.plot(limits, limits, color="#666666", linewidth=0.9, linestyle="--", zorder=1)
    ax.scatter(both[:, 0], both[:, 1], s=7, c=color, marker=marker, alpha=0.45, linewidths=0, zorder=2)
    ax.set(xlim=limits, aspect="equal")
    ax.set_yticks(ax.get_xticks())
    ax.set(xlim=limits, ylim=limits)
    error = f"median |error| {measured['median_abs_error_percent']:.1f} %"
    text = f"r = {measured['r']:.3f}\n{error}\nn = {int(measured['n'])}"
    ax.text(0.04, 0.97, text, transform=ax.transAxes, va="top", fontsize=7.0)
