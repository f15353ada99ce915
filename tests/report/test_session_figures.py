"""The pictures of one session: colors, what is dimmed, frames in turn, samples, histograms and the lookup curve."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import Normalize

from harmoniq.data.acquisitions import MP2RAGETiming
from harmoniq.data.images import save_image
from harmoniq.data.tables import write_tsv
from harmoniq.report.histograms import figure_tissue_histograms
from harmoniq.report.lookup_curve import figure_lookup_curve
from harmoniq.report.map_colors import SCALES, color_map, color_norm
from harmoniq.report.mosaic import figure_map_mosaic, figures_registration_frames
from harmoniq.report.pictures import draw_map, draw_registration
from harmoniq.report.samples import read_samples
from harmoniq.report.sensitivity import sensitivity_blocks
from harmoniq.report.session_figures import session_figures
from harmoniq.surface.gifti import write_shape

SITE1 = MP2RAGETiming(6.0, (0.7, 2.4), (6.0, 6.0), 0.0069, (88, 88))
SITE2 = MP2RAGETiming(5.0, (0.7, 2.5), (4.0, 5.0), 0.0069, (88, 88))
IDENTITY = """#Insight Transform File V1.0
#Transform 0
Transform: AffineTransform_double_3_3
Parameters: 1 0 0 0 1 0 0 0 1 0 0 0
FixedParameters: 0 0 0
"""


@pytest.fixture
def head():
    """A bright ball in noise, the ball's mask, and the affine."""
    rng = np.random.default_rng(0)
    place = np.stack(np.indices((24, 28, 20)), axis=-1) - np.array([12, 14, 10])
    mask = (place**2).sum(axis=-1) < 64
    return np.where(mask, 1.0, rng.uniform(0, 1.6, mask.shape)).astype(np.float32), mask, np.diag([2.0, 2, 2, 1])


@pytest.mark.parametrize("metric", ["R1", "R2star"])
def test_scale_is_linear_and_then_logarithmic(metric):
    norm, top = color_norm(metric), SCALES[metric].top
    rates = np.linspace(0, top, 200)
    places = np.asarray(norm(rates))
    assert places[0] == 0 and places[-1] == pytest.approx(1) and (np.diff(places) > 0).all()
    np.testing.assert_allclose(norm.inverse(places), rates, atol=1e-9)
    assert norm(top / np.e) == pytest.approx(0.5) and norm(top / np.e / 2) == pytest.approx(0.25)
    # The two halves meet without a bend.
    knee = top / np.e
    slopes = [(norm(knee + s * 1e-6 * top) - 0.5) / (s * 1e-6 * top) for s in (-1, 1)]
    assert slopes[0] == pytest.approx(slopes[1], rel=1e-4)


def test_colors_are_those_of_the_field():
    # Crameri's lipari and navia run from nearly black to nearly white; for rates they are turned round.
    for metric, name in (("R1", "lipari_r"), ("R2star", "navia_r")):
        colors = color_map(metric)
        assert colors.name == name
        light = np.asarray(colors(np.linspace(0, 1, 256)))[:, :3].mean(axis=1)
        assert light[0] > 0.9 and light[-1] < 0.1 and colors(np.ma.masked)[:3] == (0, 0, 0)


def test_what_lies_outside_the_mask_is_dimmed(head):
    volume, mask, affine = head
    plain = figure_map_mosaic(volume, affine, "t", 0, 1.6, "R1 (1/s)", slices=2)
    masked = figure_map_mosaic(volume, affine, "t", 0, 1.6, "R1 (1/s)", slices=2, mask=mask)
    assert plain.axes[0].images[0].get_alpha() is None
    for ax in masked.axes[:6]:
        alpha = ax.images[0].get_alpha()
        assert set(np.unique(alpha)) == {0.3, 1.0}
        # Inside, the picture is as it was.
        assert (np.asarray(ax.images[0].get_array())[alpha == 1] == 1).all()


def test_frames_are_of_one_size_at_one_place(head):
    volume, mask, affine = head
    first, second = figures_registration_frames(volume, 100 * volume, affine, ("a", "b"), mask=mask, slices=2)
    assert (first.get_size_inches() == second.get_size_inches()).all()
    for a, b in zip(first.axes, second.axes):
        assert a.get_position().bounds == b.get_position().bounds
        assert a.images[0].get_extent() == b.images[0].get_extent()
        assert isinstance(a.images[0].norm, Normalize) and b.images[0].norm.vmax > 50 * a.images[0].norm.vmax


def test_pictures_from_files(tmp_path, head):
    volume, mask, affine = head
    for name, data in (("map", volume), ("mask", mask.astype(np.float32))):
        save_image(data, affine, tmp_path / f"{name}.nii.gz")
    (tmp_path / "x.txt").write_text(IDENTITY)
    options = {"mask_path": tmp_path / "mask.nii.gz", "transform": tmp_path / "x.txt"}
    for metric in ("R1", "R2star"):
        draw_map(tmp_path / "map.nii.gz", tmp_path / f"{metric}.png", metric=metric, title="t", **options)
    frames = (tmp_path / "fixed.png", tmp_path / "moving.png")
    image = tmp_path / "map.nii.gz"
    draw_registration(image, image, tmp_path / "x.txt", tmp_path / "edges.png", title="t", frames=frames)
    for name in ("R1", "R2star", "edges", "fixed", "moving"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def write_session(folder, label, metrics=("R1", "R2star")):
    rng = np.random.default_rng(0)
    (folder / "dwi").mkdir(parents=True)
    (folder / "anat").mkdir()
    for metric, scale in zip(metrics, (1.0, 25.0)):
        for tissue, mean in (("cGM", 0.7), ("sWM", 0.85)):
            for hemi in "LR":
                values = scale * rng.normal(mean, 0.05, 1000)
                values[:10] = np.nan
                values[10:15] = 0
                name = f"{label}_hemi-{hemi}_desc-{tissue}_{metric}map.shape.gii"
                write_shape(values, folder / "anat" / name, hemisphere=hemi)
        nodes = {"bundle": "FA", "node": range(100), "value": scale, "central": [15 <= n < 85 for n in range(100)]}
        nodes |= {"sd": 0.1, "n_streamlines": 9}
        about = {name: name for name in nodes}
        write_tsv(
            pd.DataFrame(nodes), folder / "dwi" / f"{label}_desc-central70_{metric}map_profiles.tsv", columns=about
        )


@pytest.mark.parametrize("label", ["sub-01", "sub-01_ses-a"])
def test_samples_and_figures_of_a_session(tmp_path, label):
    write_session(tmp_path.joinpath(*label.split("_")), label)
    samples = read_samples(tmp_path.joinpath(*label.split("_")), label)
    assert {metric: {t: v.size for t, v in found.items()} for metric, found in samples.items()} == {
        metric: {"cGM": 1970, "sWM": 1970, "WM": 70} for metric in ("R1", "R2star")
    }
    figures = session_figures(tmp_path, label, timing=SITE1)
    end = " (a)" if "ses" in label else ""
    along = ["R1 along the bundles", "R2* along the bundles"]
    assert [figure.title for figure in figures] == [f"{title}{end}" for title in ("Tissues", "Lookup curve", *along)]
    folder = tmp_path / "sub-01" / "figures"
    assert {path.name for path in folder.iterdir()} == {
        f"{label}_desc-{n}.png" for n in ("histograms", "lookup", "R1profiles", "R2starprofiles")
    }
    for name in ("R1", "registration", "registrationMP2RAGE", "registrationMEGRE"):
        (folder / f"{label}_desc-{name}.png").write_bytes(b"x")
    figures = session_figures(tmp_path, label, timing=SITE1)
    titles = ["R1", "Tissues", "Lookup curve", *along, "Registration", "Registration, in turn"]
    assert [figure.title for figure in figures] == [f"{title}{end}" for title in titles]
    assert figures[-1].second is not None and figures[-1].second_uri.startswith("data:image/png")


def test_a_session_without_samples_has_no_histograms(tmp_path):
    assert session_figures(tmp_path, "sub-01") == []
    assert [figure.title for figure in session_figures(tmp_path, "sub-01", timing=SITE1)] == ["Lookup curve"]


def test_histograms_have_an_area_of_one_and_say_what_they_leave_out():
    values = np.concatenate([np.full(900, 0.7), np.full(100, 2.5)])
    figure = figure_tissue_histograms({"R1": {"cGM": values}})
    (ax,) = figure.axes
    stairs = ax.patches[0].get_data()
    assert np.sum(stairs.values * np.diff(stairs.edges)) == pytest.approx(0.9)
    assert "10.0 % above" in ax.get_legend().get_texts()[0].get_text()


def test_lookup_curve_marks_the_monotonic_range():
    figure = figure_lookup_curve(MP2RAGETiming(6.0, (0.7, 2.4), (6.0, 6.0), 0.0069, (44, 88)))
    (ax,) = figure.axes
    assert "2.95 s" in ax.get_title()
    bold = max(ax.lines, key=lambda line: line.get_linewidth())
    assert np.max(bold.get_xdata()) == pytest.approx(2.95, abs=0.05) and (np.diff(bold.get_ydata()) > 0).all()


def test_sessions_of_one_timing_share_a_table():
    assert sensitivity_blocks({}) == []
    one = sensitivity_blocks({"a": SITE1, "b": SITE1})
    two = sensitivity_blocks({"a": SITE1, "b": SITE2})
    assert [block.kind for block in one] == ["text", "table"] and "(a, b)" in one[1].title
    assert len(two) == 4 and "(b)" in two[3].title
    texts = [cell.text for cell in one[1].rows[0]]
    assert texts == ["partial Fourier", "none", "6/8", "-13.0 %", "-14.9 %"]
