"""Pictures of bundles and profiles: what is drawn where."""

import numpy as np
import pandas as pd
import pytest

from harmoniq.report.tract_profiles import age_groups, figure_group_profiles, figure_profiles, profiles_of
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


def test_groups_and_their_intervals(profiles):
    parts = [profiles.assign(participant_id=f"s{n}", group="HC" if n < 4 else "MS") for n in range(8)]
    for shift, part in zip([-1, 1, -1, 1, 0, 0, 0, 0], parts, strict=True):
        part["value"] += 0.1 * shift - 0.2 * (part["group"] == "MS")
    figure = figure_group_profiles(pd.concat(parts), "R1", "group")
    ax = figure.axes[0]
    np.testing.assert_allclose([line.get_ydata()[50] for line in ax.lines], [0.9, 0.7])
    edges = ax.collections[0].get_paths()[0].vertices[:, 1]
    np.testing.assert_allclose(edges.max() - 0.9, 1.96 * 0.1 * np.sqrt(4 / 3) / 2)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["HC (n = 4)", "MS (n = 4)"]


def test_ages_are_parted_in_thirds():
    found = age_groups(pd.Series([20.0, 70, 30, 50, 40, 60], index=list("abcdef")))
    assert list(found.cat.categories) == ["20 to 30 years", "40 to 50 years", "60 to 70 years"]
    assert found["a"] == found["c"] == "20 to 30 years"


def test_profiles_of_a_session_are_read(profiles, tmp_path):
    (tmp_path / "dwi").mkdir()
    profiles.to_csv(tmp_path / "dwi" / "sub-1_desc-central70_R1map_profiles.tsv", sep="\t", index=False)
    assert len(profiles_of(tmp_path, "sub-1", "R1")) == 200
    assert profiles_of(tmp_path, "sub-1", "R2star") is None
