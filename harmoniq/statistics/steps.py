"""The group level's steps, each from a cohort and its values to the contract's tables."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.harmonization.base import HBR_Z
from harmoniq.statistics import age_summaries
from harmoniq.statistics.age_models import AGE_MODELS_COLUMNS, age_models
from harmoniq.statistics.applied import harmonized_table
from harmoniq.statistics.clinical import clinical
from harmoniq.statistics.columns import ColumnDescriptions
from harmoniq.statistics.comparisons import comparison_options
from harmoniq.statistics.demographics import demographics, demographics_columns
from harmoniq.statistics.edss import EDSS_COLUMNS, EDSS_PARTIAL_COLUMNS
from harmoniq.statistics.group_differences import GROUP_DIFFERENCES_COLUMNS, TABLE3_COLUMNS, group_differences, table3
from harmoniq.statistics.harmonization_diagnostics import (
    DIAGNOSTICS_COLUMNS,
    flagged_notes,
    harmonization_diagnostics,
)
from harmoniq.statistics.held_out import HELD_OUT_COLUMNS, held_out_bias
from harmoniq.statistics.inputs import Values
from harmoniq.statistics.pca import PCA_COLUMNS, PCA_SUMMARY_COLUMNS, pca
from harmoniq.statistics.site_effects import SITE_EFFECTS_COLUMNS, site_effects
from harmoniq.statistics.zscores import ZSCORE_SUMMARY_COLUMNS, ZSCORES_COLUMNS

Options = Mapping[str, Any]


class Table(NamedTuple):
    """A table of the contract.

    Parameters
    ----------
    name : str
        Of its file, without suffix.
    frame : pandas.DataFrame
        Content.
    columns : dict of str to str or dict
        What its columns mean.
    digits : int or None
        Significant digits on disk; None: every bit.
    """

    name: str
    frame: pd.DataFrame
    columns: ColumnDescriptions
    digits: int | None = 10


def run_step(step: str, cohort: Cohort, values: Values, options: Options) -> tuple[list[Table], list[str]]:
    """Run one step of the group level.

    Parameters
    ----------
    step : str
        A key of ``STEPS``.
    cohort : Cohort
        Controls and patients.
    values : mapping of str to numpy.ndarray, shape (n_participants, n_features)
        By harmonization method; the Z-scores of hierarchical Bayesian regression stand beside them under ``HBR_Z``.
    options : mapping of str to object
        The study's settings that the step needs.

    Returns
    -------
    tables : list of Table
        What is to be written.
    notes : list of str
        What has to be said.
    """
    methods = values if step == "clinical" else {name: array for name, array in values.items() if name != HBR_Z}
    return STEPS[step](cohort, methods, options)


def _harmonized(cohort: Cohort, values: Values, options: Options) -> tuple[list[Table], list[str]]:
    frame, columns = harmonized_table(cohort, values)
    return [Table("regions_harmonized", frame, columns, None)], []


def _site_effects(cohort: Cohort, values: Values, options: Options) -> tuple[list[Table], list[str]]:
    return [Table("site_effects", site_effects(cohort, values), SITE_EFFECTS_COLUMNS)], []


def _pca(cohort: Cohort, values: Values, options: Options) -> tuple[list[Table], list[str]]:
    scores, summary = pca(cohort, values)
    return [Table("pca", scores, PCA_COLUMNS), Table("pca_summary", summary, PCA_SUMMARY_COLUMNS)], []


def _age_models(cohort: Cohort, values: Values, options: Options) -> tuple[list[Table], list[str]]:
    models = age_models(
        cohort, values, standardize_r2star=options["standardize_r2star"], alpha=options["alpha"],
        n_bootstrap=options["bootstrap"], seed=options["seed"], stratify=options.get("stratify_bootstrap", False),
        sign=options.get("peak_sign", "minus"), error=options.get("peak_error", "covariance"),
    )  # fmt: skip
    return [
        Table("age_models", models, AGE_MODELS_COLUMNS),
        Table("peak_age_summary", age_summaries.peak_age_summary(models), age_summaries.PEAK_AGE_SUMMARY_COLUMNS),
        Table(
            "peak_age_correlation",
            age_summaries.peak_age_correlation(models),
            age_summaries.PEAK_AGE_CORRELATION_COLUMNS,
        ),
        Table("rmse_change", age_summaries.rmse_change(models), age_summaries.RMSE_CHANGE_COLUMNS),
    ], []


def _group_differences(cohort: Cohort, values: Values, options: Options) -> tuple[list[Table], list[str]]:
    differences, notes = group_differences(
        cohort, values, harmonized_method=options["harmonized_method"], **comparison_options(options)
    )
    summary = table3(differences, alpha=options["alpha"])
    return [
        Table("group_differences", differences, GROUP_DIFFERENCES_COLUMNS),
        Table("table3_group_differences", summary, TABLE3_COLUMNS),
    ], notes


def _clinical(cohort: Cohort, values: Values, options: Options) -> tuple[list[Table], list[str]]:
    found = clinical(cohort, values, options)
    return [
        Table("zscores", found.zscores, ZSCORES_COLUMNS, 7),
        Table("zscore_summary", found.summary, ZSCORE_SUMMARY_COLUMNS),
        Table("edss", found.edss, EDSS_COLUMNS),
        Table("edss_partial", found.partial, EDSS_PARTIAL_COLUMNS, 7),
    ], found.notes


def _held_out(cohort: Cohort, values: Values, options: Options) -> tuple[list[Table], list[str]]:
    methods = [name for name in options["held_out_methods"] if name in values]
    frame, notes = held_out_bias(
        cohort, methods, reference_site=options["reference_site"], choices=options["choices"], folds=options["folds"],
        simulations=options["simulations"], seed=options["seed"],
    )  # fmt: skip
    return [Table("held_out_bias", frame, HELD_OUT_COLUMNS)], notes


def _diagnostics(cohort: Cohort, values: Values, options: Options) -> tuple[list[Table], list[str]]:
    frame = pd.DataFrame(columns=list(DIAGNOSTICS_COLUMNS))
    if set(values) != {"raw"}:
        effects = site_effects(cohort, values)
        frame = harmonization_diagnostics(
            cohort, values, effects, reference_site=options["reference_site"], choices=options["choices"],
            seed=options["seed"],
        )  # fmt: skip
    notes = flagged_notes(frame) if len(frame) else []
    return [Table("harmonization_diagnostics", frame, DIAGNOSTICS_COLUMNS)], notes


def _demographics(cohort: Cohort, values: Values, options: Options) -> tuple[list[Table], list[str]]:
    frame = demographics(cohort, patient_group=options["patient_group"])
    return [Table("table1_demographics", frame, demographics_columns(frame))], []


STEPS: dict[str, Callable[[Cohort, Values, Options], tuple[list[Table], list[str]]]] = {
    "harmonized": _harmonized,
    "site_effects": _site_effects,
    "pca": _pca,
    "age_models": _age_models,
    "group_differences": _group_differences,
    "clinical": _clinical,
    "demographics": _demographics,
    "held_out": _held_out,
    "diagnostics": _diagnostics,
}
