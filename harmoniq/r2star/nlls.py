"""R2* by nonlinear least squares with the amplitude projected out.

Variable projection: Golub and Pereyra 1973, SIAM J Numer Anal 10:413, doi:10.1137/0710036. For each rate the best
amplitude is known in closed form, so that the search is over the rate alone.
"""

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.kernels import compiled

MAX_ITERATIONS = 40
TOLERANCE = 1e-8


@compiled
def _sums(signal: NDArray, times: NDArray, rate: float, spacing: float) -> tuple[float, float, float, float, float]:
    """Return the sums over the echoes of e^2, t e^2, t^2 e^2, e s and t e s, with e = exp(-rate t) from the first echo.

    With even spacing (above 0) the exponentials are powers of one.
    """
    c0, c1, c2, b0, b1 = 0.0, 0.0, 0.0, 0.0, 0.0
    factor, e = np.exp(-rate * spacing), 1.0
    for echo in range(times.size):
        time = times[echo] - times[0]
        if spacing <= 0.0:
            e = np.exp(-rate * time)
        c0 += e * e
        c1 += time * e * e
        c2 += time * time * e * e
        b0 += e * signal[echo]
        b1 += time * e * signal[echo]
        e *= factor
    return c0, c1, c2, b0, b1


@compiled
def nlls(signal: NDArray, times: NDArray, rate: NDArray, spacing: float, limit: float) -> None:
    """Refine `rate`, which holds the start, by Gauss-Newton steps between 0 and `limit`.

    A step that does not lower the sum of squares is halved; the loop ends when a step changes nothing.
    """
    for voxel in range(signal.shape[0]):
        here = min(max(rate[voxel], 0.0), limit)
        c0, c1, c2, b0, b1 = _sums(signal[voxel], times, here, spacing)
        # The sum of squares is that of the signal minus this gain.
        gain = b0 * b0 / c0
        for _ in range(MAX_ITERATIONS):
            curvature = c2 - c1 * c1 / c0
            if b0 <= 0.0 or curvature <= 0.0:
                break
            amplitude = b0 / c0
            step = -(b1 - amplitude * c1) / (amplitude * curvature)
            improved = False
            for _ in range(8):
                there = min(max(here + step, 0.0), limit)
                c0, c1, c2, b0, b1 = _sums(signal[voxel], times, there, spacing)
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
