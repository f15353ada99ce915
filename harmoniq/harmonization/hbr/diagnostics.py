"""Has the sampler converged? R-hat and effective sample sizes (Vehtari et al. 2021, Bayesian Analysis 16:667)."""

import numpy as np


def rank_normalize(draws: np.ndarray) -> np.ndarray:
    """Return normal scores of the ranks over all chains (Vehtari et al. 2021, equation 14).

    Parameters
    ----------
    draws : numpy.ndarray, shape (n_chains, n_draws, n_parameters)
        Each parameter is ranked over all chains.

    Returns
    -------
    array, shape (n_chains, n_draws, n_parameters)
        Normal scores of the ranks; ties share their mean rank.
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    chains, length, size = draws.shape
    flat = draws.reshape(chains * length, size)
    ranks = rankdata(flat, axis=0)
    return ndtri((ranks - 0.375) / (len(flat) + 0.25)).reshape(draws.shape)


def split(draws: np.ndarray) -> np.ndarray:
    """Cut each chain into two halves; a middle draw is left out.

    Parameters
    ----------
    draws : numpy.ndarray, shape (n_chains, n_draws, n_parameters)
        Draws of the chains.

    Returns
    -------
    array, shape (2 n_chains, n_draws // 2, n_parameters)
        First halves, then second halves.
    """
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, draws.shape[1] - half :]])


def rhat(draws: np.ndarray) -> np.ndarray:
    """Return the rank-normalized split R-hat of every parameter (Vehtari et al. 2021, section 4).

    Parameters
    ----------
    draws : numpy.ndarray, shape (n_chains, n_draws, n_parameters)
        At least four draws per chain.

    Returns
    -------
    numpy.ndarray, shape (n_parameters,)
        The larger of bulk and folded; NaN for a parameter that does not vary.
    """
    halves = split(draws)
    folded = np.abs(halves - np.median(halves, axis=(0, 1)))
    return np.maximum(_plain_rhat(rank_normalize(halves)), _plain_rhat(rank_normalize(folded)))


def bulk_ess(draws: np.ndarray) -> np.ndarray:
    """Return the bulk effective sample size of every parameter (Vehtari et al. 2021, section 4).

    Parameters
    ----------
    draws : numpy.ndarray, shape (n_chains, n_draws, n_parameters)
        At least four draws per chain.

    Returns
    -------
    numpy.ndarray, shape (n_parameters,)
        From rank-normalized split chains, by Geyer's initial monotone sequence.
    """
    z = rank_normalize(split(draws))
    chains, length, size = z.shape
    covariance = _autocovariance(z)
    within = covariance[:, 0].mean(axis=0) * length / (length - 1.0)
    total = within * (length - 1.0) / length
    if chains > 1:
        total = total + z.mean(axis=1).var(axis=0, ddof=1)
    rho = 1.0 - (within - covariance.mean(axis=0)) / total
    rho[0] = 1.0
    # Geyer's initial monotone sequence of sums of pairs.
    pairs = rho[: 2 * (length // 2)].reshape(-1, 2, size).sum(axis=1)
    ends = np.argmax(np.vstack([pairs < 0.0, np.ones((1, size), bool)]), axis=0)
    # As Stan and ArviZ have it, the series ends three draws before the chain.
    ends = np.minimum(ends, max((length - 1) // 2 - 1, 0))
    inside = np.arange(len(pairs))[:, None] < ends
    monotone = np.minimum.accumulate(np.where(inside, pairs, np.inf), axis=0)
    tau = -1.0 + 2.0 * np.where(inside, monotone, 0.0).sum(axis=0)
    # They also add the even term after the last pair, when it is positive.
    after = rho[np.minimum(2 * ends, length - 1), np.arange(size)]
    tau = tau + np.where((after > 0.0) & (2 * ends < length), after, 0.0)
    count = chains * length
    return count / np.maximum(tau, 1.0 / np.log10(count))


def _plain_rhat(z: np.ndarray) -> np.ndarray:
    length = z.shape[1]
    within = z.var(axis=1, ddof=1).mean(axis=0)
    between = length * z.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt((length - 1.0) / length + between / within / length)


def _autocovariance(z: np.ndarray) -> np.ndarray:
    from scipy.fft import irfft, next_fast_len, rfft

    length = z.shape[1]
    centered = z - z.mean(axis=1, keepdims=True)
    power = rfft(centered, next_fast_len(2 * length), axis=1)
    return irfft(power.real**2 + power.imag**2, next_fast_len(2 * length), axis=1)[:, :length] / length
