"""One region's data as the sampler wants them: standardized, sorted into blocks, with the priors worked out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harmoniq.harmonization.hbr.basis import N_SPLINES, AgeBasis
from harmoniq.harmonization.hbr.mapping import sigma_table
from harmoniq.harmonization.hbr.prior import (
    TABLE_START,
    TABLE_STEP,
    Priors,
    curve_precision,
    offset_table,
    zero_sum_basis,
)
from harmoniq.harmonization.hbr.terms import Terms


@dataclass(frozen=True)
class RegionData:
    """Controls that have a region.

    Parameters
    ----------
    value : numpy.ndarray, shape (n,)
        In 1/s.
    age : numpy.ndarray, shape (n,)
        In years.
    site, sex : numpy.ndarray of int, shape (n,)
        Positions in `sites` and `sexes`.
    sites, sexes : tuple of str
        Those that have the region.
    """

    value: np.ndarray
    age: np.ndarray
    site: np.ndarray
    sex: np.ndarray
    sites: tuple[str, ...]
    sexes: tuple[str, ...]

    @classmethod
    def of(
        cls, value: np.ndarray, age: np.ndarray, site: np.ndarray, sex: np.ndarray, sites: Sequence[str],
        sexes: Sequence[str],
    ) -> "RegionData":  # fmt: skip
        """Take the participants who have the region; sites and sexes without any are left out.

        Parameters
        ----------
        value : array, shape (n,)
            In 1/s; NaN where a participant lacks the region.
        age : array, shape (n,)
            In years.
        site : array of int, shape (n,)
            Positions in `sites`.
        sex : array of int, shape (n,)
            Positions in `sexes`.
        sites : sequence of str
            Labels of all sites.
        sexes : sequence of str
            Labels of all sexes.

        Returns
        -------
        RegionData
            Codes anew, by the sites and sexes that are left.
        """
        rows = np.flatnonzero(np.isfinite(value))
        used_sites, own_site = np.unique(site[rows], return_inverse=True)
        used_sexes, own_sex = np.unique(sex[rows], return_inverse=True)
        return cls(
            value=value[rows], age=age[rows], site=own_site, sex=own_sex,
            sites=tuple(sites[s] for s in used_sites), sexes=tuple(sexes[s] for s in used_sexes),
        )  # fmt: skip


@dataclass(frozen=True)
class Target:
    """The posterior of one region: everything that the compiled density reads.

    Parameters
    ----------
    data : RegionData
        Values, ages, sites and sexes.
    priors : Priors
        Priors of the model.
    """

    data: RegionData
    priors: Priors

    @cached_property
    def basis(self) -> AgeBasis:
        """Of age, over the region's own participants."""
        return AgeBasis.from_ages(self.data.age)

    @cached_property
    def scaling(self) -> tuple[float, float]:
        """Mean and SD of the values, in 1/s."""
        return float(self.data.value.mean()), float(self.data.value.std())

    @cached_property
    def order(self) -> np.ndarray:
        """Participants sorted by knot interval, site, sex and age."""
        _, first = self.basis.evaluate(self.data.age)
        return np.lexsort((self.data.age, self.data.sex, self.data.site, first))

    @cached_property
    def y(self) -> np.ndarray:
        """Standardized values in that order."""
        mean, sd = self.scaling
        return np.ascontiguousarray((self.data.value[self.order] - mean) / sd)

    @cached_property
    def offsets(self) -> np.ndarray:
        """Zero-sum coordinates to the offset of each combination of site and sex, shape (S * X, S - 1 + X - 1)."""
        n_sites, n_sexes = len(self.data.sites), len(self.data.sexes)
        site = np.repeat(zero_sum_basis(n_sites), n_sexes, axis=0)
        sex = np.tile(zero_sum_basis(n_sexes), (n_sites, 1))
        return np.ascontiguousarray(np.column_stack([site, sex]))

    @cached_property
    def cell(self) -> np.ndarray:
        """Combination of site and sex of each participant, sorted as `order`."""
        return (self.data.site * len(self.data.sexes) + self.data.sex)[self.order]

    @cached_property
    def groups(self) -> np.ndarray:
        """Start and size in theta of each group of random intercepts: sites and sexes, of the mean and of the SD."""
        sizes = [("site", len(self.data.sites) - 1), ("sex", len(self.data.sexes) - 1)]
        out, half = [], N_SPLINES + sum(size for _, size in sizes)
        for base in (0, half):
            at = base + N_SPLINES
            for _, size in sizes:
                if size:
                    out.append((at, size))
                at += size
        return np.array(out, dtype=np.int64).reshape(-1, 2)

    @cached_property
    def precision(self) -> np.ndarray:
        """Prior precision of the spline coefficients of mean and SD, shape (2, 7, 7)."""
        p, knots = self.priors, self.basis.greville
        return np.stack([curve_precision(knots, slope, p.intercept) for slope in (p.slope_mu, p.slope_sigma)])

    @cached_property
    def design(self) -> np.ndarray:
        """Splines and offset coordinates of each participant, sorted as `order`, shape (n, 7 + offsets)."""
        return np.column_stack([self.basis.dense(self.data.age[self.order]), self.offsets[self.cell]])

    @property
    def size(self) -> int:
        """Number of parameters."""
        return 2 * (N_SPLINES + self.offsets.shape[1])

    @cached_property
    def terms(self) -> Terms:
        """What `kernels.log_density` takes after theta."""
        splines, first = self.basis.evaluate(self.data.age[self.order])
        block = first * len(self.offsets) + self.cell
        starts = np.flatnonzero(np.r_[True, np.diff(block) != 0])
        tables = [offset_table(int(size), self.priors.rate) for _, size in self.groups]
        return Terms(
            y=self.y,
            splines=np.ascontiguousarray(splines),
            starts=np.r_[starts, len(block)],
            block_first=first[starts],
            block_cell=self.cell[starts],
            cells=self.offsets,
            precision=self.precision,
            groups=self.groups,
            log_priors=np.stack(tables) if tables else np.zeros((0, 2, 2)),
            prior_start=float(TABLE_START),
            prior_step=float(TABLE_STEP),
            floor2=float(self.priors.floor**2),
            sigma=sigma_table(self.priors.softplus),
        )
