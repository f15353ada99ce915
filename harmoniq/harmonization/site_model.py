"""The fitted parameters of a ComBat model: how they are applied, saved and loaded.

Every engine that estimates them (native, neuroHarmonize) hands over this one object, so that they are applied by the
same lines.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from harmoniq.data.cohort import Cohort
from harmoniq.harmonization.base import (
    check_sites_known,
    feature_positions,
    site_labels,
    some,
)
from harmoniq.harmonization.saved import ModelFiles, damage_told
from harmoniq.harmonization.splines import SplineBasis
from harmoniq.harmonization.training import covariate_columns

FILES: Final = ModelFiles("parameters.npz", format=2, compressed=True)
_ARRAYS = ("coefficients", "center", "scale", "shift", "variance", "as_is", "penalty", "edf", "count")


@dataclass(frozen=True)
class SiteModel:
    """Parameters of ComBat for S sites, p regions, k columns of covariates and m smooths.

    A value x of site s becomes ``(x - m - shift_s scale) / sqrt(variance_s) + m`` with
    ``m = center + covariates @ coefficients`` (Johnson et al. 2007, Biostatistics 8:118, section 3.1, step 3). The
    reference site has shift 0 and variance 1.

    Parameters
    ----------
    sites : tuple of str
        Labels, those of the fit sorted, then those that were added.
    reference : int or None
        Position of the reference site.
    features : list of tuple
        ``(metric, tissue, region)`` of the p regions.
    covariates : tuple of str
        Protected covariates; the coefficients of the linear ones come first, then those of the smooth ones.
    ranges : mapping of str to tuple of float
        Lowest and highest value among those who were fitted, of every numeric covariate (age in years).
    bases : mapping of str to SplineBasis
        Of the smooth covariates; empty for straight lines.
    coefficients : numpy.ndarray, shape (k, p)
        Coefficients of the covariates.
    center, scale : numpy.ndarray, shape (p,)
        Intercept of the reference site (or the mean over sites) and standard deviation of its residuals, in 1/s.
    shift, variance : numpy.ndarray, shape (S, p)
        Site effects in units of `scale`; NaN where a region cannot be harmonized at a site.
    as_is : numpy.ndarray of bool, shape (p,)
        Regions without variance, returned as they are.
    penalty, edf : numpy.ndarray, shape (m, p)
        Of the smooths: the penalty in the unit of statsmodels' ``alpha``, and effective degrees of freedom.
    count : numpy.ndarray of int, shape (S, p)
        Values of each region at each site that entered the fit; 0 where there was none.
    """

    sites: tuple[str, ...]
    reference: int | None
    features: list[tuple[str, ...]]
    covariates: tuple[str, ...]
    ranges: Mapping[str, tuple[float, float]]
    bases: Mapping[str, SplineBasis]
    coefficients: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    variance: np.ndarray
    as_is: np.ndarray
    penalty: np.ndarray
    edf: np.ndarray
    count: np.ndarray
    notes: list[str] = field(default_factory=list)

    def covariate_mean(self, cohort: Cohort) -> np.ndarray:
        """Return what the protected covariates explain, without the intercept.

        Parameters
        ----------
        cohort : Cohort
            Participants and their regional values (n participants x features).

        Returns
        -------
        array, shape (n_participants, p)
            In 1/s; the columns are the model's regions, not the cohort's.

        Raises
        ------
        InputError
            When a participant lacks a covariate.
        """
        columns = covariate_columns(cohort, self.covariates)
        return expand(columns, self.covariates, self.bases) @ self.coefficients

    def apply(self, cohort: Cohort) -> np.ndarray:
        """Return the harmonized values, in the order of the cohort's rows and columns.

        Parameters
        ----------
        cohort : Cohort
            Of sites and regions that were in the fit.

        Returns
        -------
        numpy.ndarray, shape (n_participants, n_features)
            In 1/s. The reference site's are the cohort's own, bit by bit; NaN where the value is missing or the region
            cannot be harmonized at the site.

        Raises
        ------
        InputError
            For unknown sites or regions and missing covariates.
        """
        labels = site_labels(cohort)
        check_sites_known(labels, self.sites)
        position = feature_positions(cohort, self.features)
        site = np.array([self.sites.index(label) for label in labels], dtype=int)
        original = np.array(cohort.values, dtype=np.float64)
        mean = (self.center + self.covariate_mean(cohort))[:, position]
        scale = self.scale[position]
        shift, variance = self.shift[np.ix_(site, position)], self.variance[np.ix_(site, position)]
        out = ((original - mean) / scale - shift) / np.sqrt(variance) * scale + mean
        keep = np.broadcast_to(self.as_is[position], out.shape)
        if self.reference is not None:
            keep = keep | (site == self.reference)[:, None]
        return np.where(keep, original, out)

    def zscores(self, cohort: Cohort) -> np.ndarray:
        """Return deviations of the harmonized values from what is expected, in SDs of the reference site's residuals.

        Parameters
        ----------
        cohort : Cohort
            Of sites and regions that were in the fit.

        Returns
        -------
        numpy.ndarray, shape (n_participants, n_features)
            NaN where there is no harmonized value, and in regions that do not vary.

        Raises
        ------
        InputError
            As `apply`.
        """
        position = feature_positions(cohort, self.features)
        expected = (self.center + self.covariate_mean(cohort))[:, position]
        score = (self.apply(cohort) - expected) / self.scale[position]
        return np.where(self.as_is[position], np.nan, score)

    def outside_notes(self, cohort: Cohort) -> list[str]:
        """Say who lies beyond the controls' range of a covariate, so that its curve is extrapolated.

        Parameters
        ----------
        cohort : Cohort
            Participants and their regional values (n participants x features).

        Returns
        -------
        list of str
            A note per covariate; none where nobody does.
        """
        ids = cohort.participants["participant_id"].astype(str)
        notes = []
        for name, (low, high) in self.ranges.items():
            values = covariate_columns(cohort, (name,))[:, 0]
            who = [f"{ids.iloc[row]} ({values[row]:g})" for row in np.flatnonzero((values < low) | (values > high))]
            if who:
                what = "ages" if name == "age" else f"values of {name}"
                notes.append(
                    f"{len(who)} participants lie outside the controls' {what} ({low:g} to {high:g}), where the "
                    f"{name} curve is continued as a straight line: {some(who)}"
                )
        return notes

    def save(self, folder: str | Path, header: dict[str, Any]) -> Path:
        """Write ``model.json`` (with `header`) and ``parameters.npz``; no participant's data is among them.

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
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        arrays |= {f"knots_{name}": basis.knots for name, basis in self.bases.items()}
        content = header | {
            "sites": self.sites,
            "reference": None if self.reference is None else self.sites[self.reference],
            "covariates": self.covariates,
            "ranges": {name: list(bounds) for name, bounds in self.ranges.items()},
            "features": self.features,
            "notes": self.notes,
        }
        return FILES.write(folder, content, arrays)

    @classmethod
    def load(cls, folder: str | Path) -> tuple["SiteModel", dict[str, Any]]:
        """Read what `save` wrote.

        Parameters
        ----------
        folder : str or Path
            Folder that `save` wrote.

        Returns
        -------
        SiteModel
            The parameters.
        dict of str to object
            The content of ``model.json``.

        Raises
        ------
        InputError
            When a file is absent, damaged or of another format.
        """
        content, arrays = FILES.read(folder)
        with damage_told(folder):
            knots = {name: arrays.pop(name) for name in list(arrays) if name.startswith("knots_")}
            model = cls(
                sites=tuple(content["sites"]),
                reference=None if content["reference"] is None else content["sites"].index(content["reference"]),
                features=[tuple(name) for name in content["features"]],
                covariates=tuple(content["covariates"]),
                ranges={name: (low, high) for name, (low, high) in content["ranges"].items()},
                bases={name.removeprefix("knots_"): SplineBasis(array) for name, array in knots.items()},
                notes=list(content["notes"]),
                **arrays,
            )
        return model, content


def expand(columns: np.ndarray, covariates: tuple[str, ...], bases: Mapping[str, SplineBasis]) -> np.ndarray:
    """Return the design's columns of the covariates.

    Parameters
    ----------
    columns : numpy.ndarray, shape (n, n_covariates)
        Values of the covariates, from `covariate_columns`.
    covariates : tuple of str
        Names of the protected covariates.
    bases : mapping of str to SplineBasis
        By the smooth covariate's name.

    Returns
    -------
    numpy.ndarray, shape (n, k)
        Linear covariates first, then the splines of the smooth ones in the order of `bases`.
    """
    linear = [index for index, name in enumerate(covariates) if name not in bases]
    smooth = [basis.evaluate(columns[:, covariates.index(name)]) for name, basis in bases.items()]
    return np.column_stack([columns[:, linear], *smooth])
