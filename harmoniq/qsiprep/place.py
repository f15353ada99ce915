"""Bring bundles to MP2RAGE: by the transform of QSIPrep, checked against a registration, or by the registration.

The streamlines move; no map is resampled.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.bundle_space import BundleSpace
from harmoniq.data.errors import InputError
from harmoniq.data.images import Image, load_image, save_image
from harmoniq.qsiprep.space import share_inside, space_matrix
from harmoniq.registration.rigid import register_rigid
from harmoniq.tract.streamlines import EmptyTractogramError, load_streamlines

#: A transform and a registration that agree within this, over the brain, are the same, mm.
AGREEMENT_MM = 1.5
#: Bundles with fewer of their points in the brain are in another space.
SMALLEST_SHARE = 0.5
_POINTS = 2000


@dataclass(frozen=True, eq=False)
class Placement:
    """How bundles come to MP2RAGE.

    Parameters
    ----------
    matrix : ndarray, shape (4, 4)
        From points of the bundles' space to those of MP2RAGE, RAS mm.
    facts : dict
        For sidecars: by what, how well it agrees, the share of the points in the brain.
    notes : tuple of str
        What the user should know.
    """

    matrix: NDArray[np.float64]
    facts: dict[str, Any]
    notes: tuple[str, ...]


def place_bundles(
    space: BundleSpace,
    tractograms: Mapping[str, str | Path],
    mp2rage: str | Path,
    brain_mask: str | Path,
    *,
    seed: int = 0,
) -> Placement:
    """Find the transform from the bundles' space to MP2RAGE's, and check that the bundles then lie in the brain.

    Parameters
    ----------
    space : BundleSpace
        From `harmoniq.qsiprep.space.find_space`.
    tractograms : mapping of str to path
        The bundles.
    mp2rage, brain_mask : path
        An image of MP2RAGE, and the brain on its grid.
    seed : int
        Of the registration.

    Returns
    -------
    Placement
        The transform, and how it was found.

    Raises
    ------
    InputError
        When nothing relates the two spaces, or the bundles lie outside the brain.
    """
    brain = load_image(brain_mask, ndim=3)
    matrix, facts, notes = _related(space, Path(mp2rage), Path(brain_mask), brain, seed, tractograms)
    points = _points(tractograms)
    if len(points):
        share = share_inside(points @ matrix[:3, :3].T + matrix[:3, 3], brain)
        facts["ShareInBrain"] = round(share, 3)
        if share < SMALLEST_SHARE:
            raise InputError(
                f"{100 * (1 - share):.0f} % of the bundles' points lie outside the brain: the tractograms are in "
                "another space, or of another participant", file=next(iter(tractograms.values())),
                remedy="name QSIPrep's output as well with --derivatives, for its transform",
            )  # fmt: skip
    return Placement(matrix, facts, tuple(notes))


def _related(
    space: BundleSpace, mp2rage: Path, mask: Path, brain: Image, seed: int, tractograms: Mapping[str, str | Path]
) -> tuple[NDArray[np.float64], dict[str, Any], list[str]]:
    if not space.acpc:
        return np.eye(4), {"Placement": "the scanner space of MP2RAGE"}, []
    given = space_matrix(space)
    name = space.transform.name if space.transform else ""
    if space.anatomy is None:
        if given is None:
            raise InputError(
                "the bundles are in QSIPrep's AC-PC space, and neither its transform nor its T1w image is there",
                file=next(iter(tractograms.values()), None),
                remedy="name QSIPrep's output (with sub-X/anat) as well with --derivatives",
            )  # fmt: skip
        return given, {"Placement": f"{name}, not checked: QSIPrep's T1-weighted image is absent"}, []
    start = _onto(space.anatomy, brain) if given is None else given
    try:
        rest = _registered(space.anatomy, start, mp2rage, mask, seed)
    except InputError as error:
        if given is None:
            raise
        note = f"{name} is taken unchecked: {error.problem}"
        return given, {"Placement": f"{name}, not checked"}, [note]
    apart = _displacement(rest, brain)
    if given is not None and apart <= AGREEMENT_MM:
        return given, {"Placement": f"{name}, checked by registration", "Disagreement": round(apart, 2)}, []
    facts: dict[str, Any] = {"Placement": f"registration of {space.anatomy.name}"}
    notes = []
    if given is not None:
        facts["Disagreement"] = round(apart, 2)
        notes = [f"{name} is {apart:.1f} mm off the registration to MP2RAGE, which is taken in its place"]
    return rest @ start, facts, notes


def _onto(anatomy: Path, brain: Image) -> NDArray[np.float64]:
    """Return the shift that brings a head's center of mass onto the brain's: AC-PC's origin is not the scanner's."""
    from scipy.ndimage import center_of_mass

    image = load_image(anatomy, finite=False, ndim=3)
    head = np.nan_to_num(image.data)
    there = image.affine @ [*center_of_mass(head > 0.2 * np.quantile(head, 0.99)), 1.0]
    here = brain.affine @ [*center_of_mass(brain.data > 0), 1.0]
    shift = np.eye(4)
    shift[:3, 3] = (here - there)[:3]
    return shift


def _registered(anatomy: Path, start: NDArray[np.float64], mp2rage: Path, mask: Path, seed: int) -> NDArray[np.float64]:
    """Return what is left to move after `start`, from points so placed to MP2RAGE's."""
    image = load_image(anatomy, finite=False, ndim=3)
    with TemporaryDirectory() as folder:
        moved = save_image(np.nan_to_num(image.data), start @ image.affine, Path(folder) / anatomy.name)
        matrix = np.linalg.inv(register_rigid(mp2rage, moved, fixed_mask_path=mask, seed=seed).matrix)
    return np.asarray(matrix, dtype=np.float64)


def _displacement(matrix: NDArray[np.float64], brain: Image) -> float:
    """Return how far a matrix moves the brain's voxels in the root mean square, mm."""
    voxels = np.argwhere(brain.data > 0)
    points = voxels[:: max(1, len(voxels) // 5000)] @ brain.affine[:3, :3].T + brain.affine[:3, 3]
    moved = points @ matrix[:3, :3].T + matrix[:3, 3]
    return float(np.sqrt(((moved - points) ** 2).sum(axis=1).mean()))


def _points(tractograms: Mapping[str, str | Path]) -> NDArray[np.float64]:
    """Return some points of each bundle; one without a streamline has none."""
    found: list[NDArray] = [np.empty((0, 3))]
    for path in tractograms.values():
        try:
            lines, _ = load_streamlines(path)
        except EmptyTractogramError:
            continue
        points = np.concatenate(lines).astype(np.float64)
        found.append(points[:: max(1, len(points) // _POINTS)])
    return np.concatenate(found)
