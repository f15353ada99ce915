"""How much the results change where the paper can be read in two ways: the chosen reading beside the other one."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.data.tables import flags
from harmoniq.harmonization.base import HBR_Z
from harmoniq.statistics.age_models import age_models
from harmoniq.statistics.age_summaries import rmse_change
from harmoniq.statistics.columns import ColumnDescriptions
from harmoniq.statistics.comparisons import comparison_options
from harmoniq.statistics.edss import edss_associations
from harmoniq.statistics.group_differences import group_differences, table3
from harmoniq.statistics.inputs import Values
from harmoniq.statistics.zscores import zscores

ALTERNATIVES_COLUMNS: Final[ColumnDescriptions] = {
    "setting": "Key of the config that makes the choice",
    "unclear": "What the paper leaves open",
    "chosen": "The reading of this run",
    "other": "The other reading",
    "quantity": "What is compared",
    "metric": "R1 or R2star",
    "tissue": "cGM, sWM or WM; all where they are taken together",
    "data": "Harmonization method or comparison",
    "value_chosen": "Under the chosen reading",
    "value_other": "Under the other reading",
    "change": "The other minus the chosen one",
}

_SIGN = ("statistics.peak_sign", "equation 5 prints no minus sign")
_ERROR = ("statistics.peak_error", "equation 6 leaves out the covariance of the coefficients")
_ETA = (
    "none: both are in site_effects.tsv",
    "whether eta squared is a share of the total or of what age and sex leave",
)
_STANDARD = ("statistics.standardize_r2star", "whether the RMSE of R2* is that of standardized values")
_CONTROLS = ("statistics.overlap_only", "which controls the harmonized comparison takes")
_FAMILY = ("statistics.edss_family", "over which of the selected regions the p-values of EDSS are adjusted together")


def alternatives(
    cohort: Cohort, values: Values, tables: Mapping[str, pd.DataFrame], options: Mapping[str, Any]
) -> pd.DataFrame:
    """Compute the results under both readings of what the paper leaves open.

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).
    values : mapping of str to numpy.ndarray, shape (n_participants, n_features)
        By method; the Z-scores of hierarchical Bayesian regression under ``HBR_Z``.
    tables : mapping of str to pandas.DataFrame
        The group level's tables; ``age_models`` and ``site_effects`` are used where they are there.
    options : mapping of str to object
        The group level's options, as `harmoniq.statistics.steps.run_step` takes them.

    Returns
    -------
    pandas.DataFrame
        Columns ``ALTERNATIVES_COLUMNS``, a row per choice, quantity, metric, tissue and method.
    """
    rows: list[list[object]] = []
    if (models := tables.get("age_models")) is not None:
        rows += _peaks(models, str(options["peak_sign"]), str(options["peak_error"]))
    rows += _standardization(cohort, values, tables, bool(options["standardize_r2star"]))
    if (effects := tables.get("site_effects")) is not None:
        means = effects.groupby(["metric", "tissue", "data"], sort=False)[["eta2", "partial_eta2"]].mean()
        pairs = [(*key, row["eta2"], row["partial_eta2"]) for key, row in means.iterrows()]  # type: ignore[misc]
        rows += _lines(_ETA, "total", "partial", "mean eta squared", pairs)
    if (cohort.participants["group"] == options["patient_group"]).any():
        rows += _controls(cohort, values, options)
        rows += _families(cohort, values, options)
    return pd.DataFrame(rows, columns=list(ALTERNATIVES_COLUMNS))


def compare_regions(
    ours: pd.DataFrame, theirs: pd.DataFrame, *, setting: str, unclear: str, chosen: str, other: str
) -> pd.DataFrame:
    """Compare two regional tables of the same participants, as another sampling depth or decay fit makes them.

    Parameters
    ----------
    ours, theirs : pandas.DataFrame
        ``participant_id metric tissue region hemisphere value``.
    setting, unclear, chosen, other : str
        Text of the columns of these names.

    Returns
    -------
    pandas.DataFrame
        Columns ``ALTERNATIVES_COLUMNS``: the mean over regions of the regions' means, and the largest change of a
        region's mean in percent (with its sign), per metric and tissue.
    """
    keys = ["participant_id", "metric", "tissue", "region", "hemisphere"]
    both = ours.merge(theirs, on=keys, suffixes=("", "_other")).dropna(subset=["value", "value_other"])
    pairs: list[tuple] = []
    percent: list[tuple] = []
    for (metric, tissue), part in both.groupby(["metric", "tissue"], sort=False):
        means = part.groupby("region", sort=False)[["value", "value_other"]].mean()
        change = (100 * (means["value_other"] / means["value"] - 1)).to_numpy(dtype=float)
        pairs.append((metric, tissue, "raw", means["value"].mean(), means["value_other"].mean()))
        percent.append((metric, tissue, "raw", 0.0, change[np.abs(change).argmax()]))
    about = (setting, unclear)
    rows = _lines(about, chosen, other, "mean over regions (1/s)", pairs)
    rows += _lines(about, chosen, other, "largest change of a region's mean (%)", percent)
    return pd.DataFrame(rows, columns=list(ALTERNATIVES_COLUMNS))


def _lines(
    about: tuple[str, str], chosen: str, other: str, quantity: str, pairs: Sequence[tuple]
) -> list[list[object]]:
    """Return a row per (metric, tissue, data, value chosen, value other)."""
    return [
        [*about, chosen, other, quantity, metric, tissue, data, ours, theirs, theirs - ours]
        for metric, tissue, data, ours, theirs in pairs
    ]


def _peaks(models: pd.DataFrame, sign: str, error: str) -> list[list[object]]:
    kept = models[flags(models["kept"])]
    means = kept.groupby(["metric", "tissue", "data"], sort=False)[["peak_age", "se_peak", "se_peak_paper"]].mean()
    signs, errors = [], []
    for key, row in means.iterrows():
        signs.append((*key, row["peak_age"], -row["peak_age"]))  # type: ignore[misc]
        if error == "covariance":
            errors.append((*key, row["se_peak"], row["se_peak_paper"]))  # type: ignore[misc]
    other = {"minus": "printed", "printed": "minus"}[sign]
    return [
        *_lines(_SIGN, sign, other, "mean peak age (years)", signs),
        *_lines(_ERROR, "covariance", "printed", "mean standard error of the peak age (years)", errors),
    ]


def _standardization(
    cohort: Cohort, values: Values, tables: Mapping[str, pd.DataFrame], chosen: bool
) -> list[list[object]]:
    """Return what the RMSE of R2* loses by harmonization when R2* is, or is not, standardized first."""
    ours = tables.get("rmse_change")
    columns = (cohort.features["metric"] == "R2star").to_numpy()
    if ours is None or not columns.any():
        return []
    part = cohort.select(columns=columns)
    mine = {name: np.asarray(array, dtype=float)[:, columns] for name, array in values.items() if name != HBR_Z}
    models = age_models(part, mine, standardize_r2star=not chosen, n_bootstrap=2)
    keys = ["metric", "tissue", "data"]
    both = ours.merge(rmse_change(models), on=keys, suffixes=("", "_other"))
    pairs = [(*(row[key] for key in keys), row["mean"], row["mean_other"]) for row in both.to_dict("records")]
    words = {True: "raw within each site, harmonized over all", False: "not standardized"}
    return _lines(_STANDARD, words[chosen], words[not chosen], "mean decrease of the RMSE (%)", pairs)


def _controls(cohort: Cohort, values: Values, options: Mapping[str, Any]) -> list[list[object]]:
    wanted = options["harmonized_method"]
    method = wanted if wanted in values else "gam"
    if method not in values:
        return []
    found = []
    for overlap_only in (options["overlap_only"], not options["overlap_only"]):
        differences, _ = group_differences(
            cohort, {method: values[method]}, harmonized_method=method,
            **comparison_options({**options, "overlap_only": overlap_only}),
        )  # fmt: skip
        found.append(table3(differences, alpha=options["alpha"]).set_index(["metric", "tissue"]))
    names = {True: "sites whose ages overlap the patients'", False: "all sites"}
    chosen, other = (names[bool(flag)] for flag in (options["overlap_only"], not options["overlap_only"]))
    rows = []
    for column, quantity in (("n_significant", "significant regions"), ("d_median", "median Cohen's d")):
        pairs = [(*key, method, found[0][column][key], found[1][column][key]) for key in found[0].index]
        rows += _lines(_CONTROLS, chosen, other, quantity, pairs)
    return rows


def _families(cohort: Cohort, values: Values, options: Mapping[str, Any]) -> list[list[object]]:
    from harmoniq.statistics.clinical import selected_regions

    z, _ = zscores(cohort, values, **comparison_options(options))
    data = "hbr" if HBR_Z in values else "gam"
    if data not in z:
        return []
    selected, _ = selected_regions(cohort, values, options)
    families = (options["edss_family"], {"all": "tissue", "tissue": "all"}[options["edss_family"]])
    counts = []
    for family in families:
        table, _ = edss_associations(cohort, z[data], selected, patient_group=options["patient_group"], family=family)
        if table.empty:
            return []
        hits = table.assign(hit=table["p_fdr"] < options["alpha"])
        counts.append(hits.groupby(["metric", "tissue"], sort=False)["hit"].sum())
    pairs = [(*key, data, float(counts[0][key]), float(counts[1][key])) for key in counts[0].index]
    said = {"all": "all selected regions together", "tissue": "within each metric and tissue"}
    return _lines(_FAMILY, said[families[0]], said[families[1]], "regions associated with EDSS", pairs)
