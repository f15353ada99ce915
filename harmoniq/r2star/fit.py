"""Fit R2* and S0 to multi-echo magnitudes, by any of six methods."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.data.errors import InputError
from harmoniq.data.kernels import run_blocks

METHODS = ("nlls", "iwls", "arlo", "trapezoidal", "loglinear", "rician")
# A decay that leaves exp(-5), under 1 %, after the shortest echo spacing cannot be measured.
FASTEST = 5.0
# A fall by less than this part over all echoes is rounding.
SLOWEST = 1e-6
# Relative difference of echo spacings that still counts as even.
EVEN = 1e-6


@dataclass(frozen=True, eq=False)
class R2StarFit:
    """Fitted maps; all finite.

    Parameters
    ----------
    r2star : ndarray of float32
        In 1/s, from 0 to the fastest decay that the echo spacing can resolve; trapezoidal from 1 / (20 TE) of the last
        echo to 20 / TE of the first, as SEPIA. 0 where there is no signal.
    s0 : ndarray of float32
        Signal at TE 0, in the unit of the data: the best one in least squares for the fitted rate (rician: the most
        likely one).
    residual : ndarray of float32
        Root mean square over the echoes of data minus fit, in the unit of the data.
    implausible : ndarray of bool
        True where there is no decay to measure: no signal, an echo that is not a number, a constant or growing
        signal (R2* 0), or one too fast for the echoes (R2* at the limit).
    """

    r2star: NDArray[np.float32]
    s0: NDArray[np.float32]
    residual: NDArray[np.float32]
    implausible: NDArray[np.bool_]


def fit_r2star(
    signal: ArrayLike,
    echo_times: ArrayLike,
    method: str = "nlls",
    *,
    noise: ArrayLike | None = None,
    threads: int | None = None,
) -> R2StarFit:
    """Fit a single exponential decay to each voxel.

    Parameters
    ----------
    signal : array_like, shape (..., n_echo)
        Magnitudes; the echoes are the last axis.
    echo_times : array_like, shape (n_echo,)
        In s, rising; any spacing.
    method : str, optional
        ``nlls``: least squares on the signal (the default, the most precise); ``iwls``: iteratively weighted line
        through the logarithms; ``arlo``: Pei et al. 2015; ``trapezoidal``: as SEPIA; ``loglinear``: unweighted line;
        ``rician``: maximum likelihood for magnitudes, with the smallest bias at low signal, slower.
    noise : array_like, optional
        For ``rician``: standard deviation of the real and of the imaginary part, in the unit of the data; a number or
        a map of shape (...) (`harmoniq.r2star.noise.estimate_noise`).
    threads : int, optional
        Default: OMP_NUM_THREADS or the processors at hand. The result does not depend on it.

    Returns
    -------
    R2StarFit
        R2* in 1/s, S0, the residual, and where there is no decay to measure.

    Raises
    ------
    InputError
        For an unknown method, echo times that do not fit the data or do not rise, too few echoes, or a noise that is
        missing or not above 0.
    """
    signal = np.asarray(signal)
    times = _check_times(signal, echo_times, method)
    shape = signal.shape[:-1]
    # Voxels are taken in the order in which they lie in memory, so that no copy of the whole series is made.
    order: Literal["C", "F"] = "F" if signal.flags.f_contiguous and not signal.flags.c_contiguous else "C"
    voxels = signal.reshape(-1, times.size, order=order)
    sigma = _check_noise(noise, shape, order) if method == "rician" else None
    rate, s0, residual, plausible = _fit_blocks(voxels, times, method, sigma, threads)
    rates, amplitudes, residuals = (array.reshape(shape, order=order) for array in (rate, s0, residual))
    return R2StarFit(rates, amplitudes, residuals, ~plausible.reshape(shape, order=order))


def _fit_blocks(
    voxels: NDArray, times: NDArray, method: str, sigma: NDArray | None, threads: int | None
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Return R2*, S0, residual and plausibility of voxels of shape (n, n_echo), block by block."""
    count = len(voxels)
    estimate = _estimator(method, times)
    limit = _limit(estimate, times, sigma is not None)
    slowest = SLOWEST / float(times[-1] - times[0])
    # SEPIA clips its maps; its method gives its numbers.
    bounds = (1.0 / (20.0 * times[-1]), 20.0 / times[0]) if method == "trapezoidal" and times[0] > 0 else (0.0, limit)
    r2star, s0, residual = (np.empty(count, np.float32) for _ in range(3))
    plausible = np.empty(count, np.bool_)

    def work(part: slice) -> None:
        from harmoniq.r2star import projection

        block = np.array(voxels[part], dtype=np.float64, order="C")
        scale, rate, amplitude = (np.zeros(len(block)) for _ in range(3))
        projection.normalize(block, scale)
        estimate(block, rate)
        if sigma is not None:
            from harmoniq.r2star.rician import rician

            projection.project(block, times, rate, amplitude)
            relative = np.broadcast_to(sigma, (count,))[part] / np.where(scale > 0, scale, 1.0)
            rician(block, times, rate, amplitude, relative, limit)
        decays = (rate > slowest) & (rate < limit)
        rate = np.where(scale > 0, np.clip(rate, *bounds), 0.0) + 0.0  # no negative zero
        if sigma is None:
            projection.project(block, times, rate, amplitude)
        projection.finish(block, times, scale, rate, amplitude, s0[part], residual[part])
        r2star[part], plausible[part] = rate, decays & (amplitude > 0)

    run_blocks(work, count, threads)
    return r2star, s0, residual, plausible


def _estimator(method: str, times: NDArray) -> Callable[[NDArray, NDArray], None]:
    """Return the function that fills the rates of a block; rician starts from least squares."""
    from harmoniq.r2star.arlo import arlo
    from harmoniq.r2star.loglinear import iwls, loglinear
    from harmoniq.r2star.nlls import nlls
    from harmoniq.r2star.trapezoidal import trapezoidal

    direct = {"iwls": iwls, "arlo": arlo, "trapezoidal": trapezoidal, "loglinear": loglinear}
    if method in direct:
        return lambda block, rate: direct[method](block, times, rate)
    steps = np.diff(times)
    spacing = float(steps.mean()) if np.ptp(steps) <= EVEN * steps.mean() else 0.0
    start = arlo if times.size > 2 else loglinear
    fastest = FASTEST / float(steps.min())

    def refine(block: NDArray, rate: NDArray) -> None:
        start(block, times, rate)
        nlls(block, times, rate, spacing, fastest)

    return refine


def _limit(estimate: Callable[[NDArray, NDArray], None], times: NDArray, likelihood: bool) -> float:
    """Return the method's own reading of the fastest decay: biased methods saturate below it."""
    fastest = FASTEST / float(np.diff(times).min())
    if likelihood:
        return fastest
    reading = np.zeros(1)
    estimate(np.exp(-fastest * (times - times[0]))[np.newaxis], reading)
    return min(fastest, float(reading[0])) if reading[0] > 0 else fastest


def _check_times(signal: NDArray, echo_times: ArrayLike, method: str) -> NDArray[np.float64]:
    """Return the echo times as an array, checked against the data and the method."""
    times = np.asarray(echo_times, dtype=np.float64)
    if method not in METHODS:
        raise InputError(f"is not one of {', '.join(METHODS)}", key="r2star-method", value=method)
    if times.ndim != 1 or signal.ndim < 1 or signal.shape[-1] != times.size:
        raise InputError(f"the data have shape {signal.shape}, the echo times {times.shape}", key="EchoTime")
    needed = 3 if method == "arlo" else 2
    if times.size < needed:
        raise InputError(f"{method} needs at least {needed} echoes", key="EchoTime", value=times.tolist())
    if not (np.isfinite(times).all() and times[0] >= 0 and (np.diff(times) > 0).all()):
        raise InputError("must rise from echo to echo", key="EchoTime", value=times.tolist())
    return times


def _check_noise(noise: ArrayLike | None, shape: tuple[int, ...], order: Literal["C", "F"]) -> NDArray[np.float64]:
    """Return the noise as one value, or one per voxel in the order of the data."""
    if noise is None:
        raise InputError("the rician fit needs the noise", key="noise", remedy="use estimate_noise, or method nlls")
    sigma = np.asarray(noise, dtype=np.float64)
    if sigma.shape not in ((), shape):
        raise InputError(f"the noise has shape {sigma.shape}, the data {shape}", key="noise")
    if not (np.isfinite(sigma) & (sigma > 0)).all():
        raise InputError("must be finite and above 0 everywhere", key="noise")
    return sigma.reshape(-1, order=order)
