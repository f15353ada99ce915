"""Sections of the report about the study as a whole: scorecard, two readings, exclusions, how to run it again."""

from collections.abc import Mapping
from typing import Final

import pandas as pd

from harmoniq.data.tables import flags
from harmoniq.report.blocks import Image, Notes, Section, Text, Tiles, Verbatim, escape, table_block
from harmoniq.report.citations import bibtex
from harmoniq.report.group_tables import GroupTables
from harmoniq.report.images import ReportFigure

_TITLES: Final = {
    "icc_unadjusted_mean": "ICC, mean over regions",
    "icc_adjusted_mean": "ICC given age and sex, mean over regions",
    "eta2_mean": "η² of site, mean over regions",
    "peak_age_mean": "peak age, mean over kept regions",
    "peak_age_shift_mean": "peak age, mean absolute shift from raw",
    "rmse_decrease_mean": "RMSE, mean decrease from raw",
    "significant_regions": "regions that differ between the groups",
    "cohens_d_median": "Cohen's d, median over them",
    "cohens_d_largest": "Cohen's d, largest",
    "zscore_lowest_region": "mean Z-score of patients, lowest region",
    "edss_significant_regions": "regions associated with EDSS",
    "edss_largest_beta": "β of EDSS, largest",
}


def scorecard_section(tables: GroupTables, figures: Mapping[str, ReportFigure]) -> Section:
    """Hold every published figure beside the one computed here, with sample sizes and what differs.

    Parameters
    ----------
    tables : GroupTables
        Tables of the group level, by name.
    figures : mapping of str to ReportFigure
        Figures by name.

    Returns
    -------
    Section
        Without blocks where there is no scorecard.
    """
    card = tables.get("scorecard")
    if card is None:
        return Section("scorecard", "Scorecard", [])
    card = card.copy()
    computed = card["here"].notna()
    judged = card["within_spread"].notna()
    inside = int(flags(card.loc[judged, "within_spread"]).sum())
    tiles = [
        (f"{int(computed.sum())} of {len(card)}", "published figures computed"),
        (f"{inside} of {int(judged.sum())}", "within the published spread, where there is one"),
        (_signs(card), "of the same sign"),
    ]
    sizes = "; ".join(_sizes(row) for _, row in card.drop_duplicates("metric").iterrows() if "n_controls" in card)
    card["quantity"] = card["quantity"].map(lambda name: _TITLES.get(name, name))
    if "where" in card:  # the section alone: the file has the rest
        card["where"] = card["where"].astype(str).str.split(",").str[0]
    shown = [
        "quantity", "metric", "tissue", "data", "paper", "here", "difference", "within_spread", "paper_spread",
        "here_spread", "unit", "remark", "where",
    ]  # fmt: skip
    return Section("scorecard", "Scorecard", [
        Text(f"<p>Every published figure beside the one computed here. Sample sizes: {escape(sizes)}.</p>"),
        Tiles(tiles),
        *([Image(figures["scorecard"])] if "scorecard" in figures else []),
        table_block(card[[n for n in shown if n in card]], "Published and computed", source="scorecard.tsv"),
    ])  # fmt: skip


def readings_section(tables: GroupTables) -> Section:
    """Show what the other reading changes where the paper can be read in two ways.

    Parameters
    ----------
    tables : GroupTables
        Tables of the group level, by name.

    Returns
    -------
    Section
        Without blocks where there are no alternatives.
    """
    table = tables.get("alternatives")
    if table is None:
        return Section("readings", "Two readings", [])
    blocks: list[object] = [
        Text("<p>Where the paper can be read in two ways, the config names the reading; here is what the other one "
             "changes. Positive: larger under the other reading.</p>")
    ]  # fmt: skip
    keys = ["setting", "unclear", "chosen", "other", "quantity"]
    summary = table.groupby([k for k in keys if k in table], sort=False)["change"].agg(
        rows="count", smallest="min", largest="max"
    )
    blocks.append(table_block(summary.reset_index(), "How much the other reading changes"))
    blocks.append(table_block(table, "In each metric and tissue", folded=True, source="alternatives.tsv"))
    missing = [
        f"{key} is not compared here: it takes the participant level again, by harmoniq reproduce --alternatives"
        for key in ("surfaces.cgm_depth", "r2star.method")
        if key not in set(table["setting"])
    ]
    return Section("readings", "Two readings", [*blocks, Notes(missing)])


def exclusion_blocks(tables: GroupTables) -> list[object]:
    """List who was left out and why.

    Parameters
    ----------
    tables : GroupTables
        Tables of the group level, by name.

    Returns
    -------
    list of blocks
        Empty where ``excluded.tsv`` is absent.
    """
    frame = tables.frames.get("excluded")
    if frame is None:
        return []
    if frame.empty:
        return [Text("<p>Nobody of participants.tsv was left out.</p>")]
    return [table_block(frame, "Excluded participants", folded=len(frame) > 30, source="excluded.tsv")]


def rerun_section(command: str, versions: Mapping[str, object], paragraphs: list[str]) -> Section:
    """Say how the results can be made again, and give the references for a manuscript.

    Parameters
    ----------
    command : str
        The command, as it was given.
    versions : mapping of str to object
        Versions by program.
    paragraphs : list of str
        Of the methods, HTML with links by `cite`.

    Returns
    -------
    Section
        Without blocks where there is neither a command nor a reference.
    """
    blocks: list[object] = []
    if command:
        blocks += [
            Text(
                "<p>The same version, settings, seed and input give the same tables to the last byte, on any number of "
                'processes. <a href="settings.toml">settings.toml</a> holds every setting of this run.</p>'
            ),
            Verbatim(f"# harmoniq {versions.get('harmoniq', '')}\n{command}"),
        ]
    references = bibtex(paragraphs)
    if references:
        blocks += [
            Text('<p>References: <a href="references.bib">references.bib</a>.</p>'),
            Verbatim(references, "BibTeX"),
        ]
    return Section("again", "Run it again", blocks)


def _signs(card: pd.DataFrame) -> str:
    """Return how many of the figures that can be negative have the published sign."""
    signed = card[
        card["quantity"].isin(["cohens_d_median", "cohens_d_largest", "zscore_lowest_region", "edss_largest_beta"])
    ]
    paper = pd.to_numeric(signed["paper"], errors="coerce")
    both = signed["here"].notna() & paper.notna()
    same = (signed["here"][both] * paper[both] > 0).sum()
    return f"{int(same)} of {int(both.sum())}"


def _sizes(row: pd.Series) -> str:
    def number(name: str) -> str:
        return "n/a" if pd.isna(row[name]) else str(int(row[name]))

    metric = "R2*" if row["metric"] == "R2star" else row["metric"]
    return (
        f"{metric}: {number('n_controls')} controls and {number('n_patients')} patients here, "
        f"{number('paper_n_controls')} and {number('paper_n_patients')} in the paper"
    )
