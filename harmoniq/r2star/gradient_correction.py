"""What a gradient of the main field does to R2*, and how to undo it.

Across a voxel with edges d the frequency varies by gamma G d along each edge. The mean over the box is attenuated by
the product over the axes of sinc(gamma G d TE / 2), with sinc(x) = sin(x) / x (Fernandez-Seara and Wehrli 2000,
doi:10.1002/1522-2594(200009)44:3<358::AID-MRM3>3.0.CO;2-S).

The decay S0 A(TE) exp(-R2* TE) with the known attenuation A is fitted by least squares, in which dephased echoes weigh
little. Every method then fits the signal that this model restores,

    restored = model + w A (signal - A model),

which is the signal itself where A is 1, the undephased decay where there is no noise, and of which plain least squares
has the same solution as of the attenuated model. The weight w of an echo falls from 1 to 0 as A falls from 0.5 to 0.3,
and does not rise again. Noise is never amplified, as a division by A would.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.data.errors import InputError
from harmoniq.data.kernels import run_blocks
from harmoniq.r2star.field import RADIANS
from harmoniq.r2star.fit import FASTEST

#: Relative bias of R2* from which a voxel is reported.
LARGEST_BIAS = 0.05
#: Slower decays (1/s) are not what relative biases are about: their bias is taken relative to this.
SLOWEST_TISSUE = 5.0
#: A box along every axis.
ALL_BOXES = (True, True, True)


def attenuation(
    gradients: ArrayLike, voxel_sizes: ArrayLike, echo_times: ArrayLike, *, boxes: Sequence[bool] = ALL_BOXES
) -> NDArray[np.float64]:
    """Compute how far voxels are dephased by field gradients.

    Parameters
    ----------
    gradients : array_like, shape (3, ...)
        In uT/m along the voxel axes.
    voxel_sizes : array_like, shape (3,)
        Edges in mm.
    echo_times : array_like, shape (n_echo,)
        In s.
    boxes : sequence of three bool, optional
        Along which axes a voxel is a box. Along the others it is encoded: its signal in even tissue is that of the
        k-space filter at the shifted center (the sum of the voxel spread function over the neighbors, Yablonskiy et
        al. 2013, doi:10.1002/mrm.24585), here 1 until the echo leaves k-space, and 0 from 0.45 turns per voxel on.

    Returns
    -------
    ndarray of float64, shape (..., n_echo)
        Signal over that without gradient; negative beyond odd zeros of the sinc.

    Raises
    ------
    InputError
        As `edge_frequencies`.
    """
    from harmoniq.r2star.gradient_kernels import fill_attenuation

    edges, times = edge_frequencies(gradients, voxel_sizes), np.asarray(echo_times, dtype=np.float64)
    factors = np.empty((edges[0].size, times.size))
    fill_attenuation(np.ascontiguousarray(edges.reshape(3, -1).T), times, np.array(boxes, np.bool_), factors)
    return factors.reshape(*edges.shape[1:], times.size)


def edge_frequencies(gradients: ArrayLike, voxel_sizes: ArrayLike) -> NDArray[np.float64]:
    """Compute by how much the frequency differs between both ends of each voxel edge.

    Parameters
    ----------
    gradients : array_like, shape (3, ...)
        Of the main field, in uT/m along the voxel axes.
    voxel_sizes : array_like, shape (3,)
        Edges in mm.

    Returns
    -------
    ndarray of float64, shape (3, ...)
        In rad/s: gamma G d.

    Raises
    ------
    InputError
        Where there are not three axes.
    """
    values = np.asarray(gradients, dtype=np.float64)
    sizes = np.asarray(voxel_sizes, dtype=np.float64)
    if values.shape[:1] != (3,) or sizes.shape != (3,):
        raise InputError(f"shapes {values.shape} and {sizes.shape}, three axes are wanted", key="gradients")
    return RADIANS * values * sizes.reshape(3, *(1,) * (values.ndim - 1))


def restore_decay(
    signal: ArrayLike,
    echo_times: ArrayLike,
    gradients: ArrayLike,
    voxel_sizes: ArrayLike,
    *,
    boxes: Sequence[bool] = ALL_BOXES,
    out: NDArray | None = None,
    threads: int | None = None,
) -> tuple[NDArray, NDArray[np.bool_]]:
    """Compute the multi-echo signal as it would be without field gradients.

    Parameters
    ----------
    signal : array_like, shape (..., n_echo)
        Magnitudes; the echoes are the last axis.
    echo_times : array_like, shape (n_echo,)
        In s, rising.
    gradients : array_like, shape (3, ...)
        In uT/m; 0 where they are not known.
    voxel_sizes : array_like, shape (3,)
        In mm.
    boxes : sequence of three bool, optional
        As `attenuation` takes them.
    out : ndarray, optional
        Where the result goes; may be `signal` itself. Default: a new array of float32.
    threads : int, optional
        Default: OMP_NUM_THREADS or the processors at hand. The result does not depend on it.

    Returns
    -------
    ndarray, shape (..., n_echo)
        The restored signal.
    ndarray of bool, shape (...)
        Where a correction was made. Not where the gradient is 0, where fewer than three echoes (two of two) keep 0.3
        of their signal, and where no decay would be left, so that the gradient must be wrong.

    Raises
    ------
    InputError
        When the shapes do not fit.
    """
    signal = np.asarray(signal)
    times = np.asarray(echo_times, dtype=np.float64)
    fields = np.asarray(gradients)
    if fields.shape != (3, *signal.shape[:-1]) or signal.shape[-1:] != times.shape or times.size < 2:
        raise InputError(
            f"shapes do not fit: signal {signal.shape}, gradients {fields.shape}, times {times.shape}", key="gradients"
        )
    result = np.array(signal, dtype=np.float32) if out is None else out
    if out is not None and out is not signal:
        out[...] = signal
    corrected = np.zeros(signal.shape[:-1], np.bool_)
    fastest = FASTEST / float(np.diff(times).min())
    sizes, shapes = np.asarray(voxel_sizes, dtype=np.float64), np.array(boxes, np.bool_)

    def work(part: slice) -> None:
        from harmoniq.r2star.gradient_kernels import restore
        from harmoniq.r2star.projection import normalize

        index = np.unravel_index(np.arange(part.start, part.stop), corrected.shape, order="F")
        here = np.stack([field[index] for field in fields])
        some = here.any(axis=0)
        index = tuple(axis[some] for axis in index)
        edges = np.ascontiguousarray(edge_frequencies(here[:, some], sizes).T)
        block, scale, done = result[index].astype(np.float64), np.zeros(len(edges)), np.zeros(len(edges), np.bool_)
        normalize(block, scale)
        restore(block, times, edges, shapes, fastest, done)
        corrected[index] = done
        result[tuple(axis[done] for axis in index)] = block[done] * scale[done, np.newaxis]

    run_blocks(work, corrected.size, threads)
    return result, corrected


def expected_bias(
    gradients: ArrayLike,
    voxel_sizes: ArrayLike,
    echo_times: ArrayLike,
    r2star: ArrayLike = 20.0,
    *,
    boxes: Sequence[bool] = ALL_BOXES,
) -> NDArray[np.float32]:
    """Compute by how much R2* reads too high without correction.

    Parameters
    ----------
    gradients : array_like, shape (3, ...)
        In uT/m.
    voxel_sizes : array_like, shape (3,)
        In mm.
    echo_times : array_like, shape (n_echo,)
        In s.
    r2star : array_like, optional
        True R2* in 1/s, broadcast against the gradients; taken as 5 where it is lower.
    boxes : sequence of three bool, optional
        As `attenuation` takes them.

    Returns
    -------
    ndarray of float32, shape (...)
        Of the least-squares fit to noise-free magnitudes, relative to `r2star`: 0.05 is 5 % too high.

    Raises
    ------
    InputError
        As `edge_frequencies`, and for echo times that do not rise.
    """
    from harmoniq.r2star.fit import fit_r2star

    edges = edge_frequencies(gradients, voxel_sizes).reshape(3, -1)
    shape = np.shape(gradients)[1:]
    times = np.asarray(echo_times, dtype=np.float64)
    rates = np.maximum(np.broadcast_to(np.asarray(r2star, dtype=np.float64), shape).ravel(), SLOWEST_TISSUE)
    bias = np.zeros(rates.size, np.float32)

    def work(part: slice) -> None:
        from harmoniq.r2star.gradient_kernels import fill_attenuation

        signal = np.empty((rates[part].size, times.size))
        fill_attenuation(np.ascontiguousarray(edges[:, part].T), times, np.array(boxes, np.bool_), signal)
        np.abs(signal, out=signal)
        signal *= np.exp(-rates[part, np.newaxis] * times)
        bias[part] = fit_r2star(signal, times, threads=1).r2star / rates[part] - 1

    run_blocks(work, rates.size)
    return bias.reshape(shape)
