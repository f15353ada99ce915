"""Figure 1 and S1 of the paper: the first two principal components, by site."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from harmoniq.data.names import METRICS, TISSUES
from harmoniq.report.style import (
    METRIC_TITLES,
    PAGE_WIDTH,
    TISSUE_TITLES,
    SiteStyle,
    in_order,
    panel_letters,
    site_styles,
    styled,
)

#: 95 % quantile of chi² with two degrees of freedom, -2 ln(0.05).
_CHI2_95 = -2.0 * np.log(0.05)


@styled
def figure_pca(
    pca: pd.DataFrame, summary: pd.DataFrame | None = None, *, data: str = "raw", sites: Sequence[str] | None = None
) -> Figure:
    """Draw PC1 against PC2 by site, one panel per metric and tissue (Chen et al. 2026, figure 1).

    Parameters
    ----------
    pca : pandas.DataFrame
        ``metric tissue data participant_id site PC1 PC2``.
    summary : pandas.DataFrame, optional
        ``metric tissue data variance_PC1 variance_PC2 eta2_PC1 eta2_PC2``; shares between 0 and 1.
    data : str
        Which rows: raw or a method.
    sites : sequence of str, optional
        All sites of the study, so that colors agree between figures.

    Returns
    -------
    matplotlib.figure.Figure
        Tissues in rows, metrics in columns; ellipses hold 95 % of a normal distribution with the site's covariance.
    """
    part = pca[pca["data"] == data]
    metrics, tissues = in_order(part["metric"], METRICS), in_order(part["tissue"], TISSUES)
    styles = site_styles(sites if sites is not None else pca["site"])
    figure = Figure(figsize=(PAGE_WIDTH, 2.35 * len(tissues) + 0.4), layout="constrained")
    grid = figure.subplots(len(tissues), len(metrics), squeeze=False)
    for i, tissue in enumerate(tissues):
        for j, metric in enumerate(metrics):
            rows = part[(part["metric"] == metric) & (part["tissue"] == tissue)]
            _draw_panel(grid[i, j], rows, styles)
            grid[i, j].set_title(f"{METRIC_TITLES.get(metric, metric)}, {TISSUE_TITLES.get(tissue, tissue)}")
            _annotate(grid[i, j], _summary_row(summary, metric, tissue, data))
    panel_letters(grid.ravel())
    _legend(figure, part["site"], styles)
    return figure


def _draw_panel(ax: Any, rows: pd.DataFrame, styles: dict[str, SiteStyle]) -> None:
    if rows.empty:
        ax.text(0.5, 0.5, "not measured", ha="center", va="center", transform=ax.transAxes)
        ax.set_axis_off()
        return
    for site, members in rows.groupby("site"):
        points = members[["PC1", "PC2"]].to_numpy(dtype=float)
        color, marker = styles[str(site)]
        ax.scatter(*points.T, s=7, c=color, marker=marker, alpha=0.55, linewidths=0)
        if len(points) > 2:
            ax.add_patch(covariance_ellipse(points, edgecolor=color, facecolor="none", linewidth=1.3, zorder=3))
    ax.autoscale_view()
    ax.margins(0.06)


def covariance_ellipse(points: np.ndarray, **style: Any) -> Ellipse:
    """Return the ellipse that holds 95 % of a bivariate normal distribution with the mean and covariance of `points`.

    Parameters
    ----------
    points : numpy.ndarray, shape (n, 2)
        At least three.
    **style
        For `matplotlib.patches.Ellipse`.

    Returns
    -------
    Ellipse
        Half axes sqrt(5.99 λ), λ the eigenvalues: 5.99 is the 95 % quantile of χ² with two degrees of freedom.
    """
    variances, axes = np.linalg.eigh(np.cov(points, rowvar=False))
    minor, major = 2.0 * np.sqrt(np.clip(variances, 0, None) * _CHI2_95)
    angle = np.degrees(np.arctan2(axes[1, 1], axes[0, 1]))
    return Ellipse(tuple(points.mean(axis=0)), major, minor, angle=angle, **style)


def _summary_row(summary: pd.DataFrame | None, metric: str, tissue: str, data: str) -> pd.Series | None:
    if summary is None:
        return None
    row = summary[(summary["metric"] == metric) & (summary["tissue"] == tissue) & (summary["data"] == data)]
    return None if row.empty else row.iloc[0]


def _annotate(ax: Any, row: pd.Series | None) -> None:
    for k, set_label in ((1, ax.set_xlabel), (2, ax.set_ylabel)):
        # Beside the axis rather than in the panel: there it would hide participants.
        known = row is not None and np.isfinite(row[f"eta2_PC{k}"])
        eta2 = f", site $\\eta^2$ {row[f'eta2_PC{k}']:.2f}" if row is not None and known else ""
        share = f" ({100 * float(row[f'variance_PC{k}']):.0f} %)" if row is not None else ""
        set_label(f"PC{k}{share}{eta2}")


def _legend(figure: Figure, sites: pd.Series, styles: dict[str, SiteStyle]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=styles[s].color, marker=styles[s].marker, markersize=5, label=s)
        for s in sorted(set(sites))
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 7))
