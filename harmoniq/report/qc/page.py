"""The page of quality control: every session's metrics, pictures and rating, in one file that needs nothing else."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

import harmoniq
from harmoniq.report.blocks import Notes, Section, Text, table_block
from harmoniq.report.page import write_page
from harmoniq.report.qc.collect import QC_COLUMNS
from harmoniq.report.qc.metrics import QC_METRICS, RATINGS
from harmoniq.report.qc.outliers import FEWEST, LIMIT
from harmoniq.report.qc.ratings import RATING_COLUMNS
from harmoniq.report.qc.thumbnails import PICTURES

_SIDES = {"low": "too low", "high": "too high", "both": "too low or too high"}


def write_qc_page(
    path: str | Path,
    table: pd.DataFrame,
    *,
    pictures: Mapping[str, Mapping[str, bytes]] | None = None,
    raters: Mapping[str, str] | None = None,
    where: Mapping[str, Mapping[str, str]] | None = None,
    reports: bool = True,
    notes: tuple[str, ...] = (),
) -> Path:
    """Write the page.

    Parameters
    ----------
    path : path
        ``OUT_DIR/qc.html``.
    table : pandas.DataFrame
        Of `harmoniq.report.qc.collect.finish_table`.
    pictures : mapping, optional
        Session's label to kind to WebP, of `harmoniq.report.qc.thumbnails.gather_thumbnails`.
    raters : mapping, optional
        Session's label to who rated it.
    where : mapping, optional
        Session's label to metric to the region that it is of.
    reports : bool
        Whether participants' reports lie beside the page, to be linked.
    notes : tuple of str
        What has to be said.

    Returns
    -------
    path
        The file that was written.
    """
    names = [name for name in QC_METRICS if table[name].notna().any()]
    data = {
        "kinds": dict(PICTURES),
        "metrics": [{"name": name, **QC_METRICS[name]._asdict()} for name in names],
        "medians": _medians(table, names),
        "words": list(RATINGS),
        "columns": list(RATING_COLUMNS),
        "rows": [
            _row(number, row, names, pictures or {}, raters or {}, where or {}, reports)
            for number, row in enumerate(table.to_dict("records"))
        ],
    }
    text = json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=False).replace("<", "\\u003c")
    sections = [
        Section("sessions", "Sessions", [Text("")]),
        Section("spread", "One metric by site", [Text("")]),
        Section("sites", "Sites", [_sites(table, names)]),
        Section("about", "What is what", [Text(_rule()), _metrics(names)]),
    ]
    return write_page(
        path, title="Quality control", subtitle=f"{len(table)} sessions", sections=sections,
        version=harmoniq.__version__, template="qc.html", data=text, top=[Text(_HELP), Notes(notes)],
    )  # fmt: skip


_HELP = (
    "<p>Sort by a heading, look at the pictures, and say pass, warn or fail. What you say is kept in this browser; "
    "<em>Save participants_qc.tsv</em> writes it to a file. Put that into the folder of this page, and the group level "
    "leaves out what failed: <code>--exclude-qc fail</code>.</p>"
)


def _rule() -> str:
    return (
        f"<p>An outlier (▲ too high, ▼ too low) lies more than {LIMIT} robust standard deviations from the median of "
        "its own site: (x − median) / (1.4826 MAD), MAD being the median absolute deviation (Iglewicz and Hoaglin "
        "1993); where more than half of the values are equal, 1.2533 times the mean absolute deviation takes the place "
        "of 1.4826 MAD. "
        f"Only the bad side is marked, and nothing at sites with fewer than {FEWEST} values.</p>"
    )


def _medians(table: pd.DataFrame, names: list[str]) -> dict[str, list[float | None]]:
    sites = table["site"].fillna("n/a")
    return {str(site): [_number(rows[name].median()) for name in names] for site, rows in table.groupby(sites)}


def _row(
    number: int, row: Mapping[Any, Any], names: list[str], pictures: Mapping[str, Mapping[str, bytes]],
    raters: Mapping[str, str], where: Mapping[str, Mapping[str, str]], reports: bool,
) -> dict[str, Any]:  # fmt: skip
    label, person = str(row["label"]), str(row["participant_id"])
    marked = set(_text(row["outliers"]).split())
    rating, comment = _text(row["rating"]), _text(row["comment"])
    return {
        "number": number,
        "label": label,
        "participant": person,
        "session": _text(row["session_id"]) or "n/a",
        "site": _text(row["site"]) or "n/a",
        "group": _text(row["group"]),
        "state": _text(row["state"]),
        "report": f"{person}.html" if reports else "",
        "figures": f"{person}/figures/{label}" if reports else "",
        "values": [_number(row[name]) for name in names],
        "out": [index for index, name in enumerate(names) if name in marked],
        "where": dict(where.get(label, {})),
        "pictures": {
            kind: base64.b64encode(content).decode("ascii") for kind, content in pictures.get(label, {}).items()
        },
        "told": {"rating": rating, "comment": comment, "rater": raters.get(label, "")} if rating else None,
    }


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(f"{value:.4g}")


def _text(value: object) -> str:
    return "" if value is None or pd.isna(value) else str(value)  # type: ignore[call-overload]


def _sites(table: pd.DataFrame, names: list[str]) -> Any:
    groups = table.assign(site=table["site"].fillna("n/a")).groupby("site", sort=True)
    frame = pd.DataFrame({
        "sessions": groups.size(),
        "with outliers": groups["outliers"].count(),
        **{f"median {QC_METRICS[name].title}": groups[name].median() for name in names},
    })  # fmt: skip
    return table_block(frame.reset_index(), "Sessions and medians of each site", source="qc_metrics.tsv")


def _metrics(names: list[str]) -> Any:
    rows = [
        {
            "metric": QC_METRICS[name].title,
            "column": name,
            "unit": QC_METRICS[name].unit or "1",
            "marked when": _SIDES[QC_METRICS[name].side],
            "meaning": QC_METRICS[name].meaning,
        }
        for name in names
    ]
    assert set(names) <= set(QC_COLUMNS)
    return table_block(pd.DataFrame(rows, columns=["metric", "column", "unit", "marked when", "meaning"]), "Metrics")
