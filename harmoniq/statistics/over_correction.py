"""Regions that harmonization moves by more than the raw values differ between sites.

Chen et al. 2026 (discussion) found regions with minimal site effects, the right corticospinal tract for one (adjusted
ICC 0.08), whose peak age moved by more than ten years under both ComBat-GAM and HBR. What a method should take away is
known approximately: the site effects of value ~ site + age + age^2 + sex.
"""

from typing import Any, Final

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.data.missing import missingness_groups
from harmoniq.statistics.age_models import age_models
from harmoniq.statistics.design import age_design, site_indicators
from harmoniq.statistics.inputs import Values, controls_only
from harmoniq.statistics.linear import least_squares

#: Adjusted ICC of the raw values below which there is hardly a site effect to correct.
SMALL_ICC: Final = 0.10
#: Change of the peak age that is too much for such a region, years.
LARGE_PEAK_SHIFT: Final = 5.0
#: Change of the values beyond the site effect that is too much for any region, SDs.
LARGE_EXCESS: Final = 0.30


def over_correction(cohort: Cohort, values: Values, effects: pd.DataFrame, reference_site: str) -> list[dict[str, Any]]:
    """Measure by how much each method moves the values beyond or short of the raw site effect.

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).
    values : mapping of str to numpy.ndarray, shape (n_participants, n_features)
        By method; without ``raw`` there is nothing to compare with.
    effects : pandas.DataFrame
        As `harmoniq.statistics.site_effects.site_effects` makes it of the same values.
    reference_site : str
        Label of the reference site; its controls are not looked at.

    Returns
    -------
    list of dict
        Rows of ``harmonization_diagnostics.tsv``, one per region and method. The value is the root mean square, over
        the other sites' controls, of how much they moved beyond or short of the raw site effect, as a quadratic trend
        in age of each site (so that scaling the noise does not count), in SDs of the raw residuals. Flagged above
        ``LARGE_EXCESS``; and where the adjusted ICC of the raw values is below ``SMALL_ICC`` and the peak age moved by
        more than ``LARGE_PEAK_SHIFT``.
    """
    methods = [name for name in values if name != "raw"]
    if "raw" not in values or not methods:
        return []
    controls, mine = controls_only(cohort, values)
    site, age = controls.participants["site"].to_numpy(), controls.participants["age"].to_numpy(dtype=float)
    away = site != reference_site
    residual, effect = _raw_site_effects(controls, mine["raw"], reference_site)
    keys = ["metric", "tissue", "region"]
    icc = effects[effects["data"] == "raw"].set_index(keys)["icc_adjusted"]
    peaks = age_models(cohort, values, standardize_r2star=False, n_bootstrap=2).set_index([*keys, "data"])["peak_age"]
    rows = []
    for column, key in enumerate(controls.features[keys].itertuples(index=False, name=None)):
        for method in methods:
            moved = (mine[method] - mine["raw"])[away, column]
            known = np.isfinite(moved + effect[away, column])
            if not known.any() or not residual[column] > 0:
                continue
            beyond = _trend((moved + effect[away, column])[known], site[away][known], age[away][known])
            change, excess = (float(np.sqrt((x**2).mean()) / residual[column]) for x in (moved[known], beyond))
            shift = float(peaks[(*key, method)] - peaks[(*key, "raw")])
            small = bool(icc[key] < SMALL_ICC)
            said = f"raw adjusted ICC {icc[key]:.2f}; moved by {change:.2f} SD, {excess:.2f} besides the site effect"
            if np.isfinite(shift):
                said += f"; the peak age by {shift:+.1f} years"
            rows.append({
                "check": "over_correction", **dict(zip(keys, key)), "data": method, "value": excess,
                "limit": LARGE_EXCESS, "message": said,
                "flag": bool(excess > LARGE_EXCESS or (small and abs(shift) > LARGE_PEAK_SHIFT)),
            })  # fmt: skip
    return rows


def _trend(values: np.ndarray, site: np.ndarray, age: np.ndarray) -> np.ndarray:
    """Return the quadratic trend in age within each site, shape (n,)."""
    out = np.empty_like(values)
    for label in np.unique(site):
        here = site == label
        scaled = (age[here] - age[here].mean()) / (age[here].std() or 1.0)
        design = np.column_stack([np.ones_like(scaled), scaled, scaled**2])
        out[here] = values[here] - least_squares(design, values[here, None]).residuals[:, 0]
    return out


def _raw_site_effects(controls: Cohort, raw: np.ndarray, reference_site: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the residual SD of value ~ site + age + age^2 + sex, (p,), and everybody's site effect, (n, p)."""
    people = controls.participants
    spread, effect = np.full(raw.shape[1], np.nan), np.full(raw.shape, np.nan)
    for rows, columns in missingness_groups(raw):
        some = people.iloc[rows]
        site = some["site"].to_numpy()
        if reference_site not in site or len(np.unique(site)) < 2:
            continue
        others = site_indicators(site)[:, np.unique(site) != reference_site]
        ages = age_design(some["age"].to_numpy(dtype=float), some["sex"].to_numpy()).matrix
        fit = least_squares(np.column_stack([ages, others]), raw[np.ix_(rows, columns)])
        spread[columns] = np.sqrt(fit.variance)
        effect[np.ix_(rows, columns)] = others @ fit.coefficients[ages.shape[1] :]
    return spread, effect
