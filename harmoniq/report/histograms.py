"""How a participant's R1 and R2* are distributed in each tissue, on scales that are the same for everybody."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from harmoniq.data.names import METRICS
from harmoniq.report.map_colors import SCALES
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

BINS: Final = 100
_LINES: Final = {"cGM": "-", "sWM": "--", "WM": ":"}


@styled
def figure_tissue_histograms(samples: Mapping[str, Mapping[str, NDArray]]) -> Figure:
    """Draw the distribution of each tissue, a panel per metric.

    Parameters
    ----------
    samples : mapping
        Metric to tissue to values in 1/s (`harmoniq.report.samples.read_samples`).

    Returns
    -------
    matplotlib.figure.Figure
        Each distribution has an area of 1; the legend says its median, quartiles, and the share beyond the scale.
    """
    metrics = in_order(samples, METRICS)
    figure = Figure(figsize=(PAGE_WIDTH, 2.9), layout="constrained")
    grid = figure.subplots(1, len(metrics), squeeze=False)[0]
    for ax, metric in zip(grid, metrics):
        for tissue in in_order(samples[metric], tuple(TISSUE_STYLES)):
            _draw_distribution(ax, samples[metric][tissue], tissue, SCALES[metric].top)
        ax.set(xlim=(0, SCALES[metric].top), xlabel=metric_label(metric), title=METRIC_TITLES.get(metric, metric))
        ax.set_ylim(bottom=0)
        ax.set_yticks([])
        ax.set_ylabel("density")
        ax.legend(loc="upper left", fontsize=6.8, handlelength=1.8, borderpad=0)
        # Room for the legend above the distributions.
        ax.set_ylim(top=1.55 * ax.dataLim.ymax)
    panel_letters(grid)
    return figure


def _draw_distribution(ax: Any, values: NDArray, tissue: str, top: float) -> None:
    color = TISSUE_STYLES.get(tissue, ("#000000", ""))[0]
    counts, edges = np.histogram(values, bins=BINS, range=(0.0, top))
    density = counts / (values.size * (edges[1] - edges[0]))
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    digits = 2 if top < 10 else 1
    beyond = float(np.mean(values > top))
    tail = f", {100 * beyond:.1f} % above" if beyond > 0.0005 else ""
    name = TISSUE_TITLES.get(tissue, tissue)
    ax.stairs(
        density, edges, color=color, linestyle=_LINES.get(tissue, "-"), linewidth=1.3,
        label=f"{name}: {middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f}){tail}",
    )  # fmt: skip
    ax.stairs(density, edges, color=color, alpha=0.15, fill=True)
