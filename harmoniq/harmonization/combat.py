"""ComBat with linear covariates, native; and what all ComBat harmonizers share."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError
from harmoniq.harmonization.adapt import add_sites
from harmoniq.harmonization.base import MODEL_FILE
from harmoniq.harmonization.design import check_design, full_rank
from harmoniq.harmonization.fitted import FittedHarmonizer
from harmoniq.harmonization.location_scale import MeanFit, MeanModel, estimate
from harmoniq.harmonization.site_model import SiteModel
from harmoniq.harmonization.training import COVARIATES, Training, training_of


class SiteHarmonizer(FittedHarmonizer[SiteModel]):
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

    def __init__(
        self,
        *,
        reference_site: str | None = None,
        protect: Sequence[str] = COVARIATES,
        disjoint_ages: Literal["refuse", "warn"] = "refuse",
    ) -> None:
        super().__init__(reference_site=reference_site, disjoint_ages=disjoint_ages)
        # Age first and sex second, whatever the order asked for: the saved coefficients rely on it.
        self.protect = tuple(name for name in (*COVARIATES, *protect) if name in protect)
        self.protect = tuple(dict.fromkeys(self.protect))

    def options(self) -> dict[str, Any]:
        """Return the constructor's keyword arguments.

        Returns
        -------
        dict of str to object
            By name, as they are saved with the model.
        """
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

        Returns
        -------
        Self
            The object itself, with its `model`.

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

    def _with_sites(self, model: SiteModel, cohort: Cohort, sites: Sequence[str]) -> tuple[SiteModel, pd.DataFrame]:
        return add_sites(model, cohort, sites)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote.

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
        return cls._with_model(model, content["options"])


class LinearMean(MeanModel):
    """Ordinary least squares of site intercepts and covariates."""

    def fit(self, one_hot: np.ndarray, columns: np.ndarray, values: np.ndarray, regions: np.ndarray) -> MeanFit | None:
        """Fit the mean of some regions by ordinary least squares.

        Parameters
        ----------
        one_hot : array, shape (n, n_sites)
            One column of 0 and 1 per site that has these regions.
        columns : array, shape (n, k)
            Covariates, from `expand`.
        values : array, shape (n, n_regions)
            In 1/s, without NaN.
        regions : array of int, shape (n_regions,)
            Which regions of the training these are; not used.

        Returns
        -------
        MeanFit or None
            None when the design lacks rank.
        """
        design = np.column_stack([one_hot, columns])
        if not full_rank(design):
            return None
        q, r = np.linalg.qr(design)
        beta = np.linalg.solve(r, q.T @ values)
        n_sites, nothing = one_hot.shape[1], np.empty((0, values.shape[1]))
        return MeanFit(beta[:n_sites], beta[n_sites:], nothing, nothing)


class Combat(SiteHarmonizer):
    """ComBat with linear covariates, with a reference site.

    Johnson et al. 2007, doi:10.1093/biostatistics/kxj037; Fortin et al. 2018, doi:10.1016/j.neuroimage.2017.11.024.
    Equal to neuroHarmonize 2.5.2 up to its rounding of covariates to 32 bits (some 1e-8 relative; 1e-12 where ages have
    few binary digits). Missing values and regions that a site lacks are left out where they are missing only.
    """

    method = "combat"
    engine = "native"

    def _estimate(self, training: Training) -> SiteModel:
        return estimate(training, LinearMean())
