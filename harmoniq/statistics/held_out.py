"""Bias that harmonization leaves, in participants who were not fitted and in cohorts whose truth is known.

Eta squared of harmonized values is nearly 0 in the sample that was fitted, whatever the method gets wrong. Two measures
do not have that fault. Cross-validation: each fifth of the controls is harmonized by a fit on the others. Simulation:
cohorts with the study's own participants, age curves, noise and site effects, in which the value without the site's
effect is known.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError
from harmoniq.harmonization.apply import Scorer
from harmoniq.harmonization.base import Harmonizer, site_labels
from harmoniq.harmonization.batches import Choices, batched, fitted_part, reference_batch, strata
from harmoniq.harmonization.gam import CombatGam
from harmoniq.harmonization.harmonize import transform_part
from harmoniq.harmonization.hbr.run import HbrRun
from harmoniq.harmonization.registry import make_harmonizer
from harmoniq.statistics.columns import DATA, FEATURE_COLUMNS, ColumnDescriptions
from harmoniq.statistics.site_effects import site_effects
from harmoniq.statistics.threads import one_blas_thread

HELD_OUT_COLUMNS: Final[ColumnDescriptions] = {
    **FEATURE_COLUMNS,
    "data": DATA,
    "site": "Site (batch); the reference site is left as it is",
    "n": "Controls of the site with a value",
    "bias_held_out": {
        "Description": "Mean Z of the site's controls, each harmonized and scored by a fit without him or her",
        "Units": "SD of the reference site",
    },
    "se_held_out": {"Description": "SD of those over the root of n", "Units": "SD of the reference site"},
    "eta2": "Eta squared of site in the values harmonized by a fit on all controls, as in site_effects.tsv",
    "eta2_held_out": "The same in the held-out values",
    "bias_simulated": {
        "Description": "Mean over simulated cohorts of harmonized minus true, averaged over the site's controls",
        "Units": "SD of the reference site",
    },
    "sd_simulated": {
        "Description": "Its standard deviation from cohort to cohort",
        "Units": "SD of the reference site",
    },
}
_KEYS: Final = ["metric", "tissue", "region", "data", "site"]


@one_blas_thread
def held_out_bias(
    cohort: Cohort,
    methods: Sequence[str],
    *,
    reference_site: str,
    choices: Choices | None = None,
    folds: int = 5,
    simulations: int = 20,
    seed: int = 0,
) -> tuple[pd.DataFrame, list[str]]:
    """Measure what each method leaves of the site effects.

    Parameters
    ----------
    cohort : Cohort
        Patients take no part.
    methods : sequence of str
        Of harmonization; the native engine is used.
    reference_site : str
        Label of the reference site.
    choices : Choices, optional
        Those of the harmonization; default: those of `Choices`.
    folds, simulations : int
        0 leaves the measure out.
    seed : int
        Of the folds and the simulated cohorts.

    Returns
    -------
    pandas.DataFrame
        Columns ``HELD_OUT_COLUMNS``, a row per region, method and site.
    list of str
        Notes on what could not be measured.

    Raises
    ------
    InputError
        For a reference site (or scanner) that the data do not have, and a scanner that is missing.
    """
    choices = choices or Choices()
    wanted = [method for method in methods if method != "raw"]
    notes: list[str] = []
    rows: list[pd.DataFrame] = []
    if not wanted or not (folds or simulations):
        return pd.DataFrame(columns=list(HELD_OUT_COLUMNS)), notes
    reference, _ = reference_batch(cohort, reference_site, choices)
    whole = batched(cohort, choices.batch)
    for metric in dict.fromkeys(cohort.features["metric"]):
        part = whole.metric(metric)
        if len(set(site_labels(part))) < 2 or reference not in set(site_labels(part)):
            continue
        for name, stratum in strata(part, choices.batch):
            controls = fitted_part(part.select(rows=stratum), choices.fit_groups)
            controls = controls.select(rows=controls.is_control)
            for method in wanted:
                try:
                    rows.append(_of_method(controls, method, reference, choices, folds, simulations, seed))
                except InputError as error:
                    about = ", ".join(filter(None, (metric, name, method)))
                    notes.append(f"{about}: the held-out bias could not be measured ({error})")
    if not rows:
        return pd.DataFrame(columns=list(HELD_OUT_COLUMNS)), notes
    table = pd.concat(rows, ignore_index=True)
    if table.duplicated(_KEYS).any():  # the sexes apart
        table = table.groupby(_KEYS, sort=False, as_index=False).mean()
    return table[list(HELD_OUT_COLUMNS)], notes


def _of_method(
    controls: Cohort, method: str, reference: str, choices: Choices, folds: int, simulations: int, seed: int
) -> pd.DataFrame:
    def make() -> Harmonizer:
        # One fit to all who are given: these folds are the folds.
        return make_harmonizer(method, reference_site=reference, seed=seed, choices=choices, hbr=HbrRun(fit="all"))

    sites = sorted(set(site_labels(controls)))
    site, p = site_labels(controls), len(controls.features)
    count = np.array([np.isfinite(controls.values[site == label]).sum(axis=0) for label in sites])
    found = {name: np.full((len(sites), p), np.nan) for name in HELD_OUT_COLUMNS if name not in (*_KEYS, "n")}
    whole, _ = transform_part(make().fit(controls), controls, outside_ages="flag")
    found["eta2"][:] = _eta2(controls, whole)
    if folds:
        values, scores = cross_validated(controls, make, folds=folds, seed=seed)
        found["eta2_held_out"][:] = _eta2(controls, values)
        found["bias_held_out"], found["se_held_out"] = _by_site(scores, site, sites)
    if simulations:
        biases = simulated_biases(controls, make, reference, choices, simulations=simulations, seed=seed)
        found["bias_simulated"] = biases.mean(axis=0)
        found["sd_simulated"] = biases.std(axis=0, ddof=1) if simulations > 1 else np.full_like(biases[0], np.nan)
    frames = []
    for index, label in enumerate(sites):
        frame = controls.features[["metric", "tissue", "region"]].copy()
        frame["data"], frame["site"], frame["n"] = method, label, count[index]
        for name, array in found.items():
            frame[name] = np.where(count[index] > 0, array[index], np.nan)
        frames.append(frame[count[index] > 0])
    return pd.concat(frames, ignore_index=True)


def cross_validated(
    controls: Cohort, make: Callable[[], Harmonizer], *, folds: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Harmonize and score every control by a fit on the other folds.

    Parameters
    ----------
    controls : Cohort
        Of one metric.
    make : callable
        Returns a harmonizer that is yet to be fitted.
    folds : int
        Each has its share of every site and sex.
    seed : int
        Of the folds.

    Returns
    -------
    values, scores : numpy.ndarray, shape (n_controls, p)
        In 1/s, and in SDs of the reference site; scores are NaN where the method gives none.
    """
    fold = stratified_folds(controls, folds, seed)
    values, scores = np.full((2, *controls.values.shape), np.nan)
    for index in range(folds):
        inside = np.flatnonzero(fold == index)
        if not len(inside):
            continue
        fitted = make().fit(controls.select(rows=fold != index))
        part = controls.select(rows=inside)
        values[inside], _ = transform_part(fitted, part, outside_ages="flag")
        if isinstance(fitted, Scorer):
            scores[inside] = fitted.zscores(part)
    return values, scores


def stratified_folds(cohort: Cohort, folds: int, seed: int) -> np.ndarray:
    """Deal participants out to folds with like shares of each site and sex.

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).
    folds : int
        Number of folds.
    seed : int
        With the participants' labels it fixes who goes where, whatever the order of the rows.

    Returns
    -------
    array of int, shape (n_participants,)
        0 to folds - 1.
    """
    people = cohort.participants
    order = np.argsort(people["participant_id"].astype(str).to_numpy(), kind="stable")
    drawn = np.empty(len(people))
    drawn[order] = np.random.default_rng(seed).random(len(people))
    ranked = pd.DataFrame({"site": site_labels(cohort), "sex": people["sex"].to_numpy(), "drawn": drawn})
    ranked = ranked.sort_values(["site", "sex", "drawn"])
    ranked["fold"] = np.arange(len(ranked)) % folds
    return ranked["fold"].sort_index().to_numpy()


def simulated_biases(
    controls: Cohort,
    make: Callable[[], Harmonizer],
    reference: str,
    choices: Choices,
    *,
    simulations: int,
    seed: int,
) -> np.ndarray:
    """Measure what harmonization leaves in simulated cohorts whose truth is known.

    The truth is ComBat-GAM's fit to the controls: its curve of age, its effect of sex, its residuals (whole rows
    exchanged within a site, so that regions stay correlated), and its site effects.

    Parameters
    ----------
    controls : Cohort
        Of one metric.
    make : callable
        Returns a harmonizer that is yet to be fitted.
    reference : str
        Reference batch.
    choices : Choices
        What is kept and smooth.
    simulations, seed : int
        Number of simulated cohorts; seed of what they draw.

    Returns
    -------
    numpy.ndarray, shape (simulations, n_sites, p)
        Harmonized minus true value, averaged over each site's controls, in SDs of the reference site; sites sorted.
    """
    smooth = choices.smooth if set(choices.smooth) <= set(choices.kept()) else ("age",)
    world = CombatGam(reference_site=reference, protect=choices.kept(), smooth=smooth,
                      disjoint_ages=choices.disjoint_ages).fit(controls).model  # fmt: skip
    assert world is not None
    site = site_labels(controls)
    sites = sorted(set(site))
    at = np.array([world.sites.index(label) for label in site])
    expected = world.center + world.covariate_mean(controls)
    noise = world.zscores(controls)
    holes = np.isnan(noise)
    spread, shift = np.sqrt(world.variance[at]), world.shift[at]
    rng = np.random.default_rng(seed)
    out = np.full((simulations, len(sites), controls.values.shape[1]), np.nan)
    for index in range(simulations):
        drawn = np.empty_like(noise)
        for label in sites:
            here = np.flatnonzero(site == label)
            drawn[here] = noise[rng.permutation(here)]
        drawn = np.where(np.isnan(drawn), rng.standard_normal(drawn.shape), drawn)
        drawn[holes] = np.nan
        truth = expected + world.scale * drawn
        cohort = controls.with_values(expected + world.scale * (shift + spread * drawn))
        values, _ = transform_part(make().fit(cohort), cohort, outside_ages="flag")
        out[index], _ = _by_site((values - truth) / world.scale, site, sites)
    return out


def _by_site(values: np.ndarray, site: np.ndarray, sites: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over each site and its standard error, shape (n_sites, p)."""
    means, errors = np.full((2, len(sites), values.shape[1]), np.nan)
    for index, label in enumerate(sites):
        part = values[site == label]
        count = np.isfinite(part).sum(axis=0)
        some = count > 1
        means[index, some] = np.nanmean(part[:, some], axis=0)
        errors[index, some] = np.nanstd(part[:, some], axis=0, ddof=1) / np.sqrt(count[some])
    return means, errors


def _eta2(controls: Cohort, values: np.ndarray) -> np.ndarray:
    return site_effects(controls, {"x": values})["eta2"].to_numpy(dtype=float)
