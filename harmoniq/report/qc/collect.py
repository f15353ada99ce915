"""All sessions' metrics in one table, with their sites, states, outliers and ratings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from harmoniq.data.files import read_json
from harmoniq.data.names import with_prefix
from harmoniq.data.tables import read_tsv
from harmoniq.report.qc.measure import qc_path
from harmoniq.report.qc.metrics import QC_METRICS
from harmoniq.report.qc.outliers import FEWEST, LIMIT, mark_outliers
from harmoniq.report.qc.ratings import Rating, rated
from harmoniq.report.qc.tables import region_metrics

QC_COLUMNS: Final[dict[str, Any]] = {
    "participant_id": {"Description": "Participant, as in participants.tsv"},
    "session_id": {"Description": "Session, n/a where the dataset has none"},
    "site": {"Description": "Site, as in participants.tsv"},
    "group": {"Description": "Group, as in participants.tsv"},
    "state": {"Description": "pending, running, done or failed; n/a where no run has left a status"},
    **{
        name: {"Description": metric.meaning, **({"Units": metric.unit} if metric.unit else {})}
        for name, metric in QC_METRICS.items()
    },
    "outliers": {
        "Description": f"Metrics over {LIMIT} robust standard deviations on the bad side of the site's median, "
        f"separated by spaces; sites with fewer than {FEWEST} values are not marked"
    },
    "rating": {"Description": "pass, warn or fail, as a person has said; n/a while not rated"},
    "comment": {"Description": "Of the person who rated"},
}


def collect_metrics(out_dir: Path, labels: Sequence[str]) -> pd.DataFrame:
    """Return the metrics of sessions, out of the files of the participant level.

    Parameters
    ----------
    out_dir : path
        Root of the derivatives.
    labels : sequence of str
        ``sub-X`` or ``sub-X_ses-Y``. A session without metrics has a row of missing values.

    Returns
    -------
    pandas.DataFrame
        ``label participant_id session_id`` and all of `QC_METRICS`.
    """
    rows = []
    for label in labels:
        path = qc_path(out_dir, label)
        metrics = read_json(path).get("metrics", {}) if path.is_file() else _of_regions(out_dir, label)
        rows.append(_row(label, metrics))
    return _frame(rows)


def metrics_of_table(regions: pd.DataFrame) -> pd.DataFrame:
    """Measure the sessions of a regional table of many participants, as far as it alone tells.

    Parameters
    ----------
    regions : DataFrame
        Rows of ``*_regions.tsv``; without ``session_id`` a participant is one session.

    Returns
    -------
    DataFrame
        As of `collect_metrics`.
    """
    table = regions if "session_id" in regions else regions.assign(session_id=None)
    rows = []
    for (who, session), part in table.groupby(["participant_id", "session_id"], dropna=False, sort=True):
        person = with_prefix(who)
        label = person if not isinstance(session, str) else f"{person}_ses-{session.removeprefix('ses-')}"
        rows.append(_row(label, region_metrics(part)[0]))
    return _frame(rows)


def finish_table(
    metrics: pd.DataFrame,
    *,
    people: Mapping[str, Mapping[str, str]],
    states: Mapping[str, str],
    ratings: Sequence[Rating],
) -> pd.DataFrame:
    """Add site, group, state, outliers and ratings to the sessions' metrics.

    Parameters
    ----------
    metrics : pandas.DataFrame
        Of `collect_metrics` or `metrics_of_table`.
    people : mapping
        Participant to ``site`` and ``group``.
    states : mapping
        Label to its state.
    ratings : sequence of Rating
        Of ``participants_qc.tsv``.

    Returns
    -------
    DataFrame
        ``label`` and `QC_COLUMNS`, a row per session.
    """
    table = metrics.copy()
    for name in ("site", "group"):
        table[name] = pd.Series([people.get(who, {}).get(name) for who in table["participant_id"]], dtype=object)
    table["state"] = pd.Series([states.get(label) for label in table["label"]], dtype=object)
    marks = mark_outliers(table)
    said = [" ".join(str(name) for name, marked in zip(marks, row) if marked) for row in marks.to_numpy()]
    table["outliers"] = pd.Series([text or None for text in said], dtype=object)
    by_label = {rating.label: rating for rating in ratings}
    found = [rated(label, by_label) for label in table["label"]]
    table["rating"] = pd.Series([r.rating if r else None for r in found], dtype=object)
    table["comment"] = pd.Series([(r.comment or None) if r else None for r in found], dtype=object)
    return table[["label", *QC_COLUMNS]]


def people_of(path: Path | None, columns: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Read the site and group of each participant, as far as ``participants.tsv`` gives them.

    Parameters
    ----------
    path : Path or None
        The table; None or absent: no participants.
    columns : mapping of str to str
        ``participant_id``, ``site`` and ``group`` to their names in the file, where they differ.

    Returns
    -------
    dict
        ``sub-X`` to ``site`` and ``group``, where they have a value.

    Raises
    ------
    InputError
        When the table cannot be read.
    """
    if path is None or not path.is_file():
        return {}
    frame = read_tsv(path)
    names = {str(name).strip().lower(): name for name in frame.columns}
    chosen = {name: names.get(columns.get(name, name).lower()) for name in ("participant_id", "site", "group")}
    if chosen["participant_id"] is None:
        return {}
    found: dict[str, dict[str, str]] = {}
    for row in frame.to_dict("records"):
        values = {name: row[chosen[name]] for name in ("site", "group") if chosen[name] is not None}
        found[with_prefix(row[chosen["participant_id"]])] = {
            name: str(value) for name, value in values.items() if pd.notna(value)
        }
    return found


def _of_regions(out_dir: Path, label: str) -> Mapping[str, float]:
    """Return what the regional table of a session gives, where an earlier version has written no metrics."""
    path = qc_path(out_dir, label).with_name(f"{label}_regions.tsv")
    return region_metrics(read_tsv(path))[0] if path.is_file() else {}


def _row(label: str, metrics: Mapping[str, Any]) -> dict[str, Any]:
    person, _, session = label.partition("_ses-")
    ids = {"label": label, "participant_id": person, "session_id": f"ses-{session}" if session else None}
    return {**ids, **{name: metrics.get(name) for name in QC_METRICS}}


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["label", "participant_id", "session_id", *QC_METRICS])
    return frame.astype(dict.fromkeys(QC_METRICS, float))
