"""The report of the demonstration: recovered against true values, and the ways to everything else."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from harmoniq.data.names import METRIC_WORDS
from harmoniq.report.blocks import Image, Notes, Section, Text, Tiles, escape, table_block
from harmoniq.report.images import ReportFigure, figure_bytes, save_figure
from harmoniq.report.methods import methods_section
from harmoniq.report.page import write_page
from harmoniq.report.recovery import figure_recovery, recovery_summary
from harmoniq.report.style import metric_word, records


def write_demo_report(
    path: str | Path,
    *,
    recovery: pd.DataFrame,
    cohort_report: str | None = None,
    group_report: str | None = None,
    participants: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    timings: Mapping[str, float] | None = None,
    settings: Mapping[str, object] | None = None,
    versions: Mapping[str, object] | None = None,
    figures: str | Path | None = None,
) -> Path:
    """Write the demonstration's report.

    Parameters
    ----------
    path : path
        For example ``OUT/report.html``.
    recovery : pandas.DataFrame
        ``participant_id metric tissue region true recovered``, in 1/s; may be empty.
    cohort_report, group_report : str, optional
        Links, relative to `path`: the group level on the simulated tables, and on the demo's own images.
    participants : mapping, optional
        Participant to the link of the own page.
    notes : sequence of str
        What the user should know.
    timings : mapping, optional
        Step to seconds.
    settings, versions : mapping, optional
        Of the run.
    figures : path, optional
        A folder in which the figure is written too, as SVG and PNG.

    Returns
    -------
    path
        The file that was written.
    """
    summary = recovery_summary(recovery)
    sections = [
        Section(
            "summary",
            "Summary",
            [_tiles(summary, participants or {}), *_ways(cohort_report, group_report), Notes(notes, title="Notes")],
        ),
        Section("recovery", "Recovered against true", _recovery(recovery, summary, figures)),
        Section("participants", "Participants", _participants(recovery, participants or {})),
        Section("timings", "Timings", _timings(timings or {})),
        methods_section(_METHODS, settings or {}, versions or {}, title="How it was made"),
    ]
    return write_page(
        path,
        title="Demonstration",
        subtitle="Raw images of a simulated cohort, through the whole of harmoniq",
        sections=sections,
        version=str((versions or {}).get("harmoniq", "")),
    )


_METHODS = [
    "A small cohort of several sites was simulated as raw BIDS: MP2RAGE and multi-echo gradient echo from the "
    "sequences' equations with noise, and the truth beside them. The participant level then measured R1 and R2* in "
    "the images alone; recovered values are compared with the truth region by region. The error is recovered minus "
    "true, in percent of true.",
    "The group level was run on those participants, and on a larger cohort whose regional tables were simulated "
    "directly.",
]


def _tiles(summary: pd.DataFrame, participants: Mapping[str, str]) -> Tiles:
    tiles = [(str(len(participants)), "participants")] if participants else []
    for row in records(summary):
        where = f"{metric_word(row.metric)} {row.tissue}"
        tiles.append((f"{row.median_abs_error_percent:.1f} %", f"median |error|, {where} (r\u00a0{row.r:.3f})"))
    return Tiles(tiles)


def _ways(cohort_report: str | None, group_report: str | None) -> list[object]:
    ways = (
        (cohort_report, "The group level on the simulated cohort's tables"),
        (group_report, "The group level on the demo's images"),
    )
    items = "".join(f'<li><a href="{escape(link)}">{words}</a></li>' for link, words in ways if link)
    return [Text(f"<ul>{items}</ul>")] if items else []


def _recovery(recovery: pd.DataFrame, summary: pd.DataFrame, figures: str | Path | None) -> list[object]:
    if summary.empty:
        return [Notes(["There are no recovered values to compare with the truth."], "warning")]
    drawn = figure_recovery(recovery, summary)
    image = save_figure(drawn, figures, "recovery") if figures is not None else figure_bytes(drawn)
    numbers = "; ".join(
        f"{metric_word(r.metric)} {r.tissue}: r {r.r:.3f}, median absolute error "
        f"{r.median_abs_error_percent:.1f} percent"
        for r in records(summary)
    )
    figure = ReportFigure(
        title="Recovered against true regional values",
        image=image,
        caption="Each point is a region of a participant; the dashed line is identity.",
        alt=f"Scatter plots of recovered against true values per metric and tissue. {numbers}.",
    )
    complete = recovery.dropna(subset=["true", "recovered"])
    every = complete.assign(error_percent=100 * (complete["recovered"] - complete["true"]) / complete["true"])
    worst = every.reindex(every["error_percent"].abs().sort_values(ascending=False).index).head(300)
    title = (
        "Every region, largest error first"
        if len(worst) == len(every)
        else f"The {len(worst)} largest errors of {len(every)}"
    )
    return [
        Image(figure),
        table_block(summary, "Recovery per metric and tissue"),
        table_block(worst, title, folded=True),
    ]


def _participants(recovery: pd.DataFrame, participants: Mapping[str, str]) -> list[object]:
    labels = sorted(set(participants) | set(recovery["participant_id"]))
    if not labels:
        return []
    rows = []
    for label in labels:
        part = recovery[recovery["participant_id"] == label].dropna(subset=["true", "recovered"])
        row: dict[str, object] = {"participant_id": label, "values": len(part)}
        for metric, word in METRIC_WORDS.items():
            of_metric = part[part["metric"] == metric]
            error = 100 * (of_metric["recovered"] - of_metric["true"]).abs() / of_metric["true"]
            row[f"{word} median |error| %"] = error.median()
        rows.append(row)
    return [table_block(pd.DataFrame(rows), "Participants", links=participants)]


def _timings(timings: Mapping[str, float]) -> list[object]:
    if not timings:
        return []
    frame = pd.DataFrame({"step": list(timings), "seconds": [float(s) for s in timings.values()]})
    return [table_block(frame, f"{frame['seconds'].sum():.0f} seconds in all")]
