"""Hierarchical Bayesian regression under the contract of the harmonizers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError
from harmoniq.harmonization.base import (
    FEATURE_KEYS,
    MODEL_FILE,
    some,
)
from harmoniq.harmonization.design import check_design
from harmoniq.harmonization.fitted import FittedHarmonizer
from harmoniq.harmonization.hbr.adapt import add_sites
from harmoniq.harmonization.hbr.engines import ENGINES, engine_of
from harmoniq.harmonization.hbr.fit import FITS, RegionFit, fit_regions, sex_codes
from harmoniq.harmonization.hbr.model import HbrModel
from harmoniq.harmonization.hbr.prior import Priors
from harmoniq.harmonization.hbr.sampler import SamplerOptions
from harmoniq.harmonization.location_scale import constant_regions
from harmoniq.harmonization.training import COVARIATES, Training, training_of

#: Columns of the contract's ``hbr_diagnostics.tsv`` beside the region's.
RECORD_COLUMNS = ("fold", "rhat_max", "ess_min", "divergences", "rmse", "converged", "refitted", "used")


class Hbr(FittedHarmonizer[HbrModel]):
    """Hierarchical Bayesian regression (Kia et al. 2020, de Boer et al. 2024) with B-splines of age in mean and SD.

    A value's Z-score under the model of its own site is turned into the value that has it at the reference site, at the
    same age and for the same sex. Mean and SD both have random intercepts for site and sex: without those of the SD,
    multiplicative site effects stay. The reference site's values are returned as they are.

    Parameters
    ----------
    reference_site : str, optional
        Site whose scale the others are brought to; without it a site without offsets.
    protect : sequence of str
        The model keeps age and sex; no other covariate can be named.
    engine : {"native", "pcntoolkit"}
        Who samples. What the draws say of a participant is worked out by the same lines.
    fit : {"best-fold", "all"}
        As `fit.fit_regions`.
    disjoint_ages : {"refuse", "warn"}
        What to do with sites that share no age with the others.
    seed : int
        With the regions' names it fixes the draws.
    options : SamplerOptions, optional
        Settings of the sampler; default: those of `SamplerOptions`.
    threads : int, optional
        Regions that are fitted at a time; the result does not depend on it.
    min_sites : int
        1 for a normative model of one site, which has Z-scores and harmonizes nothing.

    Attributes
    ----------
    model : HbrModel or None
        After `fit` or `load`.

    Raises
    ------
    InputError
        For a covariate other than age and sex, and another word for the engine or the fit.
    """

    method = "hbr"

    def __init__(
        self,
        *,
        reference_site: str | None = None,
        protect: Sequence[str] = COVARIATES,
        engine: str = "native",
        fit: str = "best-fold",
        disjoint_ages: Literal["refuse", "warn"] = "refuse",
        seed: int = 0,
        options: SamplerOptions | None = None,
        threads: int | None = None,
        min_sites: int = 2,
    ) -> None:
        further = [name for name in protect if name not in COVARIATES]
        if further:
            raise InputError("cannot be protected by hbr, whose model has age and sex", key="protect",
                             value=further[0], remedy="leave hbr out of the methods, or the covariate")  # fmt: skip
        if engine not in ENGINES:
            raise InputError(f"must be one of {', '.join(ENGINES)}", key="hbr_engine", value=engine)
        if fit not in FITS:
            raise InputError(f"must be one of {', '.join(FITS)}", key="hbr_fit", value=fit)
        super().__init__(reference_site=reference_site, disjoint_ages=disjoint_ages)
        self.engine = engine
        self.fit_kind = fit
        self.seed = seed
        self.sampler_options = options or SamplerOptions()
        self.threads = threads
        self.min_sites = min_sites
        self._held_out: pd.DataFrame | None = None

    def options(self) -> dict[str, Any]:
        """Return the constructor's keyword arguments that are saved with the model.

        Returns
        -------
        dict of str to object
            By name; not the sampler's settings.
        """
        return {
            "reference_site": self.reference_site,
            "engine": self.engine,
            "fit": self.fit_kind,
            "disjoint_ages": self.disjoint_ages,
            "seed": self.seed,
        }

    def fit(self, cohort: Cohort) -> Self:
        """Fit every region to the controls.

        Parameters
        ----------
        cohort : Cohort
            Of one metric. Patients are not looked at.

        Returns
        -------
        Self
            The object itself, with its `model`.

        Raises
        ------
        InputError
            For what `training_of` and `check_design` refuse, for an age that is the same for all, and when the engine
            is not installed.
        """
        training = training_of(cohort, reference_site=self.reference_site, min_sites=self.min_sites)
        training.notes.extend(check_design(training, disjoint_ages=self.disjoint_ages))
        if "age" not in training.covariates:
            raise InputError("is the same for all controls, so that no age curve can be fitted", key="age",
                             remedy="use combat")  # fmt: skip
        as_is = constant_regions(training.values)
        usable = np.array([_usable(training, region) for region in range(training.values.shape[1])], dtype=bool)
        fits = fit_regions(
            training, np.flatnonzero(usable & ~as_is), engine=engine_of(self.engine), options=self.sampler_options,
            priors=Priors(), fit=self.fit_kind, seed=self.seed, threads=self.threads,
        )  # fmt: skip
        age = training.columns[:, training.covariates.index("age")]
        self.model = HbrModel(
            sites=training.sites,
            reference=training.reference,
            sexes=sex_codes(training)[0],
            age_range=(float(age.min()), float(age.max())),
            features=training.features,
            posteriors=[fit.posterior for fit in fits],
            as_is=as_is,
            records=[fit.records for fit in fits],
            notes=[*training.notes, *_notes(training, fits, as_is)],
        )
        self._held_out = pd.DataFrame(np.column_stack([fit.held_out for fit in fits]), index=_control_ids(cohort))
        return self

    def _apply(self, model: HbrModel, cohort: Cohort) -> np.ndarray:
        return model.apply(cohort, threads=self.threads)

    def _score(self, model: HbrModel, cohort: Cohort) -> np.ndarray:
        return model.zscores(cohort, threads=self.threads)

    def _with_sites(self, model: HbrModel, cohort: Cohort, sites: Sequence[str]) -> tuple[HbrModel, pd.DataFrame]:
        return add_sites(model, cohort, sites, seed=self.seed)

    def held_out_zscores(self, cohort: Cohort) -> np.ndarray:
        """Return the controls' Z-scores under the fold that did not see them.

        Their mean over a site is that site's bias where it was not fitted. NaN for patients and with ``fit="all"``.
        Not saved with the model.

        Parameters
        ----------
        cohort : Cohort
            That of `fit`, its rows in any order.

        Returns
        -------
        array, shape (n_participants, n_features)
            In the rows of `cohort`, in the columns of the cohort of `fit`.

        Raises
        ------
        ValueError
            Before the fit, and after `load`.
        """
        if self._held_out is None:
            raise ValueError("fit the harmonizer first")
        return self._held_out.reindex(cohort.participants["participant_id"].astype(str)).to_numpy()

    def diagnostics(self) -> pd.DataFrame:
        """Say how the fits went.

        Returns
        -------
        DataFrame
            Columns ``metric tissue region`` and ``RECORD_COLUMNS``, a row per region and fit.
        """
        model = self._fitted()
        rows = [
            [*name, *(getattr(record, column) for column in RECORD_COLUMNS)]
            for name, records in zip(model.features, model.records)
            for record in records
        ]
        return pd.DataFrame(rows, columns=[*FEATURE_KEYS, *RECORD_COLUMNS])

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote; PCNtoolkit need not be installed for its models.

        Parameters
        ----------
        folder : str or Path
            Folder that `save` wrote.

        Returns
        -------
        Self
            Fitted.

        Raises
        ------
        InputError
            When the folder holds no such model, or it is damaged.
        """
        model, content = HbrModel.load(folder)
        if content.get("method") != cls.method:
            raise InputError("holds a model of another method", file=Path(folder) / MODEL_FILE, key="method",
                             value=content.get("method"))  # fmt: skip
        return cls._with_model(model, content["options"])


def _control_ids(cohort: Cohort) -> np.ndarray:
    """Return the controls in the order of `training_of`."""
    return np.sort(cohort.participants["participant_id"].astype(str).to_numpy()[cohort.is_control])


def _usable(training: Training, region: int) -> bool:
    """Return whether a region was measured at two sites, one of them the reference, at ages that differ."""
    here = np.isfinite(training.values[:, region])
    sites = set(training.site[here])
    age = training.columns[here, training.covariates.index("age")]
    enough = len(sites) >= min(2, len(training.sites))
    return enough and (training.reference is None or training.reference in sites) and bool(np.ptp(age) > 0)


def _notes(training: Training, fits: list[RegionFit], as_is: np.ndarray) -> list[str]:
    names = [" ".join(name) for name in training.features]
    notes = []

    def say(regions: np.ndarray, text: str) -> None:
        if len(regions):
            notes.append(f"{len(regions)} regions {text}: {some([names[region] for region in regions])}")

    say(np.flatnonzero(as_is), "do not vary and are left as they are")
    fitted = np.array([fit.posterior is not None for fit in fits], dtype=bool)
    few = "cannot be harmonized, being measured at one site only, not at the reference site, or in too few controls"
    say(np.flatnonzero(~fitted & ~as_is), few)
    for label in training.sites:
        gone = [i for i, fit in enumerate(fits) if fit.posterior is not None and label not in fit.posterior.sites]
        say(np.array(gone), f"are not measured at {label} and are harmonized over the other sites")
    again = [i for i, fit in enumerate(fits) if any(record.refitted for record in fit.records)]
    say(np.array(again), "were sampled again with safer settings in at least one fit")
    bad = [i for i, fit in enumerate(fits) if any(record.used and not record.converged for record in fit.records)]
    say(np.array(bad), "have not converged even so; their values are not to be relied on (hbr_diagnostics.tsv)")
    return notes
