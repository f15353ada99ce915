"""ComBat-GAM, native: the age effect is a penalized cubic spline (Pomponio et al. 2020, NeuroImage 208:116450)."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from harmoniq.data.errors import InputError
from harmoniq.harmonization.additive import fit_additive
from harmoniq.harmonization.combat import SiteHarmonizer
from harmoniq.harmonization.design import full_rank
from harmoniq.harmonization.location_scale import MeanFit, MeanModel, estimate
from harmoniq.harmonization.penalized import check_penalty, fit_penalized
from harmoniq.harmonization.site_model import SiteModel
from harmoniq.harmonization.splines import SplineBasis
from harmoniq.harmonization.training import COVARIATES, Training

#: B-splines of the age smooth in neuroHarmonize, one of which is dropped.
N_SPLINES = 10

#: Smooth covariates at most; the search for the penalties starts from a grid over all of them.
MOST_SMOOTHS = 3


class SmoothMean(MeanModel):
    """Site intercepts, linear covariates and penalized splines of the smooth ones.

    Parameters
    ----------
    bases : mapping of str to SplineBasis
        By covariate, at least one.
    penalty : numpy.ndarray, shape (n_smooths, p), optional
        In the unit of statsmodels' ``alpha``; without it REML chooses.
    """

    def __init__(self, bases: Mapping[str, SplineBasis], penalty: np.ndarray | None = None) -> None:
        self.bases: Mapping[str, SplineBasis] = bases
        self.penalty = penalty
        self._turned = [_straight_and_bent(basis) for basis in bases.values()]

    def fit(self, one_hot: np.ndarray, columns: np.ndarray, values: np.ndarray, regions: np.ndarray) -> MeanFit | None:
        """Fit the mean of some regions by penalized least squares, the penalty of each by REML where none is given.

        Parameters
        ----------
        one_hot : array, shape (n, n_sites)
            One column of 0 and 1 per site that has these regions.
        columns : array, shape (n, k)
            Linear covariates, then the splines of each smooth one, from `expand`.
        values : array, shape (n, n_regions)
            In 1/s, without NaN.
        regions : array of int, shape (n_regions,)
            Which regions of the training these are: a given penalty is theirs.

        Returns
        -------
        MeanFit or None
            None when sites, linear covariates and the straight lines of the smooths are collinear, or no degree of
            freedom is left.
        """
        ends = columns.shape[1] - np.cumsum([0, *(basis.size for basis in reversed(list(self.bases.values())))])[::-1]
        linear, splines = columns[:, : ends[0]], [columns[:, low:high] for low, high in pairwise(ends)]
        lines = [part @ line for part, (line, _) in zip(splines, self._turned)]
        fixed = np.column_stack([one_hot, linear, *lines])
        if not full_rank(fixed) or len(fixed) <= fixed.shape[1]:
            return None
        # statsmodels adds 2 alpha b'Sb to the sum of squares.
        given = None if self.penalty is None else 2.0 * self.penalty[:, regions]
        curved = [part @ bent for part, (_, bent) in zip(splines, self._turned)]
        if len(curved) == 1:
            result = fit_penalized(fixed, curved[0], values, penalty=None if given is None else given[0])
        else:
            result = fit_additive(fixed, curved, values, penalty=given)
        first, at = one_hot.shape[1] + linear.shape[1], 0
        smooth = []
        for index, (line, bent) in enumerate(self._turned):
            random = result.random[at : at + bent.shape[1]]
            smooth.append(np.outer(line, result.fixed[first + index]) + bent @ random)
            at += bent.shape[1]
        return MeanFit(
            intercepts=result.fixed[: one_hot.shape[1]],
            coefficients=np.vstack([result.fixed[one_hot.shape[1] : first], *smooth]),
            penalty=np.atleast_2d(result.penalty) / 2.0,
            edf=1.0 + np.atleast_2d(result.edf),
        )


def _straight_and_bent(basis: SplineBasis) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients of the straight line, and those of the bent directions with unit penalty."""
    eigenvalues, vectors = np.linalg.eigh(basis.penalty())
    # The straight line is the one direction without curvature; it is known, so the smallest eigenvalue is left out.
    return basis.linear() / np.abs(basis.linear()).max(), vectors[:, 1:] / np.sqrt(eigenvalues[1:])


class CombatGam(SiteHarmonizer):
    """ComBat with a smooth effect of age, or of several covariates.

    The spline is neuroHarmonize's: 10 cubic B-splines with knots at quantiles of age, of which the first is dropped,
    and a penalty on the integral of the squared second derivative. At a given penalty the result is equal to
    neuroHarmonize's (1e-10 relative). neuroHarmonize chooses the penalty from a grid by cross-validation over random
    folds, and the grid depends on the unit of age; here REML chooses it, region by region, without chance and
    whatever the unit. Beyond the controls' ages the curve is continued as a straight line, and `outside` says for whom.

    Parameters
    ----------
    reference_site, protect, disjoint_ages
        As for `SiteHarmonizer`; every smooth covariate must be protected.
    smooth : sequence of str
        One to `MOST_SMOOTHS` covariates with a smooth effect, not sex.
    penalty : float or sequence of float, optional
        Fixed penalty (of each region, in the order of the training cohort; with several smooths, a row per smooth) in
        the unit of statsmodels' ``alpha``, for age years cubed.

    Raises
    ------
    InputError
        When a smooth covariate is not protected, is sex, or there are none or too many; for a penalty that is not
        positive.
    """

    method = "gam"
    engine = "native"

    def __init__(
        self,
        *,
        reference_site: str | None = None,
        protect: Sequence[str] = COVARIATES,
        disjoint_ages: Literal["refuse", "warn"] = "refuse",
        smooth: Sequence[str] = ("age",),
        penalty: float | Sequence[float] | Sequence[Sequence[float]] | None = None,
    ) -> None:
        super().__init__(reference_site=reference_site, protect=protect, disjoint_ages=disjoint_ages)
        self.smooth = tuple(dict.fromkeys(smooth))
        for name in self.smooth:
            if name not in self.protect:
                raise InputError(f"must include {name} for ComBat-GAM", key="protect",
                                 value=", ".join(protect) or "nothing")  # fmt: skip
        if not 1 <= len(self.smooth) <= MOST_SMOOTHS or "sex" in self.smooth:
            raise InputError(f"must be one to {MOST_SMOOTHS} numeric covariates", key="smooth",
                             value=", ".join(self.smooth) or "nothing")  # fmt: skip
        self.penalty = None if penalty is None else np.asarray(penalty, dtype=np.float64)
        if self.penalty is not None and not (np.isfinite(self.penalty) & (self.penalty > 0)).all():
            raise InputError("must be positive", key="penalty", value=penalty)

    def options(self) -> dict[str, Any]:
        """Return the constructor's keyword arguments.

        Returns
        -------
        dict of str to object
            By name, as they are saved with the model.
        """
        penalty = None if self.penalty is None else self.penalty.tolist()
        return super().options() | {"smooth": self.smooth, "penalty": penalty}

    def _estimate(self, training: Training) -> SiteModel:
        shape = (len(self.smooth), training.values.shape[1])
        penalty = None if self.penalty is None else check_penalty(self.penalty, shape)
        return estimate(training, SmoothMean(smooth_bases(training, self.smooth), penalty))


def smooth_bases(training: Training, smooth: Sequence[str]) -> dict[str, SplineBasis]:
    """Lay the splines of the smooth covariates over the controls.

    Parameters
    ----------
    training : Training
        The controls that are fitted.
    smooth : sequence of str
        Covariates with a smooth effect.

    Returns
    -------
    dict of str to SplineBasis
        By covariate, in the order of `smooth`.

    Raises
    ------
    InputError
        When a covariate is the same for all controls.
    """
    for name in smooth:
        if name not in training.covariates:
            raise InputError(f"is the same for all controls, so that no {name} curve can be fitted", key=name,
                             remedy="use combat")  # fmt: skip
    columns = {name: training.columns[:, training.covariates.index(name)] for name in smooth}
    return {name: SplineBasis.from_data(column, n_splines=N_SPLINES) for name, column in columns.items()}
