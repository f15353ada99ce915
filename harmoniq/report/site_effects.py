"""Site effects before and after harmonization: ICC and eta² over the regions."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from harmoniq.data.names import METRICS, TISSUES
from harmoniq.data.tables import flags
from harmoniq.report.style import (
    METHOD_COLORS,
    METHOD_TITLES,
    METRIC_TITLES,
    PAGE_WIDTH,
    TISSUE_SHORT,
    in_order,
    panel_letters,
    styled,
)

_MEASURES: Final = (
    ("icc_unadjusted", "ICC, unadjusted"),
    ("icc_adjusted", "ICC, adjusted"),
    ("eta2", "$\\eta^2$ of site"),
)


@styled
def figure_site_effects(site_effects: pd.DataFrame) -> Figure:
    """Draw ICC and eta² of every region, per tissue and method.

    Parameters
    ----------
    site_effects : pandas.DataFrame
        ``metric tissue region data icc_unadjusted icc_adjusted eta2``.

    Returns
    -------
    matplotlib.figure.Figure
        Measures in rows, metrics in columns; boxes span the quartiles, each point is a region.
    """
    metrics = in_order(site_effects["metric"], METRICS)
    methods = in_order(site_effects["data"], tuple(METHOD_TITLES))
    measures = [(name, title) for name, title in _MEASURES if name in site_effects]
    figure = Figure(figsize=(PAGE_WIDTH, 1.95 * len(measures) + 0.5), layout="constrained")
    grid = figure.subplots(len(measures), len(metrics), squeeze=False, sharey="row")
    rng = np.random.default_rng(0)
    for i, (measure, title) in enumerate(measures):
        for j, metric in enumerate(metrics):
            rows = site_effects[site_effects["metric"] == metric]
            tissues = in_order(rows["tissue"], TISSUES)
            for k, tissue in enumerate(tissues):
                _draw_tissue(grid[i, j], rows[rows["tissue"] == tissue], measure, methods, k, rng)
            grid[i, j].set_xticks(range(len(tissues)), [TISSUE_SHORT.get(t, t) for t in tissues])
            grid[i, j].tick_params(axis="x", length=0)
            grid[i, j].set_title(METRIC_TITLES.get(metric, metric))
            grid[i, j].grid(axis="y", color="#DDDDDD", linewidth=0.5)
            grid[i, j].set_axisbelow(True)
        grid[i, 0].set_ylabel(title)
        grid[i, 0].set_ylim(bottom=-0.02)
    panel_letters(grid.ravel())
    handles = [
        Patch(facecolor=_color(m), alpha=0.6, edgecolor=_color(m), label=METHOD_TITLES.get(m, m)) for m in methods
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _draw_tissue(
    ax: Any, rows: pd.DataFrame, measure: str, methods: list[str], place: int, rng: np.random.Generator
) -> None:
    step = 0.8 / max(len(methods), 1)
    for m, method in enumerate(methods):
        values = rows.loc[rows["data"] == method, measure].to_numpy(dtype=float)
        values = values[np.isfinite(values)]
        if values.size == 0:
            continue
        x = place + (m - (len(methods) - 1) / 2) * step
        ax.boxplot(
            values, positions=[x], widths=0.75 * step, showfliers=False, patch_artist=True, manage_ticks=False,
            boxprops={"facecolor": _color(method), "alpha": 0.35, "linewidth": 0.7},
            medianprops={"color": "black", "linewidth": 1.3},
            whiskerprops={"linewidth": 0.7}, capprops={"linewidth": 0.7},
        )  # fmt: skip
        jitter = rng.uniform(-0.25, 0.25, values.size) * step
        ax.scatter(x + jitter, values, s=5, c=_color(method), alpha=0.8, linewidths=0, zorder=3)


def _color(method: str) -> str:
    return METHOD_COLORS.get(method, "#000000")


def site_effect_summary(site_effects: pd.DataFrame) -> pd.DataFrame:
    """Return mean and standard deviation over the regions, per metric, tissue and data.

    Parameters
    ----------
    site_effects : DataFrame
        Table of the site effects.

    Returns
    -------
    pandas.DataFrame
        ``metric tissue data n_regions`` and ``<measure>_mean <measure>_sd`` of both ICC and eta², and ``singular``,
        the number of regions whose adjusted fit ended at zero.
    """
    parts = []
    for (metric, tissue, data), rows in site_effects.groupby(["metric", "tissue", "data"], sort=False):
        row: dict[str, object] = {"metric": metric, "tissue": tissue, "data": data, "n_regions": len(rows)}
        for measure, _ in _MEASURES:
            if measure in rows:
                row[f"{measure}_mean"], row[f"{measure}_sd"] = rows[measure].mean(), rows[measure].std()
        if "singular_adjusted" in rows:
            row["singular"] = int(flags(rows["singular_adjusted"]).sum())
        parts.append(row)
    return pd.DataFrame(parts)
