"""The gradient table of a multi-shell acquisition: directions spread evenly over the sphere, b = 0 in between."""

import numpy as np
from numpy.typing import NDArray

from harmoniq.simulation.protocol import DWIProtocol


def spread_directions(count: int, rng: np.random.Generator, steps: int = 300) -> NDArray[np.float64]:
    """Spread axes over the sphere.

    Parameters
    ----------
    count : int
        How many.
    rng : numpy.random.Generator
        For where they start.
    steps : int
        Of the descent.

    Returns
    -------
    ndarray, shape (count, 3)
        Unit vectors.

    Notes
    -----
    Electrostatic repulsion of antipodal pairs of charges (Jones et al. 1999,
    doi:10.1002/(SICI)1522-2594(199909)42:3<515::AID-MRM14>3.0.CO;2-Q).
    """
    axes = rng.standard_normal((count, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    # A step of a part of the mean distance between neighbors, which shrinks to nothing.
    for size in np.linspace(0.5, 0.005, steps) / np.sqrt(max(count, 1)):
        force = np.zeros_like(axes)
        for sign in (-1.0, 1.0):
            apart = axes[:, None] + sign * axes[None]
            distance = np.linalg.norm(apart, axis=-1)
            np.fill_diagonal(distance, np.inf)
            force += (apart / distance[..., None] ** 3).sum(axis=1)
        force -= (force * axes).sum(axis=1, keepdims=True) * axes
        length = np.linalg.norm(force, axis=1, keepdims=True)
        axes += size * force / np.maximum(length, length.mean() + 1e-12)
        axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    return axes


def gradient_table(protocol: DWIProtocol, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Make a gradient table.

    Shells are mixed in a random order; the volumes without diffusion weighting come first and at regular intervals.

    Parameters
    ----------
    protocol : DWIProtocol
        b-values and how many volumes each has.
    rng : numpy.random.Generator
        Draws the directions' start and the order.

    Returns
    -------
    b_values : ndarray, shape (n,)
        In s/mm².
    directions : ndarray, shape (n, 3)
        Unit vectors in scanner coordinates (RAS); zero at b = 0.
    """
    b_values: list[float] = []
    directions: list[NDArray] = []
    plain = 0
    for b, count in zip(protocol.b_values, protocol.directions, strict=True):
        if b == 0:
            plain = count
            continue
        b_values += [b] * count
        directions += list(spread_directions(count, rng))
    order = rng.permutation(len(b_values))
    weighted = iter([(b_values[n], directions[n]) for n in order])
    total = plain + len(b_values)
    at_zero = set(np.linspace(0, total, plain, endpoint=False).astype(int)) if plain else set()
    rows = [(0.0, np.zeros(3)) if n in at_zero else next(weighted) for n in range(total)]
    return np.array([b for b, _ in rows]), np.array([g for _, g in rows])


def fsl_directions(directions: NDArray, affine: NDArray) -> NDArray[np.float64]:
    """Turn directions from scanner coordinates into FSL's.

    They go along the voxel axes, with x mirrored where the affine's determinant is positive (FSL's documentation,
    "What conventions do the bvecs use?", https://fsl.fmrib.ox.ac.uk/fsl/docs).

    Parameters
    ----------
    directions : ndarray, shape (n, 3)
        In scanner coordinates (RAS).
    affine : ndarray, shape (4, 4)
        Of the image, from voxels to RAS mm.

    Returns
    -------
    ndarray, shape (n, 3)
        Directions as FSL's files hold them.
    """
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    along = directions @ axes
    if np.linalg.det(axes) > 0:
        along = along * np.array([-1.0, 1.0, 1.0])
    return along
