"""Figures 4, 5 and S2, and the report's sections about the study: what is painted where, and what is said."""

import hashlib
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from nilearn.datasets import load_fsaverage

from harmoniq.data.names import BRODMANN_AREAS, BUNDLES
from harmoniq.report.blocks import Verbatim
from harmoniq.report.brain import brain_axes, draw_bundles, draw_cortex
from harmoniq.report.brain_maps import diverging, figure_z_maps, vertex_values
from harmoniq.report.citations import CITATIONS, bibtex, cite
from harmoniq.report.edss_figure import edss_panels, figure_edss
from harmoniq.report.group_tables import GroupTables
from harmoniq.report.images import save_figure
from harmoniq.report.scorecard_figure import figure_scorecard, scorecard_points
from harmoniq.report.study_sections import exclusion_blocks, readings_section, rerun_section, scorecard_section


@pytest.fixture(scope="module")
def areas() -> np.ndarray:
    """Stripes from the back to the front in place of the atlas: area 4 in front, area 17 at the back."""
    y = load_fsaverage("fsaverage5")["inflated"].parts["left"].coordinates[:, 1]
    return np.select([y > 20, y < -60], [4, 17], 0).astype(np.int16)


@pytest.fixture(scope="module")
def summary() -> pd.DataFrame:
    rows = [
        ("R1", "cGM", "BA4", -0.8),
        ("R1", "cGM", "BA17", 0.4),
        ("R1", "sWM", "BA4", -0.2),
        ("R1", "WM", "ARC_L", -1.0),
    ]
    return pd.DataFrame(rows, columns=["metric", "tissue", "region", "mean"])


def test_each_vertex_has_the_value_of_its_area(areas: np.ndarray) -> None:
    found = vertex_values(areas, {"BA4": -0.8, "BA17": 0.4, "BA9": 1.0, "ARC_L": 1.0, "BA1": np.nan})
    np.testing.assert_array_equal(found, np.select([areas == 4, areas == 17], [-0.8, 0.4], np.nan))


def test_lower_values_are_blue_and_higher_ones_brown() -> None:
    low, high = diverging()(0.1), diverging()(0.9)
    assert low[2] > low[0] and high[0] > high[2]


@pytest.mark.parametrize("view", ["lateral", "medial"])
def test_the_area_is_where_it_should_be(areas: np.ndarray, view: str) -> None:
    """Front of the brain: left of the middle in the lateral view, right of it in the medial one; exact colors."""
    figure = Figure(figsize=(2, 2), dpi=100)
    ax = brain_axes(figure, figure.add_gridspec(1, 1)[0], view)
    values = np.where(areas == 4, 1.0, np.nan)
    draw_cortex(ax, values, Normalize(-1, 1), ListedColormap([(0, 1, 0), (1, 0, 0)]), view=view)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
    red = (pixels == (255, 0, 0)).all(axis=2)
    brain = (pixels != 255).any(axis=2)
    middle = np.mean(np.flatnonzero(brain.any(axis=0))[[0, -1]])
    share = (areas == 4).mean()
    assert 0.5 * share < red.sum() / brain.sum() < 1.5 * share
    columns = np.flatnonzero(red.any(axis=0))
    assert (columns.max() < middle) if view == "lateral" else (columns.min() > middle)
    # Nothing is cut off at the edge, and the brain fills most of its box.
    filled = np.flatnonzero(brain.any(axis=0))
    assert filled[0] > 0 and filled[-1] < 199 and len(filled) > 120


def test_a_side_view_shows_the_bundles_of_its_side() -> None:
    colors = {name: (0.1 * k % 1, 0.5, 0.5) for k, name in enumerate(BUNDLES)}
    counts = {}
    for view in ("left", "right", "above"):
        ax = Figure().subplots()
        draw_bundles(ax, colors, view=view)
        counts[view] = (len(ax.collections) - 1) // 2  # an outline, and a dark edge under each tube
    assert counts == {"left": 10, "right": 10, "above": 18}


def test_without_the_atlas_the_bundles_are_shown_alone(summary: pd.DataFrame, areas: np.ndarray) -> None:
    with_atlas = figure_z_maps(summary, areas, label="z")
    without = figure_z_maps(summary, None, label="z")
    assert len(with_atlas.axes) == 7 + 1 and len(without.axes) == 3 + 1


def test_same_bytes_each_time(summary: pd.DataFrame, areas: np.ndarray, tmp_path) -> None:
    sums, painted = [], summary[summary["tissue"] != "sWM"]
    for folder in ("one", "two"):
        save_figure(figure_z_maps(painted, areas, label="z"), tmp_path / folder, "figure", painted)
        files = [tmp_path / folder / f"figure.{suffix}" for suffix in ("svg", "png", "tsv", "json")]
        sums.append([hashlib.sha256(file.read_bytes()).hexdigest() for file in files])
    assert sums[0] == sums[1]
    assert (tmp_path / "one" / "figure.svg").stat().st_size < 2e6, "surfaces are pictures inside the SVG"


def edss_tables(beta: float, p_fdr: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(0)
    keys = {"metric": "R2star", "tissue": "cGM", "region": ["BA4", "BA17"]}
    edss = pd.DataFrame({**keys, "beta": [beta, 0.1], "p_fdr": [p_fdr, 0.6], "adj_r2": 0.4})
    parts = []
    for region, slope in (("BA4", beta), ("BA17", 0.1)):
        z = rng.normal(size=30)
        frame = pd.DataFrame({"participant_id": [f"sub-{k}" for k in range(30)], "metric": "R2star", "tissue": "cGM"})
        parts.append(frame.assign(region=region, z=z, edss_adjusted=3 + slope * z + rng.normal(0, 0.5, 30)))
    return edss, pd.concat(parts, ignore_index=True)


def test_edss_panels_carry_the_numbers_of_the_table(areas: np.ndarray) -> None:
    edss, partial = edss_tables(0.53, 0.002)
    panels = edss_panels(edss, partial)
    assert panels["region"].iloc[0] == "BA4" and len(panels) == 60
    figure = figure_edss(panels, edss, areas)
    texts = " ".join(text.get_text() for ax in figure.axes for text in ax.texts)
    assert "0.53" in texts and "= 0.002" in texts
    titles = [ax.get_title() for ax in figure.axes]
    assert any("lateral" in title for title in titles) and any("BA 4" in title for title in titles)


def test_where_nothing_is_associated_the_figure_says_so(areas: np.ndarray) -> None:
    edss, partial = edss_tables(0.2, 0.4)
    figure = figure_edss(edss_panels(edss, partial), edss, areas)
    texts = " ".join(text.get_text() for part in figure.subfigs for text in part.texts)
    assert "no region is associated with EDSS" in texts


def test_every_citation_becomes_bibtex() -> None:
    text = bibtex([cite(*CITATIONS)])
    entries = text.split("\n@")
    assert len(entries) == len(CITATIONS)
    for entry in entries:
        for field in ("author", "year", "title", "journal", "doi"):
            assert re.search(rf"^  {field} = {{.+}},$", entry, re.MULTILINE), entry
    assert "journal = {Imaging Neuroscience},\n  volume = {4},\n  pages = {IMAG.a.1140}" in text
    assert "author = {Van Essen, DC}" in text and "pages = {1271--1281}" in text
    assert bibtex(["nothing cited"]) == ""


def test_study_sections(tmp_path, tables: dict[str, pd.DataFrame]) -> None:
    kept = GroupTables(tmp_path, {name: tables[name] for name in ("scorecard", "alternatives", "excluded")})
    text, tiles, table = scorecard_section(kept, {}).blocks
    assert "R1: 60 controls and 20 patients here, 530 and 98 in the paper" in text.markup
    assert tiles.items[0] == ("3 of 4", "published figures computed") and tiles.items[2][0] == "1 of 2"
    assert len(table.rows) == 4
    assert any("surfaces.cgm_depth is not compared" in item for item in readings_section(kept).blocks[-1].items)
    assert exclusion_blocks(kept)[0].rows[0][1].text == "no regional values"
    again = rerun_section("harmoniq analyze a b c", {"harmoniq": "1.0"}, [cite("chen2026")]).blocks
    said = [block.text for block in again if isinstance(block, Verbatim)]
    assert "harmoniq analyze a b c" in said[0] and "@article{chen2026" in said[1]


def test_the_scorecards_points_are_its_numbers(tables: dict[str, pd.DataFrame]) -> None:
    points = scorecard_points(tables["scorecard"])
    assert points[["paper", "here"]].to_numpy().tolist() == [[-0.56, -0.4], [0.21, -0.1]], (
        "bounds and absent ones are out"
    )
    (ax,) = [ax for ax in figure_scorecard(points).axes if ax.get_visible()]
    drawn = [tuple(float(line.get_data()[k][0]) for k in (0, 1)) for line in ax.lines if line.get_marker() != "None"]
    assert drawn == [(-0.56, -0.4), (0.21, -0.1)]


def test_areas_of_the_study_are_all_in_the_atlas() -> None:
    from harmoniq.report.brain_maps import left_areas

    found = left_areas()
    if found is None:
        pytest.skip("the atlas is not installed")
    assert {f"BA{number}" for number in np.unique(found) if number > 0} == set(BRODMANN_AREAS)
