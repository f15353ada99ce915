"""How much of the controls' variation lies between sites: intra-class correlations and eta squared."""

from typing import Any, Final

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.data.missing import missingness_groups
from harmoniq.statistics.columns import DATA, FEATURE_COLUMNS, ColumnDescriptions
from harmoniq.statistics.design import age_design, site_indicators
from harmoniq.statistics.inputs import Values, controls_only, feature_table
from harmoniq.statistics.linear import is_constant
from harmoniq.statistics.random_intercept import intraclass_correlation, site_spectrum
from harmoniq.statistics.threads import one_blas_thread

SITE_EFFECTS_COLUMNS: Final[ColumnDescriptions] = {
    **FEATURE_COLUMNS,
    "data": DATA,
    "n": "Controls with a value",
    "icc_unadjusted": "Variance of site over variance of site and residual: REML of a random site intercept, "
    "value ~ 1 + (1 | site); 0 at the boundary",
    "icc_adjusted": "The same with fixed effects of age, age squared and sex; 0 at the boundary",
    "singular_unadjusted": "Whether the unadjusted fit is at the boundary (no variance of site)",
    "singular_adjusted": "Whether the adjusted fit is at the boundary (no variance of site)",
    "eta2": "Type II sum of squares of site in value ~ site + age + age squared + sex, over the total sum of squares "
    "of the value about its mean",
    "partial_eta2": "Type II sum of squares of site over itself plus the residual sum of squares",
}
_NUMBERS = ("icc_unadjusted", "icc_adjusted", "eta2", "partial_eta2")
_FLAGS = ("singular_unadjusted", "singular_adjusted")


@one_blas_thread
def site_effects(cohort: Cohort, values: Values) -> pd.DataFrame:
    """Quantify the effect of site on each region (Chen et al. 2026, equations 1 to 3 and section 2.4.3).

    Parameters
    ----------
    cohort : Cohort
        Patients are left out.
    values : mapping of str to numpy.ndarray, shape (n_participants, n_features)
        By method.

    Returns
    -------
    pandas.DataFrame
        Columns ``SITE_EFFECTS_COLUMNS``, a row per region and method; n/a where fewer than two sites have values,
        the region does not vary, or too few controls are left.

    Raises
    ------
    InputError
        When there are no controls, or a participant lacks age, sex or site.
    """
    controls, mine = controls_only(cohort, values)
    by_data = {name: _of_method(controls.participants, array) for name, array in mine.items()}
    return feature_table(controls.features, by_data, "data").reindex(columns=list(SITE_EFFECTS_COLUMNS))


def _of_method(people: pd.DataFrame, values: np.ndarray) -> dict[str, Any]:
    p = values.shape[1]
    out: dict[str, np.ndarray] = {"n": np.isfinite(values).sum(axis=0)}
    out |= {name: np.full(p, np.nan) for name in (*_NUMBERS, *_FLAGS)}
    for rows, columns in missingness_groups(values):
        found = _of_complete(people.iloc[rows], values[np.ix_(rows, columns)])
        for name, numbers in found.items():
            out[name][columns] = numbers
    # Nullable booleans, since a region without an estimate is neither singular nor not.
    return out | {name: pd.array(out[name], dtype="boolean") for name in _FLAGS}


def _of_complete(people: pd.DataFrame, values: np.ndarray) -> dict[str, np.ndarray]:
    site = people["site"].to_numpy()
    if len(np.unique(site)) < 2:
        return {}
    indicators = site_indicators(site)
    adjusted = age_design(people["age"].to_numpy(dtype=float), people["sex"].to_numpy()).matrix
    total = ((values - values.mean(axis=0)) ** 2).sum(axis=0)
    constant = is_constant(values)
    out: dict[str, np.ndarray] = {}
    for kind, fixed in (("unadjusted", adjusted[:, :1]), ("adjusted", adjusted)):
        spectrum = site_spectrum(fixed, indicators, values)
        if not spectrum.estimable:
            continue
        # Without a residual the likelihood has no maximum and the ratios are rounding.
        flat = constant | (spectrum.within <= 1e-14 * total)
        with np.errstate(divide="ignore", invalid="ignore"):
            icc, singular = intraclass_correlation(spectrum)
            site_squares = spectrum.between.sum(axis=0)
            out[f"icc_{kind}"] = np.where(flat, np.nan, icc)
            out[f"singular_{kind}"] = np.where(flat, np.nan, singular)
            if kind == "adjusted":
                out["eta2"] = np.where(flat, np.nan, site_squares / total)
                out["partial_eta2"] = np.where(flat, np.nan, site_squares / (site_squares + spectrum.within))
    return out
