"""The report of saved models applied to new participants."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from harmoniq.report.blocks import Notes, Section, Text, Tiles, escape, table_block
from harmoniq.report.methods import methods_section
from harmoniq.report.page import write_page
from harmoniq.report.style import METHOD_TITLES

_METHODS = [
    "The models were fitted before, on other participants, and read from a folder. Site effects are those of the "
    "models; nothing was estimated from the new participants, except the effects of sites that are said to be new.",
    "A new site takes the models' age curve, sex difference and scale. The residuals of its controls give a shift and "
    "a scale per region, shrunk over regions as ComBat does. The standard error of the shift is the site's SD over "
    "the root of its number of controls: it moves all harmonized values of the site alike, and no further participant "
    "of the site makes it smaller.",
    "Z-scores are deviations from what the model expects of the reference site's controls of one's age and sex, in "
    "SDs of their residuals.",
]


def write_applied_report(
    path: str | Path,
    *,
    participants: pd.DataFrame,
    methods: Sequence[str],
    zscores: pd.DataFrame,
    adaptation: pd.DataFrame | None,
    notes: Sequence[str],
    source: str,
    settings: Mapping[str, object],
    versions: Mapping[str, object],
) -> Path:
    """Write the page.

    Parameters
    ----------
    path : path
        Of ``report.html``.
    participants : pandas.DataFrame
        ``participant_id site group age sex``.
    methods : sequence of str
        That were applied.
    zscores, adaptation : pandas.DataFrame
        As ``zscores.tsv`` and ``adaptation.tsv``; no adaptation where every site was known.
    notes : sequence of str
        What a reader should know.
    source : str
        Folder of the models.
    settings, versions : mapping
        Of the run.

    Returns
    -------
    path
        The file that was written.
    """
    tiles = [
        (str(len(participants)), "participants"),
        (str(participants["site"].nunique()), "sites"),
        (", ".join(METHOD_TITLES.get(name, name) for name in methods), "applied"),
    ]
    sections = [
        Section("summary", "Summary", [Tiles(tiles), Text(f"<p>Models: {escape(source)}</p>"),
                                       Notes(notes, title="Notes")]),
        Section("adaptation", "New sites", _adaptation(adaptation)),
        Section("zscores", "Z-scores", _zscores(zscores, participants)),
        methods_section(_METHODS, settings, versions, title="How it was made"),
    ]  # fmt: skip
    return write_page(path, title="Saved models applied", subtitle="New participants on the scale of saved models",
                      sections=sections, version=str(versions.get("harmoniq", "")))  # fmt: skip


def _adaptation(adaptation: pd.DataFrame | None) -> list[object]:
    if adaptation is None:
        return []
    keys = ["metric", "tissue", "data", "site"]
    mean = adaptation.groupby(keys, sort=False)[["n", "shift", "shift_se", "scale", "scale_se", "z_se"]].mean()
    return [
        table_block(mean.reset_index(), "Means over regions", source="adaptation.tsv"),
        table_block(adaptation, "Every region", folded=True, source="adaptation.tsv"),
    ]


def _zscores(zscores: pd.DataFrame, participants: pd.DataFrame) -> list[object]:
    if zscores.empty:
        return [Notes(["no model gives Z-scores"])]
    summary = zscores.groupby(["site", "group", "metric", "tissue"], sort=False)["z"].agg(n="count", mean="mean",
                                                                                           sd="std")  # fmt: skip
    return [table_block(summary.reset_index(), "Mean Z-score by site and group", source="zscores.tsv")]
