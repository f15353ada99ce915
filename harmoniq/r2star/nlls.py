"""R2* by nonlinear least squares with the amplitude projected out.

Variable projection: Golub and Pereyra 1973, SIAM J Numer Anal 10:413, doi:10.1137/0710036. For each rate the best
amplitude is known in closed form, so that the search is over the rate alone.
"""

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.kernels import compiled

MAX_ITERATIONS = 40
TOLERANCE = 1e-8
# A Newton step smaller than this leaves an error of its square, which is below the rounding of float32.
LAST_STEP = 3e-5
# Newton's step is taken where it is at most this many times that of Gauss-Newton: the gain then bends down enough.
NEWTON_LIMIT = 4.0


@compiled
def _sums(
    signal: NDArray, voxel: int, lags: NDArray, rate: float, spacing: float
) -> tuple[float, float, float, float, float, float]:
    """Return the sums over the echoes of e^2, t e^2, t^2 e^2, e s, t e s and t^2 e s, with e = exp(-rate t).

    `lags` are the times t from the first echo. With even spacing (above 0) the exponentials are powers of one.
    """
    c0, c1, c2, b0, b1, b2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    factor, e = np.exp(-rate * spacing), 1.0
    for echo in range(lags.size):
        time = lags[echo]
        if spacing <= 0.0:
            e = np.exp(-rate * time)
        value, weighted = signal[voxel, echo], time * e
        c0 += e * e
        c1 += weighted * e
        c2 += weighted * weighted
        b0 += e * value
        b1 += weighted * value
        b2 += time * weighted * value
        e *= factor
    return c0, c1, c2, b0, b1, b2


@compiled
def nlls(signal: NDArray, times: NDArray, rate: NDArray, spacing: float, limit: float) -> None:
    """Refine `rate`, which holds the start, between 0 and `limit`: by Newton's steps, and by Gauss-Newton's far away.

    A step that does not lower the sum of squares is halved; the loop ends when a step changes nothing.

    Parameters
    ----------
    signal : ndarray, shape (n, n_echo)
        Magnitudes, in any unit.
    times : ndarray, shape (n_echo,)
        Echo times in s, rising.
    rate : ndarray, shape (n,)
        R2* in 1/s: the start on entry, the fit afterwards.
    spacing : float
        Echo spacing in s where it is even, and 0 where it is not.
    limit : float
        Largest R2*, in 1/s.
    """
    lags = times - times[0]
    for voxel in range(signal.shape[0]):
        here = min(max(rate[voxel], 0.0), limit)
        c0, c1, c2, b0, b1, b2 = _sums(signal, voxel, lags, here, spacing)
        # The sum of squares is that of the signal minus this gain.
        gain = b0 * b0 / c0
        for _ in range(MAX_ITERATIONS):
            curvature = c2 - c1 * c1 / c0
            if b0 <= 0.0 or curvature <= 0.0:
                break
            amplitude = b0 / c0
            # Half the gain's derivative over the amplitude, the amplitude's derivative, and half the gain's second.
            slope = amplitude * c1 - b1
            change = (amplitude * c1 + slope) / c0
            bend = change * slope + amplitude * (change * c1 - 2.0 * amplitude * c2 + b2)
            flat = amplitude * amplitude * curvature
            newton = -NEWTON_LIMIT * bend > flat
            step = -amplitude * slope / bend if newton else amplitude * slope / flat
            if newton and abs(step) <= LAST_STEP * (1.0 + here):
                here = min(max(here + step, 0.0), limit)
                break
            improved = False
            for _ in range(8):
                there = min(max(here + step, 0.0), limit)
                c0, c1, c2, b0, b1, b2 = _sums(signal, voxel, lags, there, spacing)
                new = b0 * b0 / c0
                if b0 > 0.0 and new >= gain:
                    improved = True
                    break
                step *= 0.5
            if not improved:
                break
            moved = abs(there - here)
            here, gain = there, new
            if moved <= TOLERANCE * (1.0 + here):
                break
        rate[voxel] = here
