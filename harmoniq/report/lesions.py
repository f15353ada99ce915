"""Normal-appearing tissue on a participant's page: which mask was used, what was left out, and where."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from harmoniq.data.files import write_bytes
from harmoniq.data.images import load_image, same_grid
from harmoniq.report.blocks import Notes, Section, Text, table_block
from harmoniq.report.images import figure_bytes
from harmoniq.report.map_colors import color_map, color_norm
from harmoniq.report.planes import bounding_box, canonical, overlay, plane_grid, show_slice, slice_positions
from harmoniq.report.style import metric_word, styled

_COLUMNS = {
    "LesionMask": "mask", "LesionMaskSpace": "space", "LesionMaskReference": "registered by", "Lesions": "lesions",
    "LesionVolume": "lesions (ml)", "Dilation": "dilated by (mm)", "ExcludedVolume": "left out (ml)",
}  # fmt: skip
_SPACES = {
    "MP2RAGE": "on the grid of MP2RAGE",
    "MEGRE": "on the grid of ME-GRE",
    "scanner": "placed by its header",
    "reference": "registered to MP2RAGE",
}


@styled
def figure_lesions(
    volume: NDArray,
    affine: NDArray,
    excluded: NDArray,
    brain: NDArray,
    title: str,
    *,
    metric: str = "R1",
    slices: int = 6,
) -> Figure:
    """Draw a map's slices with the outlines of what is left out.

    Parameters
    ----------
    volume : ndarray, shape (x, y, z)
        The map, 1/s.
    affine : ndarray, shape (4, 4)
        From voxels to RAS mm, of all.
    excluded : ndarray of bool, shape (x, y, z)
        Outlined in orange; the slices lie where it is.
    brain : ndarray of bool, shape (x, y, z)
        What is shown.
    title : str
        Of the figure.
    metric : {'R1', 'R2star'}
        Scale and colors.
    slices : int
        Per plane.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    data, zooms = canonical(np.asarray(volume, dtype=np.float32), affine)
    where, inside = (canonical(np.asarray(mask), affine)[0] > 0 for mask in (excluded, brain))
    box = bounding_box(inside, zooms)
    data, where, inside = np.where(inside & (data > 0), data, np.nan)[box], where[box], inside[box]
    figure, grid = plane_grid(data.shape, zooms, slices, title, right=0.995)
    for ax, (plane, index) in slice_positions(grid, where if where.any() else inside, slices):
        show_slice(ax, data, zooms, plane, index, cmap=color_map(metric), norm=color_norm(metric))
        overlay(ax, _outline(np.take(where, index, axis=plane)), zooms, plane)
    return figure


def _outline(piece: NDArray) -> NDArray[np.bool_]:
    """Return the voxels around a mask: the lesion itself stays to be seen."""
    from scipy.ndimage import binary_dilation

    return np.asarray(binary_dilation(piece) & ~piece)


def draw_lesions(
    in_map: str | Path, mask: str | Path, brain: str | Path, out: Path, *, metric: str, title: str
) -> None:
    """Draw the outlines of what is left out over a map, from files of one grid to a PNG; see `figure_lesions`.

    Parameters
    ----------
    in_map : str or Path
        Map to show, 1/s.
    mask : str or Path
        Voxels above 0 are left out.
    brain : str or Path
        Brain mask; above 0 is inside.
    out : Path
        PNG.
    metric : str
        R1 or R2star.
    title : str
        Above the picture.

    Raises
    ------
    InputError
        For images that cannot be read, and where their grids differ.
    """
    image, excluded, inside = (load_image(path, ndim=3) for path in (in_map, mask, brain))
    same_grid(image, excluded)
    same_grid(image, inside)
    figure = figure_lesions(image.data, image.affine, excluded.data > 0, inside.data > 0, title, metric=metric)
    write_bytes(out, figure_bytes(figure))


def lesion_section(rows: Sequence[Mapping[str, Any]], left_out: pd.DataFrame | None, said: Sequence[str]) -> Section:
    """Make the section of normal-appearing tissue.

    Parameters
    ----------
    rows : sequence of mapping
        Per session and metric, what `harmoniq.lesions.volumes.write_excluded` returned, and ``session``, ``metric``.
    left_out : pandas.DataFrame, optional
        The regional table, for the counts per tissue.
    said : sequence of str
        Sentences about sessions whose lesions are not left out.

    Returns
    -------
    Section
        Empty where there is nothing to say.
    """
    blocks: list[object] = []
    if rows:
        frame = pd.DataFrame([_row(row) for row in rows])
        blocks += [
            Text(
                "<p>Vertices and nodes whose samples touch a lesion, or what lies within the dilation of one, are left "
                "out of the regional values. The mask moves to the map by the nearest voxel; the map is not "
                "resampled.</p>"
            ),
            table_block(frame.loc[:, frame.nunique() > 0], "Lesion masks"),
        ]
        if left_out is not None and not left_out.empty:
            counts = left_out.groupby(["metric", "tissue"], sort=False)[["n", "n_excluded"]].sum().reset_index()
            counts["metric"] = [metric_word(metric) for metric in counts["metric"]]
            title = "Vertices and central nodes used, and left out for lesions, field of view or implausible values"
            blocks.append(table_block(counts, title))
    if said:
        blocks.append(Notes(list(said)))
    return Section("lesions", "Normal-appearing tissue", blocks)


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    known = {title: row.get(key, "n/a") for key, title in _COLUMNS.items()}
    known["space"] = _SPACES.get(str(known["space"]), known["space"])
    return {"session": row.get("session") or "n/a", "map": metric_word(str(row.get("metric"))), **known}
