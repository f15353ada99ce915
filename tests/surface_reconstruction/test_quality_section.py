"""The report's section on the embedded engine's surfaces: silent where they are whole, a warning where they are not."""

import pytest

from harmoniq.data.files import write_json
from harmoniq.data.tables import read_tsv
from harmoniq.regions.surface_comparison import summarize_surfaces, write_surface_comparison
from harmoniq.report.surface_quality import problems, surface_section

GOOD = {
    "white_euler": 2, "pial_euler": 2, "white_self_intersections": 0, "pial_self_intersections": 0, "sphere_folds": 0,
    "registered_folds": 0, "vertices": 150_000, "thickness_mean": 2.6, "mid_cortex_in_gray_percent": 97.0,
    "below_white_in_white_percent": 96.0, "white_distance_mm": 0.1, "sulc_correlation": 0.81,
}  # fmt: skip


def test_whole_surfaces_raise_no_warning():
    assert problems(GOOD) == []


def test_each_fault_is_named():
    bad = GOOD | {"pial_euler": 0, "white_self_intersections": 4, "sulc_correlation": 0.3}
    said = "; ".join(problems(bad))
    assert "pial euler is 0, not 2" in said
    assert "white self intersections is 4, not 0" in said
    assert "folds against fsaverage (r) is 0.3, below 0.6" in said
    assert len(problems(bad)) == 3


def test_section_has_a_row_per_hemisphere_and_is_absent_without_the_engine():
    assert surface_section({}).blocks == []
    section = surface_section({"sub-01": {"engine": "catsurf 1.1.6", "lh": GOOD, "rh": GOOD | {"pial_euler": 4}}})
    text, notes, table = section.blocks
    assert "catsurf 1.1.6" in text.markup
    assert [note for note in notes.items if "right" in note] and not [note for note in notes.items if "left" in note]
    assert len(table.rows) == 2


@pytest.fixture
def compared(tmp_path):
    """Values of two engines: 2 % apart in one area, -4 % in another, and an area that only one of them has."""

    def rows(name, values):
        found = [
            {"metric": "R1", "tissue": "cGM", "region": area, "hemisphere": "L", "value": value, "n": 10}
            for area, value in values.items()
        ]
        write_json(tmp_path / name, {"rows": found, "notes": []})
        return [tmp_path / name]

    embedded = rows("embedded.json", {"BA1": 0.714, "BA2": 0.576, "BA3": 0.7})
    write_surface_comparison(tmp_path / "out.tsv", embedded, rows("existing.json", {"BA2": 0.6, "BA1": 0.7}))
    assert (tmp_path / "out.json").is_file()
    return read_tsv(tmp_path / "out.tsv")


def test_values_of_two_surfaces_stand_side_by_side(compared):
    assert compared["region"].tolist() == ["BA1", "BA2"]
    assert compared["difference"].tolist() == pytest.approx([2.0, -4.0])
    summary = summarize_surfaces(compared).iloc[0]
    assert (summary["areas"], summary["bias"], summary["median"]) == (2, pytest.approx(-1.0), pytest.approx(3.0))
    assert summary["existing"] == pytest.approx(0.65)


def test_the_section_has_both(compared):
    section = surface_section({"sub-01": {"engine": "catsurf 1.1.6", "lh": GOOD, "rh": GOOD}}, {"sub-01": compared})
    tables = [block for block in section.blocks if hasattr(block, "rows")]
    assert [len(table.rows) for table in tables] == [2, 1, 2]
