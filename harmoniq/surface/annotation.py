"""Labels at the vertices, as FreeSurfer's ``.annot`` and GIFTI label files hold them."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harmoniq.data.errors import InputError
from harmoniq.data.files import write_bytes
from harmoniq.surface.gifti import STRUCTURES


class _NoArrayError(Exception):
    """The file is sound, and does not hold what is asked for."""


#: Written in other files for what is no region.
NO_REGION = frozenset({"", "???", "unknown", "medial_wall", "medial.wall", "medial wall", "background", "none"})


def read_labels(
    path: str | Path, *, array: str | None = None, remedy: str | None = None
) -> tuple[npt.NDArray[np.int64], dict[int, str]]:
    """Read one hemisphere's labels.

    Parameters
    ----------
    path : path
        ``.annot`` or ``.gii``.
    array : str, optional
        What the name of the array begins with, in a GIFTI file of several.
    remedy : str, optional
        What the error says besides.

    Returns
    -------
    indices : numpy.ndarray of int, shape (n,)
        Key of each vertex; in an ``.annot`` the place in its color table, -1 for none.
    names : dict
        Key to name.

    Raises
    ------
    InputError
        For a file that is absent or damaged, or has not the array.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError("file not found", file=file, remedy=remedy)
    try:
        return _read_gifti(file, array) if file.suffix == ".gii" else _read_annot(file)
    except _NoArrayError as error:
        raise InputError(str(error), file=file, remedy=remedy) from error
    except Exception as error:  # nibabel and expat raise whatever a damaged file provokes
        raise InputError(f"cannot be read ({error})", file=file, remedy=remedy) from error


def _read_gifti(file: Path, array: str | None) -> tuple[npt.NDArray[np.int64], dict[int, str]]:
    import nibabel as nib

    image: Any = nib.gifti.GiftiImage.from_filename(file)
    named = {str(a.meta.get("Name", "")): a for a in image.darrays}
    chosen = [a for name, a in named.items() if array is None or name.startswith(array)]
    if len(chosen) != 1 or len(image.darrays) != len(named):
        wanted = "not one array of labels" if array is None else f"no array named {array}"
        raise _NoArrayError(f"has {wanted} (it has {', '.join(named) or 'none'})")
    names = {int(key): str(name) for key, name in image.labeltable.get_labels_as_dict().items()}
    return np.asarray(chosen[0].data).ravel().astype(np.int64), names


def _read_annot(file: Path) -> tuple[npt.NDArray[np.int64], dict[int, str]]:
    import nibabel as nib

    labels, _, names = nib.freesurfer.read_annot(file)
    return labels.astype(np.int64), {index: name.decode() for index, name in enumerate(names)}


def write_labels(labels: npt.ArrayLike, names: dict[int, str], path: str | Path, *, hemisphere: str, name: str) -> Path:
    """Write labels as ``.label.gii``, whole or not at all; equal labels give equal bytes.

    Parameters
    ----------
    labels : array_like of int, shape (n,)
        One per vertex.
    names : dict
        Label to name; the colors are spread over the hues by the label's place, and labels at or below 0 are clear.
    path : path
        Ends in ``.label.gii``.
    hemisphere : {'L', 'R'}
        Becomes the metadata ``AnatomicalStructurePrimary``.
    name : str
        Of the array, shown by viewers.

    Returns
    -------
    Path
        The file that was written.
    """
    import nibabel as nib

    array = nib.gifti.GiftiDataArray(
        np.asarray(labels, dtype=np.int32),
        intent="NIFTI_INTENT_LABEL",
        datatype="NIFTI_TYPE_INT32",
        meta={"Name": name},
    )
    table = nib.gifti.GiftiLabelTable()
    for place, (key, text) in enumerate(sorted(names.items())):
        label = nib.gifti.GiftiLabel(key, *_color(place, key))
        label.label = text  # type: ignore[attr-defined]
        table.labels.append(label)
    meta = nib.gifti.GiftiMetaData({"AnatomicalStructurePrimary": STRUCTURES[hemisphere]})
    image = nib.gifti.GiftiImage(darrays=[array], labeltable=table, meta=meta)
    return write_bytes(path, image.to_xml())


def _color(place: int, key: int) -> tuple[float, float, float, float]:
    """Return a color by the golden angle, so that neighbors in the table differ; what is no region is clear."""
    from colorsys import hsv_to_rgb

    if key <= 0:
        return 0.5, 0.5, 0.5, 0.0
    return (*(round(c, 4) for c in hsv_to_rgb(0.618034 * place % 1.0, 0.65, 0.9)), 1.0)  # type: ignore[return-value]
