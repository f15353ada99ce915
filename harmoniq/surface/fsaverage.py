"""Values of a subject's vertices at those of fsaverage, as ``mri_surf2surf`` brings them there."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harmoniq.surface.icosphere import RADIUS, icosphere

#: Levels of the icosahedron that fsaverage comes in, and what BIDS calls their density.
DENSITIES = {5: "10k", 6: "41k", 7: "164k"}


def fsaverage_level(vertices: int) -> int:
    """Choose the coarsest fsaverage that has at least as many vertices as a subject.

    Parameters
    ----------
    vertices : int
        How many a hemisphere of the subject has.

    Returns
    -------
    int
        5, 6 or 7: the level of the icosahedron; 7 for subjects that have more vertices than any.
    """
    return next((level for level in DENSITIES if 10 * 4**level + 2 >= vertices), max(DENSITIES))


def subject_level(subject_dir: str | Path) -> int:
    """Choose the level of fsaverage for a FreeSurfer subject, by the number in the head of its files of thickness.

    Files that are absent or damaged count as those of a full reconstruction: reading them will say what is wrong.

    Parameters
    ----------
    subject_dir : path
        The subject's folder.

    Returns
    -------
    int
        As `fsaverage_level`, for the hemisphere that has more vertices.
    """
    counts = []
    for hemisphere in ("lh", "rh"):
        file = Path(subject_dir) / "surf" / f"{hemisphere}.thickness"
        head = file.read_bytes()[:7] if file.is_file() else b""
        counts.append(int.from_bytes(head[3:7], "big") if len(head) == 7 and head[:3] == b"\xff\xff\xff" else 10**6)
    return fsaverage_level(max(counts))


@dataclass(frozen=True, eq=False)
class ToFsaverage:
    """The way of values from a subject to fsaverage.

    Parameters
    ----------
    forward : numpy.ndarray of int, shape (m,)
        The subject's vertex that is nearest to each vertex of fsaverage.
    left_over, onto : numpy.ndarray of int, shape (k,)
        The subject's vertices that are nearest to none, and the vertex of fsaverage that is nearest to each.
    """

    forward: npt.NDArray[np.intp]
    left_over: npt.NDArray[np.intp]
    onto: npt.NDArray[np.intp]

    def apply(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Bring values to fsaverage's vertices.

        Parameters
        ----------
        values : array_like, shape (n,)
            At the subject's vertices; NaN is no value, and enters no mean.

        Returns
        -------
        ndarray of float64, shape (m,)
            Each the mean of the values that were brought to the vertex; NaN where there is none.
        """
        given = np.asarray(values, dtype=np.float64)
        first, more = given[self.forward], given[self.left_over]
        total, count = np.nan_to_num(first), np.isfinite(first).astype(np.float64)
        valid = np.isfinite(more)
        np.add.at(total, self.onto[valid], more[valid])
        np.add.at(count, self.onto[valid], 1.0)
        return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def to_fsaverage(sphere: npt.ArrayLike, level: int) -> ToFsaverage:
    """Find the way from a subject to fsaverage, forward and reverse (``mri_surf2surf``'s method ``nnfr``).

    Parameters
    ----------
    sphere : array_like, shape (n, 3)
        The subject's ``sphere.reg``.
    level : int
        Of fsaverage: 7 has 163,842 vertices, 5 has 10,242.

    Returns
    -------
    ToFsaverage
        To be applied to any values of this hemisphere.
    """
    from scipy.spatial import cKDTree

    points = np.asarray(sphere, dtype=np.float64)
    points = points * (RADIUS / np.linalg.norm(points, axis=1, keepdims=True))
    target = icosphere(level)[0]
    _, forward = cKDTree(points).query(target)
    reached = np.zeros(len(points), dtype=bool)
    reached[forward] = True
    left_over = np.flatnonzero(~reached)
    onto = cKDTree(target).query(points[left_over])[1] if left_over.size else left_over
    return ToFsaverage(np.asarray(forward, np.intp), left_over, np.asarray(onto, np.intp))
