"""Write NIfTI files fast and always with the same bytes."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

#: The header and the four bytes that say there are no extensions.
_DATA_OFFSET = 352


class NiftiStream:
    """Appends volumes to a gzipped NIfTI file; made by `open_nifti`.

    Parameters
    ----------
    file : BinaryIO
        Open for writing; it is not closed.
    dtype : dtype
        Type of the stored numbers.
    """

    def __init__(self, file: BinaryIO, dtype: np.dtype) -> None:
        self._file, self._dtype = file, dtype
        # Noise does not repeat, so that looking for repetitions is time lost: only runs (of zeros) are. The gzip
        # header that zlib writes has no name and no time in it.
        self._deflate = zlib.compressobj(1, zlib.DEFLATED, 31, 9, zlib.Z_RLE)

    def write(self, raw: bytes) -> None:
        """Append bytes.

        Parameters
        ----------
        raw : bytes
            Of the header or of volumes, not compressed.
        """
        self._file.write(self._deflate.compress(raw))

    def append(self, volume: NDArray) -> None:
        """Append one volume with axes (z, y, x), or several with axes (n, z, y, x).

        Parameters
        ----------
        volume : ndarray, shape (z, y, x) or (n, z, y, x)
            Cast to the stored type.
        """
        self.write(np.ascontiguousarray(volume, dtype=self._dtype).tobytes())

    def close(self) -> None:
        """Write what is left."""
        self._file.write(self._deflate.flush())


@contextmanager
def open_nifti(
    path: Path,
    affine: NDArray,
    shape: tuple[int, ...],
    dtype: DTypeLike,
    *,
    slope: float = 1.0,
    repetition_time: float | None = None,
) -> Iterator[NiftiStream]:
    """Open a ``.nii.gz`` for writing volume by volume.

    Parameters
    ----------
    path : Path
        Its folder is made.
    affine : ndarray, shape (4, 4)
        From voxel indices (x, y, z) to scanner coordinates in mm; written as sform and qform.
    shape : tuple of int
        (x, y, z) or (x, y, z, volumes).
    dtype : dtype
        Of the stored numbers.
    slope : float
        What a stored number is multiplied by.
    repetition_time : float, optional
        In s, for 4-D files.

    Yields
    ------
    NiftiStream
        Behind the header; it takes as many volumes as `shape` says.
    """
    from nibabel.nifti1 import Nifti1Header

    header = Nifti1Header()
    header.set_data_dtype(dtype)
    header.set_data_shape(shape)
    header.set_zooms((*np.linalg.norm(affine[:3, :3], axis=0), *[repetition_time or 1.0] * (len(shape) - 3)))
    header.set_qform(affine, code="scanner")
    header.set_sform(affine, code="scanner")
    header.set_xyzt_units("mm", "sec")
    header.set_slope_inter(slope, 0.0)
    header["magic"] = b"n+1"
    header["vox_offset"] = _DATA_OFFSET
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        stream = NiftiStream(file, np.dtype(dtype))
        stream.write(header.binaryblock + b"\0" * 4)
        yield stream
        stream.close()


def write_nifti(path: Path, affine: NDArray, volume: NDArray, *, slope: float = 1.0) -> Path:
    """Write one volume in its own data type.

    Parameters
    ----------
    path, affine, slope
        As `open_nifti` takes them.
    volume : ndarray, shape (z, y, x)
        The stored numbers.

    Returns
    -------
    Path
        The file that was written.
    """
    with open_nifti(path, affine, volume.shape[::-1], volume.dtype, slope=slope) as stream:
        stream.append(volume)
    return path
