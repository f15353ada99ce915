"""Figures: legible, the same bytes each time, oriented as the affine says."""

import nibabel as nib
import numpy as np
import pytest
from matplotlib.text import Text

from harmoniq.report.distributions import figure_age_curves, figure_distributions
from harmoniq.report.examples import example_curves, example_values
from harmoniq.report.group_differences import figure_group_differences
from harmoniq.report.images import figure_bytes, save_figure
from harmoniq.report.mosaic import edges, figure_map_mosaic, figure_registration_overlay
from harmoniq.report.pca_figure import figure_pca
from harmoniq.report.peak_ages import figure_peak_ages, peak_pairs
from harmoniq.report.recovery import figure_recovery, recovery_summary
from harmoniq.report.site_effects import figure_site_effects
from harmoniq.report.style import site_styles


@pytest.fixture(scope="module")
def figures(tables, people, recovery):
    values = example_values(tables["regions_harmonized"], people)
    pairs = peak_pairs(tables["age_models"])
    return {
        "pca": figure_pca(tables["pca"], tables["pca_summary"]),
        "site_effects": figure_site_effects(tables["site_effects"]),
        "distributions": figure_distributions(values),
        "age_curves": figure_age_curves(values, example_curves(values)),
        "peak_ages": figure_peak_ages(pairs, tables["peak_age_correlation"]),
        "differences": figure_group_differences(tables["group_differences"]),
        "recovery": figure_recovery(recovery, recovery_summary(recovery)),
    }


def test_nothing_is_smaller_than_7_points(figures):
    for name, figure in figures.items():
        small = [t.get_text() for t in figure.findobj(Text) if t.get_text().strip() and t.get_fontsize() < 7.0]
        assert not small, (name, small)


def test_nothing_is_cut_off(figures):
    for name, figure in figures.items():
        figure_bytes(figure)
        box, (width, height) = figure.get_tightbbox(figure.canvas.get_renderer()), figure.get_size_inches()
        # 0.02 inch of leeway: half a line's width counts too.
        assert min(box.x0, box.y0) > -0.02, name
        assert box.x1 < width + 0.02, name
        assert box.y1 < height + 0.02, name


def test_the_same_figure_is_the_same_bytes(tables, tmp_path):
    for folder in ("a", "b"):
        save_figure(figure_site_effects(tables["site_effects"]), tmp_path / folder, "x", tables["site_effects"])
    for suffix in ("svg", "png", "tsv", "json"):
        assert (tmp_path / "a" / f"x.{suffix}").read_bytes() == (tmp_path / "b" / f"x.{suffix}").read_bytes()
    assert "<dc:date>" not in (tmp_path / "a" / "x.svg").read_text()
    assert not list(tmp_path.rglob(".tmp-*"))


def test_matplotlibs_own_settings_are_left_alone(tables):
    import matplotlib

    before = dict(matplotlib.rcParams)
    figure_site_effects(tables["site_effects"])
    assert dict(matplotlib.rcParams) == before


def test_sites_keep_their_colors_and_are_told_apart():
    few, many = site_styles(["site02", "site01"]), site_styles([f"site{i:02d}" for i in range(1, 31)])
    assert few["site01"] == many["site01"]
    assert few["site02"] == many["site02"]
    assert len(set(many.values())) == 30


def _head() -> tuple[np.ndarray, np.ndarray]:
    """Return a volume with a bright block at the left, front and top, 1 x 1.5 x 2 mm, and its affine."""
    volume = np.full((20, 24, 16), 0.2, dtype=np.float32)
    volume[:8, 14:, 10:] = 1.0
    return volume, np.diag([1.0, 1.5, 2.0, 1.0])


@pytest.mark.parametrize("codes", ["LAS", "PIR", "ASL", "RPI"])
def test_mosaic_shows_the_same_head_in_any_orientation(codes):
    volume, affine = _head()
    image = nib.Nifti1Image(volume, affine)
    turn = nib.orientations.ornt_transform(nib.io_orientation(affine), nib.orientations.axcodes2ornt(codes))
    turned = image.as_reoriented(turn)
    plain = figure_bytes(figure_map_mosaic(volume, affine, "t", 0, 1, "R1 (1/s)", slices=3))
    other = figure_bytes(figure_map_mosaic(turned.get_fdata(), turned.affine, "t", 0, 1, "R1 (1/s)", slices=3))
    assert plain == other


def test_mosaic_puts_left_at_left_and_keeps_millimeters():
    volume, affine = _head()
    figure = figure_map_mosaic(volume, affine, "t", 0, 1, "R1 (1/s)", slices=3)
    axial = figure.axes[6 + 2].images[0]
    data = axial.get_array()
    # Rows go up and columns to the right: the block is at the upper left of the top axial slice.
    assert data[-1, 0] == 1.0
    assert data[-1, -1] == data[0, 0] == np.float32(0.2)
    assert axial.get_extent() == [0.0, 20.0, 0.0, 36.0]


def test_mosaic_of_values_that_are_not_finite():
    volume, affine = _head()
    volume[0, 0, 0], volume[1] = np.inf, np.nan
    assert figure_bytes(figure_map_mosaic(volume, affine, "t", 0, 1, "R1 (1/s)"))
    assert figure_bytes(figure_map_mosaic(np.full((5, 5, 5), np.nan), affine, "t", 0, 1, "R1 (1/s)"))
    with pytest.raises(ValueError, match="three dimensions"):
        figure_map_mosaic(np.zeros((3, 3)), affine, "t", 0, 1, "R1 (1/s)")


def test_edges_lie_on_the_border_of_a_disk():
    a, b = np.indices((64, 64)) - 31.5
    radius = np.hypot(a, b)
    found = edges((radius < 20).astype(float), np.ones((64, 64), dtype=bool))
    # Smoothing by one voxel leaves the steepest point of a curved border within a voxel.
    assert np.abs(radius[found] - 20).max() <= 1.5
    angles = np.unique(np.degrees(np.arctan2(a[found], b[found])).round(-1))
    assert angles.size >= 36
    assert not edges(np.zeros((8, 8)), np.zeros((8, 8), dtype=bool)).any()


def test_registration_overlay():
    volume, affine = _head()
    assert figure_bytes(figure_registration_overlay(volume, volume, affine, "t", slices=2))
    with pytest.raises(ValueError, match="shape"):
        figure_registration_overlay(volume, volume[1:], affine, "t")
