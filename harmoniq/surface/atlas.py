"""The Brodmann areas of PALS-B12 on fsaverage (Van Essen 2005, doi:10.1016/j.neuroimage.2005.06.058).

The atlas comes with FreeSurfer and is not part of this package. In the right ``.annot`` Brodmann.3 and Brodmann.33
share one colour, so that whoever reads it merges them; the ``.labels.gii`` beside it keeps them apart and is
preferred here. Where only the ``.annot`` is there, the two are told apart by connected component.
"""

import importlib.util
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harmoniq.data.errors import InputError
from harmoniq.data.names import BRODMANN_NUMBERS
from harmoniq.surface.icosphere import FSAVERAGE5_VERTICES, FSAVERAGE_VERTICES, icosphere

MEDIAL_WALL = -1

Labels = dict[str, npt.NDArray[np.int16]]

_PACKAGE = "smriprep_freesurfer732"
_REMEDY = (
    "pip install 'harmoniq[atlas]', or set FREESURFER_HOME, "
    "or copy fsaverage's label/?h.PALS_B12* to a folder and name it"
)
_GIFTI, _ANNOT = "{}.PALS_B12.labels.gii", "{}.PALS_B12_Brodmann.annot"
_FILE_HEMISPHERE = {"L": "lh", "R": "rh"}


@dataclass(frozen=True, eq=False)
class Atlas:
    """Brodmann area of each vertex.

    Parameters
    ----------
    labels : dict
        For hemisphere ``L`` and ``R`` an int16 array: Brodmann number, 0 unassigned, -1 medial wall.
    source : path
        The folder that was read.
    version : str
        What was read, and how, for the sidecars.
    """

    labels: Labels
    source: Path
    version: str

    def on_fsaverage5(self) -> "Atlas":
        """Return the labels of fsaverage5's 10,242 vertices, which are the first of fsaverage's."""
        first = {side: values[:FSAVERAGE5_VERTICES] for side, values in self.labels.items()}
        return Atlas(first, self.source, f"{self.version}, first {FSAVERAGE5_VERTICES} vertices")


def find_atlas(
    where: str | Path = "auto",
    *,
    freesurfer_home: str | Path | None = None,
    subjects_dir: str | Path | None = None,
    merged: bool = False,
) -> Atlas:
    """Find and read PALS-B12's Brodmann areas on fsaverage.

    Parameters
    ----------
    where : 'auto' or path
        A folder that holds ``?h.PALS_B12.labels.gii`` or ``?h.PALS_B12_Brodmann.annot``, or ``'auto'``: FreeSurfer's
        fsaverage, then the one in `subjects_dir`, then the package of the ``atlas`` extra.
    freesurfer_home : path, optional
        FreeSurfer's folder; by default the environment's ``FREESURFER_HOME``.
    subjects_dir : path, optional
        A FreeSurfer subjects directory that may hold fsaverage.
    merged : bool
        Read the right BA33 as BA3, as FreeSurfer does: its lookup takes the first entry of a colour
        (``CTABfindRGBi`` in ``utils/colortab.cpp``), and Brodmann.3 stands before Brodmann.33. BA33 then has no
        vertex on the right.

    Returns
    -------
    Atlas
        163,842 labels per hemisphere.

    Raises
    ------
    InputError
        When the atlas is nowhere, or a file is damaged or not on fsaverage; the places searched are named.
    """
    home = freesurfer_home if freesurfer_home is not None else os.environ.get("FREESURFER_HOME")
    folders = [Path(where)] if str(where) != "auto" else list(_places(home, subjects_dir))
    for folder in folders:
        if all(
            any((folder / name.format(h)).is_file() for name in (_GIFTI, _ANNOT)) for h in _FILE_HEMISPHERE.values()
        ):
            return _load(folder, merged)
    searched = ", ".join(map(str, folders)) or "no FreeSurfer and no atlas package are installed"
    raise InputError(f"the Brodmann atlas PALS-B12 was not found (searched: {searched})", remedy=_REMEDY)


def _places(home: str | Path | None, subjects_dir: str | Path | None) -> Iterator[Path]:
    if home:
        yield Path(home) / "subjects" / "fsaverage" / "label"
    if subjects_dir is not None:
        yield Path(subjects_dir) / "fsaverage" / "label"
    # The package holds files only: asking for its place does not import it.
    spec = importlib.util.find_spec(_PACKAGE)
    for location in (spec.submodule_search_locations or ()) if spec is not None else ():
        yield Path(location) / "freesurfer" / "subjects" / "fsaverage" / "label"


def _load(folder: Path, merged: bool) -> Atlas:
    kinds = []
    labels: Labels = {}
    for side, hemisphere in _FILE_HEMISPHERE.items():
        gifti, annot = folder / _GIFTI.format(hemisphere), folder / _ANNOT.format(hemisphere)
        use_gifti = gifti.is_file()
        labels[side] = _read_gifti(gifti) if use_gifti else _read_annot(annot)
        kinds.append("labels.gii" if use_gifti else "annot")
    if kinds[1] == "annot":
        labels["R"] = _split(labels["R"], labels["L"])
        kinds[1] = "annot, BA3 and BA33 split by connected component"
    if merged:
        labels["R"] = np.where(labels["R"] == 33, np.int16(3), labels["R"])
        kinds[1] += ", BA33 merged into BA3"
    version = f"PALS-B12 Brodmann on fsaverage (L: {kinds[0]}; R: {kinds[1]})"
    return Atlas(labels, folder, version)


def _read_gifti(file: Path) -> npt.NDArray[np.int16]:
    import nibabel as nib

    try:
        img: Any = nib.load(file)  # type: ignore[attr-defined]
        arrays = [a for a in img.darrays if str(a.meta.get("Name", "")).startswith("Brodmann")]
        names = dict(img.labeltable.get_labels_as_dict())
    except Exception as error:  # nibabel and expat raise whatever a damaged file provokes
        raise InputError(f"cannot be read ({error})", file=file, remedy=_REMEDY) from error
    if len(arrays) != 1:
        raise InputError("has no array named Brodmann", file=file, remedy=_REMEDY)
    return _numbers(np.asarray(arrays[0].data), names, file)


def _read_annot(file: Path) -> npt.NDArray[np.int16]:
    import nibabel as nib

    try:
        labels, _, names = nib.freesurfer.read_annot(file)
    except Exception as error:
        raise InputError(f"cannot be read ({error})", file=file, remedy=_REMEDY) from error
    return _numbers(labels, {index: name.decode() for index, name in enumerate(names)}, file)


def _numbers(indices: np.ndarray, names: dict[int, str], file: Path) -> npt.NDArray[np.int16]:
    if indices.shape != (FSAVERAGE_VERTICES,):
        raise InputError(
            f"has {indices.size} vertices, not fsaverage's {FSAVERAGE_VERTICES}", file=file, remedy=_REMEDY
        )
    numbers = np.zeros(indices.shape, dtype=np.int16)
    for index in np.unique(indices):
        name = names.get(int(index), "")
        area = re.fullmatch(r"Brodmann\.(\d+)", name)
        if area is not None and int(area[1]) in BRODMANN_NUMBERS:
            numbers[indices == index] = int(area[1])
        elif name == "MEDIAL.WALL":
            numbers[indices == index] = MEDIAL_WALL
    return numbers


def _split(right: npt.NDArray[np.int16], left: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """Tell the right BA3 and BA33 apart: each connected component goes to the nearer of the two mirrored left areas."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    vertices, faces = icosphere()
    shared = np.isin(right, (3, 33))
    edges = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = edges[shared[edges].all(axis=1)]
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(len(right), len(right)))
    _, component = connected_components(graph, directed=False)
    mirrored = {area: vertices[left == area].mean(axis=0) * (-1, 1, 1) for area in (3, 33)}
    out = right.copy()
    for one in np.unique(component[shared]):
        members = shared & (component == one)
        centre = vertices[members].mean(axis=0)
        out[members] = min(mirrored, key=lambda area: float(np.linalg.norm(centre - mirrored[area])))
    return out
