"""Where bundles lie: in MP2RAGE's own space, or in the AC-PC space of QSIPrep, and how they come from it to MP2RAGE.

QSIPrep turns its T1-weighted image to AC-PC, and everything that follows is in that space: 0.18 calls it ``space-T1w``,
later versions ``space-ACPC``. The transform stands beside the image.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.bundle_space import BundleSpace
from harmoniq.data.derivatives import subject_folders
from harmoniq.data.images import Image
from harmoniq.registration.itk import read_itk

#: Names of the transform from AC-PC's points to the T1-weighted image's, and of the one the other way; new names first.
_TO_NATIVE = ("from-anat_to-ACPC", "from-T1wNative_to-T1wACPC")
_TO_ACPC = ("from-ACPC_to-anat", "from-T1wACPC_to-T1wNative")
_SPACES = re.compile(r"space-(?:ACPC|T1w)(?![A-Za-z0-9])")
_ENDINGS = (".mat", ".txt", ".tfm")


def space_matrix(space: BundleSpace) -> NDArray[np.float64] | None:
    """Read the transform that leads out of the bundles' space.

    Parameters
    ----------
    space : BundleSpace
        From `find_space`.

    Returns
    -------
    ndarray, shape (4, 4), or None
        From points of the bundles to those of the T1-weighted image, RAS mm; None without a transform.

    Raises
    ------
    InputError
        When its file cannot be read.
    """
    if space.transform is None:
        return None
    found = read_itk(space.transform)
    return np.asarray(np.linalg.inv(found) if space.inverse else found, dtype=np.float64)


def find_space(bundles: Mapping[str, Path], folders: Sequence[Path], sub: str, ses: str | None = None) -> BundleSpace:
    """Say in which space bundles lie, and find what relates it to the maps.

    Parameters
    ----------
    bundles : mapping of str to path
        The tractograms.
    folders : sequence of path
        Derivatives to look for QSIPrep's anatomy in; the folders around the tractograms are looked through as well.
    sub, ses : str
        Labels, with or without prefix.

    Returns
    -------
    BundleSpace
        AC-PC where a file's name or folder says so, with the transform and the anatomy as far as they are found.
    """
    subject = f"sub-{sub.removeprefix('sub-')}"
    session = None if ses is None else f"ses-{ses.removeprefix('ses-')}"
    acpc = any(_SPACES.search("/".join(path.parts[-5:])) for path in bundles.values())
    if not acpc:
        return BundleSpace()
    files = [file for folder in _places(bundles, folders) for file in _anatomy_files(folder, subject, session)]
    anatomy = next((file for file in files if _is_anatomy(file.name)), None)
    for inverse, names in ((False, _TO_NATIVE), (True, _TO_ACPC)):
        for name in names:
            for file in files:
                if name in file.name and file.name.endswith(tuple(f"_xfm{end}" for end in _ENDINGS)):
                    return BundleSpace(True, anatomy, file, inverse)
    return BundleSpace(True, anatomy)


def _is_anatomy(name: str) -> bool:
    """Say whether a file is the T1-weighted image in AC-PC: 0.18 names no space, and its native image is not kept."""
    found = re.search(r"desc-preproc_T[12]w\.nii(?:\.gz)?$", name) is not None
    return found and "space-MNI" not in name and "space-orig" not in name


def _places(bundles: Mapping[str, Path], folders: Sequence[Path]) -> list[Path]:
    """Return the derivatives, and ``qsiprep`` beside what holds the tractograms, at any level above."""
    places = list(folders)
    for path in list(bundles.values())[:1]:
        for parent in path.parents:
            places += [near for name in ("qsiprep", "qsirecon") if (near := parent / name).is_dir()]
    return list(dict.fromkeys(places))


def _anatomy_files(root: Path, subject: str, session: str | None) -> list[Path]:
    """Return the files of a subject's ``anat`` folders, the session's own first."""
    found = []
    for folder in subject_folders(root, subject):
        for place in (folder / (session or "") / "anat", folder / "anat", *sorted(folder.glob("ses-*/anat"))):
            named = re.findall(r"ses-[A-Za-z0-9]+", "/".join(place.parts[-2:]))
            if place.is_dir() and (not named or session is None or session in named):
                found += [file for file in sorted(place.iterdir()) if file.is_file()]
    return list(dict.fromkeys(found))


def share_inside(points: NDArray, mask: Image, *, margin_mm: float = 4.0) -> float:
    """Measure which part of points lies in a mask or near it.

    Parameters
    ----------
    points : ndarray, shape (n, 3)
        In the mask's space, RAS mm.
    mask : Image
        Above 0 in the brain.
    margin_mm : float, optional
        Points this near to the mask count, mm.

    Returns
    -------
    float
        From 0 to 1; 0 without points.
    """
    from scipy.ndimage import distance_transform_edt

    near = distance_transform_edt(mask.data <= 0, sampling=mask.voxel_sizes) <= margin_mm
    inverse = np.linalg.inv(mask.affine)
    voxels = np.floor(points @ inverse[:3, :3].T + inverse[:3, 3] + 0.5).astype(np.intp)
    within = ((voxels >= 0) & (voxels < np.array(near.shape))).all(axis=1)
    return float(near[tuple(voxels[within].T)].sum() / max(len(points), 1))
