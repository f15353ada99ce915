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
# Voxels of a block: as float64 it fits the processor's cache.
BLOCK = 1 << 14
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
        signal (R2* 0), one too fast for the echoes (R2* at the limit), or a voxel outside the mask.
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
    mask: ArrayLike | None = None,
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
    mask : array_like, shape (...), optional
        Where to fit; elsewhere the maps are 0, and implausible.
    threads : int, optional
        Default: OMP_NUM_THREADS or the processors at hand. The result does not depend on it.

    Returns
    -------
    R2StarFit
        R2* in 1/s, S0, the residual, and where there is no decay to measure.

    Raises
    ------
    InputError
        For an unknown method, echo times that do not fit the data or do not rise, too few echoes, a mask of another
        shape, or a noise that is missing or not above 0.

    Examples
    --------
    >>> times = np.array([0.004, 0.008, 0.012, 0.016])
    >>> signal = 1000 * np.exp(-20 * times)
    >>> fit = fit_r2star(signal[np.newaxis], times)
    >>> float(fit.r2star[0].round(3)), float(fit.s0[0].round(1))
    (20.0, 1000.0)
    """
    signal = np.asarray(signal)
    times = _check_times(signal, echo_times, method)
    shape = signal.shape[:-1]
    # Voxels are taken in the order in which they lie in memory, so that no copy of the whole series is made.
    order: Literal["C", "F"] = "F" if signal.flags.f_contiguous and not signal.flags.c_contiguous else "C"
    voxels = signal.reshape(-1, times.size, order=order)
    sigma = _check_noise(noise, shape, order) if method == "rician" else None
    inside = None if mask is None else _check_mask(mask, shape, order)
    rate, s0, residual, plausible = _fit_blocks(voxels, times, method, sigma, inside, threads)
    rates, amplitudes, residuals = (array.reshape(shape, order=order) for array in (rate, s0, residual))
    return R2StarFit(rates, amplitudes, residuals, ~plausible.reshape(shape, order=order))


def _fit_blocks(
    voxels: NDArray,
    times: NDArray,
    method: str,
    sigma: NDArray | None,
    mask: NDArray[np.bool_] | None,
    threads: int | None,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Return R2*, S0, residual and plausibility of voxels of shape (n, n_echo), block by block."""
    count, spacing = len(voxels), _spacing(times)
    estimate = _estimator(method, times)
    limit = _limit(estimate, times, sigma is not None)
    slowest = SLOWEST / float(times[-1] - times[0])
    # SEPIA clips its maps; its method gives its numbers.
    bounds = (1.0 / (20.0 * times[-1]), 20.0 / times[0]) if method == "trapezoidal" and times[0] > 0 else (0.0, limit)
    # Zeros cost nothing where no block writes.
    r2star, s0, residual = (np.zeros(count, np.float32) for _ in range(3))
    plausible = np.zeros(count, np.bool_)

    def fit(block: NDArray, noise: NDArray | None) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        from harmoniq.r2star import projection

        scale, rate, amplitude = (np.zeros(len(block)) for _ in range(3))
        block_s0, block_residual = (np.empty(len(block), np.float32) for _ in range(2))
        projection.normalize(block, scale)
        estimate(block, rate)
        if noise is not None:
            from harmoniq.r2star.rician import rician

            projection.project(block, times, rate, amplitude)
            rician(block, times, rate, amplitude, noise / np.where(scale > 0, scale, 1.0), limit)
        decays = (rate > slowest) & (rate < limit)
        rate = np.where(scale > 0, np.clip(rate, *bounds), 0.0) + 0.0  # no negative zero
        given = noise is not None
        projection.finish(block, times, spacing, scale, rate, amplitude, given, block_s0, block_residual)
        return rate, block_s0, block_residual, decays & (amplitude > 0)

    def work(part: slice) -> None:
        # Either all of a block, or the places in it that lie in the mask.
        chosen = slice(None) if mask is None else np.flatnonzero(mask[part])
        block = np.array(voxels[part][chosen], dtype=np.float64, order="C")
        if not len(block):
            return
        noise = None if sigma is None else np.broadcast_to(sigma, (count,))[part][chosen]
        for whole, piece in zip((r2star, s0, residual, plausible), fit(block, noise)):
            whole[part][chosen] = piece

    run_blocks(work, count, threads, size=BLOCK)
    return r2star, s0, residual, plausible


def _spacing(times: NDArray) -> float:
    """Return the echo spacing in s where it is even, and 0 where it is not."""
    steps = np.diff(times)
    return float(steps.mean()) if np.ptp(steps) <= EVEN * steps.mean() else 0.0


def _estimator(method: str, times: NDArray) -> Callable[[NDArray, NDArray], None]:
    """Return the function that fills the rates of a block; rician starts from least squares."""
    from harmoniq.r2star.arlo import arlo
    from harmoniq.r2star.loglinear import iwls, loglinear
    from harmoniq.r2star.nlls import nlls
    from harmoniq.r2star.trapezoidal import trapezoidal

    direct = {"iwls": iwls, "arlo": arlo, "trapezoidal": trapezoidal, "loglinear": loglinear}
    if method in direct:
        return lambda block, rate: direct[method](block, times, rate)
    spacing, fastest = _spacing(times), FASTEST / float(np.diff(times).min())
    start = arlo if times.size > 2 else loglinear

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


def _check_mask(mask: ArrayLike, shape: tuple[int, ...], order: Literal["C", "F"]) -> NDArray[np.bool_]:
    """Return the mask, flat in the order of the data."""
    inside = np.asarray(mask)
    if inside.shape != shape:
        raise InputError(f"the mask has shape {inside.shape}, the data {shape}", key="mask")
    return inside.astype(np.bool_, copy=False).reshape(-1, order=order)


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
