"""The report of one participant: what was found, what was done with it, and what came out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from harmoniq.data.acquisitions import MP2RAGETiming
from harmoniq.data.names import METRIC_WORDS, with_prefix
from harmoniq.report.blocks import Image, Notes, Section, Text, Tiles, Verbatim, table_block
from harmoniq.report.failures import Failure, failure_section, remedy_of
from harmoniq.report.group_place import GroupValues, group_section
from harmoniq.report.images import ReportFigure
from harmoniq.report.lesions import lesion_section
from harmoniq.report.methods import methods_section, participant_methods
from harmoniq.report.page import write_page
from harmoniq.report.sensitivity import sensitivity_blocks
from harmoniq.report.stages import stage_table
from harmoniq.report.style import TISSUE_TITLES, metric_word, records
from harmoniq.report.surface_quality import surface_section


@dataclass(frozen=True)
class ParticipantReport:
    """What a participant's report tells; everything but the label may be absent.

    Parameters
    ----------
    participant_id : str
        With or without ``sub-``.
    inputs : sequence of mapping
        A row per file: for example ``{"acquisition": "MP2RAGE", "file": "...", "used": "UNIT1"}``.
    engines : sequence of mapping
        A row per stage: for example ``{"stage": "R1", "engine": "native", "version": "0.1.0", "why": "..."}``.
    figures : sequence of ReportFigure
        Maps and the registration, in the order of the page.
    timings_mp2rage : mapping
        Session's label (or "") to the timing of its MP2RAGE: for the table of what R1 depends on.
    engine_tables : mapping
        Title to table of `harmoniq.report.engine_comparison`, where two engines made a map.
    regions : pandas.DataFrame, optional
        ``metric tissue region hemisphere value sd n n_excluded`` (and more) in 1/s.
    notes, warnings : sequence of str
        What the user should know, and what the user should look at.
    timings : mapping
        Step to seconds.
    settings, versions : mapping
        Of the run.
    measures : sequence of tuple
        Stage, node, seconds and memory in GB of each step; see `harmoniq.report.stages.stage_table`.
    group : GroupValues, optional
        Of the group level, where it has been run.
    error : str
        Of a step that failed; its presence makes the page say so.
    failures : sequence of Failure
        The same, step by step, with what can be done.
    sessions : sequence of str
        Labels, where the dataset has sessions.
    lesions : sequence of mapping
        What was left out for lesions, a row per session and map; see `harmoniq.report.lesions`.
    lesion_notes : sequence of str
        Where lesions were not left out, and why.
    surface_quality : mapping
        Session's label to the figures of surfaces by the embedded engine; see `harmoniq.report.surface_quality`.
    surface_tables : mapping
        Session's label to its values beside those along an existing subject's surfaces.
    """

    participant_id: str
    inputs: Sequence[Mapping[str, object]] = ()
    engines: Sequence[Mapping[str, object]] = ()
    figures: Sequence[ReportFigure] = ()
    timings_mp2rage: Mapping[str, MP2RAGETiming] = field(default_factory=dict)
    engine_tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    regions: pd.DataFrame | None = None
    notes: Sequence[str] = ()
    warnings: Sequence[str] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, object] = field(default_factory=dict)
    measures: Sequence[tuple[str, str, float, float]] = ()
    group: GroupValues | None = None
    error: str | None = None
    failures: Sequence[Failure] = ()
    sessions: Sequence[str] = ()
    lesions: Sequence[Mapping[str, object]] = ()
    lesion_notes: Sequence[str] = ()
    surface_quality: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    surface_tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def write_participant_report(path: str | Path, context: ParticipantReport) -> Path:
    """Write a participant's report.

    Parameters
    ----------
    path : path
        For example ``OUT/sub-01.html``.
    context : ParticipantReport
        What it tells.

    Returns
    -------
    path
        The file that was written.
    """
    regions = context.regions
    if regions is None or regions.empty:
        metrics, tissues, status = _metrics_of(context), [], "failed" if context.error else "done"
    else:
        metrics, tissues = sorted(set(regions["metric"])), sorted(set(regions["tissue"]))
        status = "partial" if context.error else "done"
    label = with_prefix(context.participant_id)
    sessions = f", sessions {', '.join(context.sessions)}" if context.sessions else ""
    sections = [
        _summary(context, status),
        failure_section(context.failures),
        Section("inputs", "Data and engines", _inputs(context)),
        Section("figures", "Maps", [Image(figure) for figure in context.figures]),
        surface_section(context.surface_quality, context.surface_tables),
        Section("engine-comparison", "Two engines side by side", _engine_tables(context)),
        Section("regions", "Regional values", _regions(context)),
        group_section(label, context.group),
        lesion_section(context.lesions, regions, context.lesion_notes),
        Section("sensitivity", "What R1 depends on", sensitivity_blocks(context.timings_mp2rage)),
        Section("timings", "Time and memory", _timings(context)),
        methods_section(participant_methods(context.settings, metrics, tissues), context.settings, context.versions),
    ]
    return write_page(
        path, title=label, subtitle=f"Participant report{sessions}", sections=sections,
        version=str(context.versions.get("harmoniq", "")), status=status,
    )  # fmt: skip


def _metrics_of(context: ParticipantReport) -> list[str]:
    return [m for m, word in METRIC_WORDS.items() if any(word in figure.title for figure in context.figures)]


def _summary(context: ParticipantReport, status: str) -> Section:
    blocks: list[object] = []
    if context.error:
        said = (
            "No values were made: not all steps were done."
            if status == "failed"
            else "Not all steps were done; what stands here is what was."
        )
        blocks += [Notes([said, *(remedy_of(failure) for failure in context.failures[:1])], "error")]
        blocks += [Verbatim(context.error, "Error")]
    regions = context.regions
    if regions is not None and not regions.empty:
        tiles = [
            (
                f"{part.value:.3f}" if part.metric == "R1" else f"{part.value:.1f}",
                f"mean {metric_word(part.metric)} of {TISSUE_TITLES.get(part.tissue, part.tissue)} (1/s)",
            )
            for part in records(regions.groupby(["metric", "tissue"], sort=False)["value"].mean().reset_index())
        ]
        blocks.append(Tiles(tiles))
    blocks += [Notes(context.warnings, "warning", "Warnings"), Notes(context.notes, title="Notes")]
    return Section("summary", "Summary", blocks)


def _inputs(context: ParticipantReport) -> list[object]:
    blocks: list[object] = []
    for rows, title in ((context.inputs, "What was found"), (context.engines, "Engines")):
        if rows:
            blocks.append(table_block(pd.DataFrame(list(rows)), title))
    return blocks or [Notes(["No data of this participant were found."])]


def _engine_tables(context: ParticipantReport) -> list[object]:
    if not context.engine_tables:
        return []
    said = (
        "<p>The native engine's map against the reference engine's of the same images, in percent of the latter. The "
        "classes of tissue are those of R1 at 3 T: white-matter-like is a T1 of 0.6 to 1.1 s, gray-matter-like 1.1 to "
        "2.0 s, fluid-like more.</p>"
    )
    return [Text(said), *(table_block(table, title) for title, table in context.engine_tables.items())]


def _regions(context: ParticipantReport) -> list[object]:
    if context.regions is None or context.regions.empty:
        return [Notes(["There are no regional values: they need surfaces or bundles besides the maps."])]
    # The label is in the heading, and a column that never has a value only takes width.
    hidden = [name for name in context.regions if name == "participant_id" or context.regions[name].isna().all()]
    return [
        Text("<p>Means over the vertices or nodes used, in 1/s. Click a heading to sort.</p>"),
        table_block(context.regions.drop(columns=hidden), "Regional values"),
    ]


_MEASURED = (
    "<p>Of each stage the seconds of its steps, which may have run side by side, and the largest memory of one of them "
    "with all that it started. Steps that a later run took over keep their figures.</p>"
)


def _timings(context: ParticipantReport) -> list[object]:
    if context.measures:
        table = stage_table(context.measures)
        told = f"{table['seconds'].sum():.0f} seconds in all, at most {table['memory_gb'].max():.1f} GB in one step"
        return [Text(_MEASURED), table_block(table.rename(columns={"memory_gb": "memory (GB)"}), told)]
    if not context.timings:
        return []
    frame = pd.DataFrame({"step": list(context.timings), "seconds": [float(s) for s in context.timings.values()]})
    return [table_block(frame, f"{frame['seconds'].sum():.0f} seconds in all")]
