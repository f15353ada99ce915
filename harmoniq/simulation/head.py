"""The template's tissues outside the cortex: nuclei, ventricles, cerebellum, brainstem, and the shells of the head."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from harmoniq.simulation.distance import Grid
from harmoniq.simulation.meshes import bundled_folder
from harmoniq.tract.centerlines import MNI305_TO_MNI152

#: Tissue classes of the template's volumes, by number; bundles' classes follow. The value is a name of `OTHER_TISSUES`.
CLASSES: Final[dict[str, str]] = {
    "air": "air",
    "csf": "csf",
    "skull": "skull",
    "scalp": "scalp",
    "muscle": "muscle",
    "cerebellum_gm": "cerebellum_gm",
    "cerebellum_wm": "cerebellum_wm",
    "brainstem": "brainstem",
    "deep_wm": "deep_wm",
    "thalamus": "thalamus",
    "caudate": "deep_gray",
    "putamen": "deep_gray",
    "pallidum": "pallidum",
    "ventral_dc": "deep_gray",
    "ventricle": "csf",
    "spinal_cord": "brainstem",
    "spinal_csf": "csf",
}
CLASS_NUMBER: Final = {name: number for number, name in enumerate(CLASSES)}

# Ellipsoids of the right side, mirrored: class, center and half axes (mm), turn about z (degrees, frontal end outward).
_ELLIPSOIDS: Final = (
    ("thalamus", (11.0, -18.0, 6.5), (8.5, 15.0, 9.0), -25.0),
    ("caudate", (12.5, 12.0, 7.0), (4.5, 9.0, 8.5), 0.0),
    ("caudate", (16.0, -4.0, 17.0), (3.2, 12.0, 4.0), -15.0),
    ("putamen", (26.5, 1.0, 1.0), (5.8, 16.0, 10.5), -10.0),
    ("pallidum", (19.5, -4.0, -1.0), (4.0, 8.0, 5.5), -20.0),
)
# The lateral ventricle of the right side: a chain of balls (x, y, z, radius), and its temporal horn.
_VENTRICLE: Final = (
    (
        (6, 29, 3, 2.3),
        (7, 20, 9, 3.9),
        (6.5, 8, 14, 4.1),
        (9, -8, 19, 3.9),
        (14, -22, 19, 4.4),
        (22, -36, 14, 5.3),
        (25, -46, 7, 4.4),
        (25, -58, 5, 2.5),
    ),
    ((25, -42, 6, 4.6), (31, -34, -5, 3.0), (33, -22, -13, 2.3), (29, -12, -19, 2.1)),
)


def deep_structures(grid: Grid, depth: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Paint the deep nuclei and ventricles.

    Parameters
    ----------
    grid : Grid
        In the template's RAS mm.
    depth : array of the grid's shape
        Distance to the nearest cortex, mm; the structures keep 3 mm from it.

    Returns
    -------
    array of uint8, of the grid's shape
        Numbers of `CLASSES`; 0 elsewhere.
    """
    x, y, z = np.meshgrid(*(axis.astype(np.float32) for axis in grid.axes()), indexing="ij", sparse=True)
    classes = np.zeros(grid.shape, np.uint8)
    for name, center, half_axes, turn in _ELLIPSOIDS:
        u, v = abs(x) - center[0], y - center[1]
        cosine, sine = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        inside = ((cosine * u - sine * v) / half_axes[0]) ** 2 + ((sine * u + cosine * v) / half_axes[1]) ** 2
        classes[(inside + ((z - center[2]) / half_axes[2]) ** 2) < 1.0] = CLASS_NUMBER[name]
    for chain in _VENTRICLE:
        balls = _interpolate_chain(np.array(chain, float), 1.0)
        for sign in (1.0, -1.0):
            paint_balls(classes, grid, balls * np.array([sign, 1, 1, 1]), CLASS_NUMBER["ventricle"])
    third = (x / 1.6) ** 2 + ((y + 14) / 11.0) ** 2 + ((z - 1) / 9.0) ** 2 < 1.0
    classes[third] = CLASS_NUMBER["ventricle"]
    classes[depth < 3.0] = 0
    return classes


def paint_balls(volume: NDArray[np.integer], grid: Grid, balls: NDArray[np.float64], value: int) -> None:
    """Set the nodes inside balls to a value.

    Parameters
    ----------
    volume : array of the grid's shape
        Changed in place.
    grid : Grid
        Of the nodes.
    balls : (k, 4) array
        Centers in RAS mm, and radii in mm.
    value : int
        Written to the nodes; in volumes of uint32 its bits are added to what is there.
    """
    bits = volume.dtype == np.uint32
    for x, y, z, radius in balls:
        center = grid.indices(np.array([x, y, z]))
        low = np.maximum(np.ceil(center - radius / grid.spacing).astype(int), 0)
        high = np.minimum(np.floor(center + radius / grid.spacing).astype(int) + 1, grid.shape)
        if np.any(high <= low):
            continue
        axes = [(np.arange(a, b) - c) ** 2 for a, b, c in zip(low, high, center)]
        near = axes[0][:, None, None] + axes[1][None, :, None] + axes[2] <= (radius / grid.spacing) ** 2
        box = volume[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
        box[near] = box[near] | np.uint32(value) if bits else value


def _interpolate_chain(balls: NDArray[np.float64], step_mm: float) -> NDArray[np.float64]:
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(balls[:, :3], axis=0), axis=1))])
    at = np.arange(0.0, arc[-1], step_mm)
    return np.column_stack([np.interp(at, arc, column) for column in balls.T])


def sample_mni(name: str, grid: Grid) -> NDArray[np.float32]:
    """Sample one of the MNI152 tissue maps that nilearn ships.

    Parameters
    ----------
    name : {'gm', 'wm'}
        Gray or white matter.
    grid : Grid
        In the template's RAS mm (MNI305).

    Returns
    -------
    array of float32, of the grid's shape
        Probability, 0 to 1; 0 outside the map.

    Raises
    ------
    InputError
        When nilearn is not installed or its files have moved.
    """
    import nibabel
    from scipy.ndimage import affine_transform

    path = bundled_folder() / f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz"
    image = nibabel.load(path)
    data = np.asarray(image.dataobj, dtype=np.float32) / 255.0  # type: ignore[attr-defined]
    node_to_ras = np.diag([grid.spacing] * 3 + [1.0])
    node_to_ras[:3, 3] = grid.origin
    matrix = np.linalg.inv(image.affine) @ MNI305_TO_MNI152 @ node_to_ras  # type: ignore[attr-defined]
    return affine_transform(data, matrix[:3, :3], matrix[:3, 3], output_shape=grid.shape, order=1)


def hindbrain(
    grid: Grid, away: NDArray[np.bool_], gm: NDArray[np.float32], wm: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Find cerebellum and brainstem.

    Parameters
    ----------
    grid : Grid
        In the template's RAS mm.
    away : array of bool, of the grid's shape
        Nodes that lie clear of the cerebral cortex.
    gm, wm : arrays of the grid's shape
        As `sample_mni` returns them.

    Returns
    -------
    array of uint8, of the grid's shape
        Numbers of `CLASSES`; 0 elsewhere.
    """
    from scipy.ndimage import binary_opening, label

    x, y, z = np.meshgrid(*(axis.astype(np.float32) for axis in grid.axes()), indexing="ij", sparse=True)
    brain = (gm + wm) > 0.45
    # The tentorium: a roof that falls away from the midline and forward of the vermis.
    below = (z < 6.0 - 0.42 * abs(x) - 0.004 * (y + 60.0) ** 2) & (y < -36.0) & (y > -100.0)
    stem = (abs(x) < 19.0) & (y > -46.0) & (y < -4.0) & (z < -6.0) & (z < -14.0 - 0.35 * (y + 22.0))
    candidates = binary_opening(brain & away & (below | stem), iterations=1)
    parts, _ = label(candidates)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    kept = parts == sizes.argmax()
    classes = np.zeros(grid.shape, np.uint8)
    in_stem = kept & (abs(x) < 19.0) & (y > -40.0 - 0.15 * z)
    classes[kept] = np.where(wm > gm, CLASS_NUMBER["cerebellum_wm"], CLASS_NUMBER["cerebellum_gm"])[kept]
    classes[in_stem] = CLASS_NUMBER["brainstem"]
    return classes


def head_shells(grid: Grid, brain: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Lay fluid, skull, muscle, scalp and air around a brain, with a spine below.

    Parameters
    ----------
    grid : Grid
        In the template's RAS mm; it holds the head.
    brain : array of bool, of the grid's shape
        Cerebrum, cerebellum and brainstem.

    Returns
    -------
    array of uint8, of the grid's shape
        Numbers of `CLASSES` everywhere; the brain's own room is fluid.
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter, zoom

    coarse = brain[::2, ::2, ::2]
    step = 2.0 * grid.spacing
    # A closing by 14 mm bridges sulci and fissures: the inside of the dura.
    grown = distance_transform_edt(~coarse, sampling=step) <= 14.0
    hull = distance_transform_edt(grown, sampling=step) > 14.0
    distance = distance_transform_edt(~hull, sampling=step) - distance_transform_edt(hull, sampling=step)
    # Bone is smooth: what is left of the gyri's print is filtered away, but never the brain's own room.
    distance = np.minimum(gaussian_filter(distance, 4.0), np.where(coarse, -0.5, 99.0))
    distance = zoom(distance.astype(np.float32), 2.0, order=1, grid_mode=True, mode="nearest")
    distance = distance[tuple(slice(n) for n in grid.shape)]
    distance = np.pad(distance, [(0, n - m) for n, m in zip(grid.shape, distance.shape)], mode="edge")
    x, y, z = np.meshgrid(*(axis.astype(np.float32) for axis in grid.axes()), indexing="ij", sparse=True)
    face = np.sqrt((x / 58.0) ** 2 + ((y - 38.0) / 62.0) ** 2 + ((z + 48.0) / 66.0) ** 2)
    neck = np.where(z < -30.0, np.sqrt((x / 60.0) ** 2 + ((y + 22.0) / 66.0) ** 2), 9.0)
    outline = np.minimum(np.minimum(face, neck) * 60.0 - 60.0, distance - 13.0)  # mm outside the skin, roughly
    classes = np.full(grid.shape, CLASS_NUMBER["air"], np.uint8)
    classes[outline < 0.0] = CLASS_NUMBER["scalp"]
    classes[(outline < -5.0) & (distance > 7.0)] = CLASS_NUMBER["muscle"]
    classes[(distance > 1.0) & (distance <= 7.0)] = CLASS_NUMBER["skull"]
    spine = np.sqrt(x**2 + (y + 44.0) ** 2) + np.where(z < -50.0, 0.0, 99.0)
    classes[(spine < 15.0) & (outline < -5.0)] = CLASS_NUMBER["skull"]
    classes[spine < 9.0] = CLASS_NUMBER["spinal_csf"]
    classes[spine < 5.0] = CLASS_NUMBER["spinal_cord"]
    classes[distance <= 1.0] = CLASS_NUMBER["csf"]
    return classes
