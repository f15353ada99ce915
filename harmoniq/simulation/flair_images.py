"""FLAIR: fluid dark, lesions bright.

Inversion recovery of a long TR with a T2-weighted readout: PD (1 - 2 exp(-TI R1) + exp(-TR R1)) exp(-TE R2)
(Hajnal et al. 1992, doi:10.1097/00004728-199211000-00001). The anatomy holds no R2: it is taken as a fixed part of R2*,
and lesions, whose T2 grows more than their T2*, are brightened beyond that.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from harmoniq.simulation.fields import HeadFields, quadratic
from harmoniq.simulation.noise import mix, normal_table, pick
from harmoniq.simulation.noise_receiver import FULL_SCALE, magnitude_step
from harmoniq.simulation.protocol import FLAIRProtocol
from harmoniq.simulation.protocol_grid import Grid
from harmoniq.simulation.rasterize import ParameterSlab

#: Signal of white matter over the noise's standard deviation per channel.
SNR = 40.0
#: R2 over R2*: T2 of 77 ms at T2* of 48 ms, as in white matter at 3 T (Wansapura 1999, J Magn Reson Imaging 9:531).
R2_OF_R2STAR = 0.62
#: What a lesion's signal is multiplied by, beyond what its R1, R2* and proton density make of it.
LESION_GAIN = 1.5
_WHITE_MATTER = (1.1, 0.7, 21.0)


class FLAIRScan:
    """Scan slab by slab; `image` is uint16 with axes (z, y, x), 0 to 4095.

    Parameters
    ----------
    protocol : FLAIRProtocol
        Times of the sequence.
    fields : HeadFields
        Around the head; the receive field alone counts.
    grid : Grid
        In the head's coordinates.
    seed : int
        Of the noise.
    lesions : array, optional
        Share of each voxel (x, y, z) that lesions fill.
    snr : float
        Signal of white matter over the noise's standard deviation per channel.
    """

    def __init__(
        self,
        protocol: FLAIRProtocol,
        fields: HeadFields,
        grid: Grid,
        *,
        seed: int,
        lesions: NDArray[np.float32] | None = None,
        snr: float = SNR,
    ) -> None:
        self._lesions = np.zeros((0, 0, 0), np.float32) if lesions is None else lesions
        self.protocol, self.fields, self.grid, self.seed = protocol, fields, grid, np.uint64(seed)
        self.image: NDArray[np.uint16] = np.zeros(grid.shape[::-1], dtype=np.uint16)
        reference = flair_signal(*_WHITE_MATTER, protocol)
        self.sigma = reference / snr
        # Lesions and muscle are some two to four times as bright as white matter.
        self.scale = FULL_SCALE / (8.0 * reference)

    def add(self, slab: ParameterSlab) -> None:
        """Measure one slab of the head.

        Parameters
        ----------
        slab : ParameterSlab
            Of the scan's grid; `image` is filled between its planes.
        """
        f, p = self.fields, self.protocol
        _scan(
            slab.r1, slab.r2star, slab.pd, slab.k0, slab.k1, self.grid.affine, f.center, f.radii, f.receive,
            p.inversion_time, p.repetition_time, p.echo_time * R2_OF_R2STAR, self.sigma, self.scale, self.seed,
            normal_table(), self._lesions, self.image,
        )  # fmt: skip


def flair_signal(r1: float, density: float, r2star: float, protocol: FLAIRProtocol) -> float:
    """Compute the signal's magnitude.

    Parameters
    ----------
    r1, r2star : float
        In 1/s.
    density : float
        Proton density relative to water.
    protocol : FLAIRProtocol
        Times of the sequence.

    Returns
    -------
    float
        Relative to the equilibrium magnetization of water.

    Notes
    -----
    Hajnal et al. 1992, doi:10.1097/00004728-199211000-00001.
    """
    recovered = 1 - 2 * np.exp(-protocol.inversion_time * r1) + np.exp(-protocol.repetition_time * r1)
    return float(density * abs(recovered) * np.exp(-protocol.echo_time * R2_OF_R2STAR * r2star))


@njit(cache=True, nogil=True, fastmath=True)
def _scan(
    r1, r2star, pd, k0, k1, affine, center, radii, receive, ti, tr, te, sigma, scale, seed, normals, lesions, image
):  # fmt: skip
    _, ny, nx = image.shape
    fx, fy, fz = r1.shape[0] // nx, r1.shape[1] // ny, r1.shape[2] // (k1 - k0)
    for j in range(ny):
        for k in range(k0, k1):
            for i in range(nx):
                total = 0.0
                for a in range(i * fx, i * fx + fx):
                    for c in range(j * fy, j * fy + fy):
                        for d in range((k - k0) * fz, (k - k0) * fz + fz):
                            density = pd[a, c, d]
                            if density > 0:
                                rate = r1[a, c, d]
                                recovered = 1 - 2 * np.exp(np.float32(-ti) * rate) + np.exp(np.float32(-tr) * rate)
                                total += density * recovered * np.exp(np.float32(-te) * r2star[a, c, d])
                re = 0.0
                if total != 0.0:
                    u = (affine[0, 0] * i + affine[0, 1] * j + affine[0, 2] * k + affine[0, 3] - center[0]) / radii[0]
                    v = (affine[1, 0] * i + affine[1, 1] * j + affine[1, 2] * k + affine[1, 3] - center[1]) / radii[1]
                    w = (affine[2, 0] * i + affine[2, 1] * j + affine[2, 2] * k + affine[2, 3] - center[2]) / radii[2]
                    re = quadratic(u, v, w, receive) * total / (fx * fy * fz)
                    if lesions.size:
                        re *= 1 + (LESION_GAIN - 1) * lesions[i, j, k]
                bits = mix(seed, (k * ny + j) * nx + i)
                re += sigma * pick(bits, 0, normals)
                image[k, j, i] = magnitude_step(re, sigma * pick(bits, 1, normals), scale)
