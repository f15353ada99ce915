"""Fit many regions, each with all its controls or with four fifths of them five times, in threads."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from harmoniq.data.kernels import thread_count
from harmoniq.harmonization.hbr.folds import N_FOLDS, stratified_folds
from harmoniq.harmonization.hbr.posterior import KEPT_DRAWS, Posterior
from harmoniq.harmonization.hbr.prior import Priors
from harmoniq.harmonization.hbr.region import RegionData, Target
from harmoniq.harmonization.hbr.sampler import Sampled, SamplerOptions, region_seed, sample
from harmoniq.harmonization.training import Training

#: Draws one posterior: what `sampler.sample` and PCNtoolkit's adapter have in common.
Engine = Callable[[Target, SamplerOptions, np.random.SeedSequence], Sampled]

FITS = ("best-fold", "all")

ALL = "all"


@dataclass(frozen=True)
class FitRecord:
    """How one fit of one region went: a row of ``hbr_diagnostics.tsv``.

    Parameters
    ----------
    fold : str
        ``1`` to ``5``, the fold held out, or ``all``.
    rhat_max, ess_min, divergences, converged, refitted : float, float, int, bool, bool
        As `Sampled`.
    rmse : float
        In 1/s: of the fold that was held out; for ``all`` of the training controls.
    used : bool
        Whether this is the fit that values are harmonized with.
    """

    fold: str
    rhat_max: float
    ess_min: float
    divergences: int
    rmse: float
    converged: bool
    refitted: bool
    used: bool


@dataclass(frozen=True)
class RegionFit:
    """The fits of one region.

    Parameters
    ----------
    posterior : Posterior or None
        The one that is used; None where the region was not fitted.
    records : tuple of FitRecord
        How each fit went.
    held_out : numpy.ndarray, shape (n_controls,)
        Of the best fold's scheme, each control's Z-score under the fit that did not see it; NaN with all data.
    """

    posterior: Posterior | None
    records: tuple[FitRecord, ...]
    held_out: np.ndarray


def fit_regions(
    training: Training,
    regions: np.ndarray,
    *,
    engine: Engine = sample,
    options: SamplerOptions,
    priors: Priors,
    fit: str = "best-fold",
    seed: int = 0,
    threads: int | None = None,
    label: str = "",
) -> list[RegionFit]:
    """Fit every region on its own.

    Parameters
    ----------
    training : Training
        The controls; age must be among the covariates.
    regions : numpy.ndarray of int
        Columns of ``training.values`` to fit; the other regions get an empty `RegionFit`.
    engine : callable
        `sampler.sample` or PCNtoolkit's.
    options : SamplerOptions
        Settings of the sampler.
    priors : Priors
        Priors of the model.
    fit : {"best-fold", "all"}
        ``best-fold``: five fits, each without one fifth of every site and sex; the one with the lowest root mean
        square error in its own held-out fifth is used (Chen et al. 2026, section 2.4.2). ``all``: one fit.
    seed : int
        With the region's name it fixes the draws, whatever the number of threads and the other regions.
    threads : int, optional
        Regions at a time; default as `thread_count`.
    label : str
        Further part of the seed, so that fits of other participants draw other numbers.

    Returns
    -------
    list of RegionFit
        One per column of ``training.values``.
    """
    from threadpoolctl import threadpool_limits

    age = training.columns[:, training.covariates.index("age")]
    sexes, sex = sex_codes(training)
    fold = stratified_folds(training.site, sex, seed=seed) if fit == "best-fold" else None

    def one(region: int) -> RegionFit:
        job = _Job(engine, options, priors, seed, (*training.features[region], label))
        value = training.values[:, region]
        held = np.full(len(value), np.nan)
        if fold is None:
            return RegionFit(*_fit_all(job, value, age, training.site, sex, training.sites, sexes), held)
        return _fit_folds(job, value, age, training.site, sex, training.sites, sexes, fold)

    empty = RegionFit(None, (), np.full(len(age), np.nan))
    out = [empty] * training.values.shape[1]
    count = min(threads or thread_count(), max(1, len(regions)))
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(count) as pool:
        for region, result in zip(regions, pool.map(one, regions)):
            out[int(region)] = result
    return out


def sex_codes(training: Training) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the sexes that the model tells apart.

    Parameters
    ----------
    training : Training
        The controls that are fitted.

    Returns
    -------
    sexes : tuple of str
        ``F`` and ``M``; one entry, ``any``, where all controls are of one sex.
    code : array of int, shape (n_controls,)
        Position of each control's sex in `sexes`.
    """
    if "sex" not in training.covariates:
        return ("any",), np.zeros(len(training.site), dtype=np.int64)
    return ("F", "M"), training.columns[:, training.covariates.index("sex")].astype(np.int64)


@dataclass(frozen=True)
class _Job:
    engine: Engine
    options: SamplerOptions
    priors: Priors
    seed: int
    names: tuple[str, ...]

    def draw(self, data: RegionData, fold: str) -> tuple[Posterior, Sampled]:
        target = Target(data, self.priors)
        sampled = self.engine(target, self.options, region_seed(self.seed, (*self.names, fold)))
        # A second try has more draws; all regions keep as many.
        kept = min(KEPT_DRAWS, self.options.chains * self.options.draws)
        return Posterior.of(target, sampled.draws, kept), sampled


def _fit_all(
    job: _Job, value: np.ndarray, age: np.ndarray, site: np.ndarray, sex: np.ndarray, sites: Sequence[str],
    sexes: Sequence[str],
) -> tuple[Posterior, tuple[FitRecord, ...]]:  # fmt: skip
    data = RegionData.of(value, age, site, sex, sites, sexes)
    posterior, sampled = job.draw(data, ALL)
    error = data.value - posterior.expected(data.age, data.site, data.sex)
    return posterior, (_record(ALL, sampled, error, used=True),)


def _fit_folds(
    job: _Job, value: np.ndarray, age: np.ndarray, site: np.ndarray, sex: np.ndarray, sites: Sequence[str],
    sexes: Sequence[str], fold: np.ndarray,
) -> RegionFit:  # fmt: skip
    whole = RegionData.of(value, age, site, sex, sites, sexes)
    here = np.isfinite(value)
    held, records, posteriors = np.full(len(value), np.nan), [], []
    for index in range(N_FOLDS):
        inside, outside = here & (fold != index), np.flatnonzero(here & (fold == index))
        data = RegionData.of(np.where(inside, value, np.nan), age, site, sex, sites, sexes)
        # A fold that takes away all that a site (or sex) has of a region cannot stand for it.
        if (data.sites, data.sexes) != (whole.sites, whole.sexes) or not len(outside) or np.ptp(data.age) == 0:
            continue
        posterior, sampled = job.draw(data, str(index + 1))
        place = [np.searchsorted(np.unique(code[here]), code[outside]) for code in (site, sex)]
        error = value[outside] - posterior.expected(age[outside], *place)
        held[outside] = posterior.zscores(value[outside], age[outside], *place)
        records.append(_record(str(index + 1), sampled, error, used=False))
        posteriors.append(posterior)
    if not records:
        return RegionFit(*_fit_all(job, value, age, site, sex, sites, sexes), held)
    # Converged fits come first, whatever their error.
    best = min(range(len(records)), key=lambda i: (not records[i].converged, records[i].rmse))
    rows = tuple(FitRecord(**{**vars(record), "used": i == best}) for i, record in enumerate(records))
    return RegionFit(posteriors[best], rows, held)


def _record(fold: str, sampled: Sampled, error: np.ndarray, *, used: bool) -> FitRecord:
    return FitRecord(
        fold=fold, rhat_max=sampled.rhat_max, ess_min=sampled.ess_min, divergences=sampled.divergences,
        rmse=float(np.sqrt(np.mean(error**2))), converged=sampled.converged, refitted=sampled.refitted, used=used,
    )  # fmt: skip
