"""MP2RAGE: both inversions as complex images with noise, the uniform image made of them, and the truth beside it.

Per sub-voxel: proton density x the sequence's signal at its R1 and B1+ x exp(-TE R2*); the average over a voxel's
sub-voxels is its partial volume. The coil's profile and phase multiply it, complex Gaussian noise is added (so that
magnitudes are Rician), and UNIT1 is computed from the noisy signals: its background is salt and pepper, as in life.
SA2RAGE, whose signals are those of another preparation, is measured alike.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from harmoniq.simulation.fields import HeadFields, quadratic
from harmoniq.simulation.noise import mix, normal_table, pick
from harmoniq.simulation.noise_receiver import FULL_SCALE, magnitude_step, phase_step
from harmoniq.simulation.protocol import MP2RAGEProtocol
from harmoniq.simulation.protocol_grid import Grid
from harmoniq.simulation.rasterize import ParameterSlab

#: Signal of the second inversion in white matter over the noise's standard deviation per channel.
SNR = 60.0
# R1 (1/s) and B1+ of the table: start, step, count. Linear interpolation is then right to 1e-5 of the signal.
_R1_AXIS = (0.05, 0.005, 1600)
_B1_AXIS = (0.4, 0.01, 121)
_WHITE_MATTER = (1.1, 0.7, 21.0)


@dataclass(frozen=True)
class MP2RAGEImages:
    """Images as stored, with axes (z, y, x), and the true maps of the same grid.

    Parameters
    ----------
    inv1, inv2 : uint16 array
        Magnitudes, 0 to 4095.
    inv1_phase, inv2_phase : int16 array
        In steps of pi/2048 rad.
    uni : uint16 array
        UNIT1, 0 to 4095 for -0.5 to 0.5.
    r1, r2star : float32 array
        Mean over the sub-voxels that hold tissue, in 1/s; 0 in air.
    """

    inv1: NDArray[np.uint16]
    inv1_phase: NDArray[np.int16]
    inv2: NDArray[np.uint16]
    inv2_phase: NDArray[np.int16]
    uni: NDArray[np.uint16]
    r1: NDArray[np.float32]
    r2star: NDArray[np.float32]


def empty_images(shape: tuple[int, int, int]) -> MP2RAGEImages:
    """Make images of zeros.

    Parameters
    ----------
    shape : tuple (int, int, int)
        Of the grid: x, y, z.

    Returns
    -------
    MP2RAGEImages
        To be filled slab by slab.
    """
    kinds = (np.uint16, np.int16, np.uint16, np.int16, np.uint16, np.float32, np.float32)
    return MP2RAGEImages(*(np.zeros(shape[::-1], dtype=kind) for kind in kinds))


class MP2RAGEScan:
    """Scan slab by slab.

    Parameters
    ----------
    protocol : MP2RAGEProtocol
        Of MP2RAGE or SA2RAGE.
    fields : HeadFields
        Around the head; all but the main field's error count.
    grid : Grid
        In the head's coordinates.
    seed : int
        Of the noise.
    snr : float
        Signal of the second image in white matter over the noise's standard deviation per channel. It is the same at
        any voxel size: coarser voxels are for speed, not for quality.
    """

    def __init__(
        self, protocol: MP2RAGEProtocol, fields: HeadFields, grid: Grid, *, seed: int, snr: float = SNR
    ) -> None:
        self.protocol, self.fields, self.grid, self.seed = protocol, fields, grid, np.uint64(seed)
        self.images = empty_images(grid.shape)
        self._table = _signal_table(protocol)
        r1, density, r2star = _WHITE_MATTER
        reference = density * np.exp(-protocol.echo_time * r2star)
        self.sigma = float(reference * protocol.signals(1 / r1)[1] / snr)
        # Fat has the strongest signal, and the coil's profile is at most about 1.7 there.
        fat = protocol.signals(1 / 2.0)
        self.scale = FULL_SCALE / (1.8 * float(max(abs(signal) for signal in fat)))

    def add(self, slab: ParameterSlab) -> None:
        """Measure one slab of the head.

        Parameters
        ----------
        slab : ParameterSlab
            Of the scan's grid; `images` is filled between its planes.
        """
        f, out = self.fields, self.images
        _scan(
            slab.r1, slab.r2star, slab.pd, slab.k0, slab.k1, self.grid.affine, f.center, f.radii, f.transmit, f.receive,
            f.phase, self._table, self.protocol.echo_time, self.sigma, self.scale, self.seed, normal_table(),
            out.inv1, out.inv1_phase, out.inv2, out.inv2_phase, out.uni, out.r1, out.r2star,
        )  # fmt: skip


def scan_mp2rage(
    slabs: Iterable[ParameterSlab],
    protocol: MP2RAGEProtocol,
    fields: HeadFields,
    grid: Grid,
    *,
    seed: int,
    snr: float = SNR,
) -> MP2RAGEImages:
    """Measure a whole head.

    Parameters
    ----------
    slabs : iterable of ParameterSlab
        True parameters; together they cover `grid`.
    protocol, fields, grid, seed, snr
        As `MP2RAGEScan` takes them.

    Returns
    -------
    MP2RAGEImages
        Both images, UNIT1, and the true maps.
    """
    scan = MP2RAGEScan(protocol, fields, grid, seed=seed, snr=snr)
    for slab in slabs:
        scan.add(slab)
    return scan.images


def _signal_table(protocol: MP2RAGEProtocol) -> NDArray[np.float32]:
    """Return the signals of both trains over B1+ and R1, shape (n_b1, n_r1, 2)."""
    r1 = _R1_AXIS[0] + _R1_AXIS[1] * np.arange(_R1_AXIS[2])
    b1 = _B1_AXIS[0] + _B1_AXIS[1] * np.arange(_B1_AXIS[2])
    signals = protocol.signals(1 / r1[None, :], b1[:, None])
    return np.stack(signals, axis=-1).astype(np.float32)


@njit(inline="always")
def _place(value, start, step, count):
    """Return the cell of a regular axis and the place within it."""
    position = np.float32(value - start) * np.float32(1.0 / step)
    cell = min(max(np.int32(position), np.int32(0)), np.int32(count - 2))
    return cell, position - np.float32(cell)


@njit(inline="always")
def _sums(r1, r2star, pd, i, j, k, fx, fy, fz, low, high, wb, te):
    """Sum both signals, R1 and R2* over one voxel's sub-voxels; the last value is how many hold tissue."""
    one = np.float32(1.0)
    s1, s2, sum_r1, sum_r2, tissue = np.float32(0.0), np.float32(0.0), np.float32(0.0), np.float32(0.0), 0
    for a in range(i * fx, i * fx + fx):
        for c in range(j * fy, j * fy + fy):
            for d in range(k * fz, k * fz + fz):
                density = pd[a, c, d]
                if density <= 0:
                    continue
                rate, decay = r1[a, c, d], r2star[a, c, d]
                r, wr = _place(rate, _R1_AXIS[0], _R1_AXIS[1], _R1_AXIS[2])
                weight = density * np.exp(-np.float32(te) * decay)
                w00, w01 = (one - wb) * (one - wr) * weight, (one - wb) * wr * weight
                w10, w11 = wb * (one - wr) * weight, wb * wr * weight
                s1 += w00 * low[r, 0] + w01 * low[r + 1, 0] + w10 * high[r, 0] + w11 * high[r + 1, 0]
                s2 += w00 * low[r, 1] + w01 * low[r + 1, 1] + w10 * high[r, 1] + w11 * high[r + 1, 1]
                sum_r1 += rate
                sum_r2 += decay
                tissue += 1
    return s1, s2, sum_r1, sum_r2, tissue


@njit(cache=True, nogil=True, fastmath=True)
def _scan(
    r1, r2star, pd, k0, k1, affine, center, radii, transmit, receive, phase, table, te, sigma, scale, seed, normals,
    inv1, inv1_phase, inv2, inv2_phase, uni, mean_r1, mean_r2star,
):  # fmt: skip
    ny, nx = uni.shape[1:]
    fx, fy, fz = r1.shape[0] // nx, r1.shape[1] // ny, r1.shape[2] // (k1 - k0)
    share = 1.0 / (fx * fy * fz)
    # y outermost, x innermost: the sub-voxels of one y fit into the cache, and images are written along their lines.
    for j in range(ny):
        for k in range(k0, k1):
            for i in range(nx):
                u = (affine[0, 0] * i + affine[0, 1] * j + affine[0, 2] * k + affine[0, 3] - center[0]) / radii[0]
                v = (affine[1, 0] * i + affine[1, 1] * j + affine[1, 2] * k + affine[1, 3] - center[1]) / radii[1]
                w = (affine[2, 0] * i + affine[2, 1] * j + affine[2, 2] * k + affine[2, 3] - center[2]) / radii[2]
                b, wb = _place(quadratic(u, v, w, transmit), _B1_AXIS[0], _B1_AXIS[1], _B1_AXIS[2])
                s1, s2, sum_r1, sum_r2, tissue = _sums(
                    r1, r2star, pd, i, j, k - k0, fx, fy, fz, table[b], table[b + 1], wb, te
                )
                re = im = 0.0
                if tissue:
                    coil = quadratic(u, v, w, receive) * share
                    turn = quadratic(u, v, w, phase)
                    re, im = coil * np.cos(turn), coil * np.sin(turn)
                    mean_r1[k, j, i] = sum_r1 / tissue
                    mean_r2star[k, j, i] = sum_r2 / tissue
                bits = mix(seed, (k * ny + j) * nx + i)
                re1, im1 = re * s1 + sigma * pick(bits, 0, normals), im * s1 + sigma * pick(bits, 1, normals)
                re2, im2 = re * s2 + sigma * pick(bits, 2, normals), im * s2 + sigma * pick(bits, 3, normals)
                inv1[k, j, i] = magnitude_step(re1, im1, scale)
                inv2[k, j, i] = magnitude_step(re2, im2, scale)
                inv1_phase[k, j, i] = phase_step(re1, im1)
                inv2_phase[k, j, i] = phase_step(re2, im2)
                ratio = (re1 * re2 + im1 * im2) / (re1 * re1 + im1 * im1 + re2 * re2 + im2 * im2)
                uni[k, j, i] = int((ratio + 0.5) * 4095 + 0.5)
