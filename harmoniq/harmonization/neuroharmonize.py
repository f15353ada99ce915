"""neuroHarmonize 2.5.2 as the reference engine, with its known faults kept away from the user.

It estimates; the parameters are then taken out and applied by `SiteModel`, as the native ones are. That keeps away the
faults of its application (every training site must be present, columns go by position, ages outside the range raise)
and those of its saved models, pickles that hold participants' data. The estimation is guarded here: labels are text,
the reference site is known to exist, missing values never reach it, the seed is always set and NumPy's global state
restored, and the empirical Bayes iteration, which has no end of its own, is first tried with one. Its rounding of
covariates to 32 bits is left as it is (some 1e-8 of a value).
"""

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any, Literal

import numpy as np

from harmoniq.data.errors import InputError
from harmoniq.data.missing import missingness_groups
from harmoniq.harmonization.base import some
from harmoniq.harmonization.combat import SiteHarmonizer
from harmoniq.harmonization.design import full_rank
from harmoniq.harmonization.empirical_bayes import shrink_site
from harmoniq.harmonization.gam import smooth_bases
from harmoniq.harmonization.location_scale import (
    CONSTANT,
    constant_regions,
    covariate_ranges,
    site_effects,
)
from harmoniq.harmonization.packages import import_engine
from harmoniq.harmonization.site_model import SiteModel
from harmoniq.harmonization.splines import SplineBasis
from harmoniq.harmonization.training import COVARIATES, Training

_INSTALL = "pip install --no-deps neuroHarmonize==2.5.2 neuroCombat==0.2.12"


def neuroharmonize() -> ModuleType:
    """Import ``neuroHarmonize.harmonizationLearn``.

    Returns
    -------
    ModuleType
        The module.

    Raises
    ------
    InputError
        When it is not installed.
    """
    return import_engine(
        "neuroHarmonize.harmonizationLearn", key="combat_engine", engine="neuroharmonize", install=_INSTALL
    )


class NeuroHarmonize(SiteHarmonizer):
    """ComBat or ComBat-GAM as neuroHarmonize estimates it.

    Pomponio et al. 2020, doi:10.1016/j.neuroimage.2019.116450. Regions with missing values cannot be given to it with
    the others. They are fitted in groups of regions that were measured in the same controls; the empirical Bayes step
    is then the native one, over all groups together. Without missing values it is neuroCombat's own. The folds that
    choose a region's penalty depend on the regions before it.

    Parameters
    ----------
    method : {"combat", "gam"}
        Linear covariates, or a smooth effect of age.
    reference_site, protect, disjoint_ages
        As for `SiteHarmonizer`.
    seed : int
        Of the folds by which the penalty of the age smooth is chosen.

    Raises
    ------
    InputError
        For another method, and for ``gam`` without age among the protected covariates.
    """

    engine = "neuroharmonize"

    def __init__(
        self,
        *,
        method: Literal["combat", "gam"] = "combat",
        reference_site: str | None = None,
        protect: Sequence[str] = COVARIATES,
        disjoint_ages: Literal["refuse", "warn"] = "refuse",
        seed: int = 0,
    ) -> None:
        super().__init__(reference_site=reference_site, protect=protect, disjoint_ages=disjoint_ages)
        if method not in ("combat", "gam"):
            raise InputError("must be combat or gam", key="method", value=method)
        if method == "gam" and "age" not in self.protect:
            raise InputError("must include age for ComBat-GAM", key="protect", value=", ".join(protect) or "nothing")
        self.method = method
        self.seed = seed

    def options(self) -> dict[str, Any]:
        """Return the constructor's keyword arguments.

        Returns
        -------
        dict of str to object
            By name, as they are saved with the model.
        """
        return super().options() | {"method": self.method, "seed": self.seed}

    def _estimate(self, training: Training) -> SiteModel:
        neuroharmonize()
        as_is = constant_regions(training.values)
        model = _blank(training, as_is, smooth=self.method == "gam")
        lost: list[int] = []
        for rows, every in missingness_groups(training.values, empty=True):
            regions = every[~as_is[every]]
            here = np.unique(training.site[rows])
            if not len(regions):
                continue
            design = np.column_stack([training.one_hot[np.ix_(rows, here)], training.columns[rows]])
            no_reference = training.reference is not None and training.reference not in here
            if len(here) < 2 or no_reference or not full_rank(design):
                lost += regions.tolist()
                continue
            self._fit_group(training, rows, regions, model)
        _pool_groups(training, model)
        if lost:
            names = [" ".join(training.features[region]) for region in lost]
            model.notes.append(f"{len(lost)} regions cannot be harmonized: {some(names)}")
        return model

    def _fit_group(self, training: Training, rows: np.ndarray, regions: np.ndarray, model: SiteModel) -> None:
        """Fit regions without missing values and enter their parameters in `model`."""
        values = training.values[np.ix_(rows, regions)]
        fitted = self._learn(training, rows, values, model.bases.get("age"))
        flat = np.sqrt(fitted["var_pooled"][:, 0]) <= CONSTANT * np.abs(values).max(axis=0)
        if flat.any():
            # A region without residual variance would make the priors of all the others NaN.
            model.as_is[regions[flat]] = True
            if not flat.all():
                self._fit_group(training, rows, regions[~flat], model)
            return
        if len(regions) == int((~model.as_is).sum()) > 1:
            self._shrink(values, fitted)
        here = np.unique(training.site[rows])
        model.coefficients[:, regions] = fitted["B_hat"][len(here) :]
        model.center[regions] = fitted["stand_mean"][:, 0]
        model.scale[regions] = np.sqrt(fitted["var_pooled"][:, 0])
        model.shift[np.ix_(here, regions)] = fitted["gamma_star"]
        model.variance[np.ix_(here, regions)] = fitted["delta_star"]
        if training.reference is not None:
            model.shift[training.reference, regions], model.variance[training.reference, regions] = 0.0, 1.0

    def _learn(
        self, training: Training, rows: np.ndarray, values: np.ndarray, basis: SplineBasis | None
    ) -> dict[str, Any]:
        """Call neuroHarmonize on complete data, without shrinkage; return its model."""
        import pandas as pd

        learn = neuroharmonize()
        covars = pd.DataFrame({"SITE": np.array(training.sites, dtype=object)[training.site[rows]]})
        for name, column in zip(training.covariates, training.columns[rows].T):
            covars[name] = column
        with quiet(), same_random_state(), fixed_knots(learn, basis):
            model, _ = learn.harmonizationLearn(
                values, covars, eb=False, smooth_terms=[] if basis is None else ["age"],
                ref_batch=None if training.reference is None else training.sites[training.reference], seed=self.seed,
            )  # fmt: skip
        return model

    def _shrink(self, values: np.ndarray, model: dict[str, Any]) -> None:
        """Run neuroCombat's empirical Bayes step, after a trial with our own, which ends, that it will end."""
        learn = neuroharmonize()
        standardized = (values.T - model["stand_mean"] - model["mod_mean"]) / np.sqrt(model["var_pooled"])
        info = model["info_dict"]
        for rows, label in zip(info["batch_info"], model["SITE_labels"]):
            part = standardized[:, rows]
            count = np.full(len(part), len(rows))
            *_, converged = shrink_site(part.mean(axis=1), part.var(axis=1, ddof=1), count)
            if not converged and label != self.reference_site:
                raise InputError("the empirical Bayes iteration does not end", key="site", value=label,
                                 remedy="use the native engine")  # fmt: skip
        with quiet():
            found = learn.fitLSModelAndFindPriors(standardized, model["design"], info, eb=True)
            gamma, delta = learn.find_parametric_adjustments(standardized, found, info, mean_only=False)
        model["gamma_star"], model["delta_star"] = gamma, delta


def _pool_groups(training: Training, model: SiteModel) -> None:
    """Shrink the site effects over the groups together, where missing values made more than one group."""
    finite = np.isfinite(training.values[:, ~model.as_is])
    if finite.shape[1] < 2 or (finite == finite[:, :1]).all():
        return
    count = np.array([np.isfinite(training.values[training.site == s]).sum(axis=0) for s in range(len(training.sites))])
    usable = np.isfinite(model.variance).any(axis=0)
    shift, variance, notes = site_effects(training, model.shift, model.variance, count, usable)
    model.shift[:], model.variance[:] = shift, variance
    model.notes.extend(notes)


def _blank(training: Training, as_is: np.ndarray, *, smooth: bool) -> SiteModel:
    """Return a model in which no region can be harmonized yet."""
    n_sites, p = len(training.sites), training.values.shape[1]
    bases = smooth_bases(training, ("age",)) if smooth else {}
    n_columns = len(training.covariates) + sum(basis.size - 1 for basis in bases.values())
    count = [np.isfinite(training.values[training.site == site]).sum(axis=0) for site in range(n_sites)]
    notes = [*training.notes]
    if as_is.any():
        flat = [" ".join(training.features[region]) for region in np.flatnonzero(as_is)]
        notes.append(f"{len(flat)} regions do not vary and are left as they are: {some(flat)}")
    return SiteModel(
        sites=training.sites,
        reference=training.reference,
        features=training.features,
        covariates=training.covariates,
        ranges=covariate_ranges(training),
        bases=bases,
        coefficients=np.zeros((n_columns, p)),
        center=np.zeros(p),
        scale=np.ones(p),
        shift=np.full((n_sites, p), np.nan),
        variance=np.full((n_sites, p), np.nan),
        as_is=as_is,
        penalty=np.full((len(bases), p), np.nan),
        edf=np.full((len(bases), p), np.nan),
        count=np.array(count),
        notes=notes,
    )


@contextlib.contextmanager
def fixed_knots(learn: Any, basis: SplineBasis | None) -> Iterator[None]:
    """Give the age smooth the knots of all controls, also where a group of regions has fewer.

    For complete data they are the knots that neuroHarmonize places itself.

    Parameters
    ----------
    learn : module
        ``neuroHarmonize.harmonizationLearn``: its ``BSplines`` is replaced inside the block.
    basis : SplineBasis or None
        Of the age smooth; None: nothing is replaced.

    Yields
    ------
    None
        Inside, the engine may be called.
    """
    original = learn.BSplines

    def with_knots(x: np.ndarray, df: object, degree: object, **_: object) -> Any:
        return original(x, df=df, degree=degree, knot_kwds=[{"all_knots": basis.knots if basis is not None else None}])

    if basis is not None:
        learn.BSplines = with_knots
    try:
        yield
    finally:
        learn.BSplines = original


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the engine's progress texts and NumPy's deprecation warnings from the user.

    Yields
    ------
    None
        Inside, the engine may be called.
    """
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def same_random_state() -> Iterator[None]:
    """Give NumPy's global random state back as it was.

    Yields
    ------
    None
        Inside, the engine may set the global seed.
    """
    state = np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
