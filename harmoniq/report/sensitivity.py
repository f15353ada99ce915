"""How strongly R1 depends on what scanners do not write, as a part of a participant's page."""

from collections.abc import Mapping

from harmoniq.data.acquisitions import MP2RAGETiming
from harmoniq.mp2rage.sensitivity import largest_dependence, sensitivity_table
from harmoniq.report.blocks import Cell, Column, Table, Text, escape

_T1 = (0.85, 1.35)


def sensitivity_blocks(timings: Mapping[str, MP2RAGETiming]) -> list[object]:
    """Return the table of what R1 depends on, once for each timing.

    Parameters
    ----------
    timings : mapping
        Session's label (or "") to timing; sessions of one timing share a table.

    Returns
    -------
    list
        Blocks of a section; empty without a timing.
    """
    sessions: dict[MP2RAGETiming, list[str]] = {}
    for session, timing in timings.items():
        sessions.setdefault(timing, []).append(session)
    blocks: list[object] = []
    for timing, labels in sessions.items():
        names = ", ".join(label for label in labels if label)
        blocks += [Text(_summary(timing)), _table(timing, f"Change of R1{f' ({names})' if names else ''}")]
    return blocks


def _summary(timing: MP2RAGETiming) -> str:
    quantity, percent = largest_dependence(sensitivity_table(timing, _T1))
    before, after = timing.shots
    return (
        "<p>R1 is read from a curve that is computed from the sequence's timing. Some of it no scanner writes, and it "
        "is taken from the configuration or assumed. Taken here: "
        f"{before} and {after} excitations before and after the center of k-space, {1e3 * timing.echo_spacing:g} ms "
        f"apart, and an inversion efficiency of {timing.efficiency:g}. Each row says by how much R1 changes where one "
        f"value is taken for another, true one. Most depends on {escape(quantity)}: up to {percent:.0f} %.</p>"
    )


def _table(timing: MP2RAGETiming, title: str) -> Table:
    frame = sensitivity_table(timing, _T1)
    columns = [Column("value"), Column("taken"), Column("true")]
    columns += [
        Column(f"T1 {t1:g} s", f"Fitted over true R1, minus 1, where T1 is {t1:g} s ({name} at 3 T)", True)
        for t1, name in zip(_T1, ("white matter", "gray matter"))
    ]
    rows = [
        [*(Cell(str(text)) for text in texts), *(_percent(float(change)) for change in changes)]
        for *texts, changes in (
            (row["quantity"], row["assumed"], row["true"], [row[name] for name in frame.columns[3:]])
            for row in frame.to_dict("records")
        )
    ]
    return Table(title, columns, rows)


def _percent(change: float) -> Cell:
    return Cell("n/a") if change != change else Cell(f"{change:+.1f} %", f"{change:.6g}")
