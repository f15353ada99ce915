"""Figures 4, 5 and S2 of the paper, and the scorecard's, out of the group level's tables."""

from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from harmoniq.report.brain_maps import figure_z_maps, left_areas
from harmoniq.report.edss_figure import edss_panels, figure_edss
from harmoniq.report.group_tables import GroupTables
from harmoniq.report.scorecard_figure import figure_scorecard, scorecard_points
from harmoniq.report.style import METHOD_TITLES, metric_word, records

NO_ATLAS = " The Brodmann atlas is not installed, so that the cortex is not painted."


class Drawn(NamedTuple):
    """A figure and what stands beside it.

    Parameters
    ----------
    name : str
        Stem of its files' names.
    figure : Figure
        The picture.
    title, caption : str
        Above and below it on the page.
    alt : str
        For readers who do not see it.
    data : pandas.DataFrame
        What it shows.
    """

    name: str
    figure: Figure
    title: str
    caption: str
    alt: str
    data: pd.DataFrame


def clinical_figures(tables: GroupTables, *, alpha: float, atlas: str = "auto") -> list[Drawn]:
    """Draw the scorecard, the maps of Z-scores and the associations with EDSS, as far as the tables permit.

    Parameters
    ----------
    tables : GroupTables
        Tables of the group level, by name.
    alpha : float
        Adjusted p-values below it count as significant.
    atlas : str
        ``auto``, or the folder of the Brodmann atlas.

    Returns
    -------
    list of Drawn
        The figures that were drawn.
    """
    return [*_scorecard(tables), *_patients(tables, alpha, atlas)]


def _scorecard(tables: GroupTables) -> list[Drawn]:
    card = tables.get("scorecard")
    points = None if card is None else scorecard_points(card)
    if points is None or points.empty:
        return []
    return [Drawn(
        "scorecard", figure_scorecard(points), "Published figures against those computed here",
        "Each point is a figure of the paper; on the dotted line both are equal. Filled: R1, open: R2*. Figures that "
        "are only bounds, such as < 0.01, are left out.",
        f"Scatter plots of {len(points)} published figures against those computed here.",
        points,
    )]  # fmt: skip


def _patients(tables: GroupTables, alpha: float, atlas: str) -> list[Drawn]:
    summary, edss, partial = (tables.get(name) for name in ("zscore_summary", "edss", "edss_partial"))
    if summary is None and (edss is None or partial is None):
        return []
    areas = left_areas(atlas)
    absent = NO_ATLAS if areas is None else ""
    out = []
    scales = {} if summary is None else {str(data): rows for data, rows in summary.groupby("data", sort=False)}
    for data, rows in scales.items():
        part = rows.reset_index(drop=True)
        raw = data == "raw"
        out.append(Drawn(
            "figureS2_z_maps_raw" if raw else "figure4_z_maps",
            figure_z_maps(part, areas, label=f"mean Z-score of the patients, {METHOD_TITLES.get(data, data)}"),
            f"Figure {'S2' if raw else '4'}. Mean Z-scores of the patients, {METHOD_TITLES.get(data, data)}",
            "Blue: lower than in controls of the same age and sex. Regional values are means of both sides and are "
            "shown on the left inflated cortex of fsaverage5; bundles as their center lines." + absent,
            "Maps of the patients' mean Z-score. Lowest: " + _lowest(part),
            part,
        ))  # fmt: skip
    if edss is not None and partial is not None:
        panels = edss_panels(edss, partial)
        hits = edss.loc[edss["p_fdr"] < alpha, "region"]
        out.append(Drawn(
            "figure5_edss", figure_edss(panels, edss, areas, alpha=alpha),
            "Figure 5. Associations of the Z-scores with EDSS",
            "Above: regions whose Z-score is associated with EDSS, colored by β. Below: EDSS adjusted for phenotype, "
            "disease duration and sex (partial residuals) with the least-squares line and its 95 % band; the six "
            "regions with the lowest p FDR." + absent,
            f"{len(hits)} regions are associated with EDSS: {', '.join(hits) or 'none'}.",
            panels,
        ))  # fmt: skip
    return out


def _lowest(part: pd.DataFrame) -> str:
    rows = part.loc[part.groupby(["metric", "tissue"], sort=False)["mean"].idxmin()]
    return ", ".join(f"{metric_word(r.metric)} {r.tissue} {r.region} {r.mean:.2f}" for r in records(rows))
