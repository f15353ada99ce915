"""The cohort: who was measured, what was measured, and the values, as one checked and frozen object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from harmoniq.data.errors import InputError
from harmoniq.data.names import METRICS, TISSUES, with_prefix

PARTICIPANT_COLUMNS = (
    "participant_id",
    "site",
    "group",
    "age",
    "sex",
    "phenotype",
    "disease_duration",
    "edss",
    "scanner",
)
_REQUIRED = ("participant_id", "site", "group", "age", "sex")
#: Lowest and highest value of a column, and what is wanted of it; covariates have no bounds.
_RANGES = {
    "age": (0.0, 130.0, "must be a plausible number of years"),
    "disease_duration": (0.0, np.inf, "must be a plausible number of years"),
    "edss": (0.0, 10.0, "must be 0 to 10"),
}
_FEATURE_KEYS = ["metric", "tissue", "region"]


@dataclass(frozen=True)
class Cohort:
    """Regional values of many participants.

    Parameters
    ----------
    participants : pandas.DataFrame
        One row per participant, index 0 to n - 1, columns ``PARTICIPANT_COLUMNS`` and further numeric covariates;
        age and disease duration in years, sex ``F`` or ``M``.
    features : pandas.DataFrame
        One row per column of `values`: ``metric``, ``tissue``, ``region``.
    values : numpy.ndarray, shape (n_participants, n_features)
        In 1/s; NaN where a participant lacks the region.
    control_group : str
        Label of the controls in ``group``.
    engines : mapping of str to str
        By metric and tissue ("R1 cGM"), what made the values; empty where the table does not say.
    """

    participants: pd.DataFrame
    features: pd.DataFrame
    values: np.ndarray
    control_group: str = "HC"
    engines: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_control(self) -> np.ndarray:
        """Boolean mask of the controls, shape (n_participants,)."""
        return (self.participants["group"] == self.control_group).to_numpy()

    @property
    def sites(self) -> tuple[str, ...]:
        """Labels of the sites, sorted."""
        return tuple(sorted(self.participants["site"].unique()))

    def select(self, rows: np.ndarray | None = None, columns: np.ndarray | None = None) -> "Cohort":
        """Return the cohort of some participants and features (boolean masks or positions); nothing is shared.

        Parameters
        ----------
        rows : array or None, optional
            Participants to take, as a mask of shape (n_participants,) or as positions; None: all.
        columns : array or None, optional
            Features to take, as a mask of shape (n_features,) or as positions; None: all.

        Returns
        -------
        Cohort
            Rows and columns in the order of the positions, indices anew from 0.
        """
        rows = np.arange(len(self.participants)) if rows is None else np.asarray(rows)
        columns = np.arange(len(self.features)) if columns is None else np.asarray(columns)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        columns = np.flatnonzero(columns) if columns.dtype == bool else columns
        return replace(
            self,
            participants=self.participants.iloc[rows].reset_index(drop=True),
            features=self.features.iloc[columns].reset_index(drop=True),
            values=self.values[np.ix_(rows, columns)].copy(),
        )

    def metric(self, metric: str) -> "Cohort":
        """Return the features of one metric, for the participants who have a value of it.

        Parameters
        ----------
        metric : str
            R1 or R2star.

        Returns
        -------
        Cohort
            Those without any value of the metric are left out, and so are sites that did not measure it.
        """
        part = self.select(columns=(self.features["metric"] == metric).to_numpy())
        measured = np.isfinite(part.values).any(axis=1)
        sites = set(part.participants["site"][measured])
        return part.select(rows=part.participants["site"].isin(sites).to_numpy() & measured)

    def with_values(self, values: np.ndarray) -> "Cohort":
        """Return the same cohort with other values of the same shape.

        Parameters
        ----------
        values : array, shape (n_participants, n_features)
            In 1/s.

        Returns
        -------
        Cohort
            It shares participants and features with this one.

        Raises
        ------
        ValueError
            When the shape is another.
        """
        if values.shape != self.values.shape:
            raise ValueError(f"shape {values.shape} is not {self.values.shape}")
        return replace(self, values=values)

    def long(self, **named: np.ndarray) -> pd.DataFrame:
        """Return one row per participant and feature, each named array of `values`' shape as a column.

        Parameters
        ----------
        **named : array, shape (n_participants, n_features)
            Further columns by name.

        Returns
        -------
        DataFrame
            Columns ``participant_id metric tissue region`` and those named; n_participants * n_features rows,
            participant by participant.
        """
        n, p = self.values.shape
        frame = pd.DataFrame({"participant_id": np.repeat(self.participants["participant_id"].to_numpy(), p)})
        for key in _FEATURE_KEYS:
            frame[key] = np.tile(self.features[key].to_numpy(), n)
        for name, array in named.items():
            frame[name] = np.asarray(array).reshape(n * p)
        return frame


def read_participants(
    frame: pd.DataFrame,
    *,
    file: str | Path,
    rename: Mapping[str, str] | None = None,
    covariates: Sequence[str] = (),
) -> pd.DataFrame:
    """Check a participants table and give its columns their names.

    Parameters
    ----------
    frame : pandas.DataFrame
        As read from ``participants.tsv``.
    file : path
        Named in errors.
    rename : mapping, optional
        From our names to the file's, for example ``{"group": "diagnosis"}``.
    covariates : sequence of str
        Further columns that are kept, of numbers.

    Returns
    -------
    pandas.DataFrame
        ``PARTICIPANT_COLUMNS`` and the covariates; optional ones that the file lacks are missing throughout.

    Raises
    ------
    InputError
        For an empty table, a missing column, a participant in two rows, and an age, duration, EDSS, covariate or sex
        that cannot be read or is out of its range.
    """
    by_lower = {str(name).strip().lower(): name for name in frame.columns}
    out = pd.DataFrame(index=frame.index)
    further = [name for name in covariates if name not in PARTICIPANT_COLUMNS]
    for ours in (*PARTICIPANT_COLUMNS, *further):
        theirs = (rename or {}).get(ours, ours)
        found = by_lower.get(theirs.lower())
        if found is None and (ours in _REQUIRED or ours in further):
            have = ", ".join(map(str, frame.columns))
            raise InputError(
                f"column missing (found: {have})", file=file, key=theirs,
                remedy="add it, or map its name under [columns] in the config",
            )  # fmt: skip
        out[ours] = frame[found] if found is not None else np.nan
    if out.empty:
        raise InputError("has no participants", file=file, remedy="add one row per participant")
    out["participant_id"] = out["participant_id"].map(with_prefix)
    repeated = out["participant_id"][out["participant_id"].duplicated()]
    if len(repeated):
        raise InputError(
            "stands in two rows", file=file, key="participant_id", value=repeated.iloc[0], remedy="keep one"
        )
    out["sex"] = [_sex(value, who, file) for value, who in zip(out["sex"], out["participant_id"])]
    for name in ("age", "disease_duration", "edss", *further):
        out[name] = [_number(value, name, who, file) for value, who in zip(out[name], out["participant_id"])]
    for name in ("site", "group", "phenotype", "scanner"):
        out[name] = [
            value if isinstance(value, str) else (None if pd.isna(value) else str(value)) for value in out[name]
        ]
    return out.reset_index(drop=True)


def build_cohort(
    regions: pd.DataFrame,
    participants: pd.DataFrame,
    *,
    regions_file: str | Path,
    participants_file: str | Path,
    control_group: str = "HC",
) -> tuple[Cohort, list[str]]:
    """Join regional values and participants.

    Parameters
    ----------
    regions : pandas.DataFrame
        At least ``participant_id metric tissue region value``; with ``hemisphere``, the two sides of a region are
        averaged; with ``session_id``, each participant's first session is taken.
    participants : pandas.DataFrame
        From `read_participants`.
    regions_file, participants_file : path
        Named in errors.
    control_group : str
        Label of the controls.

    Returns
    -------
    Cohort
        Participants in the order of their labels, features in the order metric, tissue, region of the study.
    list of str
        Notes: participants without values, of unknown age, of several sessions.

    Raises
    ------
    InputError
        For a missing column or an empty table, unknown metrics or tissues, duplicate rows, values that are not finite
        numbers, participants that ``participants.tsv`` lacks, and when nobody has values, site, group, age and sex.
    """  # fmt: skip
    notes: list[str] = []
    table = _check_regions(regions, regions_file)
    if "session_id" in table and table.groupby("participant_id")["session_id"].nunique().max() > 1:
        first = table.groupby("participant_id")["session_id"].transform("min")
        notes.append("several sessions: the first of each participant is taken")
        table = table[(table["session_id"] == first) | table["session_id"].isna()]
    unknown = sorted(set(table["participant_id"]) - set(participants["participant_id"]))
    if unknown:
        raise InputError(
            f"not in {participants_file}", file=regions_file, key="participant_id", value=unknown[0],
            remedy="add the participant's row, or remove the values",
        )  # fmt: skip
    keys = [*_FEATURE_KEYS, "participant_id"]
    unique = [*keys, "hemisphere"] if "hemisphere" in table else keys
    twice = table[table.duplicated(unique)]
    if len(twice):
        row = twice.iloc[0]
        what = " ".join(str(row[key]) for key in unique)
        raise InputError("stands in two rows", file=regions_file, key="participant_id metric tissue region", value=what)
    wide = table.groupby(keys, sort=False)["value"].mean().unstack(_FEATURE_KEYS)
    order = sorted(wide.columns, key=_feature_order)
    wide = wide[order].sort_index()
    known = participants.set_index("participant_id").loc[wide.index].reset_index()
    absent = sorted(set(participants["participant_id"]) - set(wide.index))
    if absent:
        notes.append(f"{len(absent)} of participants.tsv have no regional values: {_some(absent)}")
    complete = known[["site", "group", "age", "sex"]].notna().all(axis=1).to_numpy()
    if not complete.all():
        left_out = known["participant_id"][~complete].tolist()
        notes.append(f"{len(left_out)} without site, group, age or sex left out: {_some(left_out)}")
    if not complete.any():
        raise InputError("no participant has values, site, group, age and sex", file=participants_file)
    features = pd.DataFrame(order, columns=_FEATURE_KEYS)
    cohort = Cohort(known, features, wide.to_numpy(dtype=np.float64), control_group)
    return cohort.select(rows=complete), notes


def _check_regions(regions: pd.DataFrame, file: str | Path) -> pd.DataFrame:
    for name in ("participant_id", *_FEATURE_KEYS, "value"):
        if name not in regions:
            raise InputError(
                "column missing", file=file, key=name, remedy="see the documentation of the regional table"
            )
    table = regions.copy()
    if table.empty:
        raise InputError("has no rows", file=file)
    table["participant_id"] = table["participant_id"].map(with_prefix)
    for name, allowed in (("metric", METRICS), ("tissue", TISSUES)):
        wrong = table[name][~table[name].isin(allowed)]
        if len(wrong):
            raise InputError(f"must be one of {', '.join(allowed)}", file=file, key=name, value=wrong.iloc[0])
    if not pd.api.types.is_numeric_dtype(table["value"]):
        numbers = pd.to_numeric(table["value"], errors="coerce")
        wrong = table["value"][numbers.isna() & table["value"].notna()]
        raise InputError("must be a number", file=file, key="value", value=wrong.iloc[0] if len(wrong) else None)
    if np.isinf(table["value"]).any():
        raise InputError("must be finite", file=file, key="value", value="inf")
    return table


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")


def _feature_order(feature: Sequence[str]) -> tuple:
    metric, tissue, region = feature
    number = int(region[2:]) if region.startswith("BA") and region[2:].isdigit() else 0
    return METRICS.index(metric), TISSUES.index(tissue), number, region


def _sex(value: object, who: str, file: str | Path) -> str | None:
    if value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NA:
        return None
    letter = str(value).strip().upper()[:1]
    if letter not in ("F", "M"):
        raise InputError("must be F or M", file=file, key=f"sex of {who}", value=value)
    return letter


def _number(value: object, name: str, who: str, file: str | Path) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise InputError("must be a number or n/a", file=file, key=f"{name} of {who}", value=value) from error
    low, high, wanted = _RANGES.get(name, (-np.inf, np.inf, "must be finite"))
    if np.isinf(number) or number < low or number > high:
        raise InputError(wanted, file=file, key=f"{name} of {who}", value=value)
    return number
