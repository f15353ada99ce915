"""Fitted regions taken to a new site: its offsets in mean and SD, drawn given each draw of everything else.

The curves of age, the effect of sex and their uncertainty stay as they were drawn. Given them, the two offsets of a
new site have a posterior that is nearly normal; its mode is found by Fisher's scoring, in which mean and SD of normal
values do not interact, and one draw of it is added to each draw.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.harmonization.adapt import check_ages_inside
from harmoniq.harmonization.base import FEATURE_KEYS, feature_positions, site_labels
from harmoniq.harmonization.hbr.basis import N_SPLINES
from harmoniq.harmonization.hbr.model import HbrModel
from harmoniq.harmonization.hbr.posterior import Posterior
from harmoniq.harmonization.hbr.sampler import region_seed
from harmoniq.harmonization.training import MIN_CONTROLS, covariate_columns

_STEPS = 12


@dataclass(frozen=True)
class Offsets:
    """Draws of a new site's offsets in one region, in standardized units.

    Parameters
    ----------
    mu : numpy.ndarray, shape (n_draws,)
        Of the mean.
    eta : numpy.ndarray, shape (n_draws,)
        Of the SD, before the softplus.
    """

    mu: np.ndarray
    eta: np.ndarray


def add_sites(model: HbrModel, cohort: Cohort, sites: Sequence[str], *, seed: int) -> tuple[HbrModel, pd.DataFrame]:
    """Return the model with new sites.

    What the model holds of the others stays bit by bit. Controls beyond the ages of the fit do not enter; regions of
    which a site has fewer than `MIN_CONTROLS` controls stay unharmonized there.

    Parameters
    ----------
    model : HbrModel
        The fitted model; it is not changed.
    cohort : Cohort
        Of one metric, with controls of the new sites.
    sites : sequence of str
        Labels that are not in the model.
    seed : int
        With the region's and the site's name it fixes the draws.

    Returns
    -------
    HbrModel
        With the new sites behind the others.
    pandas.DataFrame
        Columns of `harmoniq.harmonization.adapt.ADAPTATION_COLUMNS` but ``data``, a row per new site and region; errors
        are posterior SDs.

    Raises
    ------
    InputError
        When most controls of a site lie outside the ages of the fit, or it has a region that the model has not.
    """
    labels = site_labels(cohort)
    tables = []
    for site in sites:
        controls = cohort.select(rows=(labels == site) & cohort.is_control)
        outside = model.outside(controls)
        check_ages_inside(outside, model.age_range, site)
        model, table = _add_site(model, controls.select(rows=~outside), site, seed)
        tables.append(table.assign(n_outside=int(outside.sum())))
    return model, pd.concat(tables, ignore_index=True)


def _add_site(model: HbrModel, controls: Cohort, site: str, seed: int) -> tuple[HbrModel, pd.DataFrame]:
    position = feature_positions(controls, model.features)
    age, sex = covariate_columns(controls, ("age", "sex")).T
    sexes = np.array(["F", "M"])[sex.astype(int)] if len(model.sexes) > 1 else np.repeat(model.sexes[0], len(age))
    posteriors, rows = list(model.posteriors), []
    for column, region in enumerate(position):
        posterior = posteriors[region]
        if posterior is None:
            continue
        use = np.isfinite(controls.values[:, column]) & np.isin(sexes, posterior.sexes)
        if use.sum() < MIN_CONTROLS:
            continue
        code = np.array([posterior.sexes.index(label) for label in sexes[use]])
        rng = np.random.default_rng(region_seed(seed, (*model.features[region], site)))
        offsets = draw_offsets(posterior, controls.values[use, column], age[use], code, rng)
        posteriors[region] = with_site(posterior, site, offsets)
        reference = None if model.reference is None else model.sites[model.reference]
        summary = summarize(posterior, offsets, float(np.median(age[use])), reference)
        rows.append([*model.features[region], site, int(use.sum()), *summary])
    names = [*FEATURE_KEYS, "site", "n", "shift", "shift_se", "scale", "scale_se", "z_se"]
    notes = [*model.notes, f"{site} was added from {len(age)} controls, with the age curve of the other sites"]
    grown = replace(model, sites=(*model.sites, site), posteriors=posteriors, notes=notes)
    return grown, pd.DataFrame(rows, columns=names)


def draw_offsets(
    posterior: Posterior, value: np.ndarray, age: np.ndarray, sex: np.ndarray, rng: np.random.Generator
) -> Offsets:
    """Draw a new site's offsets of mean and SD, one pair for each draw of the rest.

    Parameters
    ----------
    posterior : Posterior
        Of the region, over the known sites.
    value, age : numpy.ndarray, shape (n,)
        Of the site's controls, in 1/s and years.
    sex : numpy.ndarray of int, shape (n,)
        Positions in ``posterior.sexes``.
    rng : numpy.random.Generator
        One standard normal pair is drawn of it for each draw.

    Returns
    -------
    Offsets
        Each of shape (n_draws,), in standardized units. Their prior is normal with the variance of the draw's other
        sites, to which a site at distance 1 is added: with 10 controls and more the data decide.
    """
    half, n_sites = len(posterior.draws) // 2, len(posterior.sites)
    y = ((value - posterior.mean) / posterior.sd)[:, None]
    basis = posterior.basis.dense(age)
    base, prior = [], []
    for part in (posterior.draws[:half].astype(np.float64), posterior.draws[half:].astype(np.float64)):
        base.append(basis @ part[:N_SPLINES] + part[N_SPLINES + n_sites :][sex])
        prior.append(((part[N_SPLINES : N_SPLINES + n_sites] ** 2).sum(axis=0) + 1.0) / n_sites)
    mu, eta = base
    a, b = np.zeros((2, mu.shape[1]))
    for _ in range(_STEPS):
        sigma, slope = _sigma(eta + b, posterior.softplus)
        rest = y - mu - a
        step_a = ((rest / sigma**2).sum(axis=0) - a / prior[0]) / ((1 / sigma**2).sum(axis=0) + 1 / prior[0])
        gradient = (slope * (rest**2 / sigma**2 - 1) / sigma).sum(axis=0) - b / prior[1]
        a, b = a + step_a, b + np.clip(gradient / _information(sigma, slope, prior[1]), -1.0, 1.0)
    sigma, slope = _sigma(eta + b, posterior.softplus)
    spread_a = 1 / np.sqrt((1 / sigma**2).sum(axis=0) + 1 / prior[0])
    spread_b = 1 / np.sqrt(_information(sigma, slope, prior[1]))
    drawn = rng.standard_normal((2, len(a)))
    return Offsets(a + spread_a * drawn[0], b + spread_b * drawn[1])


def _sigma(eta: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return sigma = b log(1 + exp(eta / b)) and its derivative."""
    return scale * np.logaddexp(0.0, eta / scale), np.exp(-np.logaddexp(0.0, -eta / scale))


def _information(sigma: np.ndarray, slope: np.ndarray, prior: np.ndarray) -> np.ndarray:
    return 2 * (slope**2 / sigma**2).sum(axis=0) + 1 / prior


def with_site(posterior: Posterior, site: str, offsets: Offsets) -> Posterior:
    """Return the posterior with one more site.

    Parameters
    ----------
    posterior : Posterior
        Of the region, over the known sites.
    site : str
        Label of the new site.
    offsets : Offsets
        Its draws, one for each of the posterior.

    Returns
    -------
    Posterior
        With the site behind the others.
    """
    half, at = len(posterior.draws) // 2, N_SPLINES + len(posterior.sites)
    parts = [posterior.draws[:half], posterior.draws[half:]]
    new = [np.insert(part, at, row.astype(np.float32), axis=0) for part, row in zip(parts, (offsets.mu, offsets.eta))]
    return replace(posterior, sites=(*posterior.sites, site), draws=np.vstack(new))


def summarize(posterior: Posterior, offsets: Offsets, age: float, reference: str | None) -> tuple[float, ...]:
    """Say how far a new site is from the reference, and how certain that is.

    Parameters
    ----------
    posterior : Posterior
        Of the region, over the known sites.
    offsets : Offsets
        Draws of the new site's offsets.
    age : float
        Age at which the SDs are compared, years.
    reference : str or None
        Label of the reference site; None: no site's offset.

    Returns
    -------
    tuple of float
        Shift and its posterior SD in 1/s; ratio of the SDs and its posterior SD; by how many SDs all Z-scores of the
        site may be off together.
    """
    half = len(posterior.draws) // 2
    there = np.zeros((2, posterior.draws.shape[1]))
    if reference is not None:
        row = N_SPLINES + posterior.sites.index(reference)
        there = np.array([posterior.draws[row], posterior.draws[half + row]], dtype=np.float64)
    eta = posterior.basis.dense(np.array([age])) @ posterior.draws[half : half + N_SPLINES].astype(np.float64)
    mine, theirs = (_sigma(eta[0] + offset, posterior.softplus)[0] for offset in (offsets.eta, there[1]))
    shift, ratio = offsets.mu - there[0], mine / theirs
    spread = float(shift.std(ddof=1))
    own = float(offsets.mu.std(ddof=1) / mine.mean())
    return (
        float(shift.mean() * posterior.sd),
        spread * posterior.sd,
        float(ratio.mean()),
        float(ratio.std(ddof=1)),
        own,
    )
