"""Quadratic age models of the controls: coefficients, test of the curvature, peak age and error."""

from typing import Final

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError
from harmoniq.data.missing import missingness_groups
from harmoniq.statistics.bootstrap import bootstrap_peaks
from harmoniq.statistics.columns import DATA, FEATURE_COLUMNS, ColumnDescriptions
from harmoniq.statistics.design import AgeDesign, age_design
from harmoniq.statistics.inputs import Values, blocks, controls_only, feature_table
from harmoniq.statistics.linear import LinearFit, is_constant, least_squares
from harmoniq.statistics.peak_age import delta_se, paper_se, peak
from harmoniq.statistics.standardize import standardize, standardize_within
from harmoniq.statistics.threads import one_blas_thread

_PER_UNIT = "1/s for R1, SD for standardized R2*"
AGE_MODELS_COLUMNS: Final[ColumnDescriptions] = {
    **FEATURE_COLUMNS,
    "data": DATA,
    "n": "Controls in the model",
    "b0": {
        "Description": "Intercept of value ~ age + age squared + sex (women at age 0)",
        "Units": _PER_UNIT,
    },
    "b_age": {"Description": "Coefficient of age", "Units": f"per year; {_PER_UNIT}"},
    "b_age2": {"Description": "Coefficient of age squared", "Units": f"per year squared; {_PER_UNIT}"},
    "b_sex": {"Description": "Difference of men from women", "Units": _PER_UNIT},
    "lrt_chi2": "Likelihood-ratio statistic of age squared, n log(RSS without / RSS with), 1 degree of freedom",
    "lrt_p": "Its p-value (chi squared)",
    "peak_age": {
        "Description": "Turning point -b_age / (2 b_age2), maximum or minimum; n/a where lrt_p is not below alpha",
        "Units": "years",
    },
    "se_peak": {"Description": "Its standard error, delta method with the covariance", "Units": "years"},
    "se_peak_paper": {
        "Description": "Its standard error by equation 6 of Chen et al. 2026, without the covariance",
        "Units": "years",
    },
    "se_peak_boot": {"Description": "Standard deviation of the bootstrapped peak ages", "Units": "years"},
    "ci_low": {"Description": "2.5th percentile of the bootstrapped peak ages", "Units": "years"},
    "ci_high": {"Description": "97.5th percentile of the bootstrapped peak ages", "Units": "years"},
    "kept": "Whether there is a peak and se_peak_boot is at most the third quartile plus 1.5 times the interquartile "
    "range of its metric, tissue and data",
    "rmse": {"Description": "Square root of the mean squared residual", "Units": _PER_UNIT},
}
_NUMBERS = tuple(name for name in AGE_MODELS_COLUMNS if name not in (*FEATURE_COLUMNS, "data", "n", "kept"))


@one_blas_thread
def age_models(
    cohort: Cohort,
    values: Values,
    *,
    standardize_r2star: bool = True,
    alpha: float = 0.05,
    n_bootstrap: int = 10_000,
    seed: int = 0,
    stratify: bool = False,
    sign: str = "minus",
    error: str = "covariance",
) -> pd.DataFrame:
    """Fit value ~ age + age^2 + sex to the controls (Chen et al. 2026, equations 4 to 6).

    Parameters
    ----------
    cohort : Cohort
        Patients are left out.
    values : mapping of str to numpy.ndarray, shape (n_participants, n_features)
        By method.
    standardize_r2star : bool
        Standardize R2* over the controls first: ``raw`` within each site, the others over all sites together.
    alpha : float
        Level of the likelihood-ratio test of age^2: where its p does not fall below it, there is no peak.
    n_bootstrap : int
        Resamples of cases; at least 2.
    seed : int
        Of the resamples.
    stratify : bool
        Resample within each site.
    sign : {"minus", "printed"}
        ``printed``: peaks as equation 5 has them, without the minus sign.
    error : {"covariance", "printed"}
        ``printed``: ``se_peak`` too by equation 6, without the covariance.

    Returns
    -------
    pandas.DataFrame
        Columns ``AGE_MODELS_COLUMNS``, a row per region and method; n/a where the model cannot be fitted.

    Raises
    ------
    InputError
        When there are no controls, or `n_bootstrap` is below 2.
    """
    if n_bootstrap < 2:
        raise InputError("must be at least 2", key="bootstrap", value=n_bootstrap)
    controls, mine = controls_only(cohort, values)
    if standardize_r2star:
        mine = {name: _standardized(controls, array, within=name == "raw") for name, array in mine.items()}
    names, p = list(mine), len(controls.features)
    stacked = np.concatenate([mine[name] for name in names], axis=1) if names else np.empty((len(controls.values), 0))
    out = {name: np.full(stacked.shape[1], np.nan) for name in _NUMBERS}
    for rows, columns in missingness_groups(stacked):
        found = _of_complete(
            controls.participants.iloc[rows], stacked[np.ix_(rows, columns)],
            alpha=alpha, n_bootstrap=n_bootstrap, seed=seed, stratify=stratify,
        )  # fmt: skip
        for name, numbers in found.items():
            out[name][columns] = numbers
    _as_printed(out, sign, error)
    counts = np.isfinite(stacked).sum(axis=0)
    by_data = {}
    for k, name in enumerate(names):
        mine_only = slice(k * p, (k + 1) * p)
        kept = _kept(controls.features, out["se_peak_boot"][mine_only])
        by_data[name] = {"n": counts[mine_only], **{c: out[c][mine_only] for c in _NUMBERS}, "kept": kept}
    return feature_table(controls.features, by_data, "data").reindex(columns=list(AGE_MODELS_COLUMNS))


def _as_printed(out: dict[str, np.ndarray], sign: str, error: str) -> None:
    """Take the paper's equations 5 and 6 to the letter where that is chosen."""
    if sign == "printed":
        out["peak_age"] = -out["peak_age"]
        out["ci_low"], out["ci_high"] = -out["ci_high"], -out["ci_low"]
    if error == "printed":
        out["se_peak"] = out["se_peak_paper"].copy()


def _standardized(controls: Cohort, values: np.ndarray, *, within: bool) -> np.ndarray:
    columns = np.flatnonzero((controls.features["metric"] == "R2star").to_numpy())
    out = values.copy()
    part = values[:, columns]
    site = controls.participants["site"].to_numpy()
    out[:, columns] = standardize_within(part, site) if within else standardize(part)
    return out


def _of_complete(
    people: pd.DataFrame, values: np.ndarray, *, alpha: float, n_bootstrap: int, seed: int, stratify: bool
) -> dict[str, np.ndarray]:
    from scipy.stats import chi2

    design = age_design(people["age"].to_numpy(dtype=float), people["sex"].to_numpy())
    full = least_squares(design.matrix, values)
    if full.n <= full.rank:
        return {}
    out = _coefficients(design, full)
    flat = is_constant(values)
    out["rmse"] = np.sqrt(full.rss / full.n)
    if np.isfinite(full.unscaled[2, 2]):
        without = least_squares(design.matrix[:, [0, 1, 3]], values)
        # A constant region, or one that the model fits to rounding, has no likelihood to compare.
        untestable = flat | (full.rss <= 1e-20 * np.einsum("ij,ij->j", values, values))
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = full.n * np.log(np.maximum(without.rss / full.rss, 1.0))
        out["lrt_chi2"] = np.where(untestable, np.nan, statistic)
        out["lrt_p"] = chi2.sf(out["lrt_chi2"], 1)
        curved = np.flatnonzero(out["lrt_p"] < alpha)
        out |= _peaks(out, design, full, curved)
        boot = np.full((3, values.shape[1]), np.nan)
        if curved.size:
            boot[:, curved] = bootstrap_peaks(
                design, values[:, curved], n_resamples=n_bootstrap, seed=seed,
                strata=people["site"].to_numpy() if stratify else None,
            )  # fmt: skip
        out |= dict(zip(("se_peak_boot", "ci_low", "ci_high"), boot))
    return out


def _coefficients(design: AgeDesign, fit: LinearFit) -> dict[str, np.ndarray]:
    """Return the coefficients of plain age, from those of (age - center) / scale; NaN for aliased terms."""
    c, s = design.center, design.scale
    intercept, slope, curvature, sex = fit.coefficients
    held_slope, held_curvature = np.nan_to_num(slope), np.nan_to_num(curvature)
    return {
        "b0": intercept - held_slope * c / s + held_curvature * (c / s) ** 2,
        "b_age": slope / s - 2 * held_curvature * c / s**2,
        "b_age2": curvature / s**2,
        "b_sex": sex,
    }


def _peaks(
    coefficients: dict[str, np.ndarray], design: AgeDesign, fit: LinearFit, curved: np.ndarray
) -> dict[str, np.ndarray]:
    c, s = design.center, design.scale
    # (b_age, b_age2) = back @ (slope, curvature): the covariance follows.
    back = np.array([[1 / s, -2 * c / s**2], [0, 1 / s**2]])
    scaled = fit.unscaled[1:3, 1:3]
    plain = fit.variance[:, None, None] * (back @ scaled @ back.T)
    centered = fit.variance[:, None, None] * scaled
    _, slope, curvature, _ = fit.coefficients
    found = {
        "peak_age": c + s * peak(slope, curvature),
        # The delta method does not care for the age's origin and unit; the centered form loses no digits.
        "se_peak": s * delta_se(slope, curvature, centered),
        "se_peak_paper": paper_se(coefficients["b_age"], coefficients["b_age2"], plain),
    }
    out = {}
    for name, numbers in found.items():
        out[name] = np.full(len(numbers), np.nan)
        out[name][curved] = numbers[curved]
    return out


def _kept(features: pd.DataFrame, se: np.ndarray) -> np.ndarray:
    kept = np.zeros(len(se), dtype=bool)
    for _, _, columns in blocks(features):
        mine = se[columns]
        if np.isfinite(mine).any():
            low, high = np.nanquantile(mine, [0.25, 0.75])
            kept[columns] = mine <= high + 1.5 * (high - low)
    return kept
