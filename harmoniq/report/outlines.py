"""Outlines of the white and pial surfaces over a map, in three planes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from harmoniq.data.files import write_bytes
from harmoniq.data.images import load_image
from harmoniq.report.images import figure_bytes
from harmoniq.report.map_colors import SCALES, color_map, color_norm
from harmoniq.report.planes import PLANES, bounding_box, canonical, extent_of, plane_grid, show_slice, slice_positions
from harmoniq.report.style import styled
from harmoniq.surface.geometry import transform
from harmoniq.surface.subject import FreeSurferSubject

_COLORS = {"white": "#56B4E9", "pial": "#E69F00"}
_MARGIN = 8.0

Mesh = tuple[NDArray[np.float64], NDArray[np.int64]]


def draw_outlines(
    path: str | Path,
    subject_dir: str | Path,
    out: Path,
    *,
    title: str,
    metric: str = "R1",
    mask_path: Path | None = None,
    lines: bool = True,
) -> None:
    """Draw a map's slices with the outlines of a FreeSurfer subject's surfaces.

    Parameters
    ----------
    path : path
        Map in the surfaces' scanner space, 1/s.
    subject_dir : path
        FreeSurfer subject.
    out : path
        PNG.
    title : str
        Above the picture.
    metric : {'R1', 'R2star'}
        Which scale and colors.
    mask_path : path, optional
        Of the brain, on the map's grid: what lies outside is dimmed.
    lines : bool
        Without them the picture has the same slices, to be shown in turn.

    Raises
    ------
    InputError
        For a map or a subject that cannot be read.
    """
    image, subject = load_image(path, ndim=3), FreeSurferSubject.load(subject_dir)
    surfaces = {
        kind: [
            (transform(getattr(hemisphere, kind), subject.tkr_to_scanner), hemisphere.faces)
            for hemisphere in subject.hemispheres.values()
        ]
        for kind in _COLORS
    }
    mask = None if mask_path is None else load_image(mask_path, ndim=3).data > 0
    figure = figure_outlines(image.data, image.affine, surfaces, title, metric=metric, mask=mask, lines=lines)
    write_bytes(out, figure_bytes(figure))


@styled
def figure_outlines(
    volume: NDArray,
    affine: NDArray,
    surfaces: Mapping[str, Sequence[Mesh]],
    title: str,
    *,
    metric: str,
    mask: NDArray | None = None,
    slices: int = 5,
    lines: bool = True,
) -> Figure:
    """Draw slices of a map with the lines in which surfaces cut them.

    Parameters
    ----------
    volume : numpy.ndarray, shape (x, y, z)
        In any orientation.
    affine : numpy.ndarray, shape (4, 4)
        From voxels to millimeters, RAS.
    surfaces : mapping
        ``white`` and ``pial`` to meshes of vertices (RAS, mm) and faces.
    title : str
        Above the panels.
    metric : {'R1', 'R2star'}
        Which scale and colors.
    mask : numpy.ndarray of bool, optional
        On the volume's grid: what lies outside is dimmed, since the background of a map is noise.
    slices : int
        Per plane.
    lines : bool
        Whether to draw them.

    Returns
    -------
    Figure
        The figure.
    """
    data, zooms = canonical(np.asarray(volume, dtype=np.float32), affine)
    placed = {
        kind: [(_to_canonical(points, affine, volume.shape, zooms), faces) for points, faces in meshes]
        for kind, meshes in surfaces.items()
    }
    box = _box(placed["pial"], data.shape, zooms)
    corner = np.array([piece.start or 0 for piece in box]) * zooms
    brain = None if mask is None else canonical(np.asarray(mask), affine)[0][box] > 0
    data = np.where(data[box] > 0, data[box], np.nan)
    figure, grid = plane_grid(data.shape, zooms, slices, title, right=0.995)
    shown = np.ones(data.shape, dtype=bool)
    for ax, (plane, index) in slice_positions(grid, shown, slices):
        show_slice(ax, data, zooms, plane, index, cmap=color_map(metric), norm=color_norm(metric))
        # A light veil, so that lines stand out from the map; a heavy one outside the brain.
        veil = np.zeros((*np.take(data, index, axis=plane).T.shape, 4), dtype=np.float32)
        veil[..., 3] = 0.25 if brain is None else np.where(np.take(brain, index, axis=plane).T, 0.25, 0.75)
        ax.imshow(veil, origin="lower", extent=extent_of(veil.shape[1::-1], zooms, plane))
        for kind, meshes in placed.items() if lines else ():
            _draw_lines(ax, meshes, corner, plane, (index + 0.5) * zooms[plane], _COLORS[kind])
        left, right, bottom, top = extent_of(veil.shape[1::-1], zooms, plane)
        ax.set(xlim=(left, right), ylim=(bottom, top))
    for place, (kind, color) in enumerate(_COLORS.items() if lines else ()):
        figure.text(0.86 + 0.07 * place, 0.975, kind, color=color, fontsize=9, va="top", weight="bold")
    figure.text(0.01, 0.975, SCALES[metric].label, color="#BBBBBB", fontsize=7, va="top")
    return figure


def _draw_lines(ax: Any, meshes: Sequence[Mesh], corner: NDArray, plane: int, at: float, color: str) -> None:
    _, _, horizontal, vertical, _, _ = PLANES[plane]
    for points, faces in meshes:
        segments = plane_cuts(points - corner, faces, plane, at)[:, :, [horizontal, vertical]]
        ax.add_collection(LineCollection(list(segments), colors=color, linewidths=0.55))


def plane_cuts(points: NDArray[np.float64], faces: NDArray[np.int64], axis: int, at: float) -> NDArray[np.float64]:
    """Cut the faces of a mesh by a plane ``x[axis] = at``.

    Parameters
    ----------
    points : array
        (n, 3) points, mm.
    faces : array
        (f, 3) vertices of each triangle.
    axis : int
        Axis across the plane, 0 to 2.
    at : float
        Where the plane lies, mm.

    Returns
    -------
    numpy.ndarray, shape (n, 2, 3)
        Both ends of each segment, mm.
    """
    height = points[:, axis] - at
    # A vertex on the plane counts as above it, so that each face has two crossing edges or none.
    above = height >= 0
    cut = faces[above[faces].any(axis=1) & ~above[faces].all(axis=1)]
    if not len(cut):
        return np.empty((0, 2, 3))
    odd = above[cut].sum(axis=1) == 1
    alone = np.argmax(above[cut] == odd[:, None], axis=1)
    rows = np.arange(len(cut))
    tip, others = cut[rows, alone], [cut[rows, (alone + step) % 3] for step in (1, 2)]
    ends = []
    for other in others:
        share = height[tip] / (height[tip] - height[other])
        ends.append(points[tip] + share[:, None] * (points[other] - points[tip]))
    return np.stack(ends, axis=1)


def _to_canonical(points: NDArray, affine: NDArray, shape: Sequence[int], zooms: NDArray) -> NDArray[np.float64]:
    """Return points in mm along the axes of the canonical volume, from its first corner."""
    import nibabel as nib

    turn = nib.orientations.io_orientation(affine)
    turned = affine @ nib.orientations.inv_ornt_aff(turn, shape)
    voxels = transform(points, np.linalg.inv(turned))
    return (voxels + 0.5) * zooms


def _box(meshes: Sequence[Mesh], shape: tuple[int, ...], zooms: NDArray) -> tuple[slice, ...]:
    points = np.concatenate([points for points, _ in meshes]) / zooms
    low, high = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0))
    marked = np.zeros(shape, dtype=bool)
    ends = [
        slice(int(np.clip(a, 0, n - 1)), int(np.clip(b, 1, n)))
        for a, b, n in zip(low, high, shape, strict=True)
    ]  # fmt: skip
    marked[tuple(ends)] = True
    return bounding_box(marked, zooms, margin=_MARGIN)
