"""A brain to paint on: the left cortex by nilearn, and the bundles' courses inside its outline, seen from a side."""

from functools import lru_cache
from typing import Any, Final

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import Colormap, Normalize
from numpy.typing import NDArray

from harmoniq.data.names import BUNDLES
from harmoniq.surface.icosphere import icosphere

#: Views of the bundles, to the axes of RAS that run to the right, upwards and towards the viewer on paper.
VIEWS: Final[dict[str, NDArray[np.float64]]] = {
    "left": np.array([[0.0, -1, 0], [0, 0, 1], [-1, 0, 0]]),
    "right": np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]]),
    "above": np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]),  # the right side is up
}
#: How dark gyri and sulci are where nothing is painted, 0 to 1.
_BARE: Final = (0.18, 0.34)


def brain_axes(figure: Any, place: Any, view: str) -> Any:
    """Return axes for a view: of the cortex (``lateral``, ``medial``) with depth, of the bundles flat.

    Parameters
    ----------
    figure : matplotlib.figure.FigureBase
        Figure that is drawn on.
    place : matplotlib.gridspec.SubplotSpec
        Where in the figure.
    view : {"lateral", "medial", "left", "right", "above"}
        One of `VIEWS` shows the bundles.

    Returns
    -------
    matplotlib.axes.Axes
        With three dimensions for the cortex.
    """
    return figure.add_subplot(place, projection=None if view in VIEWS else "3d")


def draw_cortex(ax: Any, values: NDArray[np.float64], norm: Normalize, cmap: Colormap, *, view: str) -> None:
    """Paint the inflated left cortex of fsaverage5 with nilearn.

    Parameters
    ----------
    ax : mpl_toolkits.mplot3d.Axes3D
        From `brain_axes`.
    values : numpy.ndarray, shape (10242,)
        Of each vertex; NaN where nothing is painted.
    norm, cmap
        Values to colors, which no light changes: they can be read off the color bar.
    view : {"lateral", "medial"}
        Lateral or medial.
    """
    from nilearn.datasets import load_fsaverage, load_fsaverage_data
    from nilearn.plotting import plot_surf

    sulci = load_fsaverage_data(mesh="fsaverage5", data_type="sulcal").data.parts["left"] > 0
    plot_surf(
        load_fsaverage("fsaverage5")["inflated"].parts["left"], values, bg_map=np.where(sulci, *_BARE[::-1]),
        hemi="left", view=view, cmap=cmap, vmin=norm.vmin, vmax=norm.vmax, avg_method=_of_most, colorbar=False,
        axes=ax, figure=ax.figure,
    )  # fmt: skip
    # A picture inside the SVG: twenty thousand triangles would be 7 MB.
    ax.collections[0].set_rasterized(True)
    ax.set_box_aspect(None, zoom=1.45)


def _of_most(corners: NDArray[np.float64]) -> float:
    """Return the value that most corners of a face have, so that areas keep sharp borders."""
    return float(corners[1] if corners[1] == corners[2] else corners[0])


def draw_bundles(ax: Any, colors: dict[str, tuple[float, float, float]], *, view: str) -> None:
    """Draw the bundles as tubes inside the outline of the cortex.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Axes to draw on.
    colors : dict
        RGB by bundle; others are left out.
    view : {"left", "right", "above"}
        The left view has the bundles of the left side and the two callosal ones, and so on.
    """
    from nilearn.datasets import load_fsaverage

    # A silhouette needs no more than fsaverage3: the first 642 vertices.
    _, faces = icosphere(3)
    left = load_fsaverage("fsaverage5")["pial"].parts["left"].coordinates[: faces.max() + 1]
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
    ax.update_datalim(points[:, :2])
    ax.margins(0.02)
    # The box keeps its shape, so that all views of a figure stand in line.
    ax.set_aspect("equal", adjustable="datalim")
    ax.autoscale_view()
    ax.axis("off")


@lru_cache(maxsize=1)
def _courses() -> dict[str, NDArray[np.float64]]:
    """Return each bundle's center line as a smooth curve, (60, 3)."""
    from scipy.interpolate import CubicSpline

    from harmoniq.tract.centerlines import read_centerlines

    out = {}
    for name, points in read_centerlines().items():
        knots = np.concatenate([[0.0], np.cumsum(np.sqrt(np.linalg.norm(np.diff(points, axis=0), axis=1)))])
        out[name] = CubicSpline(knots, points)(np.linspace(0.0, knots[-1], 60))
    return {name: out[name] for name in BUNDLES}
