"""The fields that make images imperfect: transmit B1+, receive B1-, the coil's phase, and the main field's error.

The smooth ones are quadratic polynomials of the position relative to the head (0 at its center, 1 at its surface). The
main field's error adds magnetic dipoles, the field outside air-filled spheres in tissue, above the sinuses and the ear
canals. All are analytic, so that the gradient of the main field, which dephases spins within a voxel, is exact.

Sources: B1+ of a head at 3 T, about 1.1 times nominal at the center and 0.8 at the edge (Lutti et al. 2010,
doi:10.1002/mrm.22421); field of a sphere (Schenck 1996, doi:10.1118/1.597854, equation for a sphere in a uniform
field): dB = B0 dchi/3 (a/r)^3 (3 cos^2 theta - 1).
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

#: Of the proton, rad/s/T.
GYROMAGNETIC_RATIO = 267.52218708e6
#: Susceptibility of tissue against air.
_AIR_TISSUE = -9.4e-6
#: Air spaces in the template's coordinates (mm) and their radii: sphenoid and ethmoid sinuses, left and right ear.
AIR_SPACES = np.array([[0.0, 38.0, -44.0, 8.0], [-52.0, -22.0, -52.0, 7.0], [52.0, -22.0, -52.0, 7.0]])
# The part of the susceptibility's effect that shimming and the irregular shape of real sinuses leave.
_REMAINING = 0.5


@dataclass(frozen=True)
class HeadFields:
    """The fields around one head.

    Parameters
    ----------
    center, radii : (3,) array
        Of the ellipsoid around the head, in mm, in the head's coordinates.
    transmit, receive, phase, main : (10,) array
        Polynomials in the relative position (u, v, w): 1, u, v, w, u², v², w², uv, uw, vw. `transmit` relative to the
        nominal flip angle, `receive` relative, `phase` in rad, `main` in rad/s.
    dipoles : (n, 5) array
        Position in mm, strength in rad/s mm³, radius in mm.
    """

    center: NDArray[np.float64]
    radii: NDArray[np.float64]
    transmit: NDArray[np.float64]
    receive: NDArray[np.float64]
    phase: NDArray[np.float64]
    main: NDArray[np.float64]
    dipoles: NDArray[np.float64]


def draw_fields(
    rng: np.random.Generator,
    center: ArrayLike,
    radii: ArrayLike,
    air_spaces: ArrayLike,
    *,
    b1_inhomogeneity: float,
    field_strength: float = 3.0,
) -> HeadFields:
    """Draw the fields around one head.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws how this head differs from others.
    center, radii : array_like, shape (3,)
        Of the ellipsoid around the head, in mm.
    air_spaces : array_like, shape (n, 4)
        Position and radius of the air-filled spheres, in mm.
    b1_inhomogeneity : float
        0 leaves B1+ at its nominal value everywhere, 1 makes it as inhomogeneous as at 3 T in life.
    field_strength : float
        In T.

    Returns
    -------
    HeadFields
        In the coordinates of `center`.
    """
    transmit = np.zeros(10)
    transmit[0] = 1.1 + rng.normal(0, 0.02)
    transmit[1:4] = rng.normal(0, 0.03, 3)
    transmit[4:7] = -0.30 + rng.normal(0, 0.03, 3)
    transmit[7:] = rng.normal(0, 0.02, 3)
    transmit *= b1_inhomogeneity
    transmit[0] += 1 - b1_inhomogeneity

    receive = np.zeros(10)
    receive[0] = 0.75
    receive[1:4] = np.array([0, -0.08, 0.05]) + rng.normal(0, 0.03, 3)
    receive[4:7] = 0.35 + rng.normal(0, 0.03, 3)

    phase = np.concatenate([rng.uniform(-np.pi, np.pi, 1), rng.normal(0, 1.0, 3), rng.normal(0, 0.6, 6)])

    # 0.05 ppm per term at 3 T is 6 Hz at the head's surface, a gradient of some 2 to 5 uT/m.
    main = field_strength * GYROMAGNETIC_RATIO * rng.normal(0, 0.05e-6, 10)
    air = np.asarray(air_spaces, dtype=float)
    strength = -_REMAINING * _AIR_TISSUE / 3 * field_strength * GYROMAGNETIC_RATIO * air[:, 3] ** 3
    dipoles = np.column_stack([air[:, :3], strength * rng.uniform(0.8, 1.2, len(air)), air[:, 3]])
    return HeadFields(
        np.asarray(center, dtype=float), np.asarray(radii, dtype=float), transmit, receive, phase, main, dipoles
    )


@njit(inline="always")
def quadratic(u, v, w, c):
    """Evaluate a polynomial of second degree with the coefficients of `HeadFields`.

    Parameters
    ----------
    u, v, w : float
        Position relative to the head: 0 at its center, 1 at its surface.
    c : ndarray, shape (10,)
        Coefficients of 1, u, v, w, u², v², w², uv, uw, vw.

    Returns
    -------
    float
        In the coefficients' unit.
    """
    linear = c[0] + c[1] * u + c[2] * v + c[3] * w
    return linear + c[4] * u * u + c[5] * v * v + c[6] * w * w + c[7] * u * v + c[8] * u * w + c[9] * v * w


@njit(inline="always")
def main_field(x, y, z, center, radii, main, dipoles):
    """Compute the main field's error and its gradient at one point of the head.

    Parameters
    ----------
    x, y, z : float
        In the head's coordinates, mm.
    center, radii : ndarray, shape (3,)
        Of the ellipsoid around the head, in mm.
    main : ndarray, shape (10,)
        Coefficients of `quadratic`, rad/s.
    dipoles : ndarray, shape (n, 5)
        As in `HeadFields`; along z, the main field's axis. Inside its radius a dipole counts as 0.

    Returns
    -------
    tuple of float
        Error of the main field, rad/s, and its gradient along x, y and z, rad/s/mm.
    """
    u, v, w = (x - center[0]) / radii[0], (y - center[1]) / radii[1], (z - center[2]) / radii[2]
    field = quadratic(u, v, w, main)
    gx = (main[1] + 2 * main[4] * u + main[7] * v + main[8] * w) / radii[0]
    gy = (main[2] + 2 * main[5] * v + main[7] * u + main[9] * w) / radii[1]
    gz = (main[3] + 2 * main[6] * w + main[8] * u + main[9] * v) / radii[2]
    for n in range(dipoles.shape[0]):
        dx, dy, dz = x - dipoles[n, 0], y - dipoles[n, 1], z - dipoles[n, 2]
        square = dx * dx + dy * dy + dz * dz
        # Inside the air there is no signal: the field is only kept finite there.
        if square < dipoles[n, 4] * dipoles[n, 4]:
            continue
        inverse = 1.0 / square
        cube = dipoles[n, 3] * inverse * np.sqrt(inverse)
        cosine = 3.0 * dz * dz * inverse
        field += cube * (cosine - 1.0)
        radial = cube * inverse * (3.0 - 5.0 * cosine)
        gx += radial * dx
        gy += radial * dy
        gz += (radial + 6.0 * cube * inverse) * dz
    return field, gx, gy, gz


@njit(cache=True)
def _sample(points, center, radii, transmit, receive, phase, main, dipoles, out):
    for n in range(points.shape[0]):
        x, y, z = points[n]
        u, v, w = (x - center[0]) / radii[0], (y - center[1]) / radii[1], (z - center[2]) / radii[2]
        out[n, 0] = quadratic(u, v, w, transmit)
        out[n, 1] = quadratic(u, v, w, receive)
        out[n, 2] = quadratic(u, v, w, phase)
        out[n, 3], out[n, 4], out[n, 5], out[n, 6] = main_field(x, y, z, center, radii, main, dipoles)


def sample_fields(fields: HeadFields, points: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Sample all fields at points.

    Parameters
    ----------
    fields : HeadFields
        Around one head.
    points : array_like, shape (..., 3)
        In the head's coordinates, mm.

    Returns
    -------
    dict
        ``transmit`` and ``receive`` (relative), ``phase`` (rad), ``main`` (rad/s), each of the points' shape, and
        ``gradient`` of the main field (rad/s/mm), with a last axis of 3.
    """
    points = np.asarray(points, dtype=np.float64)
    out = np.empty((points.size // 3, 7))
    _sample(
        np.ascontiguousarray(points.reshape(-1, 3)), fields.center, fields.radii, fields.transmit, fields.receive,
        fields.phase, fields.main, fields.dipoles, out,
    )  # fmt: skip
    shape = points.shape[:-1]
    named = {name: out[:, n].reshape(shape) for n, name in enumerate(("transmit", "receive", "phase", "main"))}
    return named | {"gradient": out[:, 4:].reshape(*shape, 3)}
