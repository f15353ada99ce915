"""Profiles along the bundles: one participant's, and groups' by diagnosis and by age."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from harmoniq.data.names import BUNDLES
from harmoniq.data.tables import flags, read_tsv
from harmoniq.report.style import METRIC_TITLES, PAGE_WIDTH, styled

_COLUMNS: Final = 6
_COLOR: Final = {"R1": "#0072B2", "R2star": "#D55E00"}
_GROUP_STYLES: Final = (("#0072B2", "-"), ("#D55E00", "--"), ("#009E73", ":"), ("#CC79A7", "-."))
_SHADE: Final = {"color": "0.92", "zorder": 0, "lw": 0}


def profiles_of(folder: Path, label: str, metric: str) -> pd.DataFrame | None:
    """Return a session's profiles of one map; None where it has none, or tables of an earlier central part as well."""
    found = sorted((folder / "dwi").glob(f"{label}_desc-central*_{metric}map_profiles.tsv"))
    return read_tsv(found[0]) if len(found) == 1 else None


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
    """
    figure, panels = _panels(list(dict.fromkeys(table["bundle"])), metric, title)
    for bundle, ax in panels.items():
        rows = table[table["bundle"] == bundle].sort_values("node")
        node, value, sd = (rows[name].to_numpy(float) for name in ("node", "value", "sd"))
        ax.fill_between(node, value - sd, value + sd, color=_COLOR[metric], alpha=0.25, lw=0)
        ax.plot(node, value, color=_COLOR[metric])
        _shade(ax, rows)
        ax.set_title(f"{bundle} ({int(rows['n_streamlines'].iloc[0])})")
    _share_scale(panels, table["value"])
    return figure


@styled
def figure_group_profiles(table: pd.DataFrame, metric: str, by: str, title: str = "") -> Figure:
    """Draw the mean profile of each group of participants with its 95 % confidence interval.

    Parameters
    ----------
    table : pandas.DataFrame
        ``participant_id bundle node value central`` and the column of the groups.
    metric : {'R1', 'R2star'}
        What the maps hold.
    by : str
        The column that parts the participants, for example ``group``; its categories' order is kept.
    title : str
        Of the figure.

    Notes
    -----
    The interval is 1.96 standard errors over the participants of the group, node by node.
    """
    groups = [name for name in _levels(table[by]) if (table[by] == name).any()]
    figure, panels = _panels(list(dict.fromkeys(table["bundle"])), metric, title)
    for bundle, ax in panels.items():
        rows = table[table["bundle"] == bundle]
        for group, (color, line) in zip(groups, _cycled(len(groups)), strict=True):
            values = rows[rows[by] == group].groupby("node")["value"]
            mean, error = values.mean(), 1.96 * values.sem().fillna(0.0)
            ax.fill_between(mean.index, mean - error, mean + error, color=color, alpha=0.2, lw=0)
            ax.plot(mean.index, mean, color=color, ls=line, label=_count(table, by, group))
        _shade(ax, rows.drop_duplicates("node").sort_values("node"))
        ax.set_title(bundle)
    _share_scale(panels, table.groupby(["bundle", "node", by], observed=True)["value"].mean())
    if panels:
        handles, labels = next(iter(panels.values())).get_legend_handles_labels()
        figure.supxlabel("")
        figure.legend(
            handles, labels, loc="outside lower center", ncol=len(groups), title="node along the bundle",
            title_fontsize=8, alignment="center",
        )  # fmt: skip
    return figure


def age_groups(ages: pd.Series, count: int = 3) -> pd.Series:
    """Return the third of the ages that each participant is in, as ordered labels such as ``18 to 35 years``."""
    ranks = pd.qcut(ages.rank(method="first"), min(count, max(1, ages.notna().sum())), labels=False)
    bounds = ages.groupby(ranks).agg(["min", "max"])
    names = {rank: f"{row['min']:.0f} to {row['max']:.0f} years" for rank, row in bounds.iterrows()}
    labels = list(dict.fromkeys(names[rank] for rank in bounds.index))
    return pd.Series(pd.Categorical(ranks.map(names), categories=labels, ordered=True), index=ages.index)


def _levels(column: pd.Series) -> list[Any]:
    categories = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column.dropna().unique()
    return list(categories)


def _count(table: pd.DataFrame, by: str, group: Any) -> str:
    return f"{group} (n = {table.loc[table[by] == group, 'participant_id'].nunique()})"


def _cycled(count: int) -> list[tuple[str, str]]:
    return [_GROUP_STYLES[index % len(_GROUP_STYLES)] for index in range(count)]


def _panels(bundles: list[str], metric: str, title: str) -> tuple[Figure, dict[str, Any]]:
    """Return a figure and a panel per bundle, in the study's order."""
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


def _shade(ax: Any, rows: pd.DataFrame) -> None:
    """Shade the central part, which enters the regional value."""
    central = rows.loc[flags(rows["central"]), "node"]
    if len(central):
        ax.axvspan(central.min(), central.max(), **_SHADE)


def _share_scale(panels: dict[str, Any], values: pd.Series) -> None:
    finite = values[np.isfinite(values)]
    if panels and len(finite):
        low, high = finite.quantile([0.005, 0.995])
        pad = 0.15 * (high - low) + 1e-3
        next(iter(panels.values())).set_ylim(low - pad, high + pad)
