"""R2* by auto-regression on linear operations (ARLO).

Pei et al. 2015, Magn Reson Med 73:843, doi:10.1002/mrm.25137. A decay equals its own integral but for a factor; the
integrals over three neighboring echoes come from Simpson's rule, here with the weights for uneven spacing, which are
Pei's where the echoes are evenly spaced.
"""

from numpy.typing import NDArray

from harmoniq.data.kernels import compiled


@compiled
def arlo(signal: NDArray, times: NDArray, rate: NDArray) -> None:
    """Fill `rate`; needs three echoes.

    Over each triplet, S is the integral and D the fall from its first to its last echo, so S = T2* D. Pei et al. take
    T2* = sum(S (S + w D)) / sum(D (S + w D)) with w = d / 3, which is Simpson's weight of the last echo.
    """
    count = times.size
    for voxel in range(signal.shape[0]):
        above, below = 0.0, 0.0
        for echo in range(count - 2):
            first, second = times[echo + 1] - times[echo], times[echo + 2] - times[echo + 1]
            span = first + second
            w0 = span / 6.0 * (2.0 - second / first)
            w1 = span**3 / (6.0 * first * second)
            w2 = span / 6.0 * (2.0 - first / second)
            a, b, c = signal[voxel, echo], signal[voxel, echo + 1], signal[voxel, echo + 2]
            integral = w0 * a + w1 * b + w2 * c
            fall = a - c
            above += fall * (integral + w2 * fall)
            below += integral * (integral + w2 * fall)
        rate[voxel] = above / below if below > 0.0 else 0.0
