"""Read and write volumes: checked on the way in, whole and reproducible on the way out."""

import gzip
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harmoniq.data.errors import InputError
from harmoniq.data.files import atomic_path

if TYPE_CHECKING:
    from nibabel.spatialimages import SpatialHeader

#: Two grids are one when no corner of the volume lies further apart than this, in mm: rounding of the header's
#: float32 moves a corner by some 1e-4 mm, a wrong header by far more.
GRID_TOLERANCE = 1e-2

_REMEDY = "copy or convert the file again"


@dataclass(frozen=True, eq=False)
class Image:
    """A volume in scanner space.

    Parameters
    ----------
    data : numpy.ndarray, float32, shape (x, y, z) or (x, y, z, t)
        Scale factors of the header applied.
    affine : numpy.ndarray, float64, shape (4, 4)
        From voxel indices to RAS coordinates in mm.
    path : path
        The file it came from; named in errors.
    header : nibabel header
        As read.
    """

    data: npt.NDArray[np.float32]
    affine: npt.NDArray[np.float64]
    path: Path = field(default_factory=lambda: Path("image"))
    header: "SpatialHeader | None" = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the data."""
        return self.data.shape

    @property
    def voxel_sizes(self) -> npt.NDArray[np.float64]:
        """Edge lengths of a voxel in mm, shape (3,)."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)


def load_image(path: str | Path, *, finite: bool = True, ndim: int | Iterable[int] | None = None) -> Image:
    """Read a NIfTI or MGH volume.

    Parameters
    ----------
    path : path
        ``.nii``, ``.nii.gz``, ``.mgh`` or ``.mgz``.
    finite : bool
        Refuse NaN and infinite values.
    ndim : int or iterable of int, optional
        Allowed numbers of dimensions; trailing dimensions of length 1 beyond the third do not count.

    Returns
    -------
    Image
        Data in float32 with the header's scale factors applied.

    Raises
    ------
    InputError
        For a file that is absent, truncated, of another format, complex, of the wrong dimensions, without a usable
        affine, or (with `finite`) with values that are not finite.
    """
    file = Path(path)
    img = _open(file)
    shape = tuple(img.shape)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    _check_dimensions(shape, ndim, file)
    kind = np.dtype(img.get_data_dtype())
    if kind.fields is not None or kind.kind == "c":
        raise InputError(
            f"holds {'colors' if kind.fields is not None else 'complex numbers'}, one real number per voxel is wanted",
            file=file, remedy="convert it, for example to magnitude and phase",
        )  # fmt: skip
    data = _read(img, file).reshape(shape)
    affine = np.asarray(img.affine, dtype=np.float64)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise InputError("the affine of the header is singular", file=file, remedy=_REMEDY)
    if finite:
        _check_finite(data, file)
    return Image(data, affine, file, img.header)


def load_grid(path: str | Path) -> tuple[tuple[int, ...], npt.NDArray[np.float64]]:
    """Return an image's shape and affine from its header alone.

    Parameters
    ----------
    path : str or Path
        ``.nii``, ``.nii.gz``, ``.mgh`` or ``.mgz``.

    Returns
    -------
    shape : tuple of int
        As stored, trailing dimensions of length 1 included.
    affine : array, shape (4, 4)
        From voxel indices to RAS coordinates in mm.

    Raises
    ------
    InputError
        For a file that is absent, empty or of another format.
    """
    img = _open(Path(path))
    return tuple(img.shape), np.asarray(img.affine, dtype=np.float64)


def _open(file: Path) -> Any:
    import nibabel as nib

    if not file.is_file():
        raise InputError("file not found" if not file.exists() else "is not a file", file=file)
    if file.stat().st_size == 0:
        raise InputError("the file is empty", file=file, remedy=_REMEDY)
    try:
        img = nib.load(file)  # type: ignore[attr-defined]
    except (nib.filebasedimages.ImageFileError, nib.spatialimages.HeaderDataError) as error:
        if file.name.endswith((".gz", ".mgz")) and not _gunzips(file):
            raise InputError("the file is truncated or its compression is broken", file=file, remedy=_REMEDY) from error
        raise InputError("is not a NIfTI or MGH image", file=file, remedy=_REMEDY) from error
    except PermissionError as error:
        raise InputError("may not be read", file=file, remedy="check its permissions") from error
    except (EOFError, OSError, zlib.error, ValueError) as error:
        raise InputError(f"cannot be read ({error})", file=file, remedy=_REMEDY) from error
    known = (nib.Nifti1Pair, nib.freesurfer.MGHImage)
    if not isinstance(img, known):
        raise InputError(f"is a {type(img).__name__}, not a NIfTI or MGH image", file=file, remedy="convert it")
    return img


def _gunzips(file: Path) -> bool:
    """Say whether the beginning of a file that should be gzip decompresses."""
    try:
        with gzip.open(file) as stream:
            stream.read(1 << 16)
    except (EOFError, OSError, zlib.error):
        return False
    return True


def _read(img: Any, file: Path) -> npt.NDArray[np.float32]:
    try:
        if file.name.endswith((".gz", ".mgz")):
            return _read_gzip(type(img), file)
        return np.asarray(img.get_fdata(dtype=np.float32, caching="unchanged"))
    except PermissionError as error:
        raise InputError("may not be read", file=file, remedy="check its permissions") from error
    except (EOFError, OSError, zlib.error, ValueError) as error:
        raise InputError("the file is truncated or damaged", file=file, remedy=_REMEDY) from error


def _read_gzip(kind: Any, file: Path) -> npt.NDArray[np.float32]:
    """Read compressed data to the end of the file: only there stands the checksum, which nibabel leaves unread."""
    import nibabel as nib

    with gzip.open(file) as stream:
        img = kind.from_file_map({"image": nib.FileHolder(fileobj=stream)})
        data = np.asarray(img.get_fdata(dtype=np.float32, caching="unchanged"))
        while stream.read(1 << 20):
            pass
    return data


def _check_dimensions(shape: tuple[int, ...], ndim: int | Iterable[int] | None, file: Path) -> None:
    wanted = (3, 4) if ndim is None else (ndim,) if isinstance(ndim, int) else tuple(ndim)
    if ndim is None and len(shape) >= 3:
        return
    if len(shape) not in wanted:
        text = " or ".join(str(n) for n in wanted)
        raise InputError(
            f"has {len(shape)} dimensions {shape}, {text} are wanted",
            file=file,
            remedy="check that it is the right file",
        )


def _check_finite(data: npt.NDArray[np.float32], file: Path) -> None:
    # One pass in float64 finds the usual case without a mask: a sum is finite only if every value is.
    with np.errstate(invalid="ignore"):
        total = np.sum(data, dtype=np.float64)
    if np.isfinite(total):
        return
    wrong = int(data.size - np.count_nonzero(np.isfinite(data)))
    if wrong:
        raise InputError(
            f"has {wrong} of {data.size} values that are NaN or infinite", file=file,
            remedy="regenerate the image, or set them to 0",
        )  # fmt: skip


def save_image(
    data: npt.ArrayLike,
    affine: npt.ArrayLike,
    path: str | Path,
    *,
    like: Image | None = None,
    dtype: npt.DTypeLike = np.float32,
) -> Path:
    """Write a NIfTI volume, whole or not at all; equal data give equal bytes.

    Parameters
    ----------
    data : array, shape (x, y, z) or (x, y, z, t)
        Booleans and labels: pass `dtype`.
    affine : array, shape (4, 4)
        From voxel indices to RAS coordinates in mm; written as sform and, where it has no shear, as qform.
    path : path
        ``.nii`` or ``.nii.gz``.
    like : Image, optional
        Its codes of the coordinate system are taken over.
    dtype : dtype
        Type on disk.

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    InputError
        When the folder cannot be written or the disk is full.
    ValueError
        For a name that does not end in ``.nii`` or ``.nii.gz``.
    """
    target = Path(path)
    if not target.name.endswith((".nii", ".nii.gz")):
        raise ValueError(f"{target.name}: the name must end in .nii or .nii.gz")
    img = _nifti(np.asarray(data).astype(dtype, copy=False), np.asarray(affine, dtype=np.float64), like)
    with atomic_path(target) as temporary, temporary.open("wb") as raw:
        if target.suffix == ".gz":
            # No name and no time in the gzip header, so that equal data give equal bytes.
            with gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=1, mtime=0) as stream:
                img.to_stream(stream)
        else:
            img.to_stream(raw)
    return target


def _nifti(data: np.ndarray, affine: npt.NDArray[np.float64], like: Image | None) -> Any:
    import nibabel as nib

    img = nib.Nifti1Image(data, affine)
    code = 1
    if like is not None and isinstance(like.header, nib.Nifti1Header):
        code = int(like.header["sform_code"]) or int(like.header["qform_code"]) or 1
    img.header.set_sform(affine, code=code)
    rotation = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    if np.allclose(rotation.T @ rotation, np.eye(3), atol=1e-4):
        img.header.set_qform(affine, code=code)
    else:
        img.header.set_qform(affine, code=0, strip_shears=True)
    img.header.set_xyzt_units("mm", "sec")
    return img


def corner_distance(shape: tuple[int, ...], first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Return how far two affines put a corner of one volume apart.

    Parameters
    ----------
    shape : tuple of int
        Of the volume; its first three dimensions count.
    first, second : array, shape (4, 4)
        From voxel indices to RAS coordinates in mm.

    Returns
    -------
    float
        The largest distance over the eight corners' voxels, mm.
    """
    corners = np.array([[i, j, k, 1] for i in (0, shape[0] - 1) for j in (0, shape[1] - 1) for k in (0, shape[2] - 1)])
    return float(np.max(np.linalg.norm((corners @ (np.asarray(first) - np.asarray(second)).T)[:, :3], axis=1)))


def same_grid(first: Image, second: Image) -> None:
    """Check that two images share one voxel grid.

    Parameters
    ----------
    first, second : Image
        Only the first three dimensions count.

    Raises
    ------
    InputError
        When the shapes differ or a corner lies more than ``GRID_TOLERANCE`` mm apart; both files are named.
    """
    a, b = first.shape[:3], second.shape[:3]
    if a != b:
        raise InputError(
            f"grid {' x '.join(map(str, b))} differs from {' x '.join(map(str, a))} of {first.path}", file=second.path,
            remedy="resample one of them to the other, or check that they belong together",
        )  # fmt: skip
    apart = corner_distance(a, first.affine, second.affine)
    if not apart <= GRID_TOLERANCE:
        raise InputError(
            f"lies {apart:.3g} mm away from {first.path}, though the shapes agree", file=second.path,
            remedy="check sform and qform of both, or resample one to the other",
        )  # fmt: skip
