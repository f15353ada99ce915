"""A brain to paint on: fsaverage5's left cortex and the bundles' courses, seen from a side, as flat shapes."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from numpy.typing import NDArray

from harmoniq.data.names import BUNDLES
from harmoniq.surface.icosphere import icosphere

#: View to the axes of RAS that run to the right, upwards and towards the viewer on paper.
VIEWS: Final[dict[str, NDArray[np.float64]]] = {
    "lateral": np.array([[0.0, -1, 0], [0, 0, 1], [-1, 0, 0]]),
    "medial": np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]]),
    "left": np.array([[0.0, -1, 0], [0, 0, 1], [-1, 0, 0]]),
    "right": np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]]),
    "above": np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]),  # the right side is up
}
UNPAINTED: Final = (0.80, 0.80, 0.80)
#: Width over height of a view.
_SHAPE: Final = 1.30
_LIGHT: Final = np.array([-0.25, 0.35, 0.90])


@dataclass(frozen=True)
class Cortex:
    """The left cortical surface: vertices (n, 3) in mm, faces (m, 3), and which vertices lie in sulci."""

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    sulcal: NDArray[np.bool_]


@lru_cache(maxsize=2)
def fsaverage5(kind: str) -> Cortex:
    """Return the left hemisphere of fsaverage5 as nilearn brings it: ``infl`` or ``pial``."""
    from pathlib import Path

    import nibabel as nib
    import nilearn.datasets

    folder = Path(str(nilearn.datasets.__file__)).parent / "data" / "fsaverage5"

    def arrays(name: str) -> list[NDArray[Any]]:
        return [np.asarray(one.data) for one in nib.load(folder / f"{name}_left.gii.gz").darrays]  # type: ignore[attr-defined]

    vertices, faces = arrays(kind)
    return Cortex(vertices.astype(float), faces.astype(int), arrays("sulc")[0] > 0)


def draw_cortex(ax: Any, colors: NDArray[np.float64], *, view: str, kind: str = "infl") -> None:
    """Paint the left cortex.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    colors : numpy.ndarray, shape (10242, 3)
        RGB of each vertex; NaN where nothing is painted.
    view : {"lateral", "medial"}
    kind : {"infl", "pial"}
    """
    cortex = fsaverage5(kind)
    seen, corners, light = visible_faces(kind, view)
    bare = np.where(cortex.sulcal[:, None], 0.66, 0.82) * np.ones(3)
    painted = np.where(np.isfinite(colors), colors, bare)
    # A face takes the color that most of its corners have, so that areas keep sharp borders.
    a, b, c = (painted[cortex.faces[seen, k]] for k in range(3))
    face = np.where((b == c).all(axis=1, keepdims=True), b, a)
    rgb = np.clip(face * light[:, None], 0, 1)
    ax.add_collection(PolyCollection(list(corners), facecolors=rgb, edgecolors=rgb, linewidths=0.25, rasterized=True))
    _frame(ax, cortex.vertices @ VIEWS[view].T)


@lru_cache(maxsize=4)
def visible_faces(kind: str, view: str) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the faces turned to the viewer, from back to front, their corners on paper (m, 3, 2), and their light."""
    cortex = fsaverage5(kind)
    corners = (cortex.vertices @ VIEWS[view].T)[cortex.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    order = np.argsort(corners[:, :, 2].mean(axis=1), kind="stable")
    seen = order[normals[order, 2] > 0]
    light = 0.72 + 0.28 * np.clip(normals[seen] @ (_LIGHT / np.linalg.norm(_LIGHT)), 0, 1)
    return seen, corners[seen][:, :, :2], light


def draw_bundles(ax: Any, colors: dict[str, tuple[float, float, float]], *, view: str) -> None:
    """Draw the bundles as tubes inside the outline of the cortex.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    colors : dict
        RGB by bundle; others are left out.
    view : {"left", "right", "above"}
        The left view has the bundles of the left side and the two callosal ones, and so on.
    """
    # A silhouette needs no more than fsaverage3: the first 642 vertices.
    _, faces = icosphere(3)
    left = fsaverage5("pial").vertices[: faces.max() + 1]
    points = np.vstack([left, left * (-1, 1, 1)]) @ VIEWS[view].T
    faces = np.vstack([faces, faces + len(left)])
    outline = PolyCollection(
        list(points[faces][:, :, :2]), facecolors="#EBEBEB", edgecolors="#EBEBEB", linewidths=0.6, rasterized=True
    )
    ax.add_collection(outline)
    side = {"left": "_R", "right": "_L"}.get(view, "none")
    lines = {name: line @ VIEWS[view].T for name, line in _courses().items() if name in colors}
    shown = [name for name in sorted(lines, key=lambda n: lines[n][:, 2].mean()) if not name.endswith(side)]
    for level, name in enumerate(shown, start=2):
        line = lines[name][:, :2]
        for width, color in ((3.6, (0.25, 0.25, 0.25)), (2.7, colors[name])):
            ax.add_collection(LineCollection([line], colors=[color], linewidths=width, capstyle="round", zorder=level))
    _frame(ax, points)


@lru_cache(maxsize=1)
def _courses() -> dict[str, NDArray[np.float64]]:
    """Return each bundle's centre line as a smooth curve, (60, 3)."""
    from scipy.interpolate import CubicSpline

    from harmoniq.tract.centrelines import read_centrelines

    out = {}
    for name, points in read_centrelines().items():
        knots = np.concatenate([[0.0], np.cumsum(np.sqrt(np.linalg.norm(np.diff(points, axis=0), axis=1)))])
        out[name] = CubicSpline(knots, points)(np.linspace(0.0, knots[-1], 60))
    return {name: out[name] for name in BUNDLES}


def _frame(ax: Any, points: NDArray[np.float64]) -> None:
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    # All boxes have one shape, whatever is in them.
    middle, (width, height) = (low + high) / 2, (high - low) / 2 * 1.03
    half = max(width, height * _SHAPE)
    ax.set(xlim=(middle[0] - half, middle[0] + half), aspect="equal")
    ax.set_ylim(middle[1] - half / _SHAPE, middle[1] + half / _SHAPE)
    ax.axis("off")
