"""A fitted model as one of PCNtoolkit's, to be loaded, predicted with, plotted and saved there."""

from pathlib import Path
from typing import Any

import numpy as np

from harmoniq.data.errors import InputError
from harmoniq.harmonization.base import some
from harmoniq.harmonization.hbr.basis import DEGREE, N_SPLINES
from harmoniq.harmonization.hbr.model import HbrModel
from harmoniq.harmonization.hbr.offsets import draw_offset_sd
from harmoniq.harmonization.hbr.pcntoolkit import pcntoolkit, regression
from harmoniq.harmonization.hbr.posterior import Posterior
from harmoniq.harmonization.hbr.prior import Priors
from harmoniq.harmonization.hbr.sampler import SamplerOptions, region_seed

#: PCNtoolkit keeps labels as text of this width and cuts off the rest.
MAX_LABEL = 21
CHAINS = 4


def export_pcntoolkit(model: HbrModel, folder: str | Path, *, seed: int = 0) -> list[str]:
    """Write a model that ``pcntoolkit.NormativeModel.load(folder)`` reads.

    PCNtoolkit's parameters are more than the native ones: the straight line and the intercept beside the splines that
    contain them, and the standard deviations of the offsets. They are drawn from their distributions given the native
    parameters, which the data say no more about. Z-scores do not depend on them.

    Parameters
    ----------
    model : HbrModel
        Of `Hbr.model`.
    folder : path
        Of the model in PCNtoolkit's format; made where it is absent.
    seed : int
        Of those draws.

    Returns
    -------
    list of str
        Names of the response variables, ``metric_tissue_region``. Regions that were not fitted, or that a site lacks,
        are not among them: PCNtoolkit wants all of them at every site.

    Raises
    ------
    InputError
        When PCNtoolkit is not installed, a site's label is longer than it can hold, or no region can be exported.
    """
    pcntoolkit()
    long = [label for label in model.sites if len(label) > MAX_LABEL]
    if long:
        raise InputError(f"is longer than the {MAX_LABEL} characters that PCNtoolkit can hold", key="site",
                         value=long[0], remedy="shorten it in participants.tsv and fit again")  # fmt: skip
    whole = {
        "_".join(name): posterior
        for name, posterior in zip(model.features, model.posteriors)
        if posterior is not None and posterior.sites == model.sites and posterior.sexes == model.sexes
    }
    if not whole:
        raise InputError("no region was fitted at every site", key="region", value=some(list(model.sites)))
    normative = _normative(model, whole, Path(folder))
    for name, posterior in whole.items():
        own = _with_draws(posterior, name, normative.inscalers["age"], region_seed(seed, (name,)))
        normative.regression_models[name] = own
        normative.outscalers[name] = _scaler(posterior.mean, posterior.sd)
    normative.save()
    return list(whole)


def _normative(model: HbrModel, whole: dict[str, Posterior], folder: Path) -> Any:
    """Return PCNtoolkit's container with scalers, labels and ranges, but without the regions."""
    from pcntoolkit.normative_model import NormativeModel

    options = SamplerOptions(chains=CHAINS)
    out = NormativeModel(
        regression(Priors(), "template", options), save_dir=str(folder), inscaler="standardize",
        outscaler="standardize", saveplots=False, saveresults=False, evaluate_model=False,
    )  # fmt: skip
    basis = next(iter(whole.values())).basis
    labels = _labels(model.sites, model.sexes)
    low, high = model.age_range
    span = {"age": {"min": low, "max": high}}
    out.covariates, out.response_vars, out.is_fitted = ["age"], list(whole), True
    out.inscalers = {"age": _scaler(basis.mean, basis.sd)}
    out.unique_batch_effects = {effect: list(names) for effect, names in labels.items()}
    out.batch_effects_maps = _codes(labels)
    # Counts would say who took part; PCNtoolkit only draws synthetic participants by them.
    out.batch_effect_counts = {effect: dict.fromkeys(names, 1) for effect, names in labels.items()}
    out.batch_effect_covariate_ranges = {
        effect: {name: {"age": dict(span["age"])} for name in names} for effect, names in labels.items()
    }
    out.covariate_ranges = span
    return out


def _labels(sites: tuple[str, ...], sexes: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the batch effects that have more than one level."""
    return {name: labels for name, labels in (("site", sites), ("sex", sexes)) if len(labels) > 1}


def _codes(labels: dict[str, tuple[str, ...]]) -> dict[str, dict[str, int]]:
    return {effect: {name: code for code, name in enumerate(names)} for effect, names in labels.items()}


def _scaler(mean: float, sd: float) -> Any:
    from pcntoolkit.math_functions.scaler import StandardScaler

    out = StandardScaler()
    out.m, out.s = np.float64(mean), np.float64(sd)
    out.min = out.max = out.m
    return out


def _with_draws(posterior: Posterior, name: str, age: Any, seed: np.random.SeedSequence) -> Any:
    """Return PCNtoolkit's regression of one region, fitted."""
    import arviz as az

    priors = Priors()
    rng = np.random.default_rng(seed)
    n_draws = posterior.draws.shape[1]
    chains = CHAINS if n_draws % CHAINS == 0 else 1
    out = regression(priors, name, SamplerOptions(chains=chains, draws=n_draws // chains))
    knots = (posterior.basis.knots * posterior.basis.sd + posterior.basis.mean - age.m) / age.s
    labels = _labels(posterior.sites, posterior.sexes)
    half = len(posterior.draws) // 2
    variables: dict[str, np.ndarray] = {}
    dims: dict[str, list[str]] = {}
    parts = (("mu", posterior.draws[:half], priors.slope_mu), ("sigma", posterior.draws[half:], priors.slope_sigma))
    for part, draws, slope in parts:
        getattr(out.likelihood, part).basis_function = _basis(knots)
        line, intercept = _unfolded(draws[:N_SPLINES].T.astype(np.float64), knots, slope, priors.intercept, rng)
        variables |= {f"slope_{part}": line, f"mu_intercept_{part}": intercept}
        dims[f"slope_{part}"] = [f"{part}_covariates"]
        at = N_SPLINES
        for effect, names in (("site", posterior.sites), ("sex", posterior.sexes)):
            offset = draws[at : at + len(names)].T.astype(np.float64)
            at += len(names)
            if effect not in labels:
                continue
            sd = draw_offset_sd(offset, priors, rng)
            variables |= {
                f"{effect}_sigma_intercept_{part}": sd,
                f"normalized_{effect}_offset_intercept_{part}": offset / sd[:, None],
                f"{effect}_offset_intercept_{part}": offset,
            }
            dims[f"normalized_{effect}_offset_intercept_{part}"] = [effect]
    shaped = {key: value.reshape(chains, -1, *value.shape[1:]) for key, value in variables.items()}
    covariates = {
        f"{part}_covariates": [f"{part}_covariates_{i}" for i in range(N_SPLINES + 1)] for part in ("mu", "sigma")
    }
    out.idata = az.from_dict(
        posterior=shaped, dims=dims, coords={**covariates, **{k: list(v) for k, v in labels.items()}}
    )
    out.be_maps, out.is_fitted = _codes(labels), True
    return out


def _basis(knots: np.ndarray) -> Any:
    from pcntoolkit.math_functions.basis_function import BsplineBasisFunction

    n_inner = len(knots) - 2 * DEGREE
    return BsplineBasisFunction(
        basis_column=0, degree=DEGREE, nknots=n_inner, knots=[float(knot) for knot in knots], is_fitted=True,
        min=float(knots[0]), max=float(knots[-1]),
    )  # fmt: skip


def _unfolded(
    coefficients: np.ndarray, knots: np.ndarray, slope: float, intercept: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the slopes (line first) and the intercept that amount to spline coefficients.

    Their prior is normal, and the coefficients are linear in them: Matheron's rule turns a draw from the prior into one
    from the conditional distribution.
    """
    greville = np.array([knots[j + 1 : j + 1 + DEGREE].mean() for j in range(N_SPLINES)])
    fold = np.column_stack([greville, np.eye(N_SPLINES), np.ones(N_SPLINES)])
    sd = np.r_[np.full(N_SPLINES + 1, slope), intercept]
    gain = (fold * sd**2).T @ np.linalg.inv((fold * sd**2) @ fold.T)
    prior = rng.standard_normal((len(coefficients), N_SPLINES + 2)) * sd
    full = prior + (coefficients - prior @ fold.T) @ gain.T
    return full[:, :-1], full[:, -1]
