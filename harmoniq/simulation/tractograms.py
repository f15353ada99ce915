"""Tractograms of the simulated bundles, in the layout and names of pyAFQ 3.4."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.errors import InputError
from harmoniq.data.files import atomic_path, write_json
from harmoniq.data.names import BUNDLES
from harmoniq.simulation.anatomy import Anatomy
from harmoniq.simulation.tubes import LEAST_RADIUS_MM
from harmoniq.tract.bundles import PYAFQ_NAMES, description

# A trilinear sample of a 1 mm map sees 1 to 1.5 mm around; streamlines keep that far from the tube's wall.
_WALL_MM: Final = 1.4


def pyafq_name(bundle: str) -> str:
    """Translate the study's name of a bundle into that of pyAFQ 3.4.

    Parameters
    ----------
    bundle : str
        From BUNDLES.

    Returns
    -------
    str
        With its side in front.

    Raises
    ------
    InputError
        When there is no such bundle.

    Examples
    --------
    >>> pyafq_name("ARC_L"), pyafq_name("FA")
    ('Left Arcuate', 'Forceps Minor')
    """
    if bundle not in BUNDLES:
        raise InputError(f"unknown bundle; it is one of {', '.join(BUNDLES)}", key="bundle", value=bundle)
    name, _, side = bundle.partition("_")
    return {"L": "Left ", "R": "Right ", "": ""}[side] + PYAFQ_NAMES[name]


def bundle_streamlines(
    anatomy: Anatomy, bundle: str, n_streamlines: int, rng: np.random.Generator
) -> list[NDArray[np.float32]]:
    """Draw streamlines of a bundle.

    They fill the inner part of the tube, keep their place in its cross-section, begin and end at points that differ by
    some mm, and run in either direction.

    Parameters
    ----------
    anatomy : Anatomy
        Of the head.
    bundle : str
        From BUNDLES.
    n_streamlines : int
        How many.
    rng : numpy.random.Generator
        Draws places, ends and ways.

    Returns
    -------
    list of (n, 3) float32 arrays
        In the subject's RAS mm, points about 1 mm apart.

    Raises
    ------
    InputError
        When there is no such bundle or fewer than one streamline is wanted.
    """
    if bundle not in BUNDLES or n_streamlines < 1:
        raise InputError("must be a bundle and at least one streamline", key=bundle, value=n_streamlines)
    tube = anatomy.template.tubes[BUNDLES.index(bundle)]
    first, second = _frame(tube.points)
    spread = np.clip(tube.radius - _WALL_MM, LEAST_RADIUS_MM - _WALL_MM, None)
    n = len(tube.points)
    pieces = []
    for _ in range(n_streamlines):
        angle, place = rng.uniform(0.0, 2.0 * np.pi), np.sqrt(rng.uniform())
        offset = place * (np.cos(angle) * first + np.sin(angle) * second) * spread[:, None]
        # Ends differ by up to 3 % of the length: the study's central 70 % then never leaves the tube's central part.
        cut = rng.integers(0, max(2, n // 33), 2)
        line = (tube.points + offset)[cut[0] : n - cut[1]]
        pieces.append(line[::-1] if rng.uniform() < 0.5 else line)
    pushed = anatomy.deformation.push(np.concatenate(pieces)).astype(np.float32)
    return np.split(pushed, np.cumsum([len(piece) for piece in pieces])[:-1])


def _frame(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return two unit vectors across a curve at each of its points, carried along it without twist."""
    tangents = np.gradient(points, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    first = np.empty_like(points)
    start = np.eye(3)[np.argmin(np.abs(tangents[0]))]
    for number, tangent in enumerate(tangents):
        start = start - (start @ tangent) * tangent
        start = start / np.linalg.norm(start)
        first[number] = start
    return first, np.cross(tangents, first)


def write_tractograms(
    anatomy: Anatomy,
    out_dir: str | Path,
    sub: str,
    ses: str | None = None,
    n_streamlines: int = 100,
    rng: np.random.Generator | None = None,
) -> list[Path]:
    """Write one .trk file per bundle at ``OUT/sub-X/[ses-Y/]dwi/bundles/``, as pyAFQ 3.4 lays them out.

    Parameters
    ----------
    anatomy : Anatomy
        Of the head.
    out_dir : path
        The derivative dataset, for example ``BIDS/derivatives/pyafq``; its dataset_description.json is written.
    sub, ses : str
        Labels without ``sub-`` and ``ses-``.
    n_streamlines : int
        Per bundle.
    rng : numpy.random.Generator, optional
        Default: seeded with 0.

    Returns
    -------
    list of Path
        The .trk files in BUNDLES' order; coordinates are world RAS mm.

    Raises
    ------
    InputError
        When the folder cannot be written.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    root = Path(out_dir)
    write_json(root / "dataset_description.json", _DESCRIPTION)
    entities = f"sub-{sub}" if ses is None else f"sub-{sub}_ses-{ses}"
    folder = root / f"sub-{sub}" / (f"ses-{ses}" if ses is not None else "") / "dwi" / "bundles"
    written = []
    for tube in anatomy.template.tubes:
        lines = bundle_streamlines(anatomy, tube.name, n_streamlines, rng)
        path = folder / f"{entities}_desc-{description(tube.name)}_tractography.trk"
        _save(path, lines)
        write_json(path.with_suffix(".json"), {"source": "simulated by harmoniq", "Bundle": tube.name})
        written.append(path)
    return written


_DESCRIPTION: Final = {
    "Name": "Simulated tractograms in pyAFQ's layout",
    "BIDSVersion": "1.10.0",
    "DatasetType": "derivative",
    "GeneratedBy": [{"Name": "harmoniq simulate", "Description": "Streamlines along known center lines, no tracking"}],
}


def _save(path: Path, lines: list[NDArray[np.float32]]) -> None:
    """Write streamlines in world RAS mm with a reference grid of 1 mm that holds them all."""
    from nibabel.streamlines import Field, Tractogram, TrkFile

    points = np.concatenate(lines)
    low = np.floor(points.min(axis=0)) - 4.0
    affine = np.eye(4)
    affine[:3, 3] = low
    header = {
        Field.VOXEL_TO_RASMM: affine.astype(np.float32),
        Field.VOXEL_SIZES: np.ones(3, np.float32),
        Field.DIMENSIONS: (np.ceil(points.max(axis=0) - low) + 5).astype(np.int16),
        Field.VOXEL_ORDER: b"RAS",
    }
    with atomic_path(path) as temporary:
        TrkFile(Tractogram(lines, affine_to_rasmm=np.eye(4)), header).save(str(temporary))
