"""The template head: cortex, tubes, and the fields from which every subject is painted, built once and cached."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.data.files import atomic_path
from harmoniq.data.names import BRODMANN_AREAS, BUNDLES, HEMISPHERES
from harmoniq.simulation.cortex import MEDIAL_WALL, Hemisphere, load_cortex
from harmoniq.simulation.distance import Grid, grid_over, inside_mesh, nearest_on_grid
from harmoniq.simulation.head import CLASS_NUMBER, deep_structures, head_shells, hindbrain, paint_balls, sample_mni
from harmoniq.simulation.meshes import cortical_thickness, vertex_normals
from harmoniq.simulation.tubes import CORTEX_MARGIN_MM, Tube, relax_tubes

#: Labels per hemisphere in `Template.label`: the areas and cortex without one.
LABELS_PER_SIDE: Final = len(BRODMANN_AREAS) + 1
#: Signed distances are kept as 16-bit integers in this unit (mm), and are exact within the band.
DISTANCE_UNIT_MM: Final = 1.0 / 4096.0
BAND_MM: Final = 4.5
#: Depth beneath the white surface at which the study samples superficial white matter, mm.
SWM_DEPTH_MM: Final = 0.5

_GRID_MM: Final = 0.7
_MARGIN_MM: Final = 5.0
_HEAD_BOX: Final = (np.array([-92.0, -128.0, -118.0]), np.array([92.0, 112.0, 104.0]))


@dataclass(frozen=True)
class Template:
    """The head from which subjects are deformed, in fsaverage's RAS mm.

    Parameters
    ----------
    cortex : mapping
        'L' and 'R' to the surfaces and labels.
    tubes : tuple of Tube
        In the order of BUNDLES.
    grid : Grid
        Of the cerebrum's fields, 0.7 mm.
    white_distance, pial_distance : int16 arrays
        Signed distance to the nearest white and pial surface of either side, negative inside, in `DISTANCE_UNIT_MM`;
        that to white is measured from the surface `SWM_DEPTH_MM` beneath it.
    label : uint8 array
        ``hemisphere * LABELS_PER_SIDE + area`` of the nearest cortex, or `MEDIAL_WALL`.
    tissue : uint8 array
        Number of a class of `harmoniq.simulation.head.CLASSES`, or of a set of bundles above them.
    bundle_sets : (c,) uint32 array
        Bit b of set s says that tissue ``len(CLASSES) + s`` lies in bundle b.
    head_grid : Grid
        Of the whole head, 1 mm.
    head : uint8 array
        Numbers of classes on it.
    """

    cortex: Mapping[str, Hemisphere]
    tubes: tuple[Tube, ...]
    grid: Grid
    white_distance: NDArray[np.int16]
    pial_distance: NDArray[np.int16]
    label: NDArray[np.uint8]
    tissue: NDArray[np.uint8]
    bundle_sets: NDArray[np.uint32]
    head_grid: Grid
    head: NDArray[np.uint8]


def load_template(labels: Mapping[str, ArrayLike], cache_dir: str | Path | None = None) -> Template:
    """Load the template from the cache, or build it (some 25 s) and keep it there.

    Parameters
    ----------
    labels : mapping
        'L' and 'R' to the Brodmann number per vertex of fsaverage5 (10242); 0 and -1 (medial wall) where there is none.
    cache_dir : path, optional
        Default ``~/.cache/harmoniq``. A cache that cannot be written is done without.

    Returns
    -------
    Template
        Equal whether it was built or loaded.

    Raises
    ------
    InputError
        When labels are wrong or nilearn's bundled surfaces are absent.
    """
    from zipfile import BadZipFile

    from harmoniq.data.errors import InputError

    folder = Path(cache_dir) if cache_dir is not None else Path.home() / ".cache" / "harmoniq"
    path = folder / f"template-{_fingerprint(labels)}.npz"
    try:
        with np.load(path) as stored:
            return _from_arrays(stored)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        pass  # absent, or left damaged by something else: build it anew
    template = build_template(load_cortex(labels))
    try:
        with atomic_path(path) as temporary:
            np.savez(temporary, **_to_arrays(template))
    except InputError:
        pass  # a read-only home must not stop a simulation
    return template


def build_template(cortex: Mapping[str, Hemisphere]) -> Template:
    """Compute all fields of the template from its cortex.

    Parameters
    ----------
    cortex : mapping of str to Hemisphere
        ``L`` and ``R``, as `harmoniq.simulation.cortex.load_cortex` makes them.

    Returns
    -------
    Template
        With that cortex.

    Raises
    ------
    InputError
        When nilearn's bundled maps are absent.
    RuntimeError
        When more combinations of bundles meet than 8 bits can tell apart.
    """
    points = np.concatenate([side.pial for side in cortex.values()])
    low, high = points.min(axis=0) - _MARGIN_MM, points.max(axis=0) + _MARGIN_MM
    low[2] = -62.0  # the corticospinal tracts go down into the brainstem
    grid = grid_over(low, high, _GRID_MM)
    white, pial, label = _cortical_fields(cortex, grid)
    tissue = _classes(grid, white, pial, label, sample_mni("gm", grid), sample_mni("wm", grid))
    head_grid = grid_over(*_HEAD_BOX, 1.0)
    head = _head(head_grid, grid, pial, tissue)
    empty = tissue == 0
    tissue[empty] = _resample_nearest(head, head_grid, grid)[empty]
    depth = _white_depth(grid, white, tissue)
    tubes = relax_tubes(depth, grid)
    bits = _paint_tubes(tubes, grid, (depth > 0.0) | (tissue == CLASS_NUMBER["ventricle"]))
    bits[(white > -CORTEX_MARGIN_MM) & (label != MEDIAL_WALL)] = 0
    bundle_sets, index = np.unique(bits[bits > 0], return_inverse=True)
    if len(CLASS_NUMBER) + len(bundle_sets) > 255:
        raise RuntimeError(f"{len(bundle_sets)} combinations of bundles do not fit into 8 bits")
    tissue[bits > 0] = len(CLASS_NUMBER) + index
    return Template(cortex, tuple(tubes), grid, _pack(white), _pack(pial), label, tissue, bundle_sets, head_grid, head)


def _cortical_fields(
    cortex: Mapping[str, Hemisphere], grid: Grid
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint8]]:
    """Return signed distances to white and pial (clipped to the band) and the label of the nearest cortex.

    The distance to white is taken from the surface on which superficial white matter is sampled, 0.5 mm beneath it:
    in convex folds those points lie up to 0.2 mm nearer to white than 0.5 mm.
    """
    sides = list(cortex.values())
    beneath = [side.white - SWM_DEPTH_MM * vertex_normals(side.white, side.faces) for side in sides]
    middle = [_mid_cortex(side) for side in sides]
    white, inner_label = _union(beneath, sides, grid)
    pial, _ = _union([side.pial for side in sides], sides, grid)
    white = np.clip(white - SWM_DEPTH_MM, -BAND_MM, BAND_MM)
    # The label is that of the surface on which the tissue is sampled: mid-cortex outside white, the one beneath inside.
    _, outer_label = _union(middle, sides, grid)
    return white, pial, np.where(white > 0.0, outer_label, inner_label)


def _mid_cortex(side: Hemisphere) -> NDArray[np.float64]:
    thickness = cortical_thickness(side.white, side.pial, side.faces)
    return side.white + 0.5 * thickness[:, None] * vertex_normals(side.white, side.faces)


def _union(
    surfaces: list[NDArray[np.float64]], sides: list[Hemisphere], grid: Grid
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return the signed distance to the union of both sides' surfaces, and the label of the nearest vertex."""
    signed = np.full(grid.shape, BAND_MM + SWM_DEPTH_MM, np.float32)
    label = np.full(grid.shape, MEDIAL_WALL, np.uint8)
    nearest = np.full(grid.shape, np.inf, np.float32)
    for number, (vertices, side) in enumerate(zip(surfaces, sides)):
        distance, vertex = nearest_on_grid(vertices, side.faces, grid, BAND_MM + SWM_DEPTH_MM)
        here = (vertex >= 0) & (distance < nearest)
        area = side.area[vertex[here]]
        label[here] = np.where(area == MEDIAL_WALL, MEDIAL_WALL, number * LABELS_PER_SIDE + area)
        nearest[here] = distance[here]
        distance[inside_mesh(vertices, side.faces, grid)] *= -1.0
        # Of two signed distances the lower one is that of the union.
        np.minimum(signed, distance, out=signed)
    return signed, label


def _classes(
    grid: Grid,
    white: NDArray[np.float32],
    pial: NDArray[np.float32],
    label: NDArray[np.uint8],
    gm: NDArray[np.float32],
    wm: NDArray[np.float32],
) -> NDArray[np.uint8]:
    """Return tissue classes on the cerebrum's grid; 0 where the shells of the head decide."""
    from scipy.ndimage import distance_transform_edt

    x, y, z = np.meshgrid(*(axis.astype(np.float32) for axis in grid.axes()), indexing="ij", sparse=True)
    tissue = hindbrain(grid, pial > 0.7, gm, wm)
    # What MNI152 knows between the hemispheres: the callosum, and the gray matter around the third ventricle.
    midline = (abs(x) < 12.0) & (y > -52.0) & (y < 38.0) & (z > -20.0) & (z < 34.0) & (tissue == 0)
    tissue[midline & (wm > 0.5)] = CLASS_NUMBER["deep_wm"]
    tissue[midline & (gm > 0.5) & (wm <= 0.5) & (abs(y + 10.0) < 20.0) & (z < 14.0)] = CLASS_NUMBER["ventral_dc"]
    tissue[(white > 0.0) & (pial < 0.0)] = 0
    tissue[white <= 0.0] = CLASS_NUMBER["deep_wm"]
    depth = distance_transform_edt(tissue == CLASS_NUMBER["deep_wm"], sampling=grid.spacing).astype(np.float32)
    deep = deep_structures(grid, np.where(label == MEDIAL_WALL, 9.0, depth))
    deep[(white > 0.0) & (pial > 0.0) & (abs(x) > 8.0)] = 0
    return np.where(deep > 0, deep, tissue)


def _head(head_grid: Grid, grid: Grid, pial: NDArray[np.float32], tissue: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the whole head's classes: hindbrain and shells around the cerebrum."""
    gm, wm = sample_mni("gm", head_grid), sample_mni("wm", head_grid)
    cerebrum = _resample_nearest((pial < 0.0).astype(np.uint8) | (tissue > 0), grid, head_grid, outside=0) > 0
    away = _resample_nearest((pial > 0.7).astype(np.uint8), grid, head_grid, outside=1) > 0
    back = hindbrain(head_grid, away, gm, wm)
    head = head_shells(head_grid, cerebrum | (back > 0))
    return np.where(back > 0, back, head)


def _white_depth(grid: Grid, white: NDArray[np.float32], tissue: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the distance to the edge of where bundles may run, mm, negative outside."""
    from scipy.ndimage import distance_transform_edt

    passable = [CLASS_NUMBER[name] for name in ("deep_wm", "brainstem", "thalamus", "caudate", "putamen", "pallidum")]
    room = (white < 0.0) & (tissue != CLASS_NUMBER["ventricle"]) | np.isin(tissue, passable)
    inside = distance_transform_edt(room, sampling=grid.spacing).astype(np.float32)
    outside = distance_transform_edt(~room, sampling=grid.spacing).astype(np.float32)
    return inside - outside


def _paint_tubes(tubes: list[Tube], grid: Grid, allowed: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Return which bundles hold each node, as bits."""
    bits = np.zeros(grid.shape, np.uint32)
    for number, tube in enumerate(tubes):
        # Balls half as far apart as the points leave no scallops in the tube's wall.
        both = np.column_stack([tube.points, tube.radius])
        both = np.concatenate([both, 0.5 * (both[1:] + both[:-1])])
        paint_balls(bits, grid, both, 1 << number)
    bits[~allowed] = 0
    return bits


def _resample_nearest(volume: NDArray[np.uint8], source: Grid, target: Grid, outside: int = 0) -> NDArray[np.uint8]:
    result = np.full(target.shape, outside, np.uint8)
    kept, taken = [], []
    for axis, origin, n in zip(target.axes(), source.origin, source.shape):
        index = np.rint((axis - origin) / source.spacing).astype(int)
        valid = (index >= 0) & (index < n)
        kept.append(np.flatnonzero(valid))
        taken.append(index[valid])
    result[np.ix_(*kept)] = volume[np.ix_(*taken)]
    return result


def _pack(distance: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.rint(np.clip(distance, -BAND_MM, BAND_MM) / DISTANCE_UNIT_MM).astype(np.int16)


def _fingerprint(labels: Mapping[str, ArrayLike]) -> str:
    """Return a hash of what the template depends on: labels, center lines, versions, and the code that builds it."""
    from importlib.metadata import version

    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for name in ("template", "cortex", "head", "tubes", "distance", "meshes"):
        digest.update((folder / f"{name}.py").read_bytes())
    digest.update((folder.parent / "tract" / "data" / "centerlines.tsv").read_bytes())
    for side in HEMISPHERES:
        digest.update(np.ascontiguousarray(labels.get(side, ()), dtype=np.int16).tobytes())
    digest.update("".join(version(package) for package in ("numpy", "scipy", "nilearn")).encode())
    return f"{version('harmoniq')}-{digest.hexdigest()[:16]}"


_FIELDS = ("white_distance", "pial_distance", "label", "tissue", "bundle_sets", "head")
_SURFACES = ("white", "pial", "sphere", "inflated", "faces", "area")


def _to_arrays(template: Template) -> dict[str, Any]:
    arrays: dict[str, Any] = {name: getattr(template, name) for name in _FIELDS}
    for name in ("grid", "head_grid"):
        grid = getattr(template, name)
        arrays[name] = np.array([*grid.origin, grid.spacing])
    for side, hemisphere in template.cortex.items():
        arrays |= {f"{kind}_{side}": getattr(hemisphere, kind) for kind in _SURFACES}
    for tube in template.tubes:
        arrays[f"tube_{tube.name}"] = np.column_stack([tube.points, tube.radius])
    return arrays


def _from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Template:
    fields: dict[str, Any] = {name: arrays[name] for name in _FIELDS}
    grids: dict[str, Any] = {}
    for name, field in (("grid", "label"), ("head_grid", "head")):
        x, y, z, spacing = (float(v) for v in arrays[name])
        grids[name] = Grid((x, y, z), spacing, fields[field].shape)
    cortex = {side: Hemisphere(*(arrays[f"{kind}_{side}"] for kind in _SURFACES)) for side in HEMISPHERES}
    stored = {name: arrays[f"tube_{name}"] for name in BUNDLES}
    tubes = tuple(Tube(name, both[:, :3], both[:, 3]) for name, both in stored.items())
    return Template(cortex=cortex, tubes=tubes, **grids, **fields)
