"""One subject's head: the template, the deformation that makes the subject of it, and lesions."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.errors import InputError
from harmoniq.simulation.cortex import MEDIAL_WALL
from harmoniq.simulation.deformation import Deformation
from harmoniq.simulation.head import CLASS_NUMBER
from harmoniq.simulation.template import DISTANCE_UNIT_MM, LABELS_PER_SIDE, Template


@dataclass(frozen=True)
class Lesion:
    """A focal white-matter lesion: a ball.

    Parameters
    ----------
    center_subject_mm : tuple of float
        In the subject's scanner RAS mm.
    radius_mm : float
        In mm.
    """

    center_subject_mm: tuple[float, float, float]
    radius_mm: float


@dataclass(frozen=True)
class SubjectSurfaces:
    """One side's surfaces in the subject's scanner RAS mm.

    Parameters
    ----------
    white, pial : (10242, 3) array
        Vertices, in mm.
    faces : (20480, 3) array
        Vertices of each triangle.
    area : (10242,) uint8 array
        Index into BRODMANN_AREAS; 41 is other cortex, 255 the medial wall.
    """

    white: NDArray[np.float64]
    pial: NDArray[np.float64]
    faces: NDArray[np.int64]
    area: NDArray[np.uint8]


@dataclass(frozen=True)
class Anatomy:
    """What `rasterize`, `freesurfer` and `tractograms` draw.

    Parameters
    ----------
    template : Template
        The head that all subjects are made of.
    deformation : Deformation
        From the subject to the template.
    lesions : tuple of Lesion
        In the subject's RAS mm.
    """

    template: Template
    deformation: Deformation
    lesions: tuple[Lesion, ...] = ()

    def surfaces(self) -> Mapping[str, SubjectSurfaces]:
        """Bring the template's cortical surfaces to the subject.

        Returns
        -------
        mapping of str to SubjectSurfaces
            ``L`` and ``R`` to the surfaces.
        """
        return {
            side: SubjectSurfaces(
                self.deformation.push(cortex.white), self.deformation.push(cortex.pial), cortex.faces, cortex.area
            )
            for side, cortex in self.template.cortex.items()
        }

    def centerlines(self) -> Mapping[str, NDArray[np.float64]]:
        """Bring the center lines of the template's bundles to the subject.

        Returns
        -------
        mapping of str to ndarray, shape (n, 3)
            Bundle to points in the subject's RAS mm.
        """
        return {tube.name: self.deformation.push(tube.points) for tube in self.template.tubes}


def place_lesions(
    template: Template,
    deformation: Deformation,
    n: int,
    rng: np.random.Generator,
    juxtacortical_share: float = 0.15,
) -> tuple[Lesion, ...]:
    """Draw focal lesions in white matter: most beside the ventricles, a few beneath the cortex.

    Parameters
    ----------
    template : Template
        In whose white matter places are chosen.
    deformation : Deformation
        The subject's.
    n : int
        Number of lesions.
    rng : numpy.random.Generator
        Draws places and radii.
    juxtacortical_share : float
        Expected share of lesions 1 to 3 mm beneath the cortex; nine tenths of the others lie within 8 mm of a
        ventricle.

    Returns
    -------
    tuple of Lesion
        Radii from a log-normal law, median 2.6 mm, 1.5 to 7 mm; lesions may merge.

    Raises
    ------
    InputError
        When `n` is negative.
    """
    if n < 0:
        raise InputError("the number of lesions must not be negative", key="n", value=n)
    near_ventricle, deep, shallow = _lesion_sites(template)
    lesions = []
    for _ in range(n):
        draw = rng.uniform()
        if draw < juxtacortical_share:
            sites, radius_range = shallow, (1.5, 3.0)
        else:
            periventricular = draw < juxtacortical_share + 0.9 * (1.0 - juxtacortical_share)
            sites, radius_range = (near_ventricle if periventricular else deep), (1.5, 7.0)
        node = sites[rng.integers(len(sites))] + rng.uniform(-0.5, 0.5, 3)
        point = np.array(template.grid.origin) + template.grid.spacing * node
        radius = float(np.clip(2.6 * np.exp(rng.normal(0.0, 0.4)), *radius_range))
        x, y, z = (float(v) for v in deformation.push(point))
        lesions.append(Lesion((x, y, z), radius))
    return tuple(lesions)


def _lesion_sites(template: Template) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return nodes (n, 3) of white matter near the lateral ventricles, elsewhere deep, and close beneath the cortex."""
    from scipy.ndimage import distance_transform_edt

    step = 2  # every other node is fine enough for lesions' centers
    part = (slice(None, None, step),) * 3
    tissue, label = template.tissue[part], template.label[part]
    white = template.white_distance[part] * np.float32(DISTANCE_UNIT_MM)
    ventricle = tissue == CLASS_NUMBER["ventricle"]
    away = distance_transform_edt(~ventricle, sampling=template.grid.spacing * step)
    matter = ((tissue == CLASS_NUMBER["deep_wm"]) | (tissue >= len(CLASS_NUMBER))) & (white < 0.0)
    under_area = label % LABELS_PER_SIDE < LABELS_PER_SIDE - 1
    shallow = matter & (white < -1.0) & (white > -3.0) & (label != MEDIAL_WALL) & under_area
    deep = matter & (white < -4.4) & (away > 8.0)
    near = matter & (white < -3.5) & (away <= 8.0) & (away > 2.0)
    return tuple(step * np.argwhere(mask) for mask in (near, deep, shallow))  # type: ignore[return-value]
