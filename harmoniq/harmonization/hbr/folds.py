"""Five folds with the same shares of sites and sexes."""

import numpy as np

#: As in Chen et al. 2026, section 2.4.2.
N_FOLDS = 5


def stratified_folds(site: np.ndarray, sex: np.ndarray, *, n_folds: int = N_FOLDS, seed: int = 0) -> np.ndarray:
    """Return the fold in which each participant is held out.

    Within every combination of site and sex the folds' sizes differ by at most one, and so do they over a whole site
    and over all; who goes where depends on the seed and the order of the participants.

    Parameters
    ----------
    site, sex : numpy.ndarray of int, shape (n,)
        Codes of site and sex.
    n_folds : int
        Number of folds.
    seed : int
        With the order of the participants it fixes who goes where.

    Returns
    -------
    array of int, shape (n,)
        0 to n_folds - 1.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0xF01D]))
    # The strata one after the other, sexes within sites, each in random order: dealt out in turn.
    order = np.lexsort((rng.random(len(site)), sex, site))
    fold = np.empty(len(site), dtype=np.int64)
    fold[order] = np.arange(len(site)) % n_folds
    return fold
