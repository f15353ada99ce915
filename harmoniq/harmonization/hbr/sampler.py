"""Sample one region's posterior: mode, whitening, chains, diagnostics, and a second try where they are bad."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harmoniq.harmonization.hbr.diagnostics import bulk_ess, rhat
from harmoniq.harmonization.hbr.laplace import find_mode, whitener, whitener_from
from harmoniq.harmonization.hbr.region import Target

#: Convergence is asked for as Vehtari et al. (2021) advise: R-hat under 1.01, 100 effective draws per chain.
MAX_RHAT = 1.01
MIN_ESS_PER_CHAIN = 100

#: R-hat beyond which the approximation at the mode is given up for the second try (in cohorts of a few dozen).
LOST = 1.1


@dataclass(frozen=True)
class SamplerOptions:
    """Settings of the sampler.

    Parameters
    ----------
    chains, tune, draws : int
        Chains, and iterations of each that are thrown away and kept.
    target : float
        Mean acceptance that the step size is tuned to.
    max_steps : int
        Leapfrog steps of an iteration are drawn from 1 to this.
    retry : bool
        Sample again with safer settings where the first draws have not converged.
    """

    chains: int = 4
    tune: int = 300
    draws: int = 1000
    target: float = 0.8
    max_steps: int = 8
    retry: bool = True

    def safer(self) -> "SamplerOptions":
        """Return settings for a second try: smaller steps, more of them, and longer chains.

        Returns
        -------
        SamplerOptions
            Of as many chains.
        """
        return replace(self, tune=2 * self.tune + 400, draws=3 * self.draws, target=0.95, max_steps=2 * self.max_steps)


@dataclass(frozen=True)
class Sampled:
    """Draws of one region and how the sampler fared.

    Parameters
    ----------
    draws : numpy.ndarray, shape (n_chains, n_draws, n_parameters)
        In the coordinates of `kernels.log_density`.
    rhat_max, ess_min : float
        Largest R-hat and smallest bulk effective sample size of all parameters.
    divergences : int
        Iterations after tuning whose energy went astray.
    converged : bool
        Whether they are as asked for (`judged`).
    refitted : bool
        Whether these are draws of the second try.
    """

    draws: np.ndarray
    rhat_max: float
    ess_min: float
    divergences: int
    converged: bool
    refitted: bool = False


def region_seed(seed: int, names: Sequence[str]) -> np.random.SeedSequence:
    """Return a seed that depends on the run's seed and the region's names, not on its place among the others.

    Parameters
    ----------
    seed : int
        The run's.
    names : sequence of str
        Metric, tissue, region, and what the draws are for.

    Returns
    -------
    numpy.random.SeedSequence
        The same for the same arguments on every machine.
    """
    return np.random.SeedSequence([seed, zlib.crc32("\t".join(names).encode())])


def judged(draws: np.ndarray, divergences: int, *, refitted: bool = False, forgiving: bool = False) -> Sampled:
    """Judge draws by R-hat, effective sample size and divergences (Vehtari et al. 2021).

    Parameters
    ----------
    draws : array, shape (n_chains, n_draws, n_parameters)
        Of one region.
    divergences : int
        Kept iterations that diverged.
    refitted : bool, optional
        Whether this is the second try.
    forgiving : bool, optional
        Whether divergences alone do not count as a failure.

    Returns
    -------
    Sampled
        Converged with R-hat under `MAX_RHAT`, `MIN_ESS_PER_CHAIN` effective draws per chain and no divergence.
    """
    worst, fewest = float(np.max(rhat(draws))), float(np.min(bulk_ess(draws)))
    good = worst < MAX_RHAT and fewest >= MIN_ESS_PER_CHAIN * len(draws) and (forgiving or divergences == 0)
    return Sampled(draws, worst, fewest, divergences, bool(good), refitted)


def sample(target: Target, options: SamplerOptions, seed: np.random.SeedSequence) -> Sampled:
    """Sample, and once more with safer settings where the first draws have not converged.

    Parameters
    ----------
    target : Target
        The posterior of the region.
    options : SamplerOptions
        Settings of the sampler.
    seed : numpy.random.SeedSequence
        The draws are a function of it and the data.

    Returns
    -------
    Sampled
        Of the last try.
    """
    mode = find_mode(target)
    root = whitener(target, mode)
    first, second = seed.spawn(2)
    result = _run(target, mode, root, options, first)
    if result.converged or not options.retry:
        return result
    center = mode
    if result.rhat_max > LOST:
        center, root = whitener_from(result.draws, root)
    again = _run(target, center, root, options.safer(), second)
    return replace(again, refitted=True)


def _run(target: Target, mode: np.ndarray, root: np.ndarray, options: SamplerOptions, seed: np.random.SeedSequence
         ) -> Sampled:  # fmt: skip
    from harmoniq.harmonization.hbr.kernels import log_density, sample_chain

    size, length = target.size, options.tune + options.draws
    draws = np.empty((options.chains, options.draws, size))
    divergences = 0
    for chain, own in enumerate(seed.spawn(options.chains)):
        rng = np.random.default_rng(own)
        q = rng.standard_normal(size)
        momenta, uniforms = rng.standard_normal((length, size)), rng.random(length)
        steps = rng.integers(1, options.max_steps + 1, length)
        gradient = np.empty(size)
        value = log_density(mode + root @ q, target.terms, gradient)
        divergences += sample_chain(
            value, q, root.T @ gradient, mode, root, momenta, steps, uniforms, options.tune,
            options.target, target.terms, draws[chain],
        )  # fmt: skip
    return judged(draws, divergences)
