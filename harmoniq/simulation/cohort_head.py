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
        R1, R2* and proton density of its tissues.
    center, radii : (3,) array
        Of the ellipsoid around the head, in mm.
    fields : HeadFields
        B1+, receive field, coil phase and the main field's error.
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
        """Derive the seed of one image's noise.

        Parameters
        ----------
        image : str
            Name of the sequence, for example ``mp2rage``.

        Returns
        -------
        int
            Of 63 bits; it depends on the run's seed, the participant and the name alone.
        """
        return derived_seed(self.seed, self.label, image)

    def generator(self, purpose: str) -> np.random.Generator:
        """Make the generator of random numbers for one purpose.

        Parameters
        ----------
        purpose : str
            What the numbers are for, for example ``streamlines``.

        Returns
        -------
        numpy.random.Generator
            New at each call; it depends on the run's seed, the participant and the purpose alone.
        """
        return generator(self.seed, self.label, purpose)

    def grid(self, image: str, voxel_size: ArrayLike, *, flip_x: bool = False) -> Grid:
        """Lay a slightly oblique grid around the head where it lies during MP2RAGE.

        Parameters
        ----------
        image : str
            Name of the sequence, by which the turn is drawn: up to 4 degrees about each axis.
        voxel_size : array_like, shape (3,)
            In mm; one number for all three.
        flip_x : bool, optional
            Store right to left (LAS).

        Returns
        -------
        Grid
            In the scanner's coordinates.
        """
        degrees = self.generator(f"grid {image}").uniform(-4, 4, 3)
        return oblique_grid(self.center, self.radii, voxel_size, degrees, flip_x=flip_x)

    def moved_grid(self, image: str, voxel_size: ArrayLike) -> Grid:
        """Lay a grid around the head where it lies during the multi-echo GRE, stored right to left (LAS).

        Parameters
        ----------
        image, voxel_size
            As `grid` takes them.

        Returns
        -------
        Grid
            In the scanner's coordinates, in which the head has moved.
        """
        center = (self.motion @ [*self.center, 1.0])[:3]
        degrees = self.generator(f"grid {image}").uniform(-4, 4, 3)
        return oblique_grid(center, self.radii, voxel_size, degrees, flip_x=True)

    def slabs(self, grid: Grid) -> Iterator[ParameterSlab]:
        """Yield the tissue's parameters slab by slab; sinuses and ear canals are empty.

        Parameters
        ----------
        grid : Grid
            In the head's coordinates.

        Yields
        ------
        ParameterSlab
            R1, R2* and proton density at the sub-voxels of 8 planes.
        """
        factors = np.array(sub_voxels(grid))
        for slab in parameter_slabs(self.anatomy, self.values, grid.affine, grid.shape, sub_voxels(grid)):
            for x, y, z, radius in self.fields.dipoles[:, [0, 1, 2, 4]]:
                _empty_ball(slab, grid, factors, np.array([x, y, z]), radius)
            yield slab


def sub_voxels(grid: Grid) -> tuple[int, int, int]:
    """Choose into how many parts each edge of a voxel is split.

    Parameters
    ----------
    grid : Grid
        Of the image.

    Returns
    -------
    tuple (int, int, int)
        For parts of about half the smallest edge, or 0.5 mm where that is more.
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
        That is deformed.
    protocol : SiteProtocol
        The site's; its field strength counts.
    regional : mapping
        As `harmoniq.simulation.truth.tissue_arrays` makes it.
    patient : bool
        Whether to place lesions.
    b1_inhomogeneity : float
        As in `harmoniq.simulation.fields.draw_fields`.
    seed : int
        Of the run.
    lesions : int, optional
        How many a patient has; by default drawn, 5 to 80 with the median 20.

    Returns
    -------
    Head
        Ready to be scanned.
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
    """Make the values that are painted: the participant's R1 and R2*, and typical proton densities.

    Parameters
    ----------
    regional : mapping
        ``(metric, tissue)`` to true values in 1/s, as `harmoniq.simulation.truth.tissue_arrays` makes it.

    Returns
    -------
    TissueValues
        Tissues outside the regions have typical values.
    """
    r1, r2star = (
        property_values(name, cgm=regional[metric, "cGM"], swm=regional[metric, "sWM"], bundles=regional[metric, "WM"])
        for name, metric in (("r1", "R1"), ("r2star", "R2star"))
    )
    return TissueValues(r1, r2star, property_values("pd"))
