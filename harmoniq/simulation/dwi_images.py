"""Multi-shell diffusion images: fluid, gray matter, white matter and fibers along the bundles, volume by volume.

Each compartment's signal is proton density x T2 decay (as constants below) x fraction x its diffusion: isotropic in
fluid and gray matter, a weak tensor in white matter outside the bundles, and along a bundle a stick and a tensor about
it (Panagiotaki et al. 2012, doi:10.1016/j.neuroimage.2011.09.081, "stick" and "zeppelin"). Scalp and muscle give
nothing: fat is suppressed. There is no distortion and no motion between volumes.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from harmoniq.simulation.fields import HeadFields, quadratic
from harmoniq.simulation.noise import mix, normal_table, pick
from harmoniq.simulation.noise_receiver import FULL_SCALE, magnitude_step
from harmoniq.simulation.protocol_grid import Grid

#: Signal of white matter at b = 0 over the noise's standard deviation per channel.
SNR = 30.0
# Signal at b = 0 (proton density x exp(-TE/T2) at TE 75 ms) of fluid, gray and white matter, lesions set aside.
_BASE = (0.95, 0.36, 0.26)
# Diffusivities in mm²/s.
_FLUID, _GRAY = 3.0e-3, 0.8e-3
_AXIAL, _RADIAL, _INTRA = 1.7e-3, 0.4e-3, 1.7e-3
_STICK_SHARE = 0.5
# White matter outside the bundles: crossing fibers, on average weakly from front to back (FA about 0.2).
_BACKGROUND_ALONG, _BACKGROUND_ACROSS = 0.90e-3, 0.65e-3


@dataclass(frozen=True)
class DiffusionTissue:
    """Fractions of voxels in a diffusion grid, each float32 with axes (x, y, z).

    Parameters
    ----------
    fluid, gray, white : array
        Volume fractions; `white` holds the bundles too.
    fiber : array, shape (x, y, z, n)
        Volume fractions that run along each of `direction`, parts of `white`.
    direction : array, shape (x, y, z, n, 3)
        Unit vectors along the bundles, in the head's coordinates; anything where `fiber` is 0.
    """

    fluid: NDArray[np.float32]
    gray: NDArray[np.float32]
    white: NDArray[np.float32]
    fiber: NDArray[np.float32]
    direction: NDArray[np.float32]


class DWIScan:
    """Scan volume by volume.

    Parameters
    ----------
    tissue : DiffusionTissue
        Fractions and directions on the grid.
    fields : HeadFields
        Around the head; the receive field alone counts.
    grid : Grid
        In the head's coordinates.
    seed : int
        Of the noise.
    snr : float
        Signal of white matter at b = 0 over the noise's standard deviation per channel.
    """

    def __init__(self, tissue: DiffusionTissue, fields: HeadFields, grid: Grid, *, seed: int, snr: float = SNR) -> None:
        self.tissue, self.fields, self.grid, self.seed = tissue, fields, grid, np.uint64(seed)
        self.sigma = _BASE[2] / snr
        self.scale = FULL_SCALE / (1.8 * _BASE[0])
        self._volume = np.zeros(grid.shape[::-1], dtype=np.uint16)

    def volume(self, number: int, b_value: float, direction: NDArray) -> NDArray[np.uint16]:
        """Measure one volume.

        Parameters
        ----------
        number : int
            Of the volume in the series; picks its noise.
        b_value : float
            In s/mm².
        direction : ndarray, shape (3,)
            Of the gradient, in the head's coordinates.

        Returns
        -------
        uint16 array with axes (z, y, x)
            The next call overwrites it.
        """
        f, t = self.fields, self.tissue
        _scan(
            t.fluid, t.gray, t.white, t.fiber, t.direction, self.grid.affine, f.center, f.radii, f.receive,
            float(b_value), np.asarray(direction, dtype=np.float64), self.sigma, self.scale, self.seed, number,
            normal_table(), self._volume,
        )  # fmt: skip
        return self._volume


@njit(cache=True, nogil=True, fastmath=True)
def _scan(
    fluid, gray, white, fiber, direction, affine, center, radii, receive, b, g, sigma, scale, seed, number, normals,
    image,
):  # fmt: skip
    nz, ny, nx = image.shape
    from_fluid, from_gray = _BASE[0] * np.exp(-b * _FLUID), _BASE[1] * np.exp(-b * _GRAY)
    along = _BACKGROUND_ACROSS + (_BACKGROUND_ALONG - _BACKGROUND_ACROSS) * g[1] * g[1]
    from_white = _BASE[2] * np.exp(-b * along)
    outside, inside = (1 - _STICK_SHARE) * _BASE[2] * np.exp(-b * _RADIAL), _STICK_SHARE * _BASE[2]
    for k in range(nz):
        for j in range(ny):
            for i in range(nx):
                signal = fluid[i, j, k] * from_fluid + gray[i, j, k] * from_gray
                rest = white[i, j, k]
                for n in range(fiber.shape[3]):
                    share = fiber[i, j, k, n]
                    if share > 0:
                        t = direction[i, j, k, n, 0] * g[0]
                        t += direction[i, j, k, n, 1] * g[1] + direction[i, j, k, n, 2] * g[2]
                        square = b * t * t
                        signal += share * outside * np.exp(-square * (_AXIAL - _RADIAL))
                        signal += share * inside * np.exp(-square * _INTRA)
                        rest -= share
                signal += max(rest, 0.0) * from_white
                re = 0.0
                if signal > 0:
                    u = (affine[0, 0] * i + affine[0, 1] * j + affine[0, 2] * k + affine[0, 3] - center[0]) / radii[0]
                    v = (affine[1, 0] * i + affine[1, 1] * j + affine[1, 2] * k + affine[1, 3] - center[1]) / radii[1]
                    w = (affine[2, 0] * i + affine[2, 1] * j + affine[2, 2] * k + affine[2, 3] - center[2]) / radii[2]
                    re = signal * quadratic(u, v, w, receive)
                voxel = (k * ny + j) * nx + i
                bits = mix(seed, (number // 2) * nz * ny * nx + voxel)
                first = 2 * (number % 2)
                re += sigma * pick(bits, first, normals)
                image[k, j, i] = magnitude_step(re, sigma * pick(bits, first + 1, normals), scale)
