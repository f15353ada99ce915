"""Meshes between the stages: one ``.npz`` per mesh, in RAS mm of the image."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.data.files import atomic_path


def write_mesh(path: str | Path, **arrays: ArrayLike) -> Path:
    """Write arrays as ``.npz``, whole or not at all; equal arrays give equal bytes.

    `numpy.savez` would write the time of day into the archive.

    Parameters
    ----------
    path : path
        Ends in ``.npz``.
    **arrays : array_like
        Points (n, 3), faces (m, 3) or values (n,) by name.

    Returns
    -------
    Path
        The file that was written.
    """
    target = Path(path)
    with atomic_path(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, values in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.ascontiguousarray(values), allow_pickle=False)
    return target


def read_mesh(path: str | Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of a mesh file.

    Parameters
    ----------
    path : path
        As `write_mesh` wrote it.

    Returns
    -------
    dict of str to ndarray
        By name.
    """
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
