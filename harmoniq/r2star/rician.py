"""R2* by maximum likelihood for magnitudes, whose noise is Rician: unbiased where late echoes sink into the noise.

Sijbers et al. 1998, IEEE Trans Med Imaging 17:357, doi:10.1109/42.712125. The modified Bessel functions are the
polynomials 9.8.1 to 9.8.4 of Abramowitz and Stegun, Handbook of Mathematical Functions, good to 1e-6 in
the ratio I1 / I0.
"""

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.kernels import compiled

MAX_ITERATIONS = 60
# Newton's steps shrink quadratically: the error left is far below the last step.
TOLERANCE = 1e-4
# The amplitude is not sought below this part of the noise: there the decay has no meaning.
SMALLEST_AMPLITUDE = 0.01


@compiled
def bessel(x: float) -> tuple[float, float]:
    """Approximate the modified Bessel functions of the first kind, of orders 0 and 1.

    Parameters
    ----------
    x : float
        At or above 0.

    Returns
    -------
    log_i0 : float
        Logarithm of I0(x).
    ratio : float
        I1(x) / I0(x).

    Notes
    -----
    Abramowitz and Stegun, Handbook of Mathematical Functions, 9.8.1 to 9.8.4.
    """
    if x < 3.75:
        t = (x / 3.75) ** 2
        i0 = 1.0 + t * (
            3.5156229 + t * (3.0899424 + t * (1.2067492 + t * (0.2659732 + t * (0.0360768 + t * 0.0045813))))
        )
        i1 = x * (
            0.5
            + t
            * (0.87890594 + t * (0.51498869 + t * (0.15084934 + t * (0.02658733 + t * (0.00301532 + t * 0.00032411)))))
        )
        return np.log(i0), i1 / i0
    t = 3.75 / x
    i0 = 0.00916281 + t * (-0.02057706 + t * (0.02635537 + t * (-0.01647633 + t * 0.00392377)))
    i0 = 0.39894228 + t * (0.01328592 + t * (0.00225319 + t * (-0.00157565 + t * i0)))
    i1 = -0.01031555 + t * (0.02282967 + t * (-0.02895312 + t * (0.01787654 - t * 0.00420059)))
    i1 = 0.39894228 + t * (-0.03988024 + t * (-0.00362018 + t * (0.00163801 + t * i1)))
    return x + np.log(i0) - 0.5 * np.log(x), i1 / i0


@compiled
def _objective(signal: NDArray, times: NDArray, log_amplitude: float, rate: float, variance: float) -> float:
    """Return the negative log-likelihood but for a constant."""
    total = 0.0
    for echo in range(times.size):
        mean = np.exp(log_amplitude - rate * (times[echo] - times[0]))
        total += 0.5 * mean * mean / variance - bessel(abs(signal[echo]) * mean / variance)[0]
    return total


@compiled
def _newton_step(
    signal: NDArray, times: NDArray, log_amplitude: float, rate: float, variance: float
) -> tuple[float, float]:
    """Return a step of log amplitude and rate: Newton's, or Gauss-Newton's where the curvature is not positive."""
    g0, g1 = 0.0, 0.0
    h00, h01, h11 = 0.0, 0.0, 0.0
    k00, k01, k11 = 0.0, 0.0, 0.0
    for echo in range(times.size):
        time = times[echo] - times[0]
        mean = np.exp(log_amplitude - rate * time)
        value = abs(signal[echo])
        x = value * mean / variance
        ratio = bessel(x)[1]
        slope = 1.0 - ratio * ratio - (ratio / x if x > 1e-8 else 0.5)
        gradient = (mean - value * ratio) / variance * mean
        bound = mean * mean / variance
        curvature = bound * (1.0 - value * value / variance * slope) + gradient
        g0 += gradient
        g1 -= gradient * time
        h00 += curvature
        h01 -= curvature * time
        h11 += curvature * time * time
        k00 += bound
        k01 -= bound * time
        k11 += bound * time * time
    determinant = h00 * h11 - h01 * h01
    if not (h00 > 0.0 and determinant > 1e-9 * h00 * h11):
        h00, h01, h11 = k00, k01, k11
        determinant = h00 * h11 - h01 * h01
    if not determinant > 0.0:
        return 0.0, 0.0
    return -(h11 * g0 - h01 * g1) / determinant, -(h00 * g1 - h01 * g0) / determinant


@compiled
def rician(signal: NDArray, times: NDArray, rate: NDArray, amplitude: NDArray, noise: NDArray, limit: float) -> None:
    """Refine `rate` and `amplitude`, which hold the start, to the largest likelihood.

    Parameters
    ----------
    signal : ndarray, shape (n, n_echo)
        Magnitudes, in any unit.
    times : ndarray, shape (n_echo,)
        Echo times in s.
    rate : ndarray, shape (n,)
        R2* in 1/s: the start on entry, the fit between 0 and `limit` afterwards.
    amplitude : ndarray, shape (n,)
        Signal at the first echo's time, in the unit of `signal`: the start on entry, the fit afterwards. Voxels where
        it is not above 0 are left as they are.
    noise : ndarray, shape (n,)
        Standard deviation of the real and of the imaginary part, in the unit of `signal`.
    limit : float
        Largest R2*, in 1/s.
    """
    for voxel in range(signal.shape[0]):
        if not amplitude[voxel] > 0.0:
            continue
        variance = noise[voxel] ** 2
        floor = np.log(SMALLEST_AMPLITUDE * noise[voxel])
        log_amplitude, here = max(np.log(amplitude[voxel]), floor), min(max(rate[voxel], 0.0), limit)
        best = _objective(signal[voxel], times, log_amplitude, here, variance)
        for _ in range(MAX_ITERATIONS):
            d0, d1 = _newton_step(signal[voxel], times, log_amplitude, here, variance)
            d0 = min(max(d0, -1.0), 1.0)
            improved = False
            for _ in range(12):
                a, r = max(log_amplitude + d0, floor), min(max(here + d1, 0.0), limit)
                new = _objective(signal[voxel], times, a, r, variance)
                if new <= best:
                    improved = True
                    break
                d0, d1 = 0.5 * d0, 0.5 * d1
            if not improved:
                break
            moved = abs(a - log_amplitude) + abs(r - here) / (1.0 + here)
            log_amplitude, here, best = a, r, new
            if moved <= TOLERANCE:
                break
        rate[voxel], amplitude[voxel] = here, np.exp(log_amplitude)
