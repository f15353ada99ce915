"""Gradients of the main field from the phase of multi-echo images.

The phase difference of two neighboring voxels grows along the echoes by 2 pi times the difference of their frequencies.
It is taken echo by echo, so that wraps in space, the coil's phase and the phase of the excitation drop out, and only
steps from echo to echo must stay below half a turn (at a spacing of 4 ms: 1000 uT/m at 3 mm). Its slope is a weighted
line over the echoes with an offset and an alternating term, which takes up readouts of alternating polarity and
interleaved trains. Around each voxel the field of second degree without sources that explains these slopes best gives
the gradient at its center (`harmoniq.r2star.field_fit`).

Where neighbors disagree, as where phases are noise, there is no estimate, and the gradient is 0; where it is not
significant, too. A gradient that is noise would lower R2*, since any gradient does.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.data.errors import InputError
from harmoniq.data.kernels import run_blocks

#: Of the proton, in MHz/T.
GYROMAGNETIC_RATIO = 42.577478518
#: Radians per second that 1 uT/m makes over 1 mm.
RADIANS = 2e-3 * np.pi * GYROMAGNETIC_RATIO
#: Magnitudes of the first echo below this part of the image's top are background.
SMALLEST = 0.02
#: Trust falls from 1 at half of this to 0: standard deviation around the local fit of the neighbors' phase differences
#: per echo spacing (rad). Phases that are noise have 0.6 to 2.
LARGEST_SPREAD = 0.4
#: Trust rises from 0 to 1 at twice this: mean quality of the lines over the echoes (`field_kernels.phase_slope`).
LOWEST_COHERENCE = 0.25
# Values of magnitude and phase in one slab.
_SLAB = 1 << 22


@dataclass(frozen=True, eq=False)
class FieldGradients:
    """Gradients of the main field and how far they can be trusted.

    Parameters
    ----------
    gradients : ndarray of float32, shape (3, ...)
        In uT/m along the three voxel axes, lowered where they are doubtful; 0 where there is no estimate.
    trust : ndarray of float32, shape (...)
        From 0 (noise, or no signal) to 1.
    """

    gradients: NDArray[np.float32]
    trust: NDArray[np.float32]


def field_gradients(
    phase: ArrayLike, magnitude: ArrayLike, echo_times: ArrayLike, voxel_sizes: ArrayLike
) -> NDArray[np.float32]:
    """Compute the main field's gradients along the voxel axes.

    Parameters
    ----------
    phase, magnitude, echo_times, voxel_sizes
        As `estimate_field` takes them.

    Returns
    -------
    ndarray of float32, shape (3, x, y, z)
        In uT/m; 0 where there is no estimate.

    Raises
    ------
    InputError
        As `estimate_field`.
    """
    return estimate_field(phase, magnitude, echo_times, voxel_sizes).gradients


def estimate_field(
    phase: ArrayLike,
    magnitude: ArrayLike,
    echo_times: ArrayLike,
    voxel_sizes: ArrayLike,
    *,
    threads: int | None = None,
) -> FieldGradients:
    """Estimate the main field's gradients and their reliability.

    Parameters
    ----------
    phase : array_like, shape (x, y, z, n_echo)
        In rad, wrapped or not; either sign.
    magnitude : array_like, shape (x, y, z, n_echo)
        In any unit.
    echo_times : array_like, shape (n_echo,)
        In s, rising; any spacing.
    voxel_sizes : array_like, shape (3,)
        Edges in mm.
    threads : int, optional
        Default: OMP_NUM_THREADS or the processors at hand. The result does not depend on it.

    Returns
    -------
    FieldGradients
        On the grid of the images.

    Raises
    ------
    InputError
        When shapes do not fit, there are fewer than two echoes, echo times do not rise, or edges are not above 0.
    """
    phase, magnitude = np.asarray(phase), np.asarray(magnitude)
    times, sizes = np.asarray(echo_times, dtype=np.float64), np.asarray(voxel_sizes, dtype=np.float64)
    _check(phase, magnitude, times, sizes)
    shape = magnitude.shape[:3]
    gradients, trust = np.zeros((3, *shape), np.float32), np.zeros(shape, np.float32)
    smallest = SMALLEST * _robust_top(magnitude[..., 0])
    if not smallest > 0:
        return FieldGradients(gradients, trust)
    planes = max(1, _SLAB // (shape[0] * shape[1] * times.size))

    def work(part: slice) -> None:
        _estimate_slab(phase, magnitude, times, sizes, smallest, part, gradients[:, :, :, part], trust[:, :, part])

    run_blocks(work, shape[2], threads, size=planes)
    return FieldGradients(gradients, trust)


def _robust_top(image: NDArray) -> float:
    """Return about the largest magnitude of tissue; a few bright vessels do not count."""
    values = image[np.isfinite(image) & (image > 0)]
    return float(np.quantile(values, 0.99)) if values.size else 0.0


def _estimate_slab(
    phase: NDArray,
    magnitude: NDArray,
    times: NDArray,
    sizes: NDArray,
    smallest: float,
    part: slice,
    gradients: NDArray[np.float32],
    trust: NDArray[np.float32],
) -> None:
    """Fill the planes `part` of gradients and trust."""
    from harmoniq.r2star.field_fit import local_fit
    from harmoniq.r2star.field_kernels import pair_slopes

    first, last = max(0, part.start - 1), min(magnitude.shape[2], part.stop + 1)
    # The loops take all echoes of a voxel at once; what is not a number has no weight.
    echoes = [np.array(image[:, :, first:last], dtype=np.float32, order="C") for image in (magnitude, phase)]
    for image in echoes:
        np.nan_to_num(image, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    pairs = [np.empty((*echoes[0].shape[:3], 3), np.float32) for _ in range(3)]
    pair_slopes(*echoes, times, smallest, *pairs)
    del echoes
    scatter, coherence = np.empty(trust.shape, np.float32), np.empty(trust.shape, np.float32)
    ratios = (sizes[2] / sizes[:2]) ** 2
    local_fit(*pairs, ratios, (part.start - first, part.stop - first), gradients, scatter, coherence)
    spread = np.sqrt(np.maximum(scatter, 0)) * float(np.mean(np.diff(times)))
    trust[...] = np.clip(np.minimum(2 - 2 * spread / LARGEST_SPREAD, coherence / LOWEST_COHERENCE - 1), 0, 1)
    trust[scatter < 0] = 0
    gradients *= np.sqrt(trust) / (RADIANS * sizes.reshape(3, 1, 1, 1)).astype(np.float32)


def _check(phase: NDArray, magnitude: NDArray, times: NDArray, sizes: NDArray) -> None:
    if magnitude.ndim != 4 or phase.shape != magnitude.shape:
        raise InputError(f"the phase has shape {phase.shape}, the magnitude {magnitude.shape}", key="phases")
    if times.shape != magnitude.shape[3:] or times.size < 2:
        raise InputError(f"the data have shape {magnitude.shape}, the echo times {times.shape}", key="EchoTime")
    if not (np.isfinite(times).all() and (np.diff(times) > 0).all()):
        raise InputError("must rise from echo to echo", key="EchoTime", value=times.tolist())
    if sizes.shape != (3,) or not (np.isfinite(sizes) & (sizes > 0)).all():
        raise InputError("must be three lengths in mm", key="voxel_sizes", value=sizes.tolist())
