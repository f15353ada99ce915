"""No harmonization: the identity under the contract of the harmonizers, so that raw values take the same way."""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError
from harmoniq.data.files import read_json, write_json
from harmoniq.harmonization.base import (
    MODEL_FILE,
    check_reference,
    check_sites_known,
    feature_names,
    feature_positions,
    site_label,
    site_labels,
)


class Raw:
    """Values as they were measured.

    Parameters
    ----------
    reference_site : str, optional
        Checked to be a site of the data; nothing depends on it.
    """

    method: ClassVar[str] = "raw"
    engine: ClassVar[str] = "native"

    def __init__(self, *, reference_site: str | None = None) -> None:
        self.reference_site = None if reference_site is None else site_label(reference_site)
        self.notes: list[str] = []
        self._sites: list[str] | None = None
        self._features: list[tuple[str, ...]] = []

    def fit(self, cohort: Cohort) -> Self:
        """Take note of the sites and regions that there are.

        Parameters
        ----------
        cohort : Cohort
            Of one metric.

        Returns
        -------
        Self
            The object itself.

        Raises
        ------
        InputError
            When the reference site is not among the sites.
        """
        sites = sorted(set(site_labels(cohort)))
        check_reference(self.reference_site, sites)
        self._sites, self._features = sites, feature_names(cohort.features)
        return self

    def transform(self, cohort: Cohort) -> np.ndarray:
        """Return a copy of the values.

        Parameters
        ----------
        cohort : Cohort
            New or known participants of sites and regions that were in the fit, of one metric.

        Returns
        -------
        array, shape (n_participants, n_features)
            In 1/s.

        Raises
        ------
        InputError
            For sites and regions that were not in the fit, as all harmonizers do.
        ValueError
            Before the fit.
        """
        if self._sites is None:
            raise ValueError("fit or load the harmonizer first")
        check_sites_known(site_labels(cohort), self._sites)
        feature_positions(cohort, self._features)
        return np.array(cohort.values, dtype=np.float64)

    def outside(self, cohort: Cohort) -> list[str]:
        """Return no notes: nothing is extrapolated.

        Parameters
        ----------
        cohort : Cohort
            Not looked at.

        Returns
        -------
        list of str
            Always empty.
        """
        return []

    def save(self, folder: str | Path) -> Path:
        """Write ``model.json``.

        Parameters
        ----------
        folder : str or Path
            Made where it is absent.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        ValueError
            Before the fit.
        """
        if self._sites is None:
            raise ValueError("fit the harmonizer first")
        content = {
            "method": self.method,
            "engine": self.engine,
            "options": {"reference_site": self.reference_site},
            "sites": self._sites,
            "features": self._features,
        }
        write_json(Path(folder) / MODEL_FILE, content)
        return Path(folder)

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
            When the folder holds no saved raw model.
        """
        file = Path(folder) / MODEL_FILE
        content = read_json(file)
        try:
            harmonizer = cls(**content["options"])
            harmonizer._sites = list(content["sites"])
            harmonizer._features = [tuple(name) for name in content["features"]]
        except (KeyError, TypeError) as error:
            raise InputError(
                f"is not a saved harmonizer ({error})", file=file, remedy="fit and save it again"
            ) from error
        return harmonizer
