"""What makes a harmonization doubtful: over-correction, sites that age or sex tell apart, and leaks into the fit."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError
from harmoniq.harmonization.base import site_labels
from harmoniq.harmonization.batches import Choices, batched, fitted_part, reference_batch, strata
from harmoniq.harmonization.design import FEW_CONTROLS, within_share
from harmoniq.harmonization.harmonize import transform_part
from harmoniq.harmonization.registry import make_harmonizer
from harmoniq.harmonization.training import covariate_columns
from harmoniq.statistics.columns import ColumnDescriptions
from harmoniq.statistics.inputs import Values
from harmoniq.statistics.over_correction import over_correction

DIAGNOSTICS_COLUMNS: Final[ColumnDescriptions] = {
    "check": {
        "Description": "What was checked",
        "Levels": {
            "over_correction": "by how much the values of the other sites' controls moved beyond or short of the raw "
            "site effect (root mean square, SDs of the raw residuals); warns too where there is hardly a site effect "
            "(adjusted ICC below 0.1) and the peak age moved by more than 5 years",
            "site_size": "controls of the site",
            "age_overlap": "share of the site's controls whose age other sites have too",
            "age_collinearity": "share of the variance of age that lies within sites (1 over its inflation factor)",
            "sex_balance": "share of the rarer sex among the site's controls",
            "sex_collinearity": "share of the variance of sex that lies within sites",
            "ages_outside": "participants beyond the ages of the controls who were fitted",
            "reference_unchanged": "largest change of a value of the reference site, 1/s",
            "leakage_patients": "largest change of a harmonized control when the patients' values are tripled, 1/s",
            "leakage_held_out": "largest change of a harmonized control when a tenth of the participants, as others "
            "than controls, have other values, 1/s",
            "duplicates": "participants whose values all equal those of another one",
            "singular_fits": "regions whose random-intercept model ends at a site variance of 0",
            "lost_values": "values that a method could not harmonize",
        },
    },
    "metric": "R1 = 1/T1 or R2star = 1/T2*",
    "tissue": "Tissue, where the check is of a tissue or region",
    "region": "Region, where the check is of a region",
    "data": "Method of harmonization, where the check is of a method",
    "site": "Site (batch), where the check is of a site",
    "value": "What was found",
    "limit": "Where the check begins to warn",
    "flag": "Whether it warns",
    "message": "The finding in words",
}


def harmonization_diagnostics(
    cohort: Cohort,
    values: Values,
    effects: pd.DataFrame,
    *,
    reference_site: str,
    choices: Choices | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Check a harmonization.

    ComBat and ComBat-GAM are fitted again with changed values of those who must not enter the fit; HBR, which takes
    long, is not.

    Parameters
    ----------
    cohort : Cohort
        Controls and patients.
    values : mapping of str to numpy.ndarray, shape (n_participants, n_features)
        By method, ``raw`` among them.
    effects : pandas.DataFrame
        As `harmoniq.statistics.site_effects.site_effects` makes it of the same values.
    reference_site : str
        Label of the reference site.
    choices : Choices, optional
        Those the values were harmonized with; default: those of `Choices`.
    seed : int
        Of who is held out, and of the fits.

    Returns
    -------
    pandas.DataFrame
        Columns ``DIAGNOSTICS_COLUMNS``, a row per check and what it is of.
    """
    choices = choices or Choices()
    rows: list[dict[str, Any]] = []
    try:
        reference, _ = reference_batch(cohort, reference_site, choices)
    except InputError:
        reference = reference_site
    whole = batched(cohort, choices.batch)
    for metric in dict.fromkeys(cohort.features["metric"]):
        part = whole.metric(metric)
        rows += [{"metric": metric} | row for row in _of_sites(part, choices)]
        rows += [{"metric": metric} | row for row in _of_leaks(part, values, reference, choices, seed)]
    rows += _of_methods(whole, values, reference)
    rows += over_correction(cohort, values, effects, reference_site)
    rows += _singular(effects)
    return pd.DataFrame(rows, columns=list(DIAGNOSTICS_COLUMNS))


def check_row(check: str, value: float, limit: float, *, over: bool, message: str, **about: str) -> dict[str, Any]:
    """Return a row of the diagnostics.

    Parameters
    ----------
    check : str
        Name of the check.
    value : float
        What was found.
    limit : float
        Where the check begins to warn.
    over : bool
        Whether it warns over the limit; else it warns under it.
    message : str
        The finding in words.
    **about : str
        Columns that say what was checked: ``metric tissue region data site``.

    Returns
    -------
    dict of str to object
        ``check value limit flag message`` and `about`.
    """
    flag = bool(value > limit) if over else bool(value < limit)
    return {"check": check, **about, "value": float(value), "limit": limit, "flag": flag, "message": message}


def _of_sites(part: Cohort, choices: Choices) -> list[dict[str, Any]]:
    """Check sizes, overlap and collinearity of the controls of one metric."""
    fitted = fitted_part(part, choices.fit_groups)
    controls = fitted.select(rows=fitted.is_control)
    site = site_labels(controls)
    if not len(site):
        return []
    age, male = covariate_columns(controls, ("age", "sex")).T
    rows = []
    for label in sorted(set(site)):
        here = site == label
        n = int(here.sum())
        rows.append(check_row("site_size", n, FEW_CONTROLS, over=False, site=label, message=f"{n} controls"))
        share = min(male[here].mean(), 1 - male[here].mean())
        rows.append(check_row("sex_balance", share, 0.1, over=False, site=label,
                              message=f"{int(male[here].sum())} of {n} are men"))  # fmt: skip
        if not here.all():
            low, high = age[~here].min(), age[~here].max()
            inside = float(((age[here] >= low) & (age[here] <= high)).mean())
            message = f"{age[here].min():g} to {age[here].max():g} years; the other sites {low:g} to {high:g}"
            rows.append(check_row("age_overlap", inside, 0.5, over=False, site=label, message=message))
    for name, column in (("age", age), ("sex", male)):
        share = within_share(column, site)
        inflation = f"variance inflation of {name} by site: {1 / max(share, 1e-12):.3g}"
        rows.append(check_row(f"{name}_collinearity", share, 0.2, over=False, message=inflation))
    everyone = part.participants["age"].to_numpy(dtype=float)
    beyond = int(((everyone < age.min()) | (everyone > age.max())).sum())
    rows.append(check_row("ages_outside", beyond, 0, over=True,
                          message=f"the controls are {age.min():g} to {age.max():g} years old"))  # fmt: skip
    return rows


def _of_leaks(part: Cohort, values: Values, reference: str, choices: Choices, seed: int) -> list[dict[str, Any]]:
    """Fit again with changed values of those who must not enter the fit; only of methods that take no time."""
    rows = []
    finite = np.where(np.isfinite(part.values), part.values, 0.0)
    _, inverse, counts = np.unique(finite, axis=0, return_inverse=True, return_counts=True)
    doubled = np.flatnonzero(counts[inverse.ravel()] > 1)
    who = ", ".join(part.participants["participant_id"].iloc[doubled[:4]].astype(str))
    rows.append(check_row("duplicates", len(doubled), 0, over=True, message=who or "none"))
    fitted = fitted_part(part, choices.fit_groups)
    rng = np.random.default_rng(seed)
    held = rng.random(len(part.participants)) < 0.1
    apart = fitted.participants.assign(group=fitted.participants["group"].where(~held, fitted.control_group + "?"))
    sources = {
        "leakage_patients": (fitted, ~fitted.is_control),
        "leakage_held_out": (Cohort(apart, fitted.features, fitted.values, fitted.control_group), held),
    }
    for method in [name for name in ("combat", "gam") if name in values]:
        for check, (cohort, outside) in sources.items():
            try:
                moved = max(_moved(cohort.select(rows=rows_), outside[rows_], method, reference, choices, seed)
                            for _, rows_ in strata(cohort, choices.batch))  # fmt: skip
            except InputError:
                continue
            said = f"{int(outside.sum())} participants outside the fit were changed"
            rows.append(check_row(check, moved, 0.0, over=True, data=method, message=said))
    return rows


def _moved(cohort: Cohort, outside: np.ndarray, method: str, reference: str, choices: Choices, seed: int) -> float:
    """Return how much the harmonized controls move when those outside the fit get three times their values."""
    changed = cohort.values * np.where(outside, 3.0, 1.0)[:, None]
    inside = cohort.select(rows=cohort.is_control)
    outs = []
    for values in (cohort.values, changed):
        harmonizer = make_harmonizer(method, reference_site=reference, seed=seed, choices=choices)
        outs.append(transform_part(harmonizer.fit(cohort.with_values(values)), inside, outside_ages="flag")[0])
    difference = np.abs(outs[1] - outs[0])
    return float(np.nanmax(difference)) if np.isfinite(difference).any() else 0.0


def _of_methods(whole: Cohort, values: Mapping[str, np.ndarray], reference: str) -> list[dict[str, Any]]:
    here = site_labels(whole) == reference
    rows = []
    for metric in dict.fromkeys(whole.features["metric"]):
        columns = (whole.features["metric"] == metric).to_numpy()
        raw = whole.values[:, columns]
        for method in [name for name in values if name != "raw"]:
            mine = np.asarray(values[method])[:, columns]
            change = np.abs(mine - raw)[here]
            largest = float(np.nanmax(change)) if np.isfinite(change).any() else 0.0
            rows.append(check_row("reference_unchanged", largest, 0.0, over=True, metric=metric, data=method,
                                  message=f"{int(here.sum())} participants of {reference}"))  # fmt: skip
            lost = int((np.isfinite(raw) & ~np.isfinite(mine)).sum())
            rows.append(check_row("lost_values", lost, 0, over=True, metric=metric, data=method,
                                  message=f"of {int(np.isfinite(raw).sum())}"))  # fmt: skip
    return rows


def _singular(effects: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    for key, part in effects.groupby(["metric", "tissue", "data"], sort=False):
        metric, tissue, data = map(str, key)
        flags = part["singular_adjusted"].dropna().astype(bool)
        # No fault: harmonized values are meant to end there.
        rows.append(check_row("singular_fits", int(flags.sum()), float("nan"), over=True, metric=metric, tissue=tissue,
                              data=data, message=f"of {len(part)} regions; their ICC is given as 0"))  # fmt: skip
    return rows


def flagged_notes(table: pd.DataFrame, *, most: int = 8) -> list[str]:
    """Say which checks warn, for the report.

    Parameters
    ----------
    table : DataFrame
        From `harmonization_diagnostics`.
    most : int, optional
        Cases that are named of each check.

    Returns
    -------
    list of str
        A note per kind of check; sizes and ages of the sites are not among them, since they stand in the fits' own
        notes.
    """
    notes = []
    said = table["check"].isin(["over_correction", "reference_unchanged", "leakage_patients", "leakage_held_out",
                                "duplicates"])  # fmt: skip
    for check, part in table[table["flag"].astype(bool) & said].groupby("check", sort=False):
        names = [
            " ".join(str(value) for value in row if isinstance(value, str))
            for row in part[["metric", "tissue", "region", "data", "site"]].to_numpy(dtype=object)
        ]
        more = f" and {len(names) - most} more" if len(names) > most else ""
        notes.append(f"{check}: {', '.join(names[:most])}{more} (harmonization_diagnostics.tsv)")
    return notes
