"""The scorecard at a glance: published figures against those computed here."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harmoniq.report.style import METRIC_TITLES, PAGE_WIDTH, TISSUE_SHORT, TISSUE_STYLES, styled

#: Title of a panel to the quantities in it.
_PANELS: Final = {
    "share between sites (ICC, $\\eta^2$)": ("icc_unadjusted_mean", "icc_adjusted_mean", "eta2_mean"),
    "peak age (years)": ("peak_age_mean",),
    "decrease of the RMSE (%)": ("rmse_decrease_mean",),
    "regions that differ": ("significant_regions",),
    "Cohen's d": ("cohens_d_median", "cohens_d_largest"),
    "lowest mean Z-score": ("zscore_lowest_region",),
}


def scorecard_points(card: pd.DataFrame) -> pd.DataFrame:
    """Choose the figures that have a number on both sides.

    Parameters
    ----------
    card : DataFrame
        As ``scorecard.tsv``.

    Returns
    -------
    DataFrame
        ``panel quantity metric tissue data paper here``.
    """
    panel = {quantity: title for title, quantities in _PANELS.items() for quantity in quantities}
    points = card.assign(panel=card["quantity"].map(panel), paper=pd.to_numeric(card["paper"], errors="coerce"))
    columns = ["panel", "quantity", "metric", "tissue", "data", "paper", "here"]
    return points.dropna(subset=["panel", "paper", "here"])[columns].reset_index(drop=True)


@styled
def figure_scorecard(points: pd.DataFrame) -> Figure:
    """Draw the published figures against those computed here, with the line on which they are equal.

    Parameters
    ----------
    points : pandas.DataFrame
        From `scorecard_points`.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    panels = [title for title in _PANELS if title in set(points["panel"])]
    rows = max(-(-len(panels) // 3), 1)
    figure = Figure(figsize=(PAGE_WIDTH, 2.3 * rows + 0.4), layout="constrained")
    grid = figure.subplots(rows, 3, squeeze=False)
    for ax, title in zip(grid.ravel(), panels):
        _draw(ax, points[points["panel"] == title], title)
    for ax in grid.ravel()[len(panels) :]:
        ax.set_visible(False)
    for ax in grid[:, 0]:
        ax.set_ylabel("here")
    for k, ax in enumerate(grid.ravel()[: len(panels)]):
        if k + 3 >= len(panels):
            ax.set_xlabel("published")
    handles = [
        Line2D([], [], color=color, marker=marker, linestyle="", markersize=5, label=TISSUE_SHORT[tissue])
        for tissue, (color, marker) in TISSUE_STYLES.items()
    ]
    handles += [Line2D([], [], color="#555555", marker="D", linestyle="", markersize=4, label="all tissues")]
    for metric, face in (("R1", "#555555"), ("R2star", "white")):
        handles.append(Line2D([], [], color="#555555", marker="o", linestyle="", markersize=5, markerfacecolor=face,
                              label=METRIC_TITLES[metric]))  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _draw(ax: Any, part: pd.DataFrame, title: str) -> None:
    both = part[["paper", "here"]].to_numpy(dtype=float)
    low, high = both.min(), both.max()
    margin = 0.07 * (high - low) or 1.0
    limits = np.array([low - margin, high + margin])
    ax.plot(limits, limits, color="#666666", linewidth=0.8, linestyle=":", zorder=0)
    for row in part.itertuples(index=False):
        color, marker = TISSUE_STYLES.get(str(row.tissue), ("#555555", "D"))
        face = color if row.metric == "R1" else "white"
        ax.plot(row.paper, row.here, marker=marker, color=color, markerfacecolor=face, markersize=4.5, linestyle="",
                markeredgewidth=0.9, alpha=0.85)  # fmt: skip
    ax.set(xlim=limits, ylim=limits, aspect="equal")
    ax.set_title(title, fontsize=8.0)
