"""Quality control at the group level: the page of all sessions, and who is left out for a rating."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from harmoniq.data.errors import InputError
from harmoniq.jobs.verdict import judge_all
from harmoniq.report.qc.ratings import RATINGS_FILE, find_ratings, left_out, read_ratings
from harmoniq.settings.schema import Settings


def ratings_file(args: argparse.Namespace, folders: Sequence[Path]) -> Path | None:
    """Find the table of ratings.

    Parameters
    ----------
    args : Namespace
        With ``qc_file`` and ``exclude_qc``.
    folders : sequence of Path
        Searched in this order where ``--qc-file`` names none.

    Returns
    -------
    Path or None
        None where there is none, and none is needed.

    Raises
    ------
    InputError
        When one is named and absent, or ``--exclude-qc`` asks for one and there is none.
    """
    if args.qc_file is not None:
        if not args.qc_file.is_file():
            raise InputError("file not found", file=args.qc_file.absolute(), key="--qc-file")
        return args.qc_file.absolute()
    found = find_ratings(folders)
    if found is None and args.exclude_qc is not None:
        raise InputError(
            "file not found", file=folders[0] / RATINGS_FILE, key="--exclude-qc", value=args.exclude_qc,
            remedy="rate sessions on the page qc.html and save the file there, or name it with --qc-file",
        )  # fmt: skip
    return found


def excluded_by_rating(args: argparse.Namespace, folders: Sequence[Path]) -> dict[str, str]:
    """Find out whom ``--exclude-qc`` leaves out, and say so; without it, say whom it would.

    Parameters
    ----------
    args : Namespace
        With ``qc_file`` and ``exclude_qc``.
    folders : sequence of Path
        As in `ratings_file`.

    Returns
    -------
    dict of str to str
        Sessions (or participants) that are left out, and why; none without ``--exclude-qc``.

    Raises
    ------
    InputError
        As `ratings_file`, and for ratings that cannot be read.
    """
    path = ratings_file(args, folders)
    if path is None:
        return {}
    ratings = read_ratings(path)
    if args.exclude_qc is None:
        if failed := left_out(ratings, "fail"):
            some = ", ".join(list(failed)[:3]) + (", ..." if len(failed) > 3 else "")
            print(f"note: {path} rates {some} as failed; --exclude-qc fail would leave them out", file=sys.stderr)
        return {}
    excluded = left_out(ratings, args.exclude_qc)
    print(f"{len(excluded)} left out for their rating in {path}")
    return excluded


def write_quality(out_dir: Path, settings: Settings, qc_file: Path | None = None) -> tuple[Path, int]:
    """Write ``qc.html`` and ``qc_metrics.tsv`` of the participant level's derivatives.

    Parameters
    ----------
    out_dir : path
        Root of the derivatives.
    settings : Settings
        For the names of the participants' columns.
    qc_file : path, optional
        Ratings; default: ``participants_qc.tsv`` of the folder.

    Returns
    -------
    page : path
        ``qc.html``.
    count : int
        Sessions that it shows.

    Raises
    ------
    InputError
        Where there is no session, and for ratings that cannot be read.
    """
    from harmoniq.data.files import read_json
    from harmoniq.report.qc.collect import collect_metrics
    from harmoniq.report.qc.measure import qc_path
    from harmoniq.report.qc.thumbnails import gather_thumbnails

    records = judge_all(out_dir)
    labels = sorted(set(records) | set(_labels(out_dir)))
    if not labels:
        raise InputError("has no sessions", file=out_dir, key="OUT_DIR", remedy="run the participant level first")
    where = {label: read_json(path).get("where", {}) for label in labels if (path := qc_path(out_dir, label)).is_file()}
    path = _write(
        out_dir, collect_metrics(out_dir, labels), settings, out_dir / "participants.tsv",
        qc_file or find_ratings([out_dir]), states={label: record.state for label, record in records.items()},
        pictures=gather_thumbnails(out_dir, labels), where=where, reports=True,
    )  # fmt: skip
    return path, len(labels)


def write_table_quality(
    out_dir: Path, regions: Sequence[Path], participants: Path, settings: Settings, qc_file: Path | None
) -> Path:
    """Write ``qc.html`` and ``qc_metrics.tsv`` of what regional tables alone tell.

    Parameters
    ----------
    out_dir : Path
        Folder of the results.
    regions : sequence of Path
        Regional tables.
    participants : Path
        ``participants.tsv``.
    settings : Settings
        For the names of the participants' columns.
    qc_file : Path or None
        Table of ratings; None: no ratings.

    Returns
    -------
    Path
        ``qc.html``.

    Raises
    ------
    InputError
        For tables that cannot be read.
    """
    import pandas as pd

    from harmoniq.data.tables import read_tsv
    from harmoniq.report.qc.collect import metrics_of_table

    table = pd.concat([read_tsv(path) for path in regions], ignore_index=True)
    return _write(out_dir, metrics_of_table(table), settings, participants, qc_file)


def update_reports(out_dir: Path, group_dir: Path, settings: Settings) -> int:
    """Show each participant's values among the group's, in the reports that the participant level has written.

    Parameters
    ----------
    out_dir : path
        With ``sub-X.html`` and ``participants.tsv``.
    group_dir : path
        What the group level has written.
    settings : Settings
        For the names of columns and controls.

    Returns
    -------
    int
        How many reports were changed; those of an earlier version are left alone.
    """
    from harmoniq.report.group_place import GroupValues, group_section
    from harmoniq.report.page import replace_section
    from harmoniq.report.qc.collect import people_of

    pages = sorted(out_dir.glob("sub-*.html"))
    people = people_of(out_dir / "participants.tsv", settings.columns)
    group = GroupValues.read(group_dir, people, settings.study.control_group) if pages else None
    return 0 if group is None else sum(replace_section(page, group_section(page.stem, group)) for page in pages)


def _write(
    out_dir: Path, metrics: "object", settings: Settings, participants: Path, qc_file: Path | None,
    *, states: Mapping[str, str] | None = None, pictures: Mapping[str, Mapping[str, bytes]] | None = None,
    where: Mapping[str, Mapping[str, str]] | None = None, reports: bool = False,
) -> Path:  # fmt: skip
    from harmoniq.data.tables import write_tsv
    from harmoniq.report.qc.collect import QC_COLUMNS, finish_table, people_of
    from harmoniq.report.qc.page import write_qc_page

    ratings = read_ratings(qc_file) if qc_file is not None else []
    table = finish_table(
        metrics, people=people_of(participants, settings.columns), states=states or {}, ratings=ratings  # type: ignore[arg-type]
    )  # fmt: skip
    write_tsv(table[list(QC_COLUMNS)], out_dir / "qc_metrics.tsv", columns=QC_COLUMNS)
    unknown = [rating.label for rating in ratings if not _known(rating.label, list(table["label"]))]
    notes = (f"rated, but not here: {', '.join(unknown[:5])}",) if unknown else ()
    return write_qc_page(
        out_dir / "qc.html", table, pictures=pictures, where=where, reports=reports, notes=notes,
        raters={rating.label: rating.rater for rating in ratings},
    )  # fmt: skip


def _known(label: str, labels: Sequence[str]) -> bool:
    return any(known == label or known.startswith(f"{label}_ses-") for known in labels)


def _labels(out_dir: Path) -> list[str]:
    """Return the sessions that have left regional values or metrics."""
    from harmoniq.regions.collect import session_files

    names = [path.name for suffix in ("_regions.tsv", "_qc.json") for path in session_files(out_dir, suffix)]
    return [name.removesuffix("_regions.tsv").removesuffix("_qc.json") for name in names]
