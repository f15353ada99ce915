"""The cortex's figures: what is drawn is what was measured, where it was measured."""

import numpy as np
import pytest

from harmoniq.report.cortex_depths import figure_areas, figure_depths, relative_depth
from harmoniq.report.cortex_views import PANELS, borders, figure_cortex, paint, view
from harmoniq.report.outlines import figure_outlines, plane_cuts
from harmoniq.surface.icosphere import icosphere
from harmoniq.surface.subject import Hemisphere


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("at", [0.0, 37.3])
def test_a_plane_cuts_a_ball_in_a_circle(axis, at):
    points, faces = icosphere(5)
    segments = plane_cuts(points, faces, axis, at)
    np.testing.assert_allclose(segments[:, :, axis], at, atol=1e-9)
    radius = np.sqrt(100.0**2 - at**2)
    # Chords of triangles of 2.6 mm lie up to 0.02 mm inside the ball.
    np.testing.assert_allclose(np.linalg.norm(np.delete(segments, axis, axis=2), axis=2), radius, atol=0.03)
    length = np.linalg.norm(segments[:, 0] - segments[:, 1], axis=1).sum()
    assert length == pytest.approx(2 * np.pi * radius, rel=2e-3), "the circle is closed"
    assert plane_cuts(points, faces, axis, 101.0).shape == (0, 2, 3)


@pytest.mark.parametrize("flip", [(1, 1, 1), (-1, -1, 1), (-1, 1, -1)])
def test_outlines_lie_on_what_they_outline(flip):
    """A bright ball in a volume of any orientation: the outline runs along its edge."""
    sizes = np.array([2.0, 1.5, 2.5]) * flip
    affine = np.eye(4)
    affine[:3, :3] = np.diag(sizes)[:, [1, 2, 0]]
    shape = (80, 64, 60)
    affine[:3, 3] = (5, -7, 9) - affine[:3, :3] @ (np.array(shape) / 2)
    at = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    ball = (np.linalg.norm(at - (5, -7, 9), axis=-1) < 40).astype(np.float32)
    points, faces = icosphere(4)
    mesh = (0.4 * points + (5, -7, 9), faces)
    figure = figure_outlines(ball, affine, {"white": [mesh], "pial": [mesh]}, "t", metric="R1", slices=3)
    checked = 0
    for ax in figure.axes:
        image = np.ma.filled(ax.images[0].get_array(), np.nan)
        left, right, bottom, top = ax.images[0].get_extent()
        step = (right - left) / image.shape[1], (top - bottom) / image.shape[0]
        bright = np.argwhere(image > 0.5)
        for path in ax.collections[0].get_paths():
            column, row = path.vertices.mean(axis=0) / step - 0.5
            inside = np.abs(bright - (row, column)).max(axis=1).min()
            outside = np.abs(np.argwhere(~(image > 0.5)) - (row, column)).max(axis=1).min()
            # The edge of the painted ball is within a voxel of the true one.
            assert max(inside, outside) <= 1.6
            checked += 1
    assert checked > 300


@pytest.mark.parametrize(("side", "name"), PANELS)
def test_views_show_the_vertices_at_their_place(side, name):
    """A value that rises from back to front comes out so: anterior is left in left lateral, right in left medial."""
    from harmoniq.report.cortex_views import _read

    seen = view(side, name)
    front = _read(side, "infl")[0][:, 1]
    shown = paint(seen, front)
    rows, columns = np.nonzero(np.isfinite(shown))
    slope = np.polyfit(columns, shown[rows, columns], 1)[0]
    anterior_left = {("L", "lateral"), ("R", "medial"), ("L", "flat")}
    assert (slope < 0) == ((side, name) in anterior_left)
    inside = seen.vertices[..., 0] >= 0
    assert 0.3 < inside.mean() < 0.9
    assert shown[inside].min() >= front.min()
    np.testing.assert_allclose(seen.weights.sum(axis=-1), 1.0)


def test_no_value_is_not_painted_and_borders_are_where_areas_meet():
    seen = view("L", "lateral")
    values = np.ones(10242)
    values[seen.vertices[100, 120, 0]] = np.nan
    assert np.isnan(paint(seen, values)[100, 120])
    from harmoniq.report.cortex_views import _read

    upper = (_read("L", "infl")[0][:, 2] > 10).astype(int)
    edge = borders(seen, upper)
    inner = edge & (np.cumsum(seen.vertices[..., 0] >= 0, axis=1) > 10)
    rows = np.nonzero(inner[:, 100:200])[0]
    height = np.nonzero((seen.vertices[..., 0] >= 0).any(axis=1))[0]
    assert height[0] < np.median(rows) < height[-1]
    assert not borders(seen, np.zeros(10242, int))[100, 100:140].any()


def test_figure_of_the_cortex_has_its_panels():
    values = {tissue: {side: np.full(10242, 0.7) for side in "LR"} for tissue in ("cGM", "sWM")}
    labels = {side: np.arange(10242) // 300 for side in "LR"}
    figure = figure_cortex("R1", values, labels, "t")
    assert len(figure.axes) == 2 * len(PANELS) + 1
    assert figure.axes[-1].get_ylabel() == "R1 (1/s)"


def test_relative_depth_in_closed_form():
    """Pial vertices shifted sideways: half of the thickness along the normal is less than half of the line."""
    sphere, faces = icosphere(3)
    white = 0.5 * sphere
    thickness = np.full(len(sphere), 3.0)
    across = np.cross(sphere / 100, (0, 0, 1.0))
    pial = white + 3 * sphere / 100 + across
    hemisphere = Hemisphere("L", white, pial, faces, sphere, thickness)
    square = 9 + np.einsum("ij,ij->i", across, across)
    # The normal of a subdivided ball is radial to some 0.01.
    np.testing.assert_allclose(relative_depth(hemisphere, "projfrac", 0.5), 4.5 / square, atol=0.01)
    np.testing.assert_allclose(relative_depth(hemisphere, "projdist", -0.5), -1.5 / square, atol=0.01)
    np.testing.assert_allclose(relative_depth(hemisphere, "midpoint", 0.5), 0.5)
    flat = Hemisphere("L", white, white, faces, sphere, 0 * thickness)
    assert np.isnan(relative_depth(flat, "projfrac", 0.5)).all()


def test_histograms_and_areas_say_their_numbers():
    thickness = {"L": np.full(50, 2.5), "R": np.full(50, 3.0)}
    depths = {"cGM": {"L": np.full(50, 0.45), "R": np.full(50, 0.45)}, "sWM": {"L": np.full(9, -0.2), "R": np.empty(0)}}
    figure = figure_depths(thickness, depths, {"cGM": "projfrac 0.5", "sWM": "projdist -0.5 mm"})
    said = [text.get_text() for ax in figure.axes for text in ax.get_legend().get_texts()]
    assert said == ["left: 2.50 mm", "right: 3.00 mm", "cGM, projfrac 0.5: 0.45", "sWM, projdist -0.5 mm: -0.20"]
    counts = {"L": {"BA1": 10, "BA2": 500}, "R": {"BA1": 80, "BA2": 49}}
    figure = figure_areas(counts, 50, {"L": 0.08, "R": 0.1})
    (ax,) = figure.axes
    assert ax.get_title().startswith("2 areas of a hemisphere with fewer than 50")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "left (8 % of the cortex has no area)", "right (10 % of the cortex has no area)",
    ]  # fmt: skip
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["BA1", "BA2"]
