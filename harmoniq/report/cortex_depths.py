"""How thick the cortex is, where in it the samples lie, and which areas have few vertices."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from harmoniq.report.style import OKABE_ITO, PAGE_WIDTH, TISSUE_STYLES, panel_letters, styled
from harmoniq.surface.geometry import DepthKind, points_at
from harmoniq.surface.subject import Hemisphere

BINS: Final = 80
_LINES: Final = {"L": "-", "R": "--"}
_HEMISPHERE_COLORS: Final = {"L": OKABE_ITO["blue"], "R": OKABE_ITO["orange"]}


def relative_depth(hemisphere: Hemisphere, kind: DepthKind, value: float) -> NDArray[np.float64]:
    """Return where samples lie on the line from each white vertex (0) to its pial vertex (1); NaN without a line.

    Parameters
    ----------
    hemisphere : Hemisphere
        White and pial surface, mm.
    kind : {'projfrac', 'projdist', 'midpoint'}
        As `harmoniq.surface.geometry.points_at` takes it.
    value : float
        A share of the thickness for projfrac, mm for projdist.

    Returns
    -------
    numpy.ndarray, shape (n,)
        Projection on that line, as a share of its length; below 0 lies in white matter.
    """
    line = hemisphere.pial - hemisphere.white
    length = np.einsum("ij,ij->i", line, line)
    along = np.einsum("ij,ij->i", points_at(hemisphere, kind=kind, value=value) - hemisphere.white, line)
    return np.divide(along, length, out=np.full(len(line), np.nan), where=length > 1e-6)


@styled
def figure_depths(
    thickness: Mapping[str, NDArray], depths: Mapping[str, Mapping[str, NDArray]], names: Mapping[str, str]
) -> Figure:
    """Draw histograms of the thickness, and of where the samples lie between the surfaces.

    Parameters
    ----------
    thickness : mapping
        Hemisphere to the thickness of its cortex, mm.
    depths : mapping
        Tissue to hemisphere to `relative_depth`.
    names : mapping
        Tissue to how its depth is defined.

    Returns
    -------
    Figure
        The figure.
    """
    figure = Figure(figsize=(PAGE_WIDTH, 2.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    for side, values in thickness.items():
        word = {"L": "left", "R": "right"}[side]
        _histogram(left, values, (0, 5), _HEMISPHERE_COLORS[side], _LINES[side], f"{word}: {np.median(values):.2f} mm")
    left.set(xlim=(0, 5), xlabel="cortical thickness (mm)")
    for tissue, sides in depths.items():
        both = np.concatenate([values[np.isfinite(values)] for values in sides.values()])
        label = f"{tissue}, {names[tissue]}: {np.median(both):.2f}"
        _histogram(right, both, (-1, 1.5), TISSUE_STYLES[tissue][0], "-" if tissue == "cGM" else "--", label)
    for at, word in ((0, "white"), (1, "pial")):
        right.axvline(at, color="#666666", linewidth=0.8)
        right.text(at, 1.0, f" {word}", transform=right.get_xaxis_transform(), va="bottom", ha="center", fontsize=7)
    right.set(xlim=(-1, 1.5), xlabel="place of the samples between white and pial")
    for ax in (left, right):
        ax.set_ylim(bottom=0, top=1.45 * max(ax.dataLim.ymax, 1e-9))
        ax.set_yticks([])
        ax.set_ylabel("density")
        ax.legend(loc="upper left", fontsize=6.8, borderpad=0)
    panel_letters((left, right))
    return figure


def _histogram(ax: Any, values: NDArray, limits: tuple[float, float], color: str, line: str, label: str) -> None:
    if not len(values):
        return
    counts, edges = np.histogram(values, bins=BINS, range=limits)
    density = counts / (len(values) * (edges[1] - edges[0]))
    ax.stairs(density, edges, color=color, linestyle=line, linewidth=1.3, label=label)
    ax.stairs(density, edges, color=color, alpha=0.12, fill=True)


@styled
def figure_areas(counts: Mapping[str, Mapping[str, int]], few: int, excluded: Mapping[str, float]) -> Figure:
    """Draw how many vertices each area has, and mark those that have few.

    Parameters
    ----------
    counts : mapping
        Hemisphere to area to its number of vertices.
    few : int
        Areas with fewer are marked.
    excluded : mapping
        Hemisphere to the share of its cortical surface that has no area.

    Returns
    -------
    Figure
        The figure.
    """
    areas: Sequence[str] = list(next(iter(counts.values())))
    order = sorted(areas, key=lambda area: min(side[area] for side in counts.values()))
    figure = Figure(figsize=(PAGE_WIDTH, 2.6), layout="constrained")
    ax = figure.subplots()
    place = np.arange(len(order))
    scarce = 0
    for side, marker in (("L", "<"), ("R", ">")):
        numbers = np.array([counts[side][area] for area in order])
        warn = numbers < few
        scarce += int(warn.sum())
        for chosen, color in ((~warn, _HEMISPHERE_COLORS[side]), (warn, OKABE_ITO["vermilion"])):
            ax.scatter(place[chosen], np.maximum(numbers[chosen], 0.8), marker=marker, s=16, color=color, zorder=3)
        share = f"{'left' if side == 'L' else 'right'} ({100 * excluded[side]:.0f} % of the cortex has no area)"
        ax.scatter([], [], marker=marker, s=16, color=_HEMISPHERE_COLORS[side], label=share)
    ax.axhspan(0.7, few, color=OKABE_ITO["vermilion"], alpha=0.08, linewidth=0)
    ax.axhline(few, color=OKABE_ITO["vermilion"], linewidth=0.8)
    ax.set_yscale("log")
    ax.set(ylabel="vertices", ylim=(0.7, None), xlim=(-1, len(order)))
    step = max(1, len(order) // 60)
    ax.set_xticks(place[::step], order[::step], rotation=90, fontsize=6.2)
    sides = "area" if scarce == 1 else "areas"
    said = f"{scarce} {sides} of a hemisphere with fewer than {few} vertices" if scarce else "no area has few vertices"
    ax.set_title(said, color=OKABE_ITO["vermilion"] if scarce else "#000000")
    ax.legend(loc="lower right")
    ax.grid(axis="y", color="#DDDDDD", linewidth=0.5)
    return figure
