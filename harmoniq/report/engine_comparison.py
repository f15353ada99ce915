"""Maps of two engines side by side: where they differ, how much, and in which tissue."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from harmoniq.data.compare import compare_maps
from harmoniq.data.names import METRIC_WORDS
from harmoniq.report.map_colors import SCALES
from harmoniq.report.style import PAGE_WIDTH, panel_letters, styled

#: Classes of tissue by R1 in 1/s at 3 T (T1 of 0.6 to 1.1, 1.1 to 2.0 and over 2.0 s), and the whole mask.
CLASSES: Final[dict[str, tuple[float, float]]] = {
    "white-matter-like": (1 / 1.1, 1 / 0.6),
    "gray-matter-like": (1 / 2.0, 1 / 1.1),
    "fluid-like": (0.0, 1 / 2.0),
}
#: Columns of the table, with their BIDS descriptions.
COLUMNS: Final[dict[str, dict[str, str]]] = {
    "tissue": {"Description": "Class by R1 of the reference engine's map, or the whole brain mask"},
    "n": {"Description": "Voxels that both engines have"},
    "n_only_native": {"Description": "Voxels that only the native engine has"},
    "n_only_reference": {"Description": "Voxels that only the reference engine has"},
    "bias": {"Description": "Mean of native minus reference", "Units": "1/s"},
    "bias_percent": {"Description": "Median of native minus reference, of the reference", "Units": "percent"},
    "median_percent": {"Description": "Median of the absolute difference, of the reference", "Units": "percent"},
    "p99_percent": {"Description": "99th percentile of it", "Units": "percent"},
    "max_percent": {"Description": "Largest of it", "Units": "percent"},
    "correlation": {"Description": "Pearson's"},
}
_POINTS: Final = 200_000


def engine_table(native: NDArray, reference: NDArray, mask: NDArray | None, r1: NDArray | None) -> pd.DataFrame:
    """Compare two maps in the brain, and in each class of tissue where R1 is known.

    Parameters
    ----------
    native, reference : ndarray, shape (x, y, z)
        In 1/s.
    mask : ndarray, shape (x, y, z), optional
        Of the brain.
    r1 : ndarray, shape (x, y, z), optional
        For the classes of tissue.

    Returns
    -------
    pandas.DataFrame
        A row per tissue, columns of `COLUMNS`.
    """
    inside = np.ones(native.shape, bool) if mask is None else mask > 0
    parts = {"brain mask" if mask is not None else "whole image": inside}
    if r1 is not None:
        parts |= {name: inside & (r1 > low) & (r1 <= high) for name, (low, high) in CLASSES.items()}
    rows = []
    for tissue, where in parts.items():
        found = compare_maps(native, reference, where)
        names = {"n_only_native": "n_only_a", "n_only_reference": "n_only_b"}
        rows.append({"tissue": tissue} | {c: found[names.get(c, c)] for c in COLUMNS if c != "tissue"})
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    counts = [name for name in COLUMNS if name == "n" or name.startswith("n_")]
    return frame.astype(dict.fromkeys(counts, int))


@styled
def figure_engine_scatter(
    native: NDArray, reference: NDArray, mask: NDArray | None, metric: str, names: tuple[str, str]
) -> Figure:
    """Draw one map over the other, and their difference over their mean (Bland and Altman 1986).

    Parameters
    ----------
    native, reference : ndarray, shape (x, y, z)
        In 1/s.
    mask : ndarray, shape (x, y, z), optional
        Of the brain.
    metric : str
        R1 or R2star.
    names : tuple of str
        What the native and the reference engine are called.

    Returns
    -------
    Figure
        The figure.
    """
    inside = np.ones(native.shape, bool) if mask is None else mask > 0
    both = inside & (native > 0) & (reference > 0)
    a, b = (np.asarray(values[both], dtype=np.float64) for values in (native, reference))
    step = max(1, a.size // _POINTS)
    a, b = a[::step], b[::step]
    top, word = SCALES[metric].top, METRIC_WORDS[metric]
    figure = Figure(figsize=(PAGE_WIDTH, 3.1), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.hexbin(b, a, gridsize=90, bins="log", extent=(0, top, 0, top), cmap="viridis", mincnt=1, linewidths=0)
    left.plot([0, top], [0, top], color="#D55E00", linewidth=0.7)
    left.set(
        xlim=(0, top), ylim=(0, top), xlabel=f"{names[1]}: {word} (1/s)", ylabel=f"{names[0]}: {word} (1/s)",
        title="Voxels of the brain", aspect="equal",
    )  # fmt: skip
    difference = 100 * (a - b) / b if a.size else a
    span = max(float(np.percentile(np.abs(difference), 99.5)) if a.size else 0.0, 1e-3)
    right.hexbin(
        (a + b) / 2, difference, gridsize=90, bins="log", extent=(0, top, -span, span), cmap="viridis", mincnt=1,
        linewidths=0,
    )  # fmt: skip
    if a.size:
        low, middle, high = np.percentile(difference, [2.5, 50, 97.5])
        for value, style in ((middle, "-"), (low, "--"), (high, "--")):
            right.axhline(value, color="#D55E00", linewidth=0.8, linestyle=style)
        said = f"median {middle:+.2g} %\n95 % between {low:+.2g} and {high:+.2g} %"
        right.text(0.98, 0.03, said, transform=right.transAxes, ha="right", va="bottom", fontsize=7)
    right.set(xlim=(0, top), ylim=(-span, span), title="Bland and Altman")
    right.set(xlabel="mean of both (1/s)", ylabel=f"{names[0]} minus {names[1]} (%)")
    panel_letters([left, right])
    return figure


def compare_engine_files(
    native: Path,
    reference: Path,
    *,
    metric: str,
    names: tuple[str, str],
    title: str,
    difference_out: Path,
    scatter_out: Path,
    table_out: Path,
    mask_path: Path | None = None,
    r1_path: Path | None = None,
    transform: Path | None = None,
) -> None:
    """Compare maps on disk: a picture of the difference in three planes, the scatter, and the table.

    Parameters
    ----------
    native, reference : path
        Maps on one grid, 1/s.
    metric, names
        As `figure_engine_scatter` takes them.
    title : str
        Of the picture.
    difference_out, scatter_out, table_out : path
        PNG, PNG and TSV.
    mask_path, r1_path : path, optional
        Brain mask and R1 map, on any grid.
    transform : path, optional
        ITK text, from points of their space to the maps'; none where they share one.

    Raises
    ------
    InputError
        For images that cannot be read, and maps on two grids.
    """
    from harmoniq.data.files import write_bytes
    from harmoniq.data.images import load_image, same_grid
    from harmoniq.data.tables import write_tsv
    from harmoniq.report.images import figure_bytes
    from harmoniq.report.pictures import on_grid

    first, second = (load_image(path, ndim=3) for path in (native, reference))
    same_grid(first, second)
    inside = None if mask_path is None else on_grid(first, mask_path, transform) > 0.5
    r1 = second.data if metric == "R1" else None if r1_path is None else on_grid(first, r1_path, transform)
    table = engine_table(first.data, second.data, inside, r1)
    columns: Mapping[str, Any] = COLUMNS
    write_tsv(table, table_out, columns=columns, digits=6)
    write_bytes(scatter_out, figure_bytes(figure_engine_scatter(first.data, second.data, inside, metric, names)))
    mask = first.data > 0 if inside is None else inside
    solid = mask if r1 is None else mask & (r1 > CLASSES["gray-matter-like"][0])
    figure = _figure_difference(first.data, second.data, first.affine, mask, solid, title, names)
    write_bytes(difference_out, figure_bytes(figure))


def _figure_difference(
    native: NDArray,
    reference: NDArray,
    affine: NDArray,
    mask: NDArray,
    solid: NDArray,
    title: str,
    names: tuple[str, str],
) -> Figure:
    """Draw the difference in percent; the scale is made for the solid tissue."""
    from harmoniq.report.mosaic import figure_map_mosaic

    both = (native > 0) & (reference > 0)
    percent = np.divide(100 * (native - reference), reference, out=np.full(native.shape, np.nan), where=both)
    used = np.abs(percent[both & solid])
    # One of a few scales, so that pages can be compared by eye.
    needed = float(np.percentile(used, 99)) if used.size else 1.0
    span = next((value for value in (0.01, 0.1, 1.0, 10.0) if needed <= value), 100.0)
    label = f"{names[0]} minus {names[1]} (%)"
    # What is at the lower end would be shown as no value.
    shown = percent.clip(-0.999 * span, span)
    figure = figure_map_mosaic(shown, affine, title, -span, span, label, cmap="RdBu_r", mask=mask)
    figure.axes[-1].tick_params(labelsize=6, pad=1)
    return figure
