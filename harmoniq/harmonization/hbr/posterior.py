"""Posterior draws of one region, and what they say of a participant: mean, SD, Z-score and harmonized value."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harmoniq.harmonization.hbr.basis import N_SPLINES, AgeBasis
from harmoniq.harmonization.hbr.mapping import sigma_table
from harmoniq.harmonization.hbr.prior import zero_sum_basis
from harmoniq.harmonization.hbr.region import Target

#: Draws that are kept of a region, evenly out of all chains.
KEPT_DRAWS = 2000


@dataclass(frozen=True)
class Moments:
    """Posterior means for n participants, in standardized units.

    Parameters
    ----------
    mu, sigma : numpy.ndarray, shape (n,)
        E[mu] and E[sigma].
    ratio, precision : numpy.ndarray, shape (n,)
        E[mu / sigma] and E[1 / sigma].
    """

    mu: np.ndarray
    sigma: np.ndarray
    ratio: np.ndarray
    precision: np.ndarray


@dataclass(frozen=True)
class Posterior:
    """Draws of one region's parameters.

    Parameters
    ----------
    sites, sexes : tuple of str
        In the order of the rows of `draws`.
    basis : AgeBasis
        B-splines of age, over the ages of the fit.
    mean, sd : float
        By which values are standardized, in 1/s.
    softplus : float
        Scale of the mapping of the SD.
    draws : numpy.ndarray of float32, shape (2 * (7 + n_sites + n_sexes), n_draws)
        For the mean, then for the SD: spline coefficients, offsets of the sites, offsets of the sexes. Rounded to 32
        bits when they are made, so that what is saved is what was used.
    """

    sites: tuple[str, ...]
    sexes: tuple[str, ...]
    basis: AgeBasis
    mean: float
    sd: float
    softplus: float
    draws: np.ndarray

    @classmethod
    def of(cls, target: Target, draws: np.ndarray, kept: int = KEPT_DRAWS) -> "Posterior":
        """Take the draws of a sampler.

        Parameters
        ----------
        target : Target
            The posterior that was sampled.
        draws : array, shape (n_chains, n_draws, n_parameters)
            In the coordinates of `kernels.log_density`.
        kept : int, optional
            Draws that are kept at most, evenly spaced over all chains.

        Returns
        -------
        Posterior
            Zero-sum coordinates turned into offsets.
        """
        flat = draws.reshape(-1, draws.shape[2])
        if len(flat) > kept:
            flat = flat[np.arange(kept) * len(flat) // kept]
        half = target.size // 2
        n_sites, n_sexes = len(target.data.sites), len(target.data.sexes)
        site, sex = zero_sum_basis(n_sites), zero_sum_basis(n_sexes)
        rows = []
        for part in (flat[:, :half], flat[:, half:]):
            coordinates = part[:, N_SPLINES:]
            of_site, of_sex = coordinates[:, : n_sites - 1], coordinates[:, n_sites - 1 :]
            rows += [part[:, :N_SPLINES].T, site @ of_site.T, sex @ of_sex.T]
        mean, sd = target.scaling
        return cls(
            target.data.sites, target.data.sexes, target.basis, mean, sd, target.priors.softplus,
            np.vstack(rows).astype(np.float32),
        )  # fmt: skip

    @cached_property
    def _parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Spline coefficients and offsets of site x sex, of mean and SD, in 64 bits."""
        half, n_sites = len(self.draws) // 2, len(self.sites)
        out = []
        for part in (self.draws[:half].astype(np.float64), self.draws[half:].astype(np.float64)):
            site, sex = part[N_SPLINES : N_SPLINES + n_sites], part[N_SPLINES + n_sites :]
            # A last row without offset stands for no site in particular.
            site = np.vstack([site, np.zeros((1, site.shape[1]))])
            cells = (site[:, None] + sex[None]).reshape(-1, site.shape[1])
            out += [np.ascontiguousarray(part[:N_SPLINES]), np.ascontiguousarray(cells)]
        return out[0], out[1], out[2], out[3]

    def moments(self, age: np.ndarray, site: np.ndarray, sex: np.ndarray) -> Moments:
        """Return the posterior means that Z-scores and harmonized values are made of.

        Parameters
        ----------
        age : numpy.ndarray, shape (n,)
            In years; beyond the knots the curve keeps the value it has there.
        site, sex : numpy.ndarray of int, shape (n,)
            Positions in `sites` and `sexes`; -1 as a site means no site's offset.

        Returns
        -------
        Moments
            Averaged over all draws.
        """
        from harmoniq.harmonization.hbr.kernels import posterior_means

        splines, first = self.basis.evaluate(age)
        site = np.where(site < 0, len(self.sites), site)
        cell = (site * len(self.sexes) + sex).astype(np.int64)
        c_mu, off_mu, c_eta, off_eta = self._parts
        out = np.empty((len(first), 4))
        posterior_means(
            c_mu, c_eta, np.ascontiguousarray(splines), first, off_mu, off_eta, cell,
            sigma_table(self.softplus), out,
        )  # fmt: skip
        return Moments(*out.T)

    def expected(self, age: np.ndarray, site: np.ndarray, sex: np.ndarray) -> np.ndarray:
        """Return the expected values; faster than `moments`, since the mean is linear.

        Parameters
        ----------
        age : array, shape (n,)
            In years.
        site : array of int, shape (n,)
            Positions in `sites`; -1 means no site's offset.
        sex : array of int, shape (n,)
            Positions in `sexes`.

        Returns
        -------
        array, shape (n,)
            In 1/s.
        """
        c_mu, off_mu, _, _ = self._parts
        cell = np.where(site < 0, len(self.sites), site) * len(self.sexes) + sex
        return self.mean + self.sd * (self.basis.dense(age) @ c_mu.mean(axis=1) + off_mu.mean(axis=1)[cell])

    def zscores(self, value: np.ndarray, age: np.ndarray, site: np.ndarray, sex: np.ndarray) -> np.ndarray:
        """Return Z-scores, E[(y - mu) / sigma] over the posterior, as PCNtoolkit has them.

        Parameters
        ----------
        value : numpy.ndarray, shape (n,)
            In 1/s.
        age, site, sex : array, shape (n,)
            As for `moments`.

        Returns
        -------
        array, shape (n,)
            In standard deviations.
        """
        m = self.moments(age, site, sex)
        return (value - self.mean) / self.sd * m.precision - m.ratio

    def harmonized(
        self, value: np.ndarray, age: np.ndarray, site: np.ndarray, sex: np.ndarray, reference: int
    ) -> np.ndarray:
        """Return what the Z-scores mean at the reference site, E[mu + sigma Z] for the same age and sex.

        Parameters
        ----------
        value, age, site, sex : array, shape (n,)
            As for `zscores`.
        reference : int
            Position of the reference site; -1 for no site's offset.

        Returns
        -------
        array, shape (n,)
            In 1/s.
        """
        z = self.zscores(value, age, site, sex)
        there = self.moments(age, np.full(len(age), reference), sex)
        return self.mean + self.sd * (there.mu + there.sigma * z)
