"""Draw the diagrams of the documentation; the layers come from import-linter's contract.

They are SVG with text in them, made by matplotlib alone: no Graphviz, no script in the reader's browser.
"""

import tomllib
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from harmoniq.workflows.group import STEPS

HERE = Path(__file__).resolve().parent
PYPROJECT = tomllib.loads((HERE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "harmoniq",
    "font.family": "sans-serif",
    "font.size": 10,
}
BLUE, SAND, GREEN, GRAY = "#dbe8f4", "#f6ead0", "#dff0e0", "#eeeeee"
WORDS = {
    "cli": "the command line",
    "workflows": "connects nodes, runs them",
    "interfaces": "Nipype nodes",
    "data": "acquisitions, images, tables, names, errors",
    "configs": "the built-in study",
}


def layers() -> list[list[str]]:
    """Return the layers of the import contract, the highest first, each with its packages."""
    (contract,) = [c for c in PYPROJECT["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    return [[name.strip().removeprefix("harmoniq.") for name in layer.split("|")] for layer in contract["layers"]]


def canvas(width: float, height: float) -> Axes:
    """Return axes of `width` x `height` units of half an inch, the origin at the top left."""
    figure = plt.figure(figsize=(width / 2, height / 2), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    return axes


def box(axes: Axes, x: float, y: float, width: float, height: float, text: str, color: str = BLUE) -> None:
    """Draw a box with its upper left corner at x, y."""
    style = "round,pad=0,rounding_size=0.12"
    axes.add_patch(
        FancyBboxPatch((x, y), width, height, boxstyle=style, facecolor=color, edgecolor="#44546a", linewidth=0.8)
    )
    axes.text(x + width / 2, y + height / 2, text, ha="center", va="center", linespacing=1.35)


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an arrow."""
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": "#44546a", "linewidth": 1, "shrinkB": 1})


def save(axes: Axes, name: str) -> None:
    """Write the picture, the same bytes every time."""
    axes.figure.savefig(HERE / f"{name}.svg", metadata={"Date": None, "Creator": None})
    plt.close(axes.figure)


def house() -> None:
    """Draw the layers: each imports only what lies below it."""
    floors = layers()
    axes = canvas(15.4, len(floors) * 0.95 + 1.1)
    for k, names in enumerate(floors):
        nipype = names[0] in {"cli", "workflows", "interfaces"}
        width = (12.2 - 0.2 * (len(names) - 1)) / len(names)
        for j, name in enumerate(names):
            words = f"{name}: {WORDS[name]}" if name in WORDS else name
            box(axes, 0.4 + j * (width + 0.2), 0.4 + 0.95 * k, width, 0.75, words, SAND if nipype else BLUE)
    bottom = 0.4 + 0.95 * len(floors) - 0.2
    arrow(axes, (13.0, 0.5), (13.0, bottom))
    axes.text(13.25, 0.4 + 0.95 * 1.4, "with\nNipype", va="center")
    axes.text(13.25, 0.4 + 0.95 * (3 + len(floors)) / 2, "the science:\nno Nipype", va="center")
    axes.text(0.4, bottom + 0.5, "Imports run down the arrow only; import-linter holds it.", va="center")
    save(axes, "house")


def session() -> None:
    """Draw how a session flows through the nodes."""
    axes = canvas(18, 10.2)
    box(axes, 0.3, 0.4, 3.4, 1.1, "MP2RAGE\n(B1+ map)", SAND)
    box(axes, 0.3, 2.4, 3.4, 1.1, "multi-echo\ngradient echo", SAND)
    box(axes, 0.3, 4.4, 3.4, 1.1, "FreeSurfer subject\n(or a surface engine)", SAND)
    box(axes, 0.3, 6.4, 3.4, 1.1, "tractograms\n(or diffusion)", SAND)
    box(axes, 0.3, 8.4, 3.4, 1.1, "lesion masks", SAND)
    box(axes, 5.0, 0.4, 3.6, 1.1, "r1_wf: fit_r1,\nbrain_mask")
    box(axes, 5.0, 2.4, 3.6, 1.1, "r2star_wf: fit_r2star")
    box(axes, 5.0, 4.4, 3.6, 1.1, "surfaces_wf:\nlabel_cortex")
    box(axes, 5.0, 6.4, 3.6, 1.1, "track_bundles, where\nthere are none")
    box(axes, 5.0, 8.4, 3.6, 1.1, "lesions_wf: placed,\ndilated")
    box(axes, 9.8, 1.4, 3.4, 1.1, "coregistration_wf:\nregister")
    box(axes, 9.8, 4.4, 3.4, 1.1, "*_cortex_wf:\nsample_cortex")
    box(axes, 9.8, 6.4, 3.4, 1.1, "*_bundles_wf:\nsample_bundles")
    box(axes, 14.3, 5.4, 3.4, 1.1, "merge_rows:\nregional table", GREEN)
    box(axes, 14.3, 1.4, 3.4, 1.1, "figures, report", GREEN)
    for y in (0.95, 2.95, 4.95, 6.95, 8.95):
        arrow(axes, (3.7, y), (5.0, y))
    arrow(axes, (8.6, 1.1), (9.8, 1.7))
    arrow(axes, (8.6, 2.8), (9.8, 2.2))
    arrow(axes, (11.5, 2.5), (11.5, 4.4))
    for y in (4.95, 6.95):
        arrow(axes, (8.6, y), (9.8, y))
    arrow(axes, (8.6, 8.7), (9.8, 7.3))
    arrow(axes, (8.6, 8.5), (9.8, 5.4))
    arrow(axes, (13.2, 5.1), (14.3, 5.8))
    arrow(axes, (13.2, 6.8), (14.3, 6.2))
    arrow(axes, (13.2, 1.95), (14.3, 1.95))
    arrow(axes, (16.0, 5.4), (16.0, 2.5))
    axes.text(
        9.8, 9.2, "Maps are never resampled: the points of surfaces\nand streamlines move into the map.", va="center"
    )
    save(axes, "session")


def group() -> None:
    """Draw how the group level flows."""
    axes = canvas(18, 0.4 + 0.88 * len(STEPS))
    box(axes, 0.3, 1.0, 3.2, 1.1, "regional tables", SAND)
    box(axes, 0.3, 3.2, 3.2, 1.1, "participants.tsv", SAND)
    box(axes, 4.7, 2.1, 2.6, 1.1, "build_cohort")
    box(axes, 8.3, 2.1, 2.6, 1.1, "harmonize")
    for k, name in enumerate(STEPS):
        box(axes, 11.9, 0.3 + 0.88 * k, 3.4, 0.68, name)
        arrow(axes, (10.9, 2.65), (11.9, 0.64 + 0.88 * k))
        arrow(axes, (15.3, 0.64 + 0.88 * k), (16.0, 3.3))
    box(axes, 16.0, 2.7, 1.8, 1.1, "report", GREEN)
    arrow(axes, (3.5, 1.55), (4.7, 2.5))
    arrow(axes, (3.5, 3.75), (4.7, 2.8))
    arrow(axes, (7.3, 2.65), (8.3, 2.65))
    save(axes, "group")


if __name__ == "__main__":
    with mpl.rc_context(STYLE):
        house()
        session()
        group()
