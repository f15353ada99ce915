"""Cohen's d of every region in the three comparisons of the paper's table 3."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harmoniq.data.names import BRODMANN_AREAS, BUNDLES, METRICS, TISSUES
from harmoniq.report.style import (
    COMPARISON_STYLES,
    METRIC_TITLES,
    PAGE_WIDTH,
    TISSUE_TITLES,
    in_order,
    panel_letters,
    styled,
)


@styled
def figure_group_differences(differences: pd.DataFrame, *, alpha: float = 0.05) -> Figure:
    """Draw d with its 95 % interval per region, one panel per metric and tissue.

    Parameters
    ----------
    differences : pandas.DataFrame
        ``metric tissue region comparison d ci_low ci_high p_fdr``.
    alpha : float
        Points with ``p_fdr`` below it are filled.

    Returns
    -------
    matplotlib.figure.Figure
        Positive d: higher in controls.
    """
    panels = [
        (metric, tissue, differences[(differences["metric"] == metric) & (differences["tissue"] == tissue)])
        for metric in in_order(differences["metric"], METRICS)
        for tissue in in_order(differences["tissue"], TISSUES)
    ]
    panels = [panel for panel in panels if not panel[2].empty]
    figure = Figure(figsize=(PAGE_WIDTH, 1.75 * max(len(panels), 1) + 0.5), layout="constrained")
    grid = figure.subplots(max(len(panels), 1), 1, squeeze=False)[:, 0]
    for ax, (metric, tissue, rows) in zip(grid, panels):
        _draw_panel(ax, rows, alpha)
        ax.set_title(f"{METRIC_TITLES.get(metric, metric)}, {TISSUE_TITLES.get(tissue, tissue)}")
    panel_letters(grid)
    handles = [
        Line2D([], [], color=color, marker=marker, markersize=4.5, linewidth=0.9, label=title)
        for name, (color, marker, title) in COMPARISON_STYLES.items()
        if name in set(differences["comparison"])
    ]
    handles.append(Line2D([], [], color="#666666", marker="o", markersize=4.5, linestyle="none",
                          markerfacecolor="white", label="open: not significant"))  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=4)
    return figure


def _draw_panel(ax: Any, rows: pd.DataFrame, alpha: float) -> None:
    regions = in_order(rows["region"], (*BRODMANN_AREAS, *BUNDLES))
    place = {region: i for i, region in enumerate(regions)}
    comparisons = in_order(rows["comparison"], tuple(COMPARISON_STYLES))
    for i in range(0, len(regions), 2):
        ax.axvspan(i - 0.5, i + 0.5, color="#F2F2F2", linewidth=0, zorder=0)
    ax.axhline(0, color="#666666", linewidth=0.8, zorder=1)
    for k, comparison in enumerate(comparisons):
        color, marker, _ = COMPARISON_STYLES.get(comparison, ("#CC79A7", "D", comparison))
        part = rows[rows["comparison"] == comparison]
        x = part["region"].map(place).to_numpy(dtype=float) + (k - (len(comparisons) - 1) / 2) * 0.27
        d = part["d"].to_numpy(dtype=float)
        if {"ci_low", "ci_high"} <= set(part.columns):
            ax.vlines(x, part["ci_low"], part["ci_high"], color=color, linewidth=0.8, alpha=0.8, zorder=2)
        significant = part["p_fdr"].to_numpy(dtype=float) < alpha
        face = np.where(significant, color, "white")
        ax.scatter(x, d, s=11, marker=marker, c=face, edgecolors=color, linewidths=0.8, zorder=3)
    ax.set_xlim(-0.6, len(regions) - 0.4)
    ax.set_xticks(range(len(regions)), [name.removeprefix("BA").replace("_", " ") for name in regions])
    crowded = len(regions) > 12 and not regions[0].startswith("BA")
    ax.tick_params(axis="x", length=0, rotation=45 if crowded else 0)
    ax.set_xlabel("Brodmann area" if regions and regions[0].startswith("BA") else "")
    ax.set_ylabel("Cohen's $d$")
