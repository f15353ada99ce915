"""The template's cortex: fsaverage5's surfaces, thickened where averaging has made them too thin, and their labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.data.errors import InputError
from harmoniq.data.names import BRODMANN_NUMBERS, HEMISPHERES
from harmoniq.simulation.meshes import cortical_thickness, neighbors_mean, read_fsaverage5, vertex_normals

#: Averaging 40 brains shrank fsaverage's cortex to 1.3 mm in places; real cortex is 2 to 4 mm thick (Fischl and Dale
#: 2000, PNAS 97:11050). Thinner than this (mm), no 1 mm map can hold the mid-cortical value.
MINIMUM_THICKNESS_MM: Final = 2.5

#: Labels of vertices, besides 0 to 40 for the areas: cortex outside the Brodmann areas, and no cortex at all.
UNASSIGNED: Final = 41
MEDIAL_WALL: Final = 255


@dataclass(frozen=True)
class Hemisphere:
    """One side's surfaces in the template's RAS mm.

    Parameters
    ----------
    white, pial, sphere, inflated : (10242, 3) array
        Vertices of each surface, in mm.
    faces : (20480, 3) array
        Vertices of each triangle, the same in all of them.
    area : (10242,) uint8 array
        Index into `BRODMANN_AREAS`, `UNASSIGNED` or `MEDIAL_WALL`.
    """

    white: NDArray[np.float64]
    pial: NDArray[np.float64]
    sphere: NDArray[np.float64]
    inflated: NDArray[np.float64]
    faces: NDArray[np.int64]
    area: NDArray[np.uint8]


def load_cortex(labels: Mapping[str, ArrayLike]) -> dict[str, Hemisphere]:
    """Make the template's cortex.

    Parameters
    ----------
    labels : mapping
        'L' and 'R' to the Brodmann number of each vertex of fsaverage5; 0 and -1 where there is none.

    Returns
    -------
    dict of str to Hemisphere
        ``L`` and ``R``.

    Raises
    ------
    InputError
        When a side or vertices are missing, or a number is not an area of PALS-B12.
    """
    sides = {}
    for side in HEMISPHERES:
        if side not in labels:
            raise InputError("labels of a hemisphere are missing", key=side, remedy="give both L and R")
        white, faces = read_fsaverage5(side, "white")
        pial = read_fsaverage5(side, "pial")[0]
        area = _area_index(np.asarray(labels[side]), white, pial, faces, side)
        white, pial = thicken(white, pial, faces, area != MEDIAL_WALL)
        sphere, inflated = (read_fsaverage5(side, kind)[0] for kind in ("sphere", "infl"))
        sides[side] = Hemisphere(white, pial, sphere, inflated, faces, area)
    return sides


def thicken(
    white: NDArray[np.float64],
    pial: NDArray[np.float64],
    faces: NDArray[np.int64],
    cortex: NDArray[np.bool_],
    minimum_mm: float = MINIMUM_THICKNESS_MM,
    iterations: int = 12,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Move both surfaces apart along their normals until the cortex is `minimum_mm` thick.

    Both move by half: moving the pial surface alone makes opposite banks of narrow sulci cross.

    Parameters
    ----------
    white, pial : (n, 3) array
        Vertices, in mm.
    faces : (m, 3) array
        Vertices of each triangle.
    cortex : (n,) array of bool
        Which vertices are cortex; others only follow their neighbors.
    minimum_mm : float, optional
        Thickness that is wanted, in mm.
    iterations : int, optional
        Rounds at most; it ends where no vertex lacks 0.02 mm.

    Returns
    -------
    white, pial : (n, 3) array
        In mm; about as thick as wanted.
    """
    white, pial = white.copy(), pial.copy()
    for _ in range(iterations):
        lack = np.where(cortex, np.clip(minimum_mm - cortical_thickness(white, pial, faces, 12), 0.0, None), 0.0)
        lack = np.maximum(lack, neighbors_mean(faces, lack))
        lack = np.where(cortex, 0.5 * lack + 0.5 * neighbors_mean(faces, lack), 0.0)
        if lack.max() < 0.02:
            break
        pial += 0.4 * lack[:, None] * vertex_normals(pial, faces)
        white -= 0.4 * lack[:, None] * vertex_normals(white, faces)
    return white, pial


def _area_index(
    numbers: NDArray[np.int64],
    white: NDArray[np.float64],
    pial: NDArray[np.float64],
    faces: NDArray[np.int64],
    side: str,
) -> NDArray[np.uint8]:
    """Return the area's index per vertex; the medial wall is where the atlas says -1, or where the cortex is flat."""
    if numbers.shape != (len(white),):
        raise InputError(f"must hold {len(white)} labels, one for each vertex", key=side, value=numbers.shape)
    unknown = sorted({int(n) for n in np.unique(numbers) if n > 0} - set(BRODMANN_NUMBERS))
    if unknown:
        raise InputError("numbers are not areas of PALS-B12", key=side, value=unknown)
    area = np.full(len(numbers), UNASSIGNED, np.uint8)
    for index, number in enumerate(BRODMANN_NUMBERS):
        area[numbers == number] = index
    if np.any(numbers == -1):
        area[numbers == -1] = MEDIAL_WALL
        return area
    # Without the medial wall's own label: the two surfaces coincide there. Smoothing closes the holes.
    flat = ((np.linalg.norm(pial - white, axis=1) < 1.2) & (numbers <= 0)).astype(float)
    for _ in range(4):
        flat = 0.5 * flat + 0.5 * neighbors_mean(faces, flat)
    area[(flat > 0.5) & (numbers <= 0)] = MEDIAL_WALL
    return area
