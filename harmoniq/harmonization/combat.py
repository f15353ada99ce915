"""ComBat with linear covariates, native; and what all ComBat harmonizers share."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError
from harmoniq.harmonization.adapt import add_sites
from harmoniq.harmonization.base import MODEL_FILE, HarmonizationWarning, site_label
from harmoniq.harmonization.design import check_design, full_rank
from harmoniq.harmonization.location_scale import MeanFit, MeanModel, estimate
from harmoniq.harmonization.site_model import SiteModel
from harmoniq.harmonization.training import COVARIATES, Training, training_of


class SiteHarmonizer(ABC):
    """Fit, transform, save and load of every harmonizer whose parameters are a `SiteModel`.

    Parameters
    ----------
    reference_site : str, optional
        Site whose scale the others are brought to; without it the mean over all controls, and no site stays as it is.
    protect : sequence of str
        Covariates whose effects are kept: age, sex, and further numeric columns of the participants.
    disjoint_ages : {"refuse", "warn"}
        What to do with sites that share no age with the others.

    Attributes
    ----------
    model : SiteModel or None
        The parameters, after `fit` or `load`.
    """

    method: str
    engine: ClassVar[str]

    def __init__(
        self,
        *,
        reference_site: str | None = None,
        protect: Sequence[str] = COVARIATES,
        disjoint_ages: Literal["refuse", "warn"] = "refuse",
    ) -> None:
        if disjoint_ages not in ("refuse", "warn"):
            raise InputError("must be refuse or warn", key="disjoint_ages", value=disjoint_ages)
        self.reference_site = None if reference_site is None else site_label(reference_site)
        # Age first and sex second, whatever the order asked for: the saved coefficients rely on it.
        self.protect = tuple(name for name in (*COVARIATES, *protect) if name in protect)
        self.protect = tuple(dict.fromkeys(self.protect))
        self.disjoint_ages = disjoint_ages
        self.model: SiteModel | None = None

    @property
    def notes(self) -> list[str]:
        """What the fit has to say."""
        return [] if self.model is None else list(self.model.notes)

    def options(self) -> dict[str, Any]:
        """Return the constructor's keyword arguments."""
        return {
            "reference_site": self.reference_site,
            "protect": self.protect,
            "disjoint_ages": self.disjoint_ages,
        }

    @abstractmethod
    def _estimate(self, training: Training) -> SiteModel:
        """Return the parameters estimated from the controls."""

    def fit(self, cohort: Cohort) -> Self:
        """Estimate the parameters from the controls.

        Parameters
        ----------
        cohort : Cohort
            Of one metric. Patients are not looked at.

        Raises
        ------
        InputError
            For an unknown reference site, a single site, a site with too few controls, missing covariates, and sites
            that cannot be told apart from age or sex.
        """
        training = training_of(cohort, reference_site=self.reference_site, protect=self.protect)
        training.notes.extend(check_design(training, disjoint_ages=self.disjoint_ages))
        self.model = self._estimate(training)
        return self

    def transform(self, cohort: Cohort) -> np.ndarray:
        """Return the harmonized values in 1/s, of the shape of ``cohort.values``.

        Warns
        -----
        HarmonizationWarning
            When ages lie outside the range of the fit, where the age curve is continued as a straight line.

        Raises
        ------
        InputError
            For sites and regions that were not in the fit, and missing covariates.
        """
        import warnings

        for note in self.outside(cohort):
            warnings.warn(note, HarmonizationWarning, stacklevel=2)
        return self._fitted().apply(cohort)

    def outside(self, cohort: Cohort) -> list[str]:
        """Return notes on participants outside the controls' ages."""
        return self._fitted().outside(cohort)

    @property
    def sites(self) -> tuple[str, ...]:
        """Labels of the sites that the model knows."""
        return self._fitted().sites

    def zscores(self, cohort: Cohort) -> np.ndarray:
        """Return deviations from the reference site's controls of one's age and sex, in SDs of their residuals.

        Raises
        ------
        InputError
            As `transform` does.
        """
        return self._fitted().zscores(cohort)

    def adapt(self, cohort: Cohort, sites: Sequence[str]) -> tuple[Self, pd.DataFrame]:
        """Return a harmonizer that knows new sites too, from their controls, and how certain it is about them.

        See `harmoniq.harmonization.adapt.add_sites`.
        """
        grown = copy(self)
        grown.model, table = add_sites(self._fitted(), cohort, sites)
        return grown, table

    def save(self, folder: str | Path) -> Path:
        """Write ``model.json`` and ``parameters.npz`` into `folder`; return it.

        They hold parameters, counts and the range and quantiles of age, but no value of any participant.
        """
        header = {"method": self.method, "engine": self.engine, "options": self.options()}
        return self._fitted().save(folder, header)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            When the folder holds no such model, or that of another method or engine.
        """
        model, content = SiteModel.load(folder)
        file = Path(folder) / MODEL_FILE
        method = content.get("method")
        if content.get("engine") != cls.engine or method != getattr(cls, "method", method):
            raise InputError(
                f"holds a model of another kind than {cls.__name__}", file=file, key="method",
                value=f"{method} ({content.get('engine')})",
            )  # fmt: skip
        harmonizer = cls(**content["options"])
        harmonizer.model = model
        return harmonizer

    def _fitted(self) -> SiteModel:
        if self.model is None:
            raise ValueError("fit or load the harmonizer first")
        return self.model


class LinearMean(MeanModel):
    """Ordinary least squares of site intercepts and covariates."""

    def fit(self, one_hot: np.ndarray, columns: np.ndarray, values: np.ndarray, regions: np.ndarray) -> MeanFit | None:
        """Return the fit, or None when the design lacks rank."""
        design = np.column_stack([one_hot, columns])
        if not full_rank(design):
            return None
        q, r = np.linalg.qr(design)
        beta = np.linalg.solve(r, q.T @ values)
        n_sites, nothing = one_hot.shape[1], np.empty((0, values.shape[1]))
        return MeanFit(beta[:n_sites], beta[n_sites:], nothing, nothing)


class Combat(SiteHarmonizer):
    """ComBat with linear covariates (Johnson 2007, Fortin 2018), with a reference site.

    Equal to neuroHarmonize 2.5.2 up to its rounding of covariates to 32 bits (some 1e-8 relative; 1e-12 where ages
    have few binary digits). Missing values and regions that a site lacks are left out where they are missing only.
    """

    method = "combat"
    engine = "native"

    def _estimate(self, training: Training) -> SiteModel:
        return estimate(training, LinearMean())
