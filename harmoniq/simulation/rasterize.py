"""From an anatomy and its tissue values to volumes: parameters at sub-voxel positions, tissue fractions, truth maps."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.data.errors import InputError
from harmoniq.simulation.anatomy import Anatomy
from harmoniq.simulation.head import CLASS_NUMBER, CLASSES
from harmoniq.simulation.template import LABELS_PER_SIDE, Template
from harmoniq.simulation.values import PROPERTIES, PropertyValues, TissueValues

#: Signed distances from the white surface (mm, negative inside) between which a property runs linearly from the
#: cortical value G to 2 S - G: odd-symmetric about -0.5 mm, where superficial white matter S is sampled, so that a
#: symmetric blur leaves S unbiased there.
RAMP_MM: Final = (0.5, -1.5)
#: Width over which superficial white matter goes over into the deep value, and into a bundle, mm.
BLEND_MM: Final = (2.0, 0.3)

#: Volumes of `tissue_fractions`.
FRACTIONS: Final = ("csf", "gm", "wm", "lesion", "head")

_GRAY: Final = ("thalamus", "caudate", "putamen", "pallidum", "ventral_dc", "cerebellum_gm")
_WHITE: Final = ("deep_wm", "cerebellum_wm", "brainstem", "spinal_cord")


@dataclass(frozen=True)
class ParameterSlab:
    """Parameters at the sub-positions of the voxels k0 <= k < k1 of the third axis.

    Parameters
    ----------
    k0, k1 : int
        First slice; slice after the last.
    r1, r2star, pd : float32 arrays (nx * f0, ny * f1, (k1 - k0) * f2)
        In 1/s, 1/s, and relative to water. Sub-position u of an axis lies at voxel ``(u + 0.5) / f - 0.5``.
    """

    k0: int
    k1: int
    r1: NDArray[np.float32]
    r2star: NDArray[np.float32]
    pd: NDArray[np.float32]


def parameter_slabs(
    anatomy: Anatomy,
    values: TissueValues,
    affine: ArrayLike,
    shape: tuple[int, int, int],
    supersample: int | tuple[int, int, int] = 2,
    slab: int = 8,
) -> Iterator[ParameterSlab]:
    """Yield R1, R2* and PD at the sub-positions of every voxel of a grid, slab by slab.

    Signals computed from them and averaged over the blocks of sub-positions (`block_mean`) have true partial volume.

    Parameters
    ----------
    anatomy : Anatomy
        Of the head.
    values : TissueValues
        R1, R2* and proton density of its tissues.
    affine : (4, 4) array
        Voxel indices to the subject's RAS mm, voxel centers.
    shape : tuple of int
        Voxels along each axis.
    supersample : int or 3 ints
        Sub-positions per voxel along each axis.
    slab : int
        Voxels of the third axis in a slab; memory is ``12 bytes * nx * ny * slab * f^3``.

    Yields
    ------
    ParameterSlab
        From the first planes of the third axis to the last.

    Raises
    ------
    InputError
        When the affine is singular, or a number is below one.
    """
    table = np.stack([_table(p, anatomy.template) for p in values.properties()], axis=1)
    lesion_factor = np.array([p.lesion_factor for p in values.properties()])
    lesion_add = np.zeros(len(PROPERTIES))
    for k0, k1, block in _paint(anatomy, table, lesion_factor, lesion_add, affine, shape, supersample, slab, False):
        yield ParameterSlab(k0, k1, *block)


def block_mean(array: NDArray[np.float32], supersample: int | tuple[int, int, int]) -> NDArray[np.float32]:
    """Average over the blocks of sub-positions.

    Parameters
    ----------
    array : ndarray, shape (nx * f0, ny * f1, nz * f2)
        Values at sub-positions.
    supersample : int or tuple (int, int, int)
        The factors f0, f1, f2; one number for all three.

    Returns
    -------
    ndarray of float32, shape (nx, ny, nz)
        Means over voxels.

    Raises
    ------
    InputError
        When a factor is below one.
    """
    f0, f1, f2 = _factors(supersample)
    n0, n1, n2 = array.shape
    return array.reshape(n0 // f0, f0, n1 // f1, f1, n2 // f2, f2).mean(axis=(1, 3, 5), dtype=np.float32)


def truth_map(
    anatomy: Anatomy,
    values: TissueValues,
    affine: ArrayLike,
    shape: tuple[int, int, int],
    supersample: int | tuple[int, int, int] = 2,
) -> dict[str, NDArray[np.float32]]:
    """Paint the true maps of a grid: averages over the voxels.

    Parameters
    ----------
    anatomy, values, affine, shape, supersample
        As `parameter_slabs` takes them.

    Returns
    -------
    dict of str to ndarray of float32, shape (nx, ny, nz)
        By the names of PROPERTIES: ``r1`` and ``r2star`` in 1/s, ``pd`` relative to water.

    Raises
    ------
    InputError
        When the affine is singular, or a number is below one.
    """
    maps = {name: np.empty(shape, np.float32) for name in PROPERTIES}
    for part in parameter_slabs(anatomy, values, affine, shape, supersample):
        for name in PROPERTIES:
            maps[name][:, :, part.k0 : part.k1] = block_mean(getattr(part, name), supersample)
    return maps


def tissue_fractions(
    anatomy: Anatomy,
    affine: ArrayLike,
    shape: tuple[int, int, int],
    supersample: int | tuple[int, int, int] = 2,
) -> dict[str, NDArray[np.float32]]:
    """Compute the share of each voxel that is CSF, gray matter, white matter, lesion, or in the head at all.

    Parameters
    ----------
    anatomy, affine, shape, supersample
        As `parameter_slabs` takes them.

    Returns
    -------
    dict
        FRACTIONS to float32 volumes in 0..1; `wm` leaves lesions out, `head` holds all but air.

    Raises
    ------
    InputError
        When the affine is singular, or a number is below one.
    """
    sets = len(anatomy.template.bundle_sets)
    table = np.zeros((_rows(anatomy.template), len(FRACTIONS)))
    for name, number in CLASS_NUMBER.items():
        kind = "gm" if name in _GRAY else "wm" if name in _WHITE else "csf" if CLASSES[name] == "csf" else None
        if kind is not None:
            table[number, FRACTIONS.index(kind)] = 1.0
        table[number, FRACTIONS.index("head")] = float(name != "air")
    first = len(CLASSES) + sets
    table[len(CLASSES) :, FRACTIONS.index("head")] = 1.0
    table[len(CLASSES) : first, FRACTIONS.index("wm")] = 1.0
    table[first : first + 2 * LABELS_PER_SIDE, FRACTIONS.index("gm")] = 1.0
    table[first + 2 * LABELS_PER_SIDE :, FRACTIONS.index("wm")] = 1.0
    factor, add = np.array([0.0, 0.0, 0.0, 0.0, 1.0]), np.array([0.0, 0.0, 0.0, 1.0, 0.0])
    fractions = {name: np.empty(shape, np.float32) for name in FRACTIONS}
    for k0, k1, block in _paint(anatomy, table, factor, add, affine, shape, supersample, 8, True):
        for name, part in zip(FRACTIONS, block):
            fractions[name][:, :, k0:k1] = block_mean(part, supersample)
    return fractions


def paint_table(
    anatomy: Anatomy,
    table: NDArray[np.float64],
    affine: ArrayLike,
    shape: tuple[int, int, int],
    *,
    lesion_factor: ArrayLike,
    lesion_add: ArrayLike | None = None,
    hard: bool = False,
) -> list[NDArray[np.float32]]:
    """Paint the columns of a table, at the voxels' centers without partial volume.

    Parameters
    ----------
    anatomy : Anatomy
        Of the head.
    table : (rows, columns) array
        A row for each tissue class, set of bundles, cortical label, and cortical label at the ramp's inner end.
    affine, shape
        The grid, as in `parameter_slabs`.
    lesion_factor, lesion_add : (columns,) array
        In lesions a value becomes ``value * factor + add``.
    hard : bool
        Whether the white surface is an edge instead of a ramp.

    Returns
    -------
    list of ndarray of float32, of that shape
        A volume for each column.

    Raises
    ------
    InputError
        When the affine is singular.
    """
    factor = np.asarray(lesion_factor, dtype=np.float64)
    add = np.zeros_like(factor) if lesion_add is None else np.asarray(lesion_add, dtype=np.float64)
    volumes = [np.empty(shape, np.float32) for _ in factor]
    for k0, k1, block in _paint(anatomy, table, factor, add, affine, shape, 1, 32, hard):
        for volume, part in zip(volumes, block):
            volume[:, :, k0:k1] = part
    return volumes


def _rows(template: Template) -> int:
    return len(CLASSES) + len(template.bundle_sets) + 4 * LABELS_PER_SIDE


def _table(values: PropertyValues, template: Template) -> NDArray[np.float64]:
    """Return a property's value per row: classes, sets of bundles, cortical labels, and the ramp's inner ends."""
    classes = [values.other[name] for name in CLASSES.values()]
    sets = [
        np.mean([value for bit, value in enumerate(values.bundles) if int(bits) >> bit & 1])
        for bits in template.bundle_sets
    ]
    gray = np.column_stack([values.cgm, np.full(2, values.other["cortex"])]).ravel()
    superficial = np.column_stack([values.swm, np.full(2, values.other["swm"])]).ravel()
    return np.concatenate([classes, sets, gray, 2.0 * superficial - gray])


def _factors(supersample: int | tuple[int, int, int]) -> tuple[int, int, int]:
    f0, f1, f2 = (supersample,) * 3 if isinstance(supersample, int) else supersample
    if min(f0, f1, f2) < 1:
        raise InputError("must be at least 1", key="supersample", value=supersample)
    return f0, f1, f2


def _paint(
    anatomy: Anatomy,
    table: NDArray[np.float64],
    lesion_factor: NDArray[np.float64],
    lesion_add: NDArray[np.float64],
    affine: ArrayLike,
    shape: tuple[int, int, int],
    supersample: int | tuple[int, int, int],
    slab: int,
    hard: bool,
) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
    """Yield (k0, k1, values (p, X, Y, Z)) of the table's columns; `hard` makes the white surface a sharp edge."""
    from harmoniq.simulation.kernels import paint

    factors = _factors(supersample)
    matrix = np.asarray(affine, dtype=np.float64)
    if matrix.shape != (4, 4) or abs(np.linalg.det(matrix[:3, :3])) < 1e-9:
        raise InputError("must be an invertible (4, 4) matrix", key="affine", value=matrix.tolist())
    if min(shape) < 1 or slab < 1:
        raise InputError("must be at least 1", key="shape, slab", value=(shape, slab))
    template, deformation = anatomy.template, anatomy.deformation
    fields = (template.white_distance, template.pial_distance, template.label, template.tissue, template.head)
    grids = np.array(
        [[*template.grid.origin, template.grid.spacing], [*template.head_grid.origin, template.head_grid.spacing]]
    )
    warp = (deformation.matrix, deformation.offset, deformation.amplitude, deformation.wave, deformation.phase)
    balls = np.array([[*lesion.center_subject_mm, lesion.radius_mm] for lesion in anatomy.lesions]).reshape(-1, 4)
    numbers = np.array([len(CLASSES), len(CLASSES) + len(template.bundle_sets), CLASS_NUMBER["deep_wm"], 0])
    ramp = np.array((1e-3, -1e-3, 1e-3, 1e-3) if hard else (*RAMP_MM, *BLEND_MM))
    lesion = np.stack([lesion_factor, lesion_add])
    for k0 in range(0, shape[2], slab):
        k1 = min(k0 + slab, shape[2])
        size = (shape[0] * factors[0], shape[1] * factors[1], (k1 - k0) * factors[2])
        block = np.empty((table.shape[1], *size), np.float32)
        start = matrix[:3, :3] @ (0.5 / np.array(factors) - 0.5 + np.array([0, 0, k0])) + matrix[:3, 3]
        steps = matrix[:3, :3] / np.array(factors)
        paint(block, start, steps, fields, grids, warp, table.astype(np.float32), ramp, numbers, balls, lesion)
        yield k0, k1, block
