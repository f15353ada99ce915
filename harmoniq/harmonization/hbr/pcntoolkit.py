"""PCNtoolkit 1.3 as the reference engine: its model, compiled and sampled by PyMC, its known traps kept away.

It samples; the draws are then turned into the coordinates of the native engine and applied by `Posterior`, as the
native ones are. That keeps away the faults of its application: ``harmonize`` also maps everybody to the first sex and
changes the caller's dictionary, every prediction rebuilds and compiles the model, ages beyond the knots are
extrapolated as cubics without a word. Guarded here are those of its fit: it takes no seed (PyMC does), needs site
labels of at most 21 characters (short ones are given to it), and predicts after every fit.
"""

from types import ModuleType
from typing import Any

import numpy as np

from harmoniq.harmonization.hbr.basis import DEGREE, N_KNOTS, N_SPLINES
from harmoniq.harmonization.hbr.prior import Priors, zero_sum_basis
from harmoniq.harmonization.hbr.region import Target
from harmoniq.harmonization.hbr.sampler import Sampled, SamplerOptions, judged
from harmoniq.harmonization.packages import import_engine

_INSTALL = "pip install -c constraints.txt 'harmoniq[hbr]'"


def pcntoolkit() -> ModuleType:
    """Import ``pcntoolkit``.

    Returns
    -------
    ModuleType
        The module.

    Raises
    ------
    InputError
        When it is not installed.
    """
    return import_engine("pcntoolkit", key="hbr_engine", engine="pcntoolkit", install=_INSTALL)


def regression(priors: Priors, name: str, options: SamplerOptions) -> Any:
    """Return PCNtoolkit's ``HBR`` with the model of the native engine, not yet fitted.

    Parameters
    ----------
    priors : Priors
        Priors of the model.
    name : str
        PCNtoolkit's name of the regression.
    options : SamplerOptions
        Options of the sampler.

    Returns
    -------
    pcntoolkit.HBR
        Not yet fitted.
    """
    pcntoolkit()
    from pcntoolkit.math_functions.basis_function import BsplineBasisFunction
    from pcntoolkit.math_functions.likelihood import NormalLikelihood
    from pcntoolkit.math_functions.prior import make_prior
    from pcntoolkit.regression_model.hbr import HBR

    def intercept() -> Any:
        return make_prior(
            random=True, mu=make_prior(dist_params=(0.0, priors.intercept)),
            sigma=make_prior(dist_name="Gamma", dist_params=(1, priors.rate)),
        )  # fmt: skip

    def curve(slope: float, **mapping: Any) -> Any:
        return make_prior(
            linear=True, slope=make_prior(dist_params=(0.0, slope)), intercept=intercept(),
            basis_function=BsplineBasisFunction(basis_column=0, degree=DEGREE, nknots=N_KNOTS), **mapping,
        )  # fmt: skip

    sigma = curve(priors.slope_sigma, mapping="softplus", mapping_params=(0, priors.softplus))
    return HBR(
        name, likelihood=NormalLikelihood(curve(priors.slope_mu), sigma), draws=options.draws, tune=options.tune,
        chains=options.chains, cores=1, nuts_sampler="nutpie", progressbar=False,
    )  # fmt: skip


def sample_with_pcntoolkit(target: Target, options: SamplerOptions, seed: np.random.SeedSequence) -> Sampled:
    """Sample as `sampler.sample` does, by PCNtoolkit's model in nutpie.

    Its funnels always cost it some divergences, so that convergence is judged by R-hat and effective sample size; the
    divergences are reported. A second try is made with a mean acceptance of 0.95.

    Parameters
    ----------
    target : Target
        The region's values and covariates.
    options : SamplerOptions
        Options of the sampler.
    seed : numpy.random.SeedSequence
        The draws are a function of it and the data.

    Returns
    -------
    Sampled
        Draws in the native coordinates (`coordinates`).
    """
    first, second = (int(own.generate_state(1)[0]) for own in seed.spawn(2))
    draws, divergences = _run(target, options, first)
    result = judged(draws, divergences, forgiving=True)
    if result.converged or not options.retry:
        return result
    draws, divergences = _run(target, options.safer(), second)
    return judged(draws, divergences, forgiving=True, refitted=True)


def _run(target: Target, options: SamplerOptions, seed: int) -> tuple[np.ndarray, int]:
    import pymc as pm

    model = regression(target.priors, "region", options)
    x, effects, maps, y = arrays_of(target)
    model.be_maps = maps
    with model.likelihood.compile(x, effects, maps, y):
        data = pm.sample(
            options.draws, tune=options.tune, chains=options.chains, cores=1, nuts_sampler="nutpie", progressbar=False,
            random_seed=seed, target_accept=options.target,
        )  # fmt: skip
    return coordinates(data.posterior, target), int(data.sample_stats["diverging"].sum())


def arrays_of(target: Target) -> tuple[Any, Any, dict[str, dict[str, int]], Any]:
    """Return what PCNtoolkit's likelihood is compiled from.

    Parameters
    ----------
    target : Target
        The region's values and covariates.

    Returns
    -------
    covariates : DataArray, shape (n, 1)
        Standardized age.
    batch_effects : DataArray of int, shape (n, n_effects)
        Codes of site and sex, as far as they have several levels.
    maps : dict of str to dict of str to int
        Code of each level, by effect.
    values : DataArray, shape (n,)
        Standardized.
    """
    import xarray as xr

    data, basis = target.data, target.basis
    mean, sd = target.scaling
    rows = np.arange(len(data.value))
    codes = {"site": data.site, "sex": data.sex}
    sizes = {"site": len(data.sites), "sex": len(data.sexes)}
    names = [name for name in codes if sizes[name] > 1]
    x = xr.DataArray(
        ((data.age - basis.mean) / basis.sd)[:, None], dims=("observations", "covariates"),
        coords={"observations": rows, "covariates": ["age"]},
    )  # fmt: skip
    effects = xr.DataArray(
        np.column_stack([codes[name] for name in names]), dims=("observations", "batch_effect_dims"),
        coords={"observations": rows, "batch_effect_dims": names},
    )  # fmt: skip
    maps = {name: {f"{name}{code}": code for code in range(sizes[name])} for name in names}
    return (
        x,
        effects,
        maps,
        xr.DataArray((data.value - mean) / sd, dims=("observations",), coords={"observations": rows}),
    )


def coordinates(posterior: Any, target: Target) -> np.ndarray:
    """Bring PCNtoolkit's draws to the native coordinates.

    Its slopes of the straight line and the seven splines and its intercept become the seven spline coefficients that
    they amount to; its offsets the zero-sum coordinates.

    Parameters
    ----------
    posterior : xarray.Dataset
        PCNtoolkit's draws by the names of its variables.
    target : Target
        The region's values and covariates.

    Returns
    -------
    array, shape (n_chains, n_draws, n_parameters)
        As `kernels.log_density` takes them.
    """
    parts = []
    for name in ("mu", "sigma"):
        slope = posterior[f"slope_{name}"].to_numpy()
        intercept = posterior[f"mu_intercept_{name}"].to_numpy()[..., None]
        parts.append(slope[..., 1:] + slope[..., :1] * target.basis.greville + intercept)
        for effect, labels in (("site", target.data.sites), ("sex", target.data.sexes)):
            if len(labels) > 1:
                offset = posterior[f"{effect}_offset_intercept_{name}"].to_numpy()
                parts.append(offset @ zero_sum_basis(len(labels)))
    out = np.concatenate(parts, axis=-1)
    assert out.shape[-1] == target.size == 2 * (N_SPLINES + target.offsets.shape[1])
    return out
