"""Harmonize a cohort, metric by metric, with several methods."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError
from harmoniq.harmonization.base import (
    HarmonizationWarning,
    Harmonizer,
    feature_names,
    site_label,
    site_labels,
    some,
)
from harmoniq.harmonization.batches import Choices, batched, fitted_part, reference_batch, strata
from harmoniq.harmonization.design import diagnostics
from harmoniq.harmonization.hbr.harmonizer import Hbr
from harmoniq.harmonization.hbr.run import HbrRun, diagnostics_table
from harmoniq.harmonization.hbr.score import zscores
from harmoniq.harmonization.manifest import write_manifest
from harmoniq.harmonization.registry import check_method, make_harmonizer


@dataclass(frozen=True)
class HarmonizedCohort:
    """A cohort and its values under every method.

    Parameters
    ----------
    cohort : Cohort
        As it came.
    values : dict of str to numpy.ndarray
        By method's name, of the shape of ``cohort.values``, in 1/s; NaN where a value is missing or cannot be
        harmonized.
    notes : list of str
        What a reader of the results must know, each once, beginning with the metric (and method) that it is about.
    zscores : numpy.ndarray or None
        Of the shape of ``cohort.values``: deviations from the normative model of hierarchical Bayesian regression, as
        `hbr.score.zscores`; None when hbr was not run.
    hbr_diagnostics : pandas.DataFrame
        A row per region and fit of hierarchical Bayesian regression, columns ``hbr.run.HBR_DIAGNOSTICS_COLUMNS``.
    """

    cohort: Cohort
    values: dict[str, np.ndarray]
    notes: list[str]
    zscores: np.ndarray | None = None
    hbr_diagnostics: pd.DataFrame = field(default_factory=lambda: diagnostics_table([]))

    def of(self, method: str) -> Cohort:
        """Return the cohort with the values of one method.

        Parameters
        ----------
        method : str
            One of `values`.

        Returns
        -------
        Cohort
            The same participants and features.
        """
        return self.cohort.with_values(self.values[method])


def harmonize_cohort(
    cohort: Cohort,
    methods: Sequence[str],
    *,
    reference_site: str,
    engine: str = "native",
    seed: int = 0,
    models_dir: str | Path | None = None,
    choices: Choices | None = None,
    patient_group: str | None = None,
    hbr: HbrRun | None = None,
) -> HarmonizedCohort:
    """Harmonize every metric over the sites that measured it.

    The controls of a metric's sites are fitted, over all its tissues and regions together; everybody is transformed.

    Parameters
    ----------
    cohort : Cohort
        Controls and patients of several sites and metrics.
    methods : sequence of str
        Among raw, combat, gam and hbr.
    reference_site : str
        Left as it is; the others are brought to its scale.
    engine : {"native", "neuroharmonize"}
        Of combat and gam.
    seed : int
        Of all that is random.
    models_dir : path, optional
        Where to save the fitted models, in a folder per method and metric, and what they are in ``harmonization.json``.
    choices : Choices, optional
        Batches, protected covariates and who is fitted.
    patient_group : str, optional
        Label of the patients, who never enter a fit.
    hbr : HbrRun, optional
        How hbr is run, Z-scores included.

    Returns
    -------
    HarmonizedCohort
        Z-scores and diagnostics when hbr is among the methods.

    Raises
    ------
    InputError
        For unknown methods, a reference site that is unknown or lacks a metric, data of one site only, and all that
        the harmonizers refuse. A metric measured at the reference site alone is left as it is when others can be
        harmonized.
    """
    for method in methods:
        check_method(method)
    choices = choices or Choices()
    ids = cohort.participants["participant_id"]
    if ids.duplicated().any():
        raise InputError("stands in two rows", key="participant_id", value=ids[ids.duplicated()].iloc[0])
    values = {method: np.array(cohort.values, dtype=np.float64) for method in methods}
    wanted = [method for method in methods if method != "raw"]
    if not wanted:
        return HarmonizedCohort(cohort, values, [])
    reference, notes = reference_batch(cohort, reference_site, choices)
    parts = _parts(batched(cohort, choices.batch), reference)
    run, fits = hbr or HbrRun(), []
    for method in wanted:
        values[method][:] = np.nan
    for metric, (part, rows, columns) in parts.items():
        if set(site_labels(part)) == {reference}:
            notes.append(f"{metric}: measured at {reference} alone, and left as it is")
            for method in wanted:
                values[method][np.ix_(rows, columns)] = part.values
            continue
        notes += [f"{metric}: {note}" for note in diagnostics(part)]
        for name, stratum in strata(part, choices.batch):
            piece = part.select(rows=stratum)
            fitted = fitted_part(piece, choices.fit_groups, patient_group)
            about = f"{metric}, {name}" if name else metric
            for method in wanted:
                harmonizer = make_harmonizer(method, engine=engine, reference_site=reference, seed=seed,
                                             choices=choices, hbr=run)  # fmt: skip
                folder = None if models_dir is None else Path(models_dir) / method / metric / name
                out, said = _harmonize_part(piece, fitted, harmonizer, folder, about, choices)
                values[method][np.ix_(rows[stratum], columns)] = out
                notes += [f"{about}, {method}: {note}" for note in said]
                if isinstance(harmonizer, Hbr):
                    fits.append(harmonizer.diagnostics().assign(model=f"harmonization {name}".strip()))
    if models_dir is not None:
        harmonized = {metric: part for metric, (part, *_) in parts.items() if set(site_labels(part)) != {reference}}
        write_manifest(models_dir, harmonized, wanted, reference_site=site_label(reference_site), reference=reference,
                       choices=choices)  # fmt: skip
    if "hbr" not in wanted:
        return HarmonizedCohort(cohort, values, list(dict.fromkeys(notes)))
    scored = zscores(cohort, patient_group=patient_group or "MS", run=run, seed=seed, choices=choices,
                     models_dir=None if models_dir is None else Path(models_dir) / "zscores")  # fmt: skip
    fits.append(scored.diagnostics.assign(model="zscores"))
    notes = list(dict.fromkeys(notes + scored.notes))
    return HarmonizedCohort(cohort, values, notes, scored.values, diagnostics_table(fits))


def _parts(cohort: Cohort, reference: str) -> dict[str, tuple[Cohort, np.ndarray, np.ndarray]]:
    """Return for every metric its cohort and where its rows and columns stand in the whole."""
    position = {who: row for row, who in enumerate(cohort.participants["participant_id"])}
    parts = {}
    for metric in dict.fromkeys(cohort.features["metric"]):
        part = cohort.metric(metric)
        columns = np.flatnonzero((cohort.features["metric"] == metric).to_numpy())
        rows = np.array([position[who] for who in part.participants["participant_id"]], dtype=int)
        if not len(rows):
            continue
        sites = sorted(set(site_labels(part)))
        if reference not in sites:
            raise InputError(
                f"has no {metric}, which was measured at {', '.join(sites)}", key="reference_site", value=reference,
                remedy=f"name one of them, or leave {metric} out",
            )  # fmt: skip
        parts[str(metric)] = (part, rows, columns)
    if all(set(site_labels(part)) == {reference} for part, *_ in parts.values()):
        raise InputError("there is only one site: nothing to harmonize", key="site", value=reference,
                         remedy="add a second site, or use the raw values alone")  # fmt: skip
    return parts


def _harmonize_part(
    part: Cohort, fitted: Cohort, harmonizer: Harmonizer, folder: Path | None, about: str, choices: Choices
) -> tuple[np.ndarray, list[str]]:
    """Fit, transform and save one method on one metric; return the values and notes."""
    try:
        harmonizer.fit(fitted)
    except InputError as error:
        raise InputError(f"{error.problem} ({about}, {harmonizer.method})", file=error.file, key=error.key,
                         value=error.value, remedy=error.remedy) from error  # fmt: skip
    out, said = transform_part(harmonizer, part, outside_ages=choices.outside_ages)
    if folder is not None:
        harmonizer.save(folder)
    return out, [*harmonizer.notes, *said]


def transform_part(harmonizer: Harmonizer, part: Cohort, *, outside_ages: str) -> tuple[np.ndarray, list[str]]:
    """Transform a cohort of one metric.

    Parameters
    ----------
    harmonizer : Harmonizer
        Fitted.
    part : Cohort
        Of one metric.
    outside_ages : {"flag", "refuse"}
        What to do with participants beyond the ages of the fit.

    Returns
    -------
    values : array, shape (n_participants, n_features)
        In 1/s; NaN where there is no harmonized value.
    notes : list of str
        Who is extrapolated, and how many values are lost in which regions.

    Raises
    ------
    InputError
        When participants lie outside the ages of the fit and `outside_ages` is ``refuse``.
    """
    outside = harmonizer.outside(part)
    if outside and outside_ages == "refuse":
        raise InputError(outside[0], key="outside_ages", value="refuse",
                         remedy="leave them out, or set outside_ages to flag")  # fmt: skip
    with warnings.catch_warnings():
        # The same is among the notes.
        warnings.simplefilter("ignore", HarmonizationWarning)
        out = harmonizer.transform(part)
    notes = list(outside)
    lost = np.isfinite(part.values) & ~np.isfinite(out)
    if lost.any():
        names = [" ".join(name) for name, gone in zip(feature_names(part.features), lost.any(axis=0)) if gone]
        notes.append(
            f"{int(lost.sum())} values could not be harmonized and are missing, in {len(names)} regions: {some(names)}"
        )
    return out, notes
