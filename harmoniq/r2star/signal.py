"""The decay of the gradient-echo signal."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def decay(s0: ArrayLike, r2star: ArrayLike, echo_times: ArrayLike) -> NDArray[np.float64]:
    """Compute the magnitude at each echo: s0 exp(-r2star TE).

    Parameters
    ----------
    s0 : array_like
        Signal at TE 0, in any unit.
    r2star : array_like
        Effective transverse relaxation rate in 1/s; broadcast against `s0`.
    echo_times : array_like, shape (n_echo,)
        In s.

    Returns
    -------
    ndarray, shape (..., n_echo)
        The echoes are the last axis.
    """
    s0, r2star = (np.asarray(value, dtype=np.float64)[..., np.newaxis] for value in (s0, r2star))
    return s0 * np.exp(-r2star * np.asarray(echo_times, dtype=np.float64))
