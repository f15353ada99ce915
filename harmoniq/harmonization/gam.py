"""ComBat-GAM, native: the age effect is a penalized cubic spline (Pomponio et al. 2020, NeuroImage 208:116450)."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from harmoniq.data.errors import InputError
from harmoniq.harmonization.combat import SiteHarmonizer
from harmoniq.harmonization.design import full_rank
from harmoniq.harmonization.location_scale import MeanFit, MeanModel, estimate
from harmoniq.harmonization.penalized import fit_penalized
from harmoniq.harmonization.site_model import SiteModel
from harmoniq.harmonization.splines import SplineBasis
from harmoniq.harmonization.training import COVARIATES, Training

#: B-splines of the age smooth in neuroHarmonize, one of which is dropped.
N_SPLINES = 10


class SmoothMean(MeanModel):
    """Site intercepts, linear covariates and a penalized spline of age.

    Parameters
    ----------
    basis : SplineBasis
    penalty : numpy.ndarray, shape (p,), optional
        In the unit of statsmodels' ``alpha``; without it REML chooses.
    """

    def __init__(self, basis: SplineBasis, penalty: np.ndarray | None = None) -> None:
        self.basis: SplineBasis = basis
        self.penalty = penalty
        eigenvalues, vectors = np.linalg.eigh(basis.penalty())
        # The straight line is the one direction without curvature; it is known, so the smallest eigenvalue is left out.
        self._line = basis.linear() / np.abs(basis.linear()).max()
        self._bent = vectors[:, 1:] / np.sqrt(eigenvalues[1:])

    def fit(self, one_hot: np.ndarray, columns: np.ndarray, values: np.ndarray, regions: np.ndarray) -> MeanFit | None:
        """Return the fit, or None when sites, linear covariates and the straight line in age are collinear."""
        n_linear = columns.shape[1] - self.basis.size
        linear, splines = columns[:, :n_linear], columns[:, n_linear:]
        fixed = np.column_stack([one_hot, linear, splines @ self._line])
        if not full_rank(fixed) or len(fixed) <= fixed.shape[1]:
            return None
        # statsmodels adds 2 alpha b'Sb to the sum of squares.
        given = None if self.penalty is None else 2.0 * self.penalty[regions]
        result = fit_penalized(fixed, splines @ self._bent, values, penalty=given)
        n_sites = one_hot.shape[1]
        smooth = np.outer(self._line, result.fixed[-1]) + self._bent @ result.random
        return MeanFit(
            intercepts=result.fixed[:n_sites],
            coefficients=np.vstack([result.fixed[n_sites:-1], smooth]),
            penalty=result.penalty / 2.0,
            edf=1.0 + result.edf,
        )


class CombatGam(SiteHarmonizer):
    """ComBat with a smooth effect of age.

    The spline is neuroHarmonize's: 10 cubic B-splines with knots at quantiles of age, of which the first is dropped,
    and a penalty on the integral of the squared second derivative. At a given penalty the result is equal to
    neuroHarmonize's (1e-10 relative). neuroHarmonize chooses the penalty from a grid by cross-validation over random
    folds, and the grid depends on the unit of age; here REML chooses it, region by region, without chance and
    whatever the unit. Beyond the controls' ages the curve is continued as a straight line, and `outside` says for whom.

    Parameters
    ----------
    reference_site, protect, disjoint_ages
        As for `SiteHarmonizer`; age must be protected.
    penalty : float or sequence of float, optional
        Fixed penalty (of each region, in the order of the training cohort) in the unit of statsmodels' ``alpha``,
        years cubed.
    """

    method = "gam"
    engine = "native"

    def __init__(
        self,
        *,
        reference_site: str | None = None,
        protect: Sequence[str] = COVARIATES,
        disjoint_ages: Literal["refuse", "warn"] = "refuse",
        penalty: float | Sequence[float] | None = None,
    ) -> None:
        super().__init__(reference_site=reference_site, protect=protect, disjoint_ages=disjoint_ages)
        if "age" not in self.protect:
            raise InputError("must include age for ComBat-GAM", key="protect", value=", ".join(protect) or "nothing")
        self.penalty = None if penalty is None else np.asarray(penalty, dtype=np.float64)
        if self.penalty is not None and not (np.isfinite(self.penalty) & (self.penalty > 0)).all():
            raise InputError("must be positive", key="penalty", value=penalty)

    def options(self) -> dict[str, Any]:
        """Return the constructor's keyword arguments."""
        return super().options() | {"penalty": None if self.penalty is None else self.penalty.tolist()}

    def _estimate(self, training: Training) -> SiteModel:
        if "age" not in training.covariates:
            raise InputError("is the same for all controls, so that no age curve can be fitted", key="age",
                             remedy="use combat")  # fmt: skip
        age = training.columns[:, training.covariates.index("age")]
        basis = SplineBasis.from_data(age, n_splines=N_SPLINES)
        p = training.values.shape[1]
        penalty = None if self.penalty is None else np.broadcast_to(self.penalty, (p,))
        return estimate(training, SmoothMean(basis, penalty))
