"""Read and write rigid or affine transforms as ITK's text files, as ANTs and SimpleITK apply them.

ITK stores the mapping of points from the fixed (target) space to the moving (source) space, in LPS millimeters: the
file ``from-MEGRE_to-UNIT1`` resamples ME-GRE images onto the UNIT1 grid, and so maps UNIT1 points to ME-GRE points.
All matrices in this project are in RAS millimeters, in that same direction (fixed to moving).
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.data.errors import InputError
from harmoniq.data.files import write_text

# RAS to LPS and back: the first two axes turn round.
FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])
HEADER = "#Insight Transform File V1.0\n#Transform 0\n"
KINDS = ("MatrixOffsetTransformBase", "AffineTransform", "Euler3DTransform", "VersorRigid3DTransform")


def write_itk(matrix_ras: ArrayLike, path: str | Path) -> Path:
    """Write a matrix as an ITK text transform.

    Parameters
    ----------
    matrix_ras : array_like, shape (4, 4)
        Maps fixed points to moving points, in RAS mm.
    path : path
        Ending in ``.txt``.

    Returns
    -------
    Path
        The file; numbers are written in full, so that reading returns the same matrix.

    Raises
    ------
    InputError
        When the matrix is not 4 x 4, finite and affine, or the file cannot be written.
    """
    matrix = np.asarray(matrix_ras, dtype=np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or not np.array_equal(matrix[3], [0, 0, 0, 1]):
        raise InputError("a transform must be a finite 4 x 4 affine matrix", file=path)
    lps = FLIP @ matrix @ FLIP
    # Adding 0.0 turns -0.0 into 0.0.
    numbers = " ".join(repr(float(value) + 0.0) for value in (*lps[:3, :3].ravel(), *lps[:3, 3]))
    text = f"{HEADER}Transform: MatrixOffsetTransformBase_double_3_3\nParameters: {numbers}\nFixedParameters: 0 0 0\n"
    return write_text(path, text)


def read_itk(path: str | Path) -> NDArray[np.float64]:
    """Read an ITK transform: text, or the binary ``.mat`` that ANTs writes.

    Parameters
    ----------
    path : path
        Holding one affine, matrix-offset, Euler or versor transform in three dimensions.

    Returns
    -------
    ndarray, shape (4, 4)
        Maps fixed points to moving points, in RAS mm.

    Raises
    ------
    InputError
        When the file is absent, holds several transforms, or another kind.
    """
    if Path(path).suffix == ".mat" and Path(path).is_file() and not _is_text(Path(path)):
        kind, parameters, center = _read_mat(Path(path))
        return _matrix(kind, parameters, center, path)
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise InputError("file not found", file=path) from error
    except UnicodeDecodeError as error:
        raise InputError("is not an ITK text transform", file=path) from error
    fields = [line.partition(":") for line in lines if ":" in line and not line.startswith("#")]
    if [key for key, _, _ in fields] != ["Transform", "Parameters", "FixedParameters"]:
        raise InputError("is not an ITK text transform that holds one linear transform", file=path)
    kind = fields[0][2].strip()
    if not kind.startswith(KINDS) or not kind.endswith("_3_3"):
        raise InputError(
            f"must be one of {', '.join(KINDS)}, in three dimensions", file=path, key="Transform", value=kind
        )
    try:
        parameters, center = (np.array([float(text) for text in value.split()]) for _, _, value in fields[1:])
    except ValueError as error:
        raise InputError(f"has the wrong numbers for {kind}", file=path) from error
    return _matrix(kind, parameters, center, path)


def from_sitk(transform: Any) -> NDArray[np.float64]:
    """Turn a linear transform of SimpleITK's into a matrix.

    Parameters
    ----------
    transform : SimpleITK.Euler3DTransform, or another with matrix, center and translation
        In LPS mm, as SimpleITK has all of them.

    Returns
    -------
    ndarray, shape (4, 4)
        The same mapping of points in RAS mm.
    """
    rotation = np.array(transform.GetMatrix()).reshape(3, 3)
    return _in_ras(rotation, np.array(transform.GetTranslation()), np.array(transform.GetCenter()))


def _matrix(kind: str, parameters: NDArray, center: NDArray, path: str | Path) -> NDArray[np.float64]:
    """Return the RAS matrix of a transform from its parameters and its center."""
    try:
        rotation, translation = _linear_part(kind, parameters)
        center = center[:3].reshape(3)
    except ValueError as error:
        raise InputError(f"has the wrong numbers for {kind}", file=path) from error
    return _in_ras(rotation, translation, center)


def _in_ras(rotation: NDArray, translation: NDArray, center: NDArray) -> NDArray[np.float64]:
    """Return the RAS matrix of ITK's y = R (x - c) + c + t in LPS."""
    lps = np.eye(4)
    lps[:3, :3] = rotation
    lps[:3, 3] = translation + center - rotation @ center
    return FLIP @ lps @ FLIP


def _is_text(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(8).startswith(b"#Insight")


def _read_mat(path: Path) -> tuple[str, NDArray, NDArray]:
    """Return kind, parameters and center of a binary transform: a MATLAB 4 file with a variable of the kind's name."""
    from scipy.io import loadmat

    try:
        content = {name: np.asarray(value).ravel() for name, value in loadmat(path).items() if name[:2] != "__"}
    except Exception as error:  # SciPy raises whatever a damaged file provokes
        raise InputError("is not an ITK transform", file=path) from error
    kinds = [name for name in content if name.startswith(KINDS) and name.endswith("_3_3")]
    if len(kinds) != 1 or "fixed" not in content:
        raise InputError("is not an ITK transform that holds one linear transform", file=path)
    return kinds[0], content[kinds[0]].astype(np.float64), content["fixed"].astype(np.float64)


def _linear_part(kind: str, parameters: NDArray) -> tuple[NDArray, NDArray]:
    """Return the 3 x 3 matrix and the translation that the parameters of `kind` stand for."""
    if kind.startswith(("MatrixOffset", "Affine")):
        return parameters[:9].reshape(3, 3), parameters[9:12].reshape(3)
    x, y, z = parameters[:3]
    if kind.startswith("Versor"):
        w = np.sqrt(max(0.0, 1.0 - x * x - y * y - z * z))
        rotation = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
        )
    else:
        rx = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
        ry = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
        rz = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
        # ITK's default order of Euler angles.
        rotation = rz @ rx @ ry
    return rotation, parameters[3:6].reshape(3)
