"""Values at the vertices as GIFTI shape files: equal values give equal bytes."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from harmoniq.data.errors import InputError
from harmoniq.data.files import atomic_path, write_bytes

STRUCTURES = {"L": "CortexLeft", "R": "CortexRight"}
_LAYERS = {"white": "GrayWhite", "pial": "Pial", "midthickness": "MidThickness"}


def write_shape(values: npt.ArrayLike, path: str | Path, *, hemisphere: str, name: str = "") -> Path:
    """Write one value per vertex as ``.shape.gii`` (float32), whole or not at all.

    Parameters
    ----------
    values : array, shape (n,)
        NaN marks vertices without a value.
    path : path
        Ends in ``.shape.gii``.
    hemisphere : {'L', 'R'}
        Becomes the metadata ``AnatomicalStructurePrimary``.
    name : str
        What the values are, shown by viewers.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    ValueError
        For another ending of the name, or values that are not one per vertex.
    """
    import nibabel as nib

    data = np.asarray(values, dtype=np.float32)
    if data.ndim != 1:
        raise ValueError(f"one value per vertex is wanted, not an array of {data.ndim} dimensions")
    target = Path(path)
    if not target.name.endswith(".shape.gii"):
        raise ValueError(f"{target.name}: the name must end in .shape.gii")
    array = nib.gifti.GiftiDataArray(
        data, intent="NIFTI_INTENT_SHAPE", datatype="NIFTI_TYPE_FLOAT32", meta={"Name": name} if name else None
    )
    image = nib.gifti.GiftiImage(
        darrays=[array], meta=nib.gifti.GiftiMetaData({"AnatomicalStructurePrimary": STRUCTURES[hemisphere]})
    )
    with atomic_path(target) as temporary:
        temporary.write_bytes(image.to_xml())
    return target


def write_surface(
    vertices: npt.ArrayLike, faces: npt.ArrayLike, path: str | Path, *, hemisphere: str, kind: str
) -> Path:
    """Write a surface in scanner space as ``.surf.gii``, whole or not at all; equal surfaces give equal bytes.

    Parameters
    ----------
    vertices : array, shape (n, 3)
        RAS, mm.
    faces : array of int, shape (m, 3)
        Vertices of each triangle.
    path : path
        Ends in ``.surf.gii``.
    hemisphere : {'L', 'R'}
        Becomes the metadata ``AnatomicalStructurePrimary``.
    kind : {'white', 'pial', 'midthickness'}
        Becomes the metadata ``AnatomicalStructureSecondary``.

    Returns
    -------
    Path
        The file that was written.
    """
    import nibabel as nib

    about = {"AnatomicalStructurePrimary": STRUCTURES[hemisphere], "AnatomicalStructureSecondary": _LAYERS[kind]}
    points = nib.gifti.GiftiDataArray(
        np.asarray(vertices, dtype=np.float32), intent="NIFTI_INTENT_POINTSET", datatype="NIFTI_TYPE_FLOAT32",
        coordsys=nib.gifti.GiftiCoordSystem(1, 1, np.eye(4)), meta={**about, "GeometricType": "Anatomical"},
    )  # fmt: skip
    triangles = nib.gifti.GiftiDataArray(
        np.asarray(faces, dtype=np.int32), intent="NIFTI_INTENT_TRIANGLE", datatype="NIFTI_TYPE_INT32",
        coordsys=None, meta={"TopologicalType": "Closed"},
    )  # fmt: skip
    image = nib.gifti.GiftiImage(darrays=[points, triangles], meta=nib.gifti.GiftiMetaData(about))
    return write_bytes(path, image.to_xml())


def read_shape(path: str | Path) -> npt.NDArray[np.float32]:
    """Read the values of a shape file.

    Parameters
    ----------
    path : path
        GIFTI file, such as ``.shape.gii``.

    Returns
    -------
    ndarray of float32, shape (n,)
        One value per vertex; NaN where there is none.

    Raises
    ------
    InputError
        When the file is absent, damaged, or does not hold one value per vertex.
    """
    import nibabel as nib

    file = Path(path)
    if not file.is_file():
        raise InputError("file not found", file=file)
    try:
        image = nib.gifti.GiftiImage.from_filename(file)
    except Exception as error:  # expat and nibabel raise whatever a damaged file provokes
        raise InputError(f"is not a GIFTI file ({error})", file=file, remedy="regenerate it") from error
    if len(image.darrays) != 1 or np.asarray(image.darrays[0].data).ndim != 1:
        raise InputError("does not hold one value per vertex", file=file)
    return np.asarray(image.darrays[0].data, dtype=np.float32)
