"""From a model of the mean to the parameters of ComBat: the steps that the linear and the smooth variant share."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harmoniq.data.missing import missingness_groups
from harmoniq.harmonization.base import some
from harmoniq.harmonization.empirical_bayes import MAX_ITERATIONS, shrink_site
from harmoniq.harmonization.site_model import SiteModel, expand
from harmoniq.harmonization.splines import SplineBasis
from harmoniq.harmonization.training import Training

#: Residual standard deviation, as a share of the region's own size, under which a region counts as constant.
CONSTANT = 1e-10


@dataclass(frozen=True)
class MeanFit:
    """The mean of some regions: intercepts of the sites given, and coefficients of the covariates' columns.

    Parameters
    ----------
    intercepts : numpy.ndarray, shape (n_sites, n_regions)
        Intercept of each site, 1/s.
    coefficients : numpy.ndarray, shape (k, n_regions)
        Of the covariates' columns, 1/s per unit of the column.
    penalty, edf : numpy.ndarray, shape (n_smooths, n_regions)
        Of the smooths: penalty in the unit of statsmodels' ``alpha``, and effective degrees of freedom, the straight
        line's among them.
    """

    intercepts: np.ndarray
    coefficients: np.ndarray
    penalty: np.ndarray
    edf: np.ndarray


class MeanModel(ABC):
    """Fits site intercepts and covariates to regions that were measured in the same controls."""

    bases: Mapping[str, SplineBasis] = {}

    @abstractmethod
    def fit(self, one_hot: np.ndarray, columns: np.ndarray, values: np.ndarray, regions: np.ndarray) -> MeanFit | None:
        """Fit the mean of some regions.

        Parameters
        ----------
        one_hot : numpy.ndarray, shape (n, n_sites)
            Only sites that have these regions.
        columns : numpy.ndarray, shape (n, k)
            Covariates, from `expand`.
        values : numpy.ndarray, shape (n, n_regions)
            In 1/s, without NaN.
        regions : numpy.ndarray of int, shape (n_regions,)
            Which regions of the training these are.

        Returns
        -------
        MeanFit or None
            None when the design lacks rank.
        """


@dataclass
class _Estimates:
    """What the fits of all patterns of missing values add up to; the arrays end in the regions' axis."""

    coefficients: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    penalty: np.ndarray
    edf: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    count: np.ndarray

    @classmethod
    def empty(cls, n_columns: int, n_smooths: int, n_sites: int, p: int) -> "_Estimates":
        """Return estimates that are all missing."""
        return cls(
            coefficients=np.full((n_columns, p), np.nan),
            center=np.full(p, np.nan),
            scale=np.full(p, np.nan),
            penalty=np.full((n_smooths, p), np.nan),
            edf=np.full((n_smooths, p), np.nan),
            mean=np.full((n_sites, p), np.nan),
            spread=np.full((n_sites, p), np.nan),
            count=np.zeros((n_sites, p), dtype=int),
        )


def estimate(training: Training, mean_model: MeanModel) -> SiteModel:
    """Estimate the parameters of ComBat (Johnson et al. 2007, section 3.1, steps 1 and 2).

    Parameters
    ----------
    training : Training
        Controls of at least two sites.
    mean_model : MeanModel
        Linear or smooth.

    Returns
    -------
    SiteModel
        With notes on regions that could not be harmonized.
    """
    columns = expand(training.columns, training.covariates, mean_model.bases)
    shape = (columns.shape[1], len(mean_model.bases), len(training.sites), training.values.shape[1])
    found = _Estimates.empty(*shape)
    as_is = constant_regions(training.values)
    failed: list[int] = []
    for rows, every in missingness_groups(training.values, empty=True):
        regions = every[~as_is[every]]
        if not len(regions):
            continue
        if not _fit_pattern(training, mean_model, columns, rows, regions, found):
            failed += regions.tolist()
    as_is |= found.scale <= CONSTANT * _size(training.values)
    usable = np.isfinite(found.center) & ~as_is
    shift, variance, notes = site_effects(training, found.mean, found.spread, found.count, usable)
    notes += _region_notes(training, as_is, failed, variance)
    return SiteModel(
        sites=training.sites,
        reference=training.reference,
        features=training.features,
        covariates=training.covariates,
        ranges=covariate_ranges(training),
        bases=mean_model.bases,
        coefficients=np.where(usable, found.coefficients, 0.0),
        center=np.where(usable, found.center, 0.0),
        scale=np.where(usable, found.scale, 1.0),
        shift=shift,
        variance=variance,
        as_is=as_is,
        penalty=found.penalty,
        edf=found.edf,
        count=found.count,
        notes=[*training.notes, *notes],
    )


def _fit_pattern(
    training: Training,
    mean_model: MeanModel,
    columns: np.ndarray,
    rows: np.ndarray,
    regions: np.ndarray,
    found: _Estimates,
) -> bool:
    """Fit regions that were measured in the same controls; enter the result in `found`, or return False."""
    site = training.site[rows]
    here = np.unique(site)
    if len(here) < 2 or (training.reference is not None and training.reference not in here):
        return False
    y, one_hot = training.values[np.ix_(rows, regions)], training.one_hot[np.ix_(rows, here)]
    fit = mean_model.fit(one_hot, columns[rows], y, regions)
    if fit is None:
        return False
    effects = y - columns[rows] @ fit.coefficients
    residual = effects - one_hot @ fit.intercepts
    if training.reference is None:
        center, of_scale = one_hot.mean(axis=0) @ fit.intercepts, np.ones(len(rows), dtype=bool)
    else:
        center, of_scale = fit.intercepts[np.searchsorted(here, training.reference)], site == training.reference
    scale = np.sqrt((residual[of_scale] ** 2).mean(axis=0))
    found.coefficients[:, regions], found.center[regions], found.scale[regions] = fit.coefficients, center, scale
    found.penalty[:, regions], found.edf[:, regions] = fit.penalty, fit.edf
    with np.errstate(divide="ignore", invalid="ignore"):
        standardized = (effects - center) / scale
        for index in here:
            part = standardized[site == index]
            found.mean[index, regions], found.spread[index, regions] = part.mean(axis=0), part.var(axis=0, ddof=1)
            found.count[index, regions] = len(part)
    return True


def _size(values: np.ndarray) -> np.ndarray:
    """Return the largest absolute value of every region, 0 where there is none."""
    return np.where(np.isfinite(values), np.abs(values), 0.0).max(axis=0)


def constant_regions(values: np.ndarray) -> np.ndarray:
    """Return which regions have the same value in all controls.

    Parameters
    ----------
    values : array, shape (n_controls, p)
        NaN where missing.

    Returns
    -------
    array of bool, shape (p,)
        False for regions without any value.
    """
    finite = np.isfinite(values)
    high = np.where(finite, values, -np.inf).max(axis=0)
    low = np.where(finite, values, np.inf).min(axis=0)
    return finite.any(axis=0) & (high - low <= CONSTANT * np.maximum(np.abs(high), np.abs(low)))


def site_effects(
    training: Training, mean: np.ndarray, spread: np.ndarray, count: np.ndarray, usable: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Shrink every site's effects over the usable regions that it has.

    Parameters
    ----------
    training : Training
        The controls that are fitted.
    mean, spread : numpy.ndarray, shape (n_sites, p)
        Mean and variance (n - 1) of each site's standardized residuals.
    count : numpy.ndarray of int, shape (n_sites, p)
        Values of each region at each site.
    usable : numpy.ndarray of bool, shape (p,)
        Regions that were fitted and vary.

    Returns
    -------
    shift, variance : numpy.ndarray, shape (n_sites, p)
        In units of the scale and of its square; NaN where a region cannot be harmonized at a site. Of the reference
        site 0 and 1.
    notes : list of str
        Sites whose estimates did not settle.
    """
    shift, variance = np.full(mean.shape, np.nan), np.full(mean.shape, np.nan)
    notes = []
    for site, label in enumerate(training.sites):
        regions = np.flatnonzero(usable & (count[site] > 0))
        if site == training.reference:
            shift[site, regions], variance[site, regions] = 0.0, 1.0
            continue
        if not len(regions):
            continue
        g, d, converged = shrink_site(mean[site, regions], spread[site, regions], count[site, regions])
        shift[site, regions] = g
        # A site without any spread has no scale to be brought to the others'.
        variance[site, regions] = np.where(d > CONSTANT**2, d, 1.0)
        if not converged:
            notes.append(f"the empirical Bayes estimates of {label} did not settle in {MAX_ITERATIONS} steps")
    return shift, variance, notes


def covariate_ranges(training: Training) -> dict[str, tuple[float, float]]:
    """Return the controls' lowest and highest value of every numeric covariate; age in years.

    Parameters
    ----------
    training : Training
        The controls that are fitted.

    Returns
    -------
    dict of str to tuple (float, float)
        In the covariate's unit, age in years; without sex.
    """
    ends = zip(training.columns.min(axis=0), training.columns.max(axis=0))
    return {name: (float(low), float(high)) for name, (low, high) in zip(training.covariates, ends) if name != "sex"}


def _region_notes(training: Training, as_is: np.ndarray, failed: list[int], variance: np.ndarray) -> list[str]:
    names = [" ".join(name) for name in training.features]
    notes = []
    if as_is.any():
        flat = [names[region] for region in np.flatnonzero(as_is)]
        notes.append(f"{len(flat)} regions do not vary and are left as they are: {some(flat)}")
    absent = np.flatnonzero(~np.isfinite(training.values).any(axis=0))
    lost = sorted((set(failed) | set(absent.tolist())) - set(np.flatnonzero(as_is).tolist()))
    if lost:
        notes.append(
            f"{len(lost)} regions cannot be harmonized, being measured at one site only, not at the reference site, "
            f"or in too few controls: {some([names[region] for region in lost])}"
        )
    for site, label in enumerate(training.sites):
        gone = set(np.flatnonzero(np.isnan(variance[site]) & ~as_is).tolist()) - set(lost)
        if gone:
            notes.append(
                f"{len(gone)} regions are not measured at {label} and are harmonized over the other sites: "
                f"{some([names[region] for region in sorted(gone)])}"
            )
    return notes
