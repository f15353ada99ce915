"""The standard deviations of random intercepts, which the sampler integrates out, drawn given the intercepts."""

import numpy as np

from harmoniq.harmonization.hbr.prior import Priors


def draw_offset_sd(offset: np.ndarray, priors: Priors, rng: np.random.Generator) -> np.ndarray:
    """Draw the SD of a group of offsets that sum to zero, by inversion on a grid of its logarithm.

    Parameters
    ----------
    offset : numpy.ndarray, shape (n_draws, n_levels)
        In standardized units; each row sums to zero.
    priors : Priors
        Priors of the model.
    rng : numpy.random.Generator
        One uniform number is drawn of it for each draw.

    Returns
    -------
    numpy.ndarray, shape (n_draws,)
        From the density proportional to exp(-rate s) s^-m exp(-(r² + floor²) / (2 s²)), with m = n_levels - 1.
    """
    dimension = offset.shape[1] - 1
    log_s = np.linspace(np.log(1e-4), np.log(100.0 / priors.rate), 1200)
    r2 = (offset**2).sum(axis=1) + priors.floor**2
    fixed = -priors.rate * np.exp(log_s) + (1 - dimension) * log_s
    density = fixed - 0.5 * np.exp(-2.0 * log_s) * r2[:, None]
    total = np.cumsum(np.exp(density - density.max(axis=1, keepdims=True)), axis=1)
    chosen = (total < (rng.random(len(r2)) * total[:, -1])[:, None]).sum(axis=1)
    return np.exp(log_s[chosen])
