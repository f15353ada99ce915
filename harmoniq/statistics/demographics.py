"""The participants' demographics, laid out as the paper's table 1."""

from typing import Final

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.data.names import METRICS
from harmoniq.statistics.columns import ColumnDescriptions

_BANDS: Final[tuple[tuple[float, float, str], ...]] = (
    (0, 20, "below 20"),
    (20, 40, "20 to 39"),
    (40, 60, "40 to 59"),
    (60, 80, "60 to 79"),
)
_OLDEST: Final[tuple[float, float, str]] = (80, np.inf, "80 and above")


def demographics(cohort: Cohort, *, patient_group: str = "MS") -> pd.DataFrame:
    """Describe the controls and patients of each site (Chen et al. 2026, table 1).

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).
    patient_group : str
        Label of the patients; other groups are not shown.

    Returns
    -------
    pandas.DataFrame
        A row per description, text cells, None where it does not apply: ``description``, a column ``SITE_GROUP`` per
        site and group that has participants, and ``total_GROUP`` of the controls. SDs have n - 1, quartiles are
        interpolated (R's type 7).
    """
    people = cohort.participants
    measured = {
        metric: np.isfinite(cohort.values[:, (cohort.features["metric"] == metric).to_numpy()]).any(axis=1)
        for metric in METRICS
    }
    bands = [*_BANDS, _OLDEST] if (people["age"] >= _OLDEST[0]).any() else list(_BANDS)
    columns: dict[str, dict[str, str | None]] = {}
    for site in cohort.sites:
        for group in (cohort.control_group, patient_group):
            rows = ((people["site"] == site) & (people["group"] == group)).to_numpy()
            if rows.any():
                columns[f"{site}_{group}"] = _describe(people, rows, measured, bands, group == patient_group)
    rows = cohort.is_control
    if rows.any():
        columns[f"total_{cohort.control_group}"] = _describe(people, rows, measured, bands, False)
    table = pd.DataFrame(columns).astype(object)
    table = table.where(table.notna(), None)
    return table.rename_axis("description").reset_index()


def demographics_columns(table: pd.DataFrame) -> ColumnDescriptions:
    """Describe the columns of a table from `demographics`, whose names depend on the sites.

    Parameters
    ----------
    table : DataFrame
        From `demographics`.

    Returns
    -------
    dict of str to str
        Description by column.
    """
    out: ColumnDescriptions = {"description": "What the row tells; SD: standard deviation, IQR: quartiles"}
    for name in [str(name) for name in table.columns[1:]]:
        site, _, group = name.rpartition("_")
        out[name] = f"{group}, all sites" if site == "total" else f"{group} of {site}"
    return out


def _describe(
    people: pd.DataFrame,
    rows: np.ndarray,
    measured: dict[str, np.ndarray],
    bands: list[tuple[float, float, str]],
    patients: bool,
) -> dict[str, str | None]:
    part = people[rows]
    age = part["age"].to_numpy(dtype=float)
    women = 100 * (part["sex"] == "F").mean()
    out: dict[str, str | None] = {"participants, n": str(len(part))}
    out |= {f"{metric}, n": str(int(have[rows].sum())) for metric, have in measured.items()}
    out["female/male, %"] = f"{women:.1f}/{100 - women:.1f}"
    out["mean (SD) age, years"] = _mean_sd(age)
    out["age range, years"] = f"{np.floor(age.min()):.0f} to {np.floor(age.max()):.0f}"
    out |= {f"age {text} years, n": str(int(((age >= low) & (age < high)).sum())) for low, high, text in bands}
    out |= {"phenotypes, %": None, "mean (SD) disease duration, years": None, "median (IQR) EDSS": None}
    if patients:
        out["phenotypes, %"] = _shares(part["phenotype"])
        out["mean (SD) disease duration, years"] = _mean_sd(part["disease_duration"].to_numpy(dtype=float))
        out["median (IQR) EDSS"] = _quartiles(part["edss"].to_numpy(dtype=float))
    return out


def _mean_sd(numbers: np.ndarray) -> str | None:
    numbers = numbers[np.isfinite(numbers)]
    if len(numbers) == 0:
        return None
    spread = f"{numbers.std(ddof=1):.1f}" if len(numbers) > 1 else "n/a"
    return f"{numbers.mean():.1f} ({spread})"


def _quartiles(numbers: np.ndarray) -> str | None:
    numbers = numbers[np.isfinite(numbers)]
    if len(numbers) == 0:
        return None
    low, middle, high = np.quantile(numbers, [0.25, 0.5, 0.75])
    return f"{middle:.1f} ({low:.1f}, {high:.1f})"


def _shares(labels: pd.Series) -> str | None:
    known = labels.dropna()
    if known.empty:
        return None
    counts = known.value_counts().sort_index()
    return ", ".join(f"{label} {100 * count / len(known):.1f}" for label, count in counts.items())
