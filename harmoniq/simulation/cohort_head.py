"""One participant's head, ready to be scanned: anatomy, tissue values, fields, and where it lies in each scan."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.simulation.anatomy import Anatomy, place_lesions
from harmoniq.simulation.deformation import random_deformation
from harmoniq.simulation.fields import AIR_SPACES, HeadFields, draw_fields
from harmoniq.simulation.noise import derived_seed, generator
from harmoniq.simulation.protocol import SiteProtocol
from harmoniq.simulation.protocol_grid import Grid, oblique_grid, random_motion
from harmoniq.simulation.rasterize import ParameterSlab, parameter_slabs
from harmoniq.simulation.template import Template
from harmoniq.simulation.values import TissueValues, property_values

#: An ellipsoid around brain, skull and scalp, in the template's coordinates (mm). Chin and neck are left out.
_CENTER, _RADII = np.array([0.0, -15.0, 5.0]), np.array([84.0, 108.0, 92.0])
#: Median number of a patient's lesions, and the spread of its logarithm.
_LESIONS = (20.0, 0.5)
#: Sub-voxels are never finer than this (mm), nor are voxels split into less than halves.
_FINEST_MM = 0.5


@dataclass(frozen=True)
class Head:
    """One participant's head in the scanner.

    Parameters
    ----------
    label : str
        Of the participant.
    seed : int
        Of the run.
    anatomy : Anatomy
        Its coordinates are the scanner's during MP2RAGE, FLAIR, B1+ and diffusion.
    values : TissueValues
        Values, one per participant, 1/s.
    center, radii : (3,) array
        Of the ellipsoid around the head, in mm.
    fields : HeadFields
    motion : (4, 4) array
        From the head's place during MP2RAGE to that during the multi-echo GRE, in scanner coordinates (RAS, mm).
    """

    label: str
    seed: int
    anatomy: Anatomy
    values: TissueValues
    center: NDArray[np.float64]
    radii: NDArray[np.float64]
    fields: HeadFields
    motion: NDArray[np.float64]

    def noise_seed(self, image: str) -> int:
        """Return the seed of one image's noise.

        Parameters
        ----------
        image : str
            Name of the image, part of the random stream's name.

        Returns
        -------
        int
            The seed of one image's noise.
        """
        return derived_seed(self.seed, self.label, image)

    def generator(self, purpose: str) -> np.random.Generator:
        """Return the random numbers for one purpose.

        Parameters
        ----------
        purpose : str
            What the random numbers are for.

        Returns
        -------
        random.Generator
            The random numbers for one purpose.
        """
        return generator(self.seed, self.label, purpose)

    def grid(self, image: str, voxel_size: ArrayLike, *, flip_x: bool = False) -> Grid:
        """Return a slightly oblique grid around the head, in the scanner's coordinates during MP2RAGE.

        Parameters
        ----------
        image : str
            Name of the image, part of the random stream's name.
        voxel_size : array
            Edge of a voxel, mm.
        flip_x : bool, optional
            Whether the first axis is mirrored.

        Returns
        -------
        Grid
            A slightly oblique grid around the head, in the scanner's coordinates during MP2RAGE.
        """
        degrees = self.generator(f"grid {image}").uniform(-4, 4, 3)
        return oblique_grid(self.center, self.radii, voxel_size, degrees, flip_x=flip_x)

    def moved_grid(self, image: str, voxel_size: ArrayLike) -> Grid:
        """Return a grid around the head where it lies during the multi-echo GRE.

        Parameters
        ----------
        image : str
            Name of the image, part of the random stream's name.
        voxel_size : array
            Edge of a voxel, mm.

        Returns
        -------
        Grid
            A grid around the head where it lies during the multi-echo GRE.
        """
        center = (self.motion @ [*self.center, 1.0])[:3]
        degrees = self.generator(f"grid {image}").uniform(-4, 4, 3)
        return oblique_grid(center, self.radii, voxel_size, degrees, flip_x=True)

    def slabs(self, grid: Grid) -> Iterator[ParameterSlab]:
        """Yield the tissue's parameters in a grid of the head's coordinates; sinuses and ear canals are empty.

        Parameters
        ----------
        grid : Grid
            The image's grid.

        Yields
        ------
        ParameterSlab
            The tissue's parameters in a grid of the head's coordinates; sinuses and ear canals are empty.
        """
        factors = np.array(sub_voxels(grid))
        for slab in parameter_slabs(self.anatomy, self.values, grid.affine, grid.shape, sub_voxels(grid)):
            for x, y, z, radius in self.fields.dipoles[:, [0, 1, 2, 4]]:
                _empty_ball(slab, grid, factors, np.array([x, y, z]), radius)
            yield slab


def sub_voxels(grid: Grid) -> tuple[int, int, int]:
    """Return into how many parts each edge of a voxel is split: parts of half the smallest edge, 0.5 mm at least.

    Parameters
    ----------
    grid : Grid
        The image's grid.

    Returns
    -------
    tuple (int, int, int)
        Into how many parts each edge of a voxel is split: parts of half the smallest edge, 0.5 mm at least.
    """
    part = max(_FINEST_MM, grid.voxel_size.min() / 2)
    x, y, z = (max(1, int(edge / part + 0.5 + 1e-9)) for edge in grid.voxel_size)
    return (x, y, z)


def _empty_ball(slab: ParameterSlab, grid: Grid, factors: NDArray[np.intp], center: NDArray, radius: float) -> None:
    """Take the tissue out of a ball: only the box around it is looked at."""
    edges = grid.voxel_size / factors
    middle = ((np.linalg.inv(grid.affine) @ [*center, 1.0])[:3] - [0, 0, slab.k0] + 0.5) * factors - 0.5
    low = np.clip(np.floor(middle - radius / edges), 0, slab.pd.shape).astype(int)
    high = np.clip(np.ceil(middle + radius / edges) + 1, 0, slab.pd.shape).astype(int)
    if (high > low).all():
        x, y, z = np.ogrid[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        away = [(axis - m) * edge for axis, m, edge in zip((x, y, z), middle, edges, strict=True)]
        inside = away[0] ** 2 + away[1] ** 2 + away[2] ** 2 < radius**2
        slab.pd[low[0] : high[0], low[1] : high[1], low[2] : high[2]][inside] = 0.0


def make_head(
    label: str,
    template: Template,
    protocol: SiteProtocol,
    regional: Mapping[tuple[str, str], NDArray[np.float64]],
    *,
    patient: bool,
    b1_inhomogeneity: float,
    seed: int,
    lesions: int | None = None,
) -> Head:
    """Make a participant's head.

    Parameters
    ----------
    label : str
        Of the participant; with `seed` it decides the head's shape, place, lesions and fields.
    template : Template
        Name of the template.
    protocol : SiteProtocol
        The sequence's protocol.
    regional : mapping
        As `harmoniq.simulation.truth.tissue_arrays` makes it.
    patient : bool
        Whether to place lesions.
    b1_inhomogeneity : float
        As in `harmoniq.simulation.fields.draw_fields`.
    seed : int
        Of all that is random.
    lesions : int, optional
        Of a patient; by default drawn.

    Returns
    -------
    Head
        See `Head`.
    """
    deformation = random_deformation(generator(seed, label, "shape"))
    rng = generator(seed, label, "lesions")
    count = int(np.clip(_LESIONS[0] * np.exp(rng.normal(0, _LESIONS[1])), 5, 80)) if patient else 0
    count = lesions if patient and lesions is not None else count
    anatomy = Anatomy(template, deformation, place_lesions(template, deformation, count, rng))
    center = deformation.push(_CENTER)
    ends = [deformation.push(_CENTER + sign * np.diag(_RADII)) for sign in (1, -1)]
    radii = 0.5 * np.linalg.norm(ends[0] - ends[1], axis=1)
    air = np.column_stack([deformation.push(AIR_SPACES[:, :3]), AIR_SPACES[:, 3]])
    fields = draw_fields(
        generator(seed, label, "fields"), center, radii, air,
        b1_inhomogeneity=b1_inhomogeneity, field_strength=protocol.scanner.field_strength,
    )  # fmt: skip
    motion = random_motion(generator(seed, label, "motion"), center)
    return Head(label, seed, anatomy, tissue_values(regional), center, radii, fields, motion)


def tissue_values(regional: Mapping[tuple[str, str], NDArray[np.float64]]) -> TissueValues:
    """Return the values that are painted: the participant's R1 and R2*, and typical proton densities.

    Parameters
    ----------
    regional : mapping of tuple (str to str), array
        True values by metric and tissue, 1/s.

    Returns
    -------
    TissueValues
        The values that are painted: the participant's R1 and R2*, and typical proton densities.
    """
    r1, r2star = (
        property_values(name, cgm=regional[metric, "cGM"], swm=regional[metric, "sWM"], bundles=regional[metric, "WM"])
        for name, metric in (("r1", "R1"), ("r2star", "R2star"))
    )
    return TissueValues(r1, r2star, property_values("pd"))
