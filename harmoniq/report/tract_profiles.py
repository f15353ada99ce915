"""Profiles along the bundles: one participant's, and groups' by diagnosis and by age."""

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from harmoniq.data.names import BUNDLES, METRIC_WORDS
from harmoniq.data.tables import flags
from harmoniq.report.clinical_figures import Drawn
from harmoniq.report.group_tables import GroupTables
from harmoniq.report.style import METRIC_TITLES, PAGE_WIDTH, styled

_COLUMNS: Final = 6
_COLOR: Final = {"R1": "#0072B2", "R2star": "#D55E00"}
_GROUP_STYLES: Final = (("#0072B2", "-"), ("#D55E00", "--"), ("#009E73", ":"), ("#CC79A7", "-."))
_COMPARISONS: Final = {
    "diagnosis": ("by diagnosis", "of all participants"),
    "age": ("by age", "of the controls, in thirds by age"),
}
_SHADE: Final = {"color": "0.92", "zorder": 0, "lw": 0}


@styled
def figure_profiles(table: pd.DataFrame, metric: str, title: str = "") -> Figure:
    """Draw a participant's profiles of one map, a panel per bundle, the central part shaded.

    Parameters
    ----------
    table : pandas.DataFrame
        ``bundle node value sd central n_streamlines`` of ``*_profiles.tsv``.
    metric : {'R1', 'R2star'}
        What the map holds.
    title : str
        Of the figure.

    Returns
    -------
    Figure
        The figure.
    """
    figure, panels = bundle_panels(list(dict.fromkeys(table["bundle"])), metric, title)
    for bundle, ax in panels.items():
        rows = table[table["bundle"] == bundle].sort_values("node")
        node, value, sd = (rows[name].to_numpy(float) for name in ("node", "value", "sd"))
        ax.fill_between(node, value - sd, value + sd, color=_COLOR[metric], alpha=0.25, lw=0)
        ax.plot(node, value, color=_COLOR[metric])
        shade_central(ax, rows)
        ax.set_title(f"{bundle} ({int(rows['n_streamlines'].iloc[0])})")
    share_scale(panels, table["value"])
    return figure


@styled
def figure_group_profiles(table: pd.DataFrame, title: str = "") -> Figure:
    """Draw the mean profile of each group of participants with its 95 % confidence interval.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of one metric and one comparison of ``tract_profiles.tsv``; the order of the levels is kept.
    title : str
        Of the figure.

    Returns
    -------
    Figure
        The figure.
    """
    levels, metric = list(dict.fromkeys(table["level"])), str(table["metric"].iloc[0])
    most = table.groupby("level")["n"].max()
    figure, panels = bundle_panels(list(dict.fromkeys(table["bundle"])), metric, title)
    for bundle, ax in panels.items():
        rows = table[table["bundle"] == bundle].sort_values("node")
        for number, level in enumerate(levels):
            one, (color, line) = rows[rows["level"] == level], _GROUP_STYLES[number % len(_GROUP_STYLES)]
            ax.fill_between(one["node"], one["ci_low"], one["ci_high"], color=color, alpha=0.2, lw=0)
            ax.plot(one["node"], one["mean"], color=color, ls=line, label=f"{level} (n = {most[level]})")
        shade_central(ax, rows)
        ax.set_title(bundle)
    share_scale(panels, table["mean"])
    legend_below(figure, panels, len(levels))
    return figure


def profile_figures(tables: GroupTables) -> list[Drawn]:
    """Draw the groups' profiles, a figure per metric and comparison, as far as there are any.

    Parameters
    ----------
    tables : GroupTables
        Tables of the group level, by name.

    Returns
    -------
    list of Drawn
        Empty without ``tract_profiles.tsv``.
    """
    table = tables.get("tract_profiles")
    if table is None:
        return []
    drawn = []
    for (metric, comparison), rows in table.groupby(["metric", "comparison"], sort=False):
        word, (by, who) = METRIC_WORDS[str(metric)], _COMPARISONS[str(comparison)]
        adjusted = sorted(set(rows["adjusted_for"]) - {"none"})
        said = f"adjusted for {_listed(adjusted[0].split(', '))}" if len(adjusted) == 1 else "not adjusted"
        counts = ", ".join(f"{level} {n}" for level, n in rows.groupby("level", sort=False)["n"].max().items())
        drawn.append(Drawn(
            f"tract_profiles_{metric}_{comparison}", figure_group_profiles(rows, f"{word} along the bundles {by}"),
            f"{word} along the bundles {by}",
            f"Means of the raw values {who}, {said}, with their 95 % confidence intervals, node by node. The shaded "
            "central part enters the regional value; at the ends streamlines fan out into cortex.",
            f"Profiles of {word} along {rows['bundle'].nunique()} bundles {by}, a panel each; participants: {counts}.",
            rows,
        ))  # fmt: skip
    return drawn


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def legend_below(figure: Figure, panels: dict[str, Any], columns: int) -> None:
    """Put one legend for all panels in the place of the axis' label, which it says too.

    Parameters
    ----------
    figure : Figure
        Of `bundle_panels`.
    panels : dict of str to object
        Of `bundle_panels`; the first has what the legend says.
    columns : int
        Entries in a row.
    """
    if not panels:
        return
    handles, labels = next(iter(panels.values())).get_legend_handles_labels()
    figure.supxlabel("")
    figure.legend(
        handles, labels, loc="outside lower center", ncol=columns, title="node along the bundle", title_fontsize=8,
        alignment="center",
    )  # fmt: skip


def bundle_panels(bundles: list[str], metric: str, title: str) -> tuple[Figure, dict[str, Any]]:
    """Make a figure with a panel per bundle, in the study's order.

    Parameters
    ----------
    bundles : list of str
        Names of those to show; others than the 18 are passed over.
    metric : str
        R1 or R2star.
    title : str
        Above the panels.

    Returns
    -------
    Figure
        Panels share both axes.
    dict of str to Axes
        Bundle to its panel.
    """
    names = [name for name in BUNDLES if name in bundles]
    rows = max(1, -(-len(names) // _COLUMNS))
    figure = Figure(figsize=(PAGE_WIDTH * 1.35, 1.35 * rows + 0.7), layout="constrained")
    grid = figure.subplots(rows, _COLUMNS, squeeze=False, sharex=True, sharey=True)
    for ax in grid.flat[len(names) :]:
        ax.set_visible(False)
    figure.suptitle(title, fontsize=9)
    figure.supxlabel("node along the bundle", fontsize=8)
    figure.supylabel(f"{METRIC_TITLES[metric]} (1/s)", fontsize=8)
    return figure, dict(zip(names, grid.flat, strict=False))


def shade_central(ax: Any, rows: pd.DataFrame) -> None:
    """Shade the central part, which enters the regional value.

    Parameters
    ----------
    ax : object
        Axes to draw on.
    rows : DataFrame
        Rows with ``node`` and ``central``, of one bundle.
    """
    central = rows.loc[flags(rows["central"]), "node"]
    if len(central):
        ax.axvspan(central.min(), central.max(), **_SHADE)


def share_scale(panels: dict[str, Any], values: pd.Series) -> None:
    """Give all panels the range of the values, without what is extreme.

    Parameters
    ----------
    panels : dict of str to object
        Of `bundle_panels`.
    values : Series
        Of all bundles' nodes, 1/s; the outer 0.5 % on either side do not count.
    """
    finite = values[np.isfinite(values)]
    if panels and len(finite):
        low, high = finite.quantile([0.005, 0.995])
        pad = 0.15 * (high - low) + 1e-3
        next(iter(panels.values())).set_ylim(low - pad, high + pad)
