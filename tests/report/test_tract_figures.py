"""Pictures of bundles and profiles: what is drawn where."""

import json

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.tables import read_tsv
from harmoniq.regions.collect import find_profiles
from harmoniq.report.group_tables import GroupTables
from harmoniq.report.tract_engines import compare_profile_files, figure_profile_engines
from harmoniq.report.tract_profiles import figure_profiles, profile_figures
from harmoniq.report.tract_views import figure_bundles


@pytest.fixture
def profiles():
    nodes = np.arange(100)
    central = (nodes >= 15) & (nodes < 85)
    parts = [
        pd.DataFrame({"bundle": name, "node": nodes, "value": value, "sd": 0.1, "central": central, "n_streamlines": 7})
        for name, value in (("SLF_L", 1.1), ("FA", 0.9))
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("axes", [np.diag([1.0, 1, 1]), np.array([[0.0, -1, 0], [0, 0, 1.0], [1, 0, 0]])])
def test_streamlines_lie_where_the_map_says(axes):
    """A line along y at x 10, z 20: seen from above it is a line at the place of x, whatever the map's orientation."""
    affine = np.eye(4)
    affine[:3, :3] = 2 * axes
    affine[:3, 3] = -affine[:3, :3] @ np.full(3, 20.0)
    line = np.column_stack([np.full(50, 10.0), np.linspace(-20, 20, 50), np.full(50, 20.0)]).astype(np.float32)
    figure = figure_bundles(np.ones((41, 41, 41)), affine, {"CST_L": [line]}, "one")
    above = figure.axes[2].collections[0].get_segments()[0]
    np.testing.assert_allclose(above[:, 0], 10 + 41)  # the volume's corner lies at -41 mm
    np.testing.assert_allclose(above[[0, -1], 1], [21, 61])
    assert "1 of 18 bundles" in figure.get_suptitle()
    assert "absent: FA" in figure.get_suptitle()


def test_a_panel_per_bundle_with_the_central_part_shaded(profiles):
    figure = figure_profiles(profiles, "R1", "title")
    shown = [ax for ax in figure.axes if ax.get_visible()]
    assert [ax.get_title() for ax in shown] == ["FA (7)", "SLF_L (7)"]
    np.testing.assert_allclose(shown[0].lines[0].get_ydata(), 0.9)
    (shade,) = shown[1].patches
    assert shade.get_x() == 15 and shade.get_x() + shade.get_width() == 84


def test_groups_and_their_intervals(profiles, tmp_path):
    """The table's numbers, in the table's order, in the report's figure with its data beside it."""
    levels = {"HC": 0.9, "MS": 0.7}
    table = pd.concat(
        profiles.assign(metric="R1", comparison="diagnosis", level=level, n=4, mean=mean, ci_low=mean - 0.1,
                        ci_high=mean + 0.2, adjusted_for="site, sex")
        for level, mean in levels.items()
    )  # fmt: skip
    table.drop(columns=["value", "sd", "n_streamlines"]).to_csv(tmp_path / "tract_profiles.tsv", sep="\t", index=False)
    (drawn,) = profile_figures(GroupTables.read(tmp_path))
    assert drawn.name == "tract_profiles_R1_diagnosis"
    assert "adjusted for site and sex" in drawn.caption
    ax = drawn.figure.axes[0]
    np.testing.assert_allclose([line.get_ydata()[50] for line in ax.lines], [0.9, 0.7])
    edges = ax.collections[0].get_paths()[0].vertices[:, 1]
    np.testing.assert_allclose([edges.min(), edges.max()], [0.8, 1.1])
    assert [text.get_text() for text in drawn.figure.legends[0].get_texts()] == ["HC (n = 4)", "MS (n = 4)"]
    assert len(drawn.data) == 400
    assert profile_figures(GroupTables(tmp_path)) == []


def test_two_engines_side_by_side(profiles, tmp_path):
    """SCILPY 2 % below, with a gap; ends that are half as high."""
    native = profiles.assign(value=np.where(profiles["central"], profiles["value"], profiles["value"] / 2))
    other = native.assign(value=native["value"] / 1.02, n_streamlines=5)
    other.loc[other["node"].isin([40, 41]), "value"] = np.nan
    paths = {name: tmp_path / f"{name}.tsv" for name in ("native", "other")}
    for name, table in (("native", native), ("other", other[other["bundle"] != "FA"])):
        table.to_csv(paths[name], sep="\t", index=False, na_rep="n/a")
    compare_profile_files(
        paths["native"], paths["other"], metric="R1", names=("native", "scilpy 2.3.0"), title="one",
        figure_out=tmp_path / "figure.png", table_out=tmp_path / "engines.tsv",
    )  # fmt: skip
    (row,) = read_tsv(tmp_path / "engines.tsv").to_dict("records")
    assert (row["bundle"], row["n_native"], row["n_reference"]) == ("SLF_L", 7, 5)
    assert row["native"] == pytest.approx(1.1) and row["reference"] == pytest.approx(1.1 / 1.02, rel=1e-5)
    assert row["difference_percent"] == pytest.approx(2) and row["node_median_percent"] == pytest.approx(2)
    # 68 central nodes and 30 at the ends, half as high.
    assert row["ends_native_percent"] == row["ends_reference_percent"] == pytest.approx(100 * (83 / 98 - 1), rel=1e-5)
    assert (tmp_path / "figure.png").stat().st_size > 5000
    assert set(row) == set(json.loads((tmp_path / "engines.json").read_text()))
    figure = figure_profile_engines(native, other, "R1", ("native", "scilpy"))
    assert [ax.get_title() for ax in figure.axes if ax.get_visible()] == ["FA (+2.00 %)", "SLF_L (+2.00 %)"]
    assert [line.get_label() for line in figure.axes[0].lines] == ["native", "scilpy"]


def test_profiles_of_a_session_are_found(tmp_path):
    """Not those of the other engine, nor the comparison with it; of two central parts none is guessed."""
    (tmp_path / "dwi").mkdir()
    for kind in ("central70", "native", "engines"):
        (tmp_path / "dwi" / f"sub-1_desc-{kind}_R1map_profiles.tsv").touch()
    assert find_profiles(tmp_path, "sub-1", "R1").name == "sub-1_desc-central70_R1map_profiles.tsv"
    assert find_profiles(tmp_path, "sub-1", "R2star") is None
    (tmp_path / "dwi" / "sub-1_desc-central50_R1map_profiles.tsv").touch()
    assert find_profiles(tmp_path, "sub-1", "R1") is None


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_bundles_over_a_map_without_values(value):
    """A map that failed still gets its picture: the whole field of view."""
    line = np.linspace(0, 40, 20, dtype=np.float32)[:, None].repeat(3, axis=1)
    figure = figure_bundles(np.full((20, 24, 18), value), np.diag([4.0, 4, 4, 1]), {"FA": [line]}, "nothing")
    assert figure.axes[0].get_xlim() == (0, 96) and figure.axes[0].get_ylim() == (0, 72)
