"""The volumes of a simulated FreeSurfer subject: conformed T1, segmentations and masks."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harmoniq.simulation.anatomy import Anatomy
from harmoniq.simulation.head import CLASS_NUMBER, CLASSES
from harmoniq.simulation.rasterize import paint_table
from harmoniq.simulation.template import LABELS_PER_SIDE
from harmoniq.simulation.values import property_values

SIZE: Final = 256

#: FreeSurfer's codes (FreeSurferColorLUT.txt) of the tissue classes, left and right; 0 for what aseg leaves out.
ASEG: Final[dict[str, tuple[int, int]]] = {
    "cerebellum_gm": (8, 47),
    "cerebellum_wm": (7, 46),
    "brainstem": (16, 16),
    "deep_wm": (2, 41),
    "thalamus": (10, 49),
    "caudate": (11, 50),
    "putamen": (12, 51),
    "pallidum": (13, 52),
    "ventral_dc": (28, 60),
    "ventricle": (4, 43),
}
CORTEX: Final = (3, 42)
WHITE: Final = (2, 41)
LESION: Final = 77  # WM-hypointensities

# Gray values of a T1-weighted image as FreeSurfer normalizes it (white matter 110).
_INTENSITY: Final = {
    "cortex": 74.0,
    "swm": 104.0,
    "deep_wm": 110.0,
    "deep_gray": 82.0,
    "thalamus": 90.0,
    "pallidum": 100.0,
    "csf": 22.0,
    "cerebellum_gm": 72.0,
    "cerebellum_wm": 106.0,
    "brainstem": 104.0,
    "skull": 12.0,
    "scalp": 140.0,
    "muscle": 60.0,
    "air": 0.0,
}


def conformed_affine(c_ras: NDArray[np.float64]) -> NDArray[np.float64]:
    """Make vox2ras of FreeSurfer's conformed space: 256^3 voxels of 1 mm, LIA.

    Parameters
    ----------
    c_ras : ndarray, shape (3,)
        Where its center lies, RAS mm.

    Returns
    -------
    ndarray, shape (4, 4)
        From voxels to RAS mm.
    """
    affine = np.array([[-1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    affine[:3, 3] = np.asarray(c_ras) - affine[:3, :3] @ np.full(3, SIZE / 2)
    return affine


def conformed_volumes(
    anatomy: Anatomy, affine: NDArray[np.float64], parcels: tuple[NDArray[np.int64], NDArray[np.int64]], t1: Any = None
) -> dict[str, NDArray[Any]]:
    """Make the volumes of ``mri/``.

    Parameters
    ----------
    anatomy : Anatomy
        Of the head.
    affine : (4, 4) array
        The conformed vox2ras.
    parcels : tuple of (10242,) arrays
        Number of the parcel (1..) of each vertex, left and right; 0 for none.
    t1 : nibabel image, optional
        A T1-weighted image in the subject's scanner space; without it one is painted.

    Returns
    -------
    dict of str to array
        ``orig``, ``T1``, ``brainmask``, ``brain``, ``wm``, ``ribbon``, ``aseg`` and ``aparc+aseg``, each 256^3.
    """
    template = anatomy.template
    bundles = np.full(len(template.bundle_sets), _INTENSITY["deep_wm"])
    painted = property_values("pd", cgm=_INTENSITY["cortex"], swm=_INTENSITY["swm"], other=_INTENSITY)
    classes = [painted.other[name] for name in CLASSES.values()]
    gray, ramp_end = _INTENSITY["cortex"], 2.0 * _INTENSITY["swm"] - _INTENSITY["cortex"]
    cortical = [np.full(2 * LABELS_PER_SIDE, value) for value in (gray, ramp_end)]
    soft = np.concatenate([classes, bundles, *cortical])[:, None]
    (intensity,) = paint_table(anatomy, soft, affine, (SIZE,) * 3, lesion_factor=[0.75])
    codes, lesion = paint_table(
        anatomy, _codes(anatomy), affine, (SIZE,) * 3, hard=True, lesion_factor=[1, 0], lesion_add=[0, 1]
    )
    kind = np.rint(codes, out=codes).astype(np.uint8)
    aseg = _aseg(anatomy, kind, affine)
    aseg[(lesion > 0.5) & np.isin(aseg, WHITE)] = LESION
    if t1 is not None:
        intensity = _conform(t1, affine)
    t1_array = np.clip(np.rint(intensity), 0, 255).astype(np.uint8)
    brain = (aseg > 0) | (kind == CLASS_NUMBER["csf"])
    interior = np.isin(aseg, [*WHITE, LESION, 4, 43, 10, 49, 11, 50, 12, 51, 13, 52])
    left = _left(anatomy, affine)
    white = np.isin(aseg, [*WHITE, LESION])
    return {
        "orig": t1_array,
        "T1": t1_array,
        "brainmask": np.where(brain, t1_array, 0).astype(np.uint8),
        "brain": np.where(aseg > 0, t1_array, 0).astype(np.uint8),
        "wm": np.where(white, np.uint8(110), np.where(interior, np.uint8(250), np.uint8(0))),
        "ribbon": np.where(np.isin(aseg, CORTEX), aseg, np.where(interior, np.where(left, 2, 41), 0)).astype(np.uint8),
        "aseg": aseg.astype(np.uint8),
        "aparc+aseg": _aparc(anatomy, aseg, affine, parcels),
    }


def save_volumes(volumes: dict[str, NDArray[Any]], affine: NDArray[np.float64], folder: Path) -> None:
    """Write volumes as ``.mgz``.

    Parameters
    ----------
    volumes : dict of str to array
        By the file's name without its suffix.
    affine : ndarray, shape (4, 4)
        The conformed vox2ras.
    folder : path
        Made where it is absent.
    """
    from nibabel.freesurfer import MGHImage

    folder.mkdir(parents=True, exist_ok=True)
    for name, array in volumes.items():
        MGHImage(array, affine).to_filename(folder / f"{name}.mgz")


def _codes(anatomy: Anatomy) -> NDArray[np.float64]:
    """Return the table that paints the class's number; cortex gets 100 and 101 (L, R), superficial white deep_wm's."""
    sets = len(anatomy.template.bundle_sets)
    white = float(CLASS_NUMBER["deep_wm"])
    cortex = np.repeat([100.0, 101.0], LABELS_PER_SIDE)
    column = np.concatenate(
        [np.arange(len(CLASSES), dtype=float), np.full(sets, white), cortex, np.full(2 * LABELS_PER_SIDE, white)]
    )
    return np.column_stack([column, np.zeros(len(column))])


def _left(anatomy: Anatomy, affine: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which voxels lie left of the template's midline; the deformation is followed every 8 mm."""
    from scipy.ndimage import zoom

    step = 8
    coarse = np.stack(np.meshgrid(*[np.arange(0, SIZE + step, step)] * 3, indexing="ij"), axis=-1)
    x = anatomy.deformation.pull(coarse @ affine[:3, :3].T + affine[:3, 3])[..., 0].astype(np.float32)
    fine = zoom(x, ((x.shape[0] - 1) * step + 1) / x.shape[0], order=1)
    return fine[:SIZE, :SIZE, :SIZE] < 0.0


def _aseg(anatomy: Anatomy, kind: NDArray[np.uint8], affine: NDArray[np.float64]) -> NDArray[np.int16]:
    left_codes, right_codes = np.zeros(256, np.int16), np.zeros(256, np.int16)
    for name, (left, right) in ASEG.items():
        left_codes[CLASS_NUMBER[name]], right_codes[CLASS_NUMBER[name]] = left, right
    for codes in (left_codes, right_codes):
        codes[100:102] = CORTEX
    return np.where(_left(anatomy, affine), left_codes[kind], right_codes[kind])


def _aparc(
    anatomy: Anatomy,
    aseg: NDArray[np.int16],
    affine: NDArray[np.float64],
    parcels: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> NDArray[np.int32]:
    """Return aseg with cortex replaced by 1000 or 2000 plus the parcel of the nearest vertex at half depth."""
    from scipy.spatial import cKDTree

    result = aseg.astype(np.int32)
    for side, code, base, parcel in zip(anatomy.surfaces().values(), CORTEX, (1000, 2000), parcels):
        voxels = np.argwhere(aseg == code)
        if len(voxels) == 0:
            continue
        tree = cKDTree(0.5 * (side.white + side.pial))
        _, nearest = tree.query(voxels @ affine[:3, :3].T + affine[:3, 3])
        result[tuple(voxels.T)] = base + parcel[nearest]
    return result


def _conform(image: Any, affine: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return an image trilinearly on the conformed grid, scaled so that its bright tissue is near 110."""
    from scipy.ndimage import affine_transform

    data = np.asarray(image.dataobj, dtype=np.float32)
    matrix = np.linalg.inv(image.affine) @ affine
    result = affine_transform(data, matrix[:3, :3], matrix[:3, 3], output_shape=(SIZE,) * 3, order=1)
    bright = np.percentile(result[result > 0.05 * result.max()], 75) if result.max() > 0 else 1.0
    return result * np.float32(110.0 / bright)
