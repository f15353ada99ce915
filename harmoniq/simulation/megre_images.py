"""Multi-echo GRE: magnitude and phase of every echo, with a main field that turns and dephases the spins.

Per sub-voxel: proton density x the steady state of a spoiled GRE at its R1 x exp(-TE R2*), averaged over the voxel.
The main field's error turns the voxel's phase by its value at the voxel's center times TE. Its gradient dephases the
spins across the voxel: the signal is multiplied by sinc(g_x TE/2) sinc(g_y TE/2) sinc(g_z TE/2), where g is the
difference across the voxel in rad/s, the exact mean of a linear field over a box (Fernandez-Seara and Wehrli 2000,
doi:10.1002/1522-2594(200009)44:3<358::AID-MRM3>3.0.CO;2-S). So R2* reads too high where the field is steep, the more
the larger the voxel, as in life.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from harmoniq.simulation.fields import HeadFields, main_field, quadratic
from harmoniq.simulation.noise import mix, normal_table, pick
from harmoniq.simulation.noise_receiver import FULL_SCALE, magnitude_step, phase_step
from harmoniq.simulation.protocol import MEGREProtocol
from harmoniq.simulation.protocol_grid import Grid
from harmoniq.simulation.rasterize import ParameterSlab

#: Signal of white matter at the first echo over the noise's standard deviation per channel.
SNR = 80.0
_WHITE_MATTER = (1.1, 0.7, 21.0)
# Below this angle (rad) three terms of sinc's series are right to 3e-9.
_SMALL_ANGLE = 0.5


@dataclass(frozen=True)
class MEGREImages:
    """Images as stored, with axes (echo, z, y, x).

    Parameters
    ----------
    magnitude : uint16 array
        0 to 4095.
    phase : int16 array
        In steps of pi/2048 rad; grows with TE where the field is above nominal.
    """

    magnitude: NDArray[np.uint16]
    phase: NDArray[np.int16]


class MEGREScan:
    """Scan slab by slab.

    Parameters
    ----------
    protocol : MEGREProtocol
        Times and flip angle of the sequence.
    fields : HeadFields
        Around the head; all but B1+ count.
    grid : Grid
        In the head's coordinates: where the voxels lie in the head, not where the header says.
    seed : int
        Of the noise.
    snr : float
        Signal of white matter at the first echo over the noise's standard deviation per channel, at any voxel size.
    """

    def __init__(self, protocol: MEGREProtocol, fields: HeadFields, grid: Grid, *, seed: int, snr: float = SNR) -> None:
        self.protocol, self.fields, self.grid, self.seed = protocol, fields, grid, np.uint64(seed)
        shape = (len(protocol.echo_times), *grid.shape[::-1])
        self.images = MEGREImages(np.zeros(shape, dtype=np.uint16), np.zeros(shape, dtype=np.int16))
        r1, density, r2star = _WHITE_MATTER
        reference = density * steady_state(r1, protocol) * np.exp(-protocol.echo_times[0] * r2star)
        self.sigma = float(reference / snr)
        # Fat and children's tissue relax faster than white matter; the coil's profile is at most about 1.7.
        self.scale = FULL_SCALE / (1.8 * float(steady_state(2.0, protocol)))

    def add(self, slab: ParameterSlab) -> None:
        """Measure one slab of the head.

        Parameters
        ----------
        slab : ParameterSlab
            Of the scan's grid; `images` is filled between its planes.
        """
        f, p, out = self.fields, self.protocol, self.images
        angle = np.deg2rad(p.flip_angle)
        _scan(
            slab.r1, slab.r2star, slab.pd, slab.k0, slab.k1, self.grid.affine, f.center, f.radii, f.receive, f.phase,
            f.main, f.dipoles, np.array([p.repetition_time, np.cos(angle), np.sin(angle)]), p.echo_times[0],
            p.echo_spacing, self.sigma, self.scale, self.seed, normal_table(), out.magnitude, out.phase,
        )  # fmt: skip


def scan_megre(
    slabs: Iterable[ParameterSlab],
    protocol: MEGREProtocol,
    fields: HeadFields,
    grid: Grid,
    *,
    seed: int,
    snr: float = SNR,
) -> MEGREImages:
    """Measure a whole head.

    Parameters
    ----------
    slabs : iterable of ParameterSlab
        True parameters; together they cover `grid`.
    protocol, fields, grid, seed, snr
        As `MEGREScan` takes them.

    Returns
    -------
    MEGREImages
        Magnitude and phase of all echoes.
    """
    scan = MEGREScan(protocol, fields, grid, seed=seed, snr=snr)
    for slab in slabs:
        scan.add(slab)
    return scan.images


def steady_state(r1: float, protocol: MEGREProtocol) -> float:
    """Compute the transverse magnetization of a spoiled GRE at TE 0.

    Parameters
    ----------
    r1 : float
        In 1/s.
    protocol : MEGREProtocol
        Repetition time and flip angle count.

    Returns
    -------
    float
        Relative to equilibrium.

    Notes
    -----
    Ernst and Anderson 1966, doi:10.1063/1.1719961: sin a (1 - E1) / (1 - cos a E1), with E1 = exp(-TR R1).
    """
    angle, e1 = np.deg2rad(protocol.flip_angle), np.exp(-protocol.repetition_time * r1)
    return float(np.sin(angle) * (1 - e1) / (1 - np.cos(angle) * e1))


@njit(inline="always")
def _sinc(x):
    if abs(x) < _SMALL_ANGLE:
        s = x * x
        return 1.0 - s / 6.0 * (1.0 - s / 20.0 * (1.0 - s / 42.0))
    return np.sin(x) / x


@njit(cache=True, nogil=True, fastmath=True)
def _sums(r1, r2star, pd, i, j, k, fx, fy, fz, excite, te, step, sums):
    """Sum the undephased signal of one voxel's sub-voxels into `sums`, one value per echo; return how many have any."""
    tissue = 0
    tr, cosine, sine = excite[0], excite[1], excite[2]
    for a in range(i * fx, i * fx + fx):
        for c in range(j * fy, j * fy + fy):
            for d in range(k * fz, k * fz + fz):
                density = pd[a, c, d]
                if density <= 0:
                    continue
                if tissue == 0:
                    sums[:] = 0.0
                tissue += 1
                e1 = np.exp(np.float32(-tr) * r1[a, c, d])
                # Echoes are equally spaced: two exponentials give all of them.
                signal = density * sine * (1 - e1) / (1 - cosine * e1) * np.exp(np.float32(-te) * r2star[a, c, d])
                factor = np.exp(np.float32(-step) * r2star[a, c, d])
                for n in range(sums.shape[0]):
                    sums[n] += signal
                    signal *= factor
    return tissue


@njit(cache=True, nogil=True, fastmath=True)
def _scan(
    r1, r2star, pd, k0, k1, affine, center, radii, receive, phase, main, dipoles, excite, te, step, sigma, scale, seed,
    normals, magnitudes, phases,
):  # fmt: skip
    echoes, _, ny, nx = magnitudes.shape
    fx, fy, fz = r1.shape[0] // nx, r1.shape[1] // ny, r1.shape[2] // (k1 - k0)
    share = 1.0 / (fx * fy * fz)
    hashes = (echoes + 1) // 2
    sums = np.zeros(echoes)
    for j in range(ny):
        for k in range(k0, k1):
            for i in range(nx):
                tissue = _sums(r1, r2star, pd, i, j, k - k0, fx, fy, fz, excite, te, step, sums)
                re = im = turn_re = turn_im = hx = hy = hz = 0.0
                if tissue:
                    x = affine[0, 0] * i + affine[0, 1] * j + affine[0, 2] * k + affine[0, 3]
                    y = affine[1, 0] * i + affine[1, 1] * j + affine[1, 2] * k + affine[1, 3]
                    z = affine[2, 0] * i + affine[2, 1] * j + affine[2, 2] * k + affine[2, 3]
                    field, gx, gy, gz = main_field(x, y, z, center, radii, main, dipoles)
                    # Half the field's difference across the voxel, along each of its edges.
                    hx = 0.5 * (gx * affine[0, 0] + gy * affine[1, 0] + gz * affine[2, 0])
                    hy = 0.5 * (gx * affine[0, 1] + gy * affine[1, 1] + gz * affine[2, 1])
                    hz = 0.5 * (gx * affine[0, 2] + gy * affine[1, 2] + gz * affine[2, 2])
                    u, v, w = (x - center[0]) / radii[0], (y - center[1]) / radii[1], (z - center[2]) / radii[2]
                    coil = quadratic(u, v, w, receive) * share
                    start = quadratic(u, v, w, phase) + field * te
                    re, im = coil * np.cos(start), coil * np.sin(start)
                    turn_re, turn_im = np.cos(field * step), np.sin(field * step)
                counter = ((k * ny + j) * nx + i) * hashes
                bits = np.uint64(0)
                for n in range(echoes):
                    if n % 2 == 0:
                        bits = mix(seed, counter + n // 2)
                    noise_re, noise_im = pick(bits, 2 * (n % 2), normals), pick(bits, 2 * (n % 2) + 1, normals)
                    real, imaginary = sigma * noise_re, sigma * noise_im
                    if tissue:
                        time = te + n * step
                        signal = sums[n] * _sinc(hx * time) * _sinc(hy * time) * _sinc(hz * time)
                        real += re * signal
                        imaginary += im * signal
                        re, im = re * turn_re - im * turn_im, re * turn_im + im * turn_re
                    magnitudes[n, k, j, i] = magnitude_step(real, imaginary, scale)
                    phases[n, k, j, i] = phase_step(real, imaginary)
