"""The report's section on the embedded engine's surfaces: silent where they are whole, a warning where they are not."""

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
