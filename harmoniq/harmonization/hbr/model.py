"""The fitted regions of one metric: how they are applied, saved and loaded."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from harmoniq.data.cohort import Cohort
from harmoniq.data.kernels import thread_count
from harmoniq.harmonization.base import check_sites_known, feature_positions, site_labels, some
from harmoniq.harmonization.hbr.basis import N_SPLINES, AgeBasis
from harmoniq.harmonization.hbr.fit import FitRecord
from harmoniq.harmonization.hbr.posterior import Posterior
from harmoniq.harmonization.saved import ModelFiles, damage_told
from harmoniq.harmonization.training import covariate_columns

FILES: Final = ModelFiles("posterior.npz", format=1, compressed=False)


@dataclass(frozen=True)
class HbrModel:
    """Posteriors of the regions of one metric.

    Parameters
    ----------
    sites : tuple of str
        Labels, those of the fit sorted, then those that were added.
    reference : int or None
        Position of the reference site; None brings everybody to no site in particular.
    sexes : tuple of str
        ``("F", "M")``, or ``("any",)`` when all controls were of one sex.
    age_range : tuple of float
        Ages of the controls in years.
    features : list of tuple
        ``(metric, tissue, region)``.
    posteriors : list of Posterior or None
        Per feature; None where the region was not fitted.
    as_is : numpy.ndarray of bool, shape (p,)
        Regions without variance, returned as they are.
    records : list of tuple of FitRecord
        Per feature, how its fits went.
    notes : list of str
        What a reader should know.
    """

    sites: tuple[str, ...]
    reference: int | None
    sexes: tuple[str, ...]
    age_range: tuple[float, float]
    features: list[tuple[str, ...]]
    posteriors: list[Posterior | None]
    as_is: np.ndarray
    records: list[tuple[FitRecord, ...]]
    notes: list[str] = field(default_factory=list)

    def apply(self, cohort: Cohort, *, threads: int | None = None) -> np.ndarray:
        """Harmonize values, as `Posterior.harmonized`.

        Parameters
        ----------
        cohort : Cohort
            Of sites and regions that were in the fit.
        threads : int, optional
            Regions at a time; default as `thread_count`.

        Returns
        -------
        numpy.ndarray, shape (n_participants, n_features)
            In 1/s; the reference site's are the cohort's own. NaN where the value is missing or the region was not
            fitted, or not at the site.

        Raises
        ------
        InputError
            For sites and regions that were not in the fit, and missing covariates.
        """
        labels = site_labels(cohort)
        check_sites_known(labels, self.sites)
        reference = None if self.reference is None else self.sites[self.reference]
        out = self._each(cohort, labels, "harmonized", labels != reference, threads)
        position = feature_positions(cohort, self.features)
        original = np.array(cohort.values, dtype=np.float64)
        keep = (labels == reference)[:, None] | self.as_is[position]
        # At the reference site too a region that was not fitted is missing: it must not stand beside harmonized ones.
        lost = np.array([self.posteriors[p] is None and not self.as_is[p] for p in position], dtype=bool)
        return np.where(keep & ~lost, original, out)

    def zscores(self, cohort: Cohort, *, threads: int | None = None) -> np.ndarray:
        """Score participants, as `Posterior.zscores`.

        Parameters
        ----------
        cohort : Cohort
            Of sites and regions that were in the fit.
        threads : int or None, optional
            Regions at a time; default as `thread_count`.

        Returns
        -------
        numpy.ndarray, shape (n_participants, n_features)
            NaN where `apply` has NaN, for regions without variance, and for ages outside the controls': the curve is
            not known there.

        Raises
        ------
        InputError
            As `apply`.
        """
        labels = site_labels(cohort)
        check_sites_known(labels, self.sites)
        age = covariate_columns(cohort, ("age",))[:, 0]
        inside = (age >= self.age_range[0]) & (age <= self.age_range[1])
        return self._each(cohort, labels, "zscores", inside, threads)

    def outside(self, cohort: Cohort) -> np.ndarray:
        """Find the participants who are younger or older than all controls of the fit.

        Parameters
        ----------
        cohort : Cohort
            Participants and their regional values (n participants x features).

        Returns
        -------
        array of bool, shape (n_participants,)
            True where they are.
        """
        age = covariate_columns(cohort, ("age",))[:, 0]
        return (age < self.age_range[0]) | (age > self.age_range[1])

    def outside_notes(self, cohort: Cohort) -> list[str]:
        """Say who is younger or older than all controls of the fit.

        Parameters
        ----------
        cohort : Cohort
            Participants and their regional values (n participants x features).

        Returns
        -------
        list of str
            One note; none where nobody is.
        """
        beyond = np.flatnonzero(self.outside(cohort))
        if not len(beyond):
            return []
        ids, age = cohort.participants["participant_id"].astype(str), covariate_columns(cohort, ("age",))[:, 0]
        who = [f"{ids.iloc[row]} ({age[row]:g})" for row in beyond]
        low, high = self.age_range
        return [
            f"{len(who)} participants lie outside the controls' ages ({low:g} to {high:g}): they are harmonized with "
            f"the age curve's value at its end, and get no Z-scores: {some(who)}"
        ]

    def _each(self, cohort: Cohort, labels: np.ndarray, what: str, rows: np.ndarray, threads: int | None) -> np.ndarray:
        """Evaluate region by region, in threads; each fills its own column."""
        position = feature_positions(cohort, self.features)
        age, sex = covariate_columns(cohort, ("age", "sex")).T
        # Beyond the controls' ages the curve and the spread are known by their priors alone: the end's stand for them.
        age = np.clip(age, *self.age_range)
        sexes = np.array(["F", "M"])[sex.astype(int)] if len(self.sexes) > 1 else np.repeat(self.sexes[0], len(age))
        out = np.full(cohort.values.shape, np.nan)

        def one(column: int) -> None:
            posterior = self.posteriors[position[column]]
            if posterior is None:
                return
            own = rows & np.isin(labels, posterior.sites) & np.isin(sexes, posterior.sexes)
            own = own & np.isfinite(cohort.values[:, column])
            site = np.array([posterior.sites.index(label) for label in labels[own]], dtype=np.int64)
            code = np.array([posterior.sexes.index(label) for label in sexes[own]], dtype=np.int64)
            arguments = (cohort.values[own, column], age[own], site, code)
            if what == "zscores":
                out[own, column] = posterior.zscores(*arguments)
            else:
                there = -1 if self.reference is None else posterior.sites.index(self.sites[self.reference])
                out[own, column] = posterior.harmonized(*arguments, there)

        with ThreadPoolExecutor(threads or thread_count()) as pool:
            list(pool.map(one, range(len(position))))
        return out

    def save(self, folder: str | Path, header: dict[str, Any]) -> Path:
        """Write ``model.json`` (with `header`) and ``posterior.npz``; no participant's data is among them.

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
        arrays = {"draws": self._stacked(), "as_is": self.as_is}
        nothing = [np.nan] * 7
        numbers = [
            nothing if p is None
            else [p.basis.mean, p.basis.sd, p.basis.low, p.basis.high, p.mean, p.sd, p.softplus]
            for p in self.posteriors
        ]  # fmt: skip
        arrays["scaling"] = np.array(numbers, dtype=np.float64).reshape(-1, 7)
        content = header | {
            "sites": self.sites,
            "reference": None if self.reference is None else self.sites[self.reference],
            "sexes": self.sexes,
            "age_range": self.age_range,
            "features": self.features,
            "notes": self.notes,
            "fits": [[asdict(record) for record in records] for records in self.records],
        }
        return FILES.write(folder, content, arrays)

    def _stacked(self) -> np.ndarray:
        """Return all draws in one array (p, rows, n_draws); rows of sites and sexes that a region lacks are NaN."""
        n_draws = next((p.draws.shape[1] for p in self.posteriors if p is not None), 0)
        half = N_SPLINES + len(self.sites) + len(self.sexes)
        out = np.full((len(self.posteriors), 2 * half, n_draws), np.nan, dtype=np.float32)
        for index, posterior in enumerate(self.posteriors):
            if posterior is not None:
                out[index, _rows(posterior.sites, posterior.sexes, self.sites, self.sexes)] = posterior.draws
        return out

    @classmethod
    def load(cls, folder: str | Path) -> tuple["HbrModel", dict[str, Any]]:
        """Read what `save` wrote.

        Parameters
        ----------
        folder : str or Path
            Folder that `save` wrote.

        Returns
        -------
        HbrModel
            The posteriors.
        dict of str to object
            The content of ``model.json``.

        Raises
        ------
        InputError
            When a file is absent, damaged or of another format.
        """
        content, arrays = FILES.read(folder)
        with damage_told(folder):
            regions = zip(arrays["draws"], arrays["scaling"], strict=True)
            sites, sexes = tuple(content["sites"]), tuple(content["sexes"])
            model = cls(
                sites=sites,
                reference=None if content["reference"] is None else sites.index(content["reference"]),
                sexes=sexes,
                age_range=(float(content["age_range"][0]), float(content["age_range"][1])),
                features=[tuple(name) for name in content["features"]],
                posteriors=[_posterior(*region, sites, sexes) for region in regions],
                as_is=arrays["as_is"],
                records=[tuple(FitRecord(**row) for row in rows) for rows in content["fits"]],
                notes=list(content["notes"]),
            )
        return model, content


def _rows(sites: Sequence[str], sexes: Sequence[str], all_sites: Sequence[str], all_sexes: Sequence[str]) -> np.ndarray:
    """Return where a region's rows of draws stand among those of all sites and sexes."""
    half = N_SPLINES + len(all_sites) + len(all_sexes)
    part = [*range(N_SPLINES)]
    part += [N_SPLINES + all_sites.index(label) for label in sites]
    part += [N_SPLINES + len(all_sites) + all_sexes.index(label) for label in sexes]
    return np.array([*part, *(half + row for row in part)])


def _posterior(draws: np.ndarray, scaling: np.ndarray, sites: tuple[str, ...], sexes: tuple[str, ...]
               ) -> Posterior | None:  # fmt: skip
    if np.isnan(scaling).any():
        return None
    known = np.isfinite(draws[:, 0])
    here = tuple(label for row, label in enumerate(sites) if known[N_SPLINES + row])
    have = tuple(label for row, label in enumerate(sexes) if known[N_SPLINES + len(sites) + row])
    mean, sd, low, high, center, scale, softplus = map(float, scaling)
    rows = _rows(here, have, sites, sexes)
    return Posterior(here, have, AgeBasis(mean, sd, low, high), center, scale, softplus, draws[rows])
