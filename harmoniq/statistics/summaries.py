"""What is made of all statistics together: scorecard, alternatives, acquisition table, tables for manuscripts."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harmoniq.configs import read_builtin
from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError
from harmoniq.data.files import write_text
from harmoniq.data.names import METRICS
from harmoniq.data.table_formats import write_formats
from harmoniq.data.tables import read_tsv, write_tsv
from harmoniq.regions.acquisition import acquisition_columns, acquisition_table
from harmoniq.regions.excluded import EXCLUDED_COLUMNS, excluded_participants
from harmoniq.settings.dump import to_toml
from harmoniq.statistics.alternatives import ALTERNATIVES_COLUMNS, alternatives
from harmoniq.statistics.inputs import Values
from harmoniq.statistics.scorecard import PUBLISHED_COLUMNS, SCORECARD_COLUMNS, scorecard
from harmoniq.statistics.supplement import paper_tables
from harmoniq.statistics.threads import one_blas_thread

BUILTIN_PUBLISHED = "chen2026_published.tsv"


@one_blas_thread
def write_summaries(
    folder: Path, cohort: Cohort, values: Values, *, tables: Sequence[Path], regions: Sequence[Path],
    participants: Path, options: Mapping[str, Any], settings: Mapping[str, Any], columns: Mapping[str, str],
    published: str = "builtin", alternatives: Sequence[Path] = (), left_out: Mapping[str, str] | None = None,
) -> list[str]:  # fmt: skip
    """Write what is made of all statistics together.

    ``scorecard.tsv``, ``alternatives.tsv``, ``table2_acquisition.tsv``, ``excluded.tsv``, ``settings.toml``, and the
    tables for manuscripts in ``tables``.

    Parameters
    ----------
    folder : path
        Where they go.
    cohort : Cohort
        Participants and their regional values (n participants x features).
    values : mapping of str to numpy.ndarray
        By method.
    tables : sequence of path
        Tables that the steps wrote; others than TSV are passed over.
    regions : sequence of path
        Regional tables, beside which the acquisition parameters lie.
    participants : path
        ``participants.tsv``, for those who are not in the cohort.
    options : mapping of str to object
        The group level's options, as `harmoniq.statistics.steps.run_step` takes them.
    settings : mapping of str to mapping
        The run's settings, as `harmoniq.settings.load.as_dict` returns them.
    columns : mapping of str to str
        Our names of the participants' columns to the file's.
    published : str
        ``builtin``, ``none``, or a table of published figures.
    alternatives : sequence of path
        Tables of what other readings at the participant level change.
    left_out : mapping of str to str, optional
        Participants and sessions that are not analyzed for their rating, and why.

    Returns
    -------
    list of str
        Notes for the report.

    Raises
    ------
    InputError
        When `published`, a table or ``participants.tsv`` cannot be read.
    """
    # Nothing here is made of the two tables that have a row per participant and region.
    small = [path for path in tables if path.suffix == ".tsv" and path.stem not in ("regions_harmonized", "zscores")]
    frames = {path.stem: read_tsv(path) for path in small}
    people = cohort.participants
    acquisition, notes = acquisition_table(regions, dict(zip(people["participant_id"], people["site"])))
    frames["table2_acquisition"] = acquisition
    absent = excluded_participants(participants, columns, people["participant_id"], left_out or {})
    write_tsv(absent, folder / "excluded.tsv", columns=EXCLUDED_COLUMNS)
    write_text(folder / "settings.toml", to_toml(settings))
    write_tsv(acquisition, folder / "table2_acquisition.tsv", columns=acquisition_columns(acquisition))
    figures = read_published(published)
    if figures is not None:
        alpha = float(options["alpha"])
        card = scorecard(figures, frames, sample_sizes(cohort, str(options["patient_group"])), alpha=alpha)
        write_tsv(card, folder / "scorecard.tsv", columns=SCORECARD_COLUMNS)
    _write_alternatives(folder, cohort, values, frames, options, alternatives)
    for name, caption, frame, meanings in paper_tables(frames):
        plain = frame.rename(columns=lambda column: str(column).replace(" ", "_"))
        described = {str(key).replace(" ", "_"): meaning for key, meaning in meanings.items()}
        write_tsv(plain, folder / "tables" / f"{name}.tsv", columns=described)
        write_formats(_titled(frame), folder / "tables" / name, caption=caption)
    return notes


def read_published(where: str) -> pd.DataFrame | None:
    """Read the published figures.

    Parameters
    ----------
    where : str
        ``builtin``: those of the paper; ``none``; else path of a TSV file.

    Returns
    -------
    DataFrame or None
        Columns ``PUBLISHED_COLUMNS`` and perhaps more, all text; None for ``none``.

    Raises
    ------
    InputError
        When the file is absent, no table, or lacks a column.
    """
    if where == "none":
        return None
    source = io.StringIO(read_builtin(BUILTIN_PUBLISHED)) if where == "builtin" else Path(where)
    try:
        frame = pd.read_csv(source, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError("file not found", file=where, key="study.published") from error
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"is not a tab-separated table ({error})", file=where, key="study.published") from error
    missing = [name for name in PUBLISHED_COLUMNS if name not in frame]
    if missing:
        raise InputError("column missing", file=where, key=missing[0], remedy=f"needed: {' '.join(PUBLISHED_COLUMNS)}")
    return frame


def sample_sizes(cohort: Cohort, patient_group: str) -> dict[str, tuple[int, int]]:
    """Count the controls and patients with any value of each metric.

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).
    patient_group : str
        Label of the patients.

    Returns
    -------
    dict of str to tuple (int, int)
        By metric: controls, patients.
    """
    patients = (cohort.participants["group"] == patient_group).to_numpy()
    out = {}
    for metric in METRICS:
        columns = (cohort.features["metric"] == metric).to_numpy()
        measured = np.isfinite(cohort.values[:, columns]).any(axis=1)
        out[metric] = (int((measured & cohort.is_control).sum()), int((measured & patients).sum()))
    return out


def _write_alternatives(
    folder: Path, cohort: Cohort, values: Values, frames: Mapping[str, pd.DataFrame], options: Mapping[str, Any],
    further: Sequence[Path],
) -> None:  # fmt: skip
    parts = [alternatives(cohort, values, frames, options), *(read_tsv(path) for path in further)]
    table = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    write_tsv(table, folder / "alternatives.tsv", columns=ALTERNATIVES_COLUMNS)


def _titled(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with heads that read well in print."""
    said = {"R2star": "R2*", "HC>MS": "HC > MS", "HC<MS": "HC < MS"}
    out = frame.rename(columns=lambda column: str(column).replace("_", " "))
    return out.replace(said)
