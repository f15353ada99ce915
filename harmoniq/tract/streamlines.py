"""Read tractograms, where what is damaged is refused and what is odd is noted; and write them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from harmoniq.data.errors import InputError
from harmoniq.data.files import atomic_path
from harmoniq.data.images import Image

Streamline = npt.NDArray[np.float32]

_REMEDY = "export the bundle again"


class EmptyTractogramError(InputError):
    """A tractogram without a usable streamline: the bundle is missing, and the others are not harmed."""


def load_streamlines(path: str | Path) -> tuple[list[Streamline], list[str]]:
    """Read the streamlines of one bundle.

    Parameters
    ----------
    path : path
        ``.trk``, ``.trx`` or ``.tck``.

    Returns
    -------
    streamlines : list of numpy.ndarray, shape (n, 3)
        RAS coordinates in mm.
    notes : list of str
        A single streamline, streamlines left out.

    Raises
    ------
    InputError
        When the file is absent, truncated, of another format, or holds no usable streamline.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError("file not found", file=file)
    try:
        lines, announced = _load_trx(file) if file.suffix == ".trx" else _load_nibabel(file)
    except InputError:
        raise
    except Exception as error:  # nibabel and trx raise whatever a damaged file provokes
        raise InputError(f"the tractogram is truncated or damaged ({error})", file=file, remedy=_REMEDY) from error
    if announced is not None and announced != len(lines):
        raise InputError(
            f"the tractogram is truncated: {len(lines)} of {announced} streamlines are there", file=file, remedy=_REMEDY
        )
    if not lines:
        raise EmptyTractogramError("holds no streamline", file=file, remedy="leave the bundle out, or track it again")
    usable = [line for line in lines if len(line) >= 2 and np.isfinite(line).all() and np.ptp(line, axis=0).any()]
    if not usable:
        raise EmptyTractogramError("holds no streamline of two points or more", file=file, remedy=_REMEDY)
    return usable, _notes(file, len(lines), usable)


def _load_nibabel(file: Path) -> tuple[list[Streamline], int | None]:
    import nibabel as nib

    if file.suffix not in (".trk", ".tck"):
        raise InputError("is not a tractogram that can be read (.trk, .trx, .tck)", file=file, remedy="convert it")
    tractogram: Any = nib.streamlines.load(file)
    if file.suffix == ".tck":
        announced = int(tractogram.header.get("count", 0))
    else:
        # nibabel replaces the header's count by what it finds; the file's own stands at byte 988, 0 for not known.
        order: Literal["little", "big"] = "little" if tractogram.header["endianness"] == "<" else "big"
        announced = int.from_bytes(_bytes(file, 988, 4), order)
    return [np.asarray(line, dtype=np.float32) for line in tractogram.streamlines], announced or None


def _bytes(file: Path, start: int, count: int) -> bytes:
    with file.open("rb") as stream:
        stream.seek(start)
        return stream.read(count)


def _load_trx(file: Path) -> tuple[list[Streamline], int | None]:
    try:
        from trx.trx_file_memmap import load
    except ImportError as error:
        raise InputError(
            "reading .trx needs the package trx-python", file=file, remedy="pip install trx-python, or convert to .trk"
        ) from error
    trx = load(str(file))
    try:
        return [np.array(line, dtype=np.float32) for line in trx.streamlines], int(trx.header["NB_STREAMLINES"])
    finally:
        trx.close()


def _notes(file: Path, total: int, usable: list[Streamline]) -> list[str]:
    notes = []
    if len(usable) < total:
        notes.append(f"{file.name}: {total - len(usable)} of {total} streamlines without length or with NaN left out")
    if len(usable) == 1:
        notes.append(f"{file.name}: a single streamline, the profile rests on it alone")
    return notes


def save_streamlines(lines: Sequence[npt.ArrayLike], space: Image, path: Path) -> Path:
    """Write streamlines as ``.trk``, whole or not at all.

    Parameters
    ----------
    lines : sequence of array_like, shape (k, 3)
        RAS mm.
    space : Image
        An image of their space, whose grid the header describes.
    path : path
        Ends in ``.trk``.

    Returns
    -------
    Path
        The file that was written.
    """
    import nibabel as nib
    from nibabel.streamlines import Field, Tractogram, TrkFile

    header = {
        Field.VOXEL_TO_RASMM: space.affine.astype(np.float32),
        Field.VOXEL_SIZES: space.voxel_sizes.astype(np.float32),
        Field.DIMENSIONS: np.array(space.shape[:3], dtype=np.int16),
        Field.VOXEL_ORDER: "".join(nib.aff2axcodes(space.affine)).encode(),  # type: ignore[attr-defined]
    }
    with atomic_path(path) as temporary:
        TrkFile(Tractogram(list(lines), affine_to_rasmm=np.eye(4)), header).save(str(temporary))
    return path


def move(streamlines: list[Streamline], matrix: npt.ArrayLike | None) -> list[Streamline]:
    """Move streamlines to another space.

    Parameters
    ----------
    streamlines : list of ndarray, shape (k, 3)
        RAS mm.
    matrix : array_like, shape (4, 4), or None
        From their space to the other, mm.

    Returns
    -------
    list of ndarray of float32, shape (k, 3)
        In the other space; the very streamlines where there is no matrix.
    """
    if matrix is None:
        return streamlines
    turn = np.asarray(matrix, dtype=np.float64)
    return [(line @ turn[:3, :3].T + turn[:3, 3]).astype(np.float32) for line in streamlines]


def inside_grid(points: npt.NDArray[np.floating], image: Image) -> npt.NDArray[np.bool_]:
    """Tell which points lie in an image's field of view.

    Parameters
    ----------
    points : ndarray, shape (n, 3)
        In the image's space, RAS mm.
    image : Image
        Only its grid counts.

    Returns
    -------
    ndarray of bool, shape (n,)
        The outer half of the outer voxels belongs to it.
    """
    inverse = np.linalg.inv(image.affine)
    voxels = points @ inverse[:3, :3].T + inverse[:3, 3]
    return np.asarray(((voxels > -0.5) & (voxels < np.array(image.shape[:3]) - 0.5)).all(axis=1))


def outside(name: str, streamlines: list[Streamline], image: Image | None, sampled: int) -> list[str]:
    """Say it where a bundle lies outside an image or outside the map.

    Parameters
    ----------
    name : str
        Of the bundle.
    streamlines : list of ndarray
        In the image's space.
    image : Image, optional
        In whose field of view the points should lie.
    sampled : int
        Samples of the map that could be used.

    Returns
    -------
    list of str
        One note, or none.
    """
    if image is not None:
        share = inside_grid(np.concatenate(streamlines), image).mean()
        if share < 0.5:
            return [
                f"{name}: {100 * (1 - share):.0f} % of the points lie outside the field of view of {image.path.name}"
            ]
    return [] if sampled else [f"{name}: lies outside the field of view of the map, or in lesions: no value"]
