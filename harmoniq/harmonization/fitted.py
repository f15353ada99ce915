"""What every harmonizer that estimates parameters does with them once they are there."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, Self, TypeVar

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError
from harmoniq.harmonization.base import HarmonizationWarning, site_label


class FittedModel(Protocol):
    """Parameters of one metric, as `SiteModel` and `HbrModel` hold them."""

    @property
    def sites(self) -> tuple[str, ...]:
        """Labels of the sites of the fit."""
        ...

    @property
    def notes(self) -> list[str]:
        """What the fit had to say."""
        ...

    def apply(self, cohort: Cohort) -> np.ndarray:
        """Harmonize values.

        Parameters
        ----------
        cohort : Cohort
            New or known participants of sites and regions that were in the fit, of one metric.

        Returns
        -------
        array, shape (n_participants, n_features)
            In 1/s; NaN where there is no harmonized value.
        """
        ...

    def zscores(self, cohort: Cohort) -> np.ndarray:
        """Score participants, as the model defines it.

        Parameters
        ----------
        cohort : Cohort
            New or known participants of sites and regions that were in the fit, of one metric.

        Returns
        -------
        array, shape (n_participants, n_features)
            In standard deviations; NaN where there is no score.
        """
        ...

    def outside_notes(self, cohort: Cohort) -> list[str]:
        """Say who lies beyond the range of the fit.

        Parameters
        ----------
        cohort : Cohort
            New or known participants of sites and regions that were in the fit, of one metric.

        Returns
        -------
        list of str
            Notes; none where nobody does.
        """
        ...

    def save(self, folder: str | Path, header: dict[str, Any]) -> Path:
        """Write the parameters and `header`.

        Parameters
        ----------
        folder : str or Path
            Made where it is absent.
        header : dict of str to object
            What ``model.json`` says first: method, engine and options.

        Returns
        -------
        Path
            The folder.
        """
        ...


Model = TypeVar("Model", bound=FittedModel)


class FittedHarmonizer(ABC, Generic[Model]):
    """A harmonizer whose parameters are a `FittedModel`.

    Parameters
    ----------
    reference_site : str, optional
        Site whose scale the others are brought to.
    disjoint_ages : {"refuse", "warn"}
        What to do with sites that share no age with the others.

    Attributes
    ----------
    model : FittedModel or None
        After `fit` or `load`.

    Raises
    ------
    InputError
        For another word in `disjoint_ages`.
    """

    method: str
    engine: str

    def __init__(self, *, reference_site: str | None, disjoint_ages: Literal["refuse", "warn"]) -> None:
        if disjoint_ages not in ("refuse", "warn"):
            raise InputError("must be refuse or warn", key="disjoint_ages", value=disjoint_ages)
        self.reference_site = None if reference_site is None else site_label(reference_site)
        self.disjoint_ages = disjoint_ages
        self.model: Model | None = None

    @property
    def notes(self) -> list[str]:
        """What the fit has to say."""
        return [] if self.model is None else list(self.model.notes)

    @property
    def sites(self) -> tuple[str, ...]:
        """Labels of the sites that the model knows."""
        return self._fitted().sites

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Return the constructor's keyword arguments.

        Returns
        -------
        dict of str to object
            By name, as they are saved with the model.
        """

    @abstractmethod
    def fit(self, cohort: Cohort) -> Self:
        """Estimate the parameters from the controls of `cohort`.

        Parameters
        ----------
        cohort : Cohort
            Of one metric. Patients are not looked at.

        Returns
        -------
        Self
            The object itself, with its `model`.
        """

    def transform(self, cohort: Cohort) -> np.ndarray:
        """Harmonize values.

        Parameters
        ----------
        cohort : Cohort
            New or known participants of sites and regions that were in the fit, of one metric.

        Returns
        -------
        array, shape (n_participants, n_features)
            In 1/s; NaN where there is no harmonized value.

        Warns
        -----
        HarmonizationWarning
            When ages lie outside the range of the fit.

        Raises
        ------
        InputError
            For sites and regions that were not in the fit, and missing covariates.
        """
        for note in self.outside(cohort):
            warnings.warn(note, HarmonizationWarning, stacklevel=2)
        return self._apply(self._fitted(), cohort)

    def zscores(self, cohort: Cohort) -> np.ndarray:
        """Score participants, as the model defines it.

        Parameters
        ----------
        cohort : Cohort
            New or known participants of sites and regions that were in the fit, of one metric.

        Returns
        -------
        array, shape (n_participants, n_features)
            In standard deviations; NaN where there is no score.

        Raises
        ------
        InputError
            As `transform` does.
        """
        return self._score(self._fitted(), cohort)

    def _apply(self, model: Model, cohort: Cohort) -> np.ndarray:
        return model.apply(cohort)

    def _score(self, model: Model, cohort: Cohort) -> np.ndarray:
        return model.zscores(cohort)

    def outside(self, cohort: Cohort) -> list[str]:
        """Say who lies outside the range of the controls' ages (and of other numeric covariates).

        Parameters
        ----------
        cohort : Cohort
            New or known participants of sites and regions that were in the fit, of one metric.

        Returns
        -------
        list of str
            Notes; none where nobody does.
        """
        return self._fitted().outside_notes(cohort)

    def adapt(self, cohort: Cohort, sites: Sequence[str]) -> tuple[Self, pd.DataFrame]:
        """Return a harmonizer that knows new sites too, from their controls, and how certain it is about them.

        Parameters
        ----------
        cohort : Cohort
            Of one metric, with controls of the new sites.
        sites : sequence of str
            Labels that are not in the model.

        Returns
        -------
        Self
            A copy that knows the new sites too.
        pandas.DataFrame
            Columns `harmoniq.harmonization.adapt.ADAPTATION_COLUMNS` but ``data``: how certain it is about them.

        Raises
        ------
        InputError
            When most controls of a site lie outside the ages of the fit, or it has a region that the model has not.
        """
        grown = copy(self)
        grown.model, table = self._with_sites(self._fitted(), cohort, sites)
        return grown, table

    @abstractmethod
    def _with_sites(self, model: Model, cohort: Cohort, sites: Sequence[str]) -> tuple[Model, pd.DataFrame]:
        """Return the model with new sites, and how certain it is about them."""

    def save(self, folder: str | Path) -> Path:
        """Write ``model.json`` and the arrays beside it.

        They hold what was estimated, the range of age and how the fits went, but no value of any participant.

        Parameters
        ----------
        folder : str or Path
            Made where it is absent.

        Returns
        -------
        Path
            The folder.
        """
        header = {"method": self.method, "engine": self.engine, "options": self.options()}
        return self._fitted().save(folder, header)

    @classmethod
    def _with_model(cls, model: Model, options: dict[str, Any]) -> Self:
        harmonizer = cls(**options)
        harmonizer.model = model
        return harmonizer

    def _fitted(self) -> Model:
        if self.model is None:
            raise ValueError("fit or load the harmonizer first")
        return self.model
