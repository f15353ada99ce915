"""The Brodmann areas of PALS-B12 on fsaverage (Van Essen 2005, doi:10.1016/j.neuroimage.2005.06.058).

The atlas comes with FreeSurfer and is not part of this package. In the right ``.annot`` Brodmann.3 and Brodmann.33
share one color, so that whoever reads it merges them; the ``.labels.gii`` beside it keeps them apart and is
preferred here. Where only the ``.annot`` is there, the two are told apart by connected component.
"""

import importlib.util
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from harmoniq.data.errors import InputError
from harmoniq.data.names import BRODMANN_NUMBERS
from harmoniq.surface.annotation import read_labels
from harmoniq.surface.icosphere import FSAVERAGE5_VERTICES, FSAVERAGE_VERTICES, icosphere

MEDIAL_WALL = -1

Labels = dict[str, npt.NDArray[np.int16]]

#: Number of each Brodmann area to its name in the regional table.
BRODMANN_REGIONS: Mapping[int, str] = MappingProxyType({number: f"BA{number}" for number in BRODMANN_NUMBERS})

_PACKAGE = "smriprep_freesurfer732"
_REMEDY = (
    "pip install 'harmoniq[atlas]', or set FREESURFER_HOME, "
    "or copy fsaverage's label/?h.PALS_B12* to a folder and name it"
)
#: What is said where the two were told apart, and where they were not.
SHARED_COLOR = (
    "the right annotation of PALS-B12 gives Brodmann.3 and Brodmann.33 one color: BA3 and BA33 were told apart by "
    "connected component (surfaces.merge_ba33 reads them as FreeSurfer does)"
)
KEPT_APART = (
    "BA3 and BA33 of the right side are kept apart; FreeSurfer's reading of the annotation, which gives them one "
    "color, merges them (surfaces.merge_ba33)"
)
MERGED = "BA33 of the right side is read as BA3 (surfaces.merge_ba33): BA33 has no vertex there"
_GIFTI, _ANNOT = "{}.PALS_B12.labels.gii", "{}.PALS_B12_Brodmann.annot"
_FILE_HEMISPHERE = {"L": "lh", "R": "rh"}


@dataclass(frozen=True, eq=False)
class Atlas:
    """Region of each vertex: a Brodmann area, or one of another atlas.

    Parameters
    ----------
    labels : dict
        For hemisphere ``L`` and ``R`` an int16 array: number of the region, 0 unassigned, -1 medial wall.
    source : path
        The folder that was read.
    version : str
        What was read, and how, for the sidecars.
    regions : mapping
        Number to the region's name.
    notes : tuple of str
        What has to be said about how it was read.
    """

    labels: Labels
    source: Path
    version: str
    regions: Mapping[int, str] = field(default_factory=lambda: BRODMANN_REGIONS)
    notes: tuple[str, ...] = ()

    def on_fsaverage5(self) -> "Atlas":
        """Cut an atlas on fsaverage down to fsaverage5, whose vertices are the first of fsaverage's.

        Returns
        -------
        Atlas
            With 10,242 labels per hemisphere; its version says so.
        """
        first = {side: values[:FSAVERAGE5_VERTICES] for side, values in self.labels.items()}
        version = f"{self.version}, first {FSAVERAGE5_VERTICES} vertices"
        return Atlas(first, self.source, version, self.regions, self.notes)


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
        Read the right BA33 as BA3, as FreeSurfer does: its lookup takes the first entry of a color
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
    folders = [Path(where)] if str(where) != "auto" else list(label_folders(home, subjects_dir))
    for folder in folders:
        if all(
            any((folder / name.format(h)).is_file() for name in (_GIFTI, _ANNOT)) for h in _FILE_HEMISPHERE.values()
        ):
            return _load(folder, merged)
    searched = ", ".join(map(str, folders)) or "no FreeSurfer and no atlas package are installed"
    raise InputError(f"the Brodmann atlas PALS-B12 was not found (searched: {searched})", remedy=_REMEDY)


def label_folders(home: str | Path | None, subjects_dir: str | Path | None) -> Iterator[Path]:
    """Yield the folders that may hold fsaverage's labels, whether or not they exist.

    Parameters
    ----------
    home : path or None
        FreeSurfer's folder; None: there is no FreeSurfer.
    subjects_dir : path or None
        A FreeSurfer subjects directory that may hold fsaverage.

    Yields
    ------
    Path
        FreeSurfer's, then that of `subjects_dir`, then that of the package of the ``atlas`` extra, as far as there are
        these.
    """
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
        file, array = (gifti, "Brodmann") if use_gifti else (annot, None)
        keys, names = read_labels(file, array=array, remedy=_REMEDY)
        if keys.shape != (FSAVERAGE_VERTICES,):
            raise InputError(
                f"has {keys.size} vertices, not fsaverage's {FSAVERAGE_VERTICES}", file=file, remedy=_REMEDY
            )
        labels[side] = brodmann_numbers(keys, names)
        kinds.append("labels.gii" if use_gifti else "annot")
    notes = [KEPT_APART]
    if kinds[1] == "annot":
        labels["R"] = split_right(labels["R"], labels["L"], *icosphere(), icosphere()[0])
        kinds[1] = "annot, BA3 and BA33 split by connected component"
        notes = [SHARED_COLOR]
    if merged:
        labels["R"] = merge_right(labels["R"])
        kinds[1] += ", BA33 merged into BA3"
        notes = [MERGED]
    version = f"PALS-B12 Brodmann on fsaverage (L: {kinds[0]}; R: {kinds[1]})"
    return Atlas(labels, folder, version, notes=tuple(notes))


def brodmann_numbers(keys: npt.NDArray[np.integer], names: Mapping[int, str]) -> npt.NDArray[np.int16]:
    """Turn the keys of a PALS-B12 file into numbers of Brodmann areas.

    Parameters
    ----------
    keys : ndarray of int, shape (n,)
        Of the vertices, as `harmoniq.surface.annotation.read_labels` returns them.
    names : mapping of int to str
        Key to name: ``Brodmann.4``, ``MEDIAL.WALL``.

    Returns
    -------
    ndarray of int16, shape (n,)
        Number of the area, 0 unassigned, -1 medial wall.
    """
    numbers = np.zeros(keys.shape, dtype=np.int16)
    for key in np.unique(keys):
        name = names.get(int(key), "")
        area = re.fullmatch(r"Brodmann\.(\d+)", name)
        if area is not None and int(area[1]) in BRODMANN_NUMBERS:
            numbers[keys == key] = int(area[1])
        elif name == "MEDIAL.WALL":
            numbers[keys == key] = MEDIAL_WALL
    return numbers


def merge_right(right: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """Read the right BA33 as BA3, as FreeSurfer's lookup of the shared color does.

    Parameters
    ----------
    right : ndarray of int16, shape (n,)
        Brodmann numbers of the right side.

    Returns
    -------
    ndarray of int16, shape (n,)
        A copy without 33.
    """
    return np.where(right == 33, np.int16(3), right)


def split_right(
    right: npt.NDArray[np.int16],
    left: npt.NDArray[np.int16],
    sphere: npt.NDArray[np.float64],
    faces: npt.NDArray[np.int64],
    left_sphere: npt.NDArray[np.float64],
) -> npt.NDArray[np.int16]:
    """Tell the right BA3 and BA33 apart: each connected component goes to the nearer of the two mirrored left areas.

    Parameters
    ----------
    right, left : array of int16, shape (n,) and (m,)
        Brodmann numbers; on the right 3 and 33 may be mixed up.
    sphere, left_sphere : ndarray, shape (n, 3) and (m, 3)
        The registered spheres of both sides, mm.
    faces : ndarray of int, shape (f, 3)
        Of the right surface.

    Returns
    -------
    ndarray of int16, shape (n,)
        Labels of the right side, the two areas apart; as given where the left side lacks one of them.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    shared = np.isin(right, (3, 33))
    if not (left == 3).any() or not (left == 33).any():
        return right
    edges = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = edges[shared[edges].all(axis=1)]
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(len(right), len(right)))
    _, component = connected_components(graph, directed=False)
    mirrored = {area: left_sphere[left == area].mean(axis=0) * (-1, 1, 1) for area in (3, 33)}
    out = right.copy()
    for one in np.unique(component[shared]):
        members = shared & (component == one)
        center = sphere[members].mean(axis=0)
        out[members] = min(mirrored, key=lambda area: float(np.linalg.norm(center - mirrored[area])))
    return out
