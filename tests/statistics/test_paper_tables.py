"""Tables for manuscripts: the layout of table 3, the supplement's columns, Markdown and LaTeX."""

import pandas as pd

from harmoniq.data.table_formats import cell_text, latex_text, write_formats
from harmoniq.statistics.supplement import paper_tables


def test_table_3_reads_like_the_papers() -> None:
    frame = pd.DataFrame({
        "metric": "R1", "tissue": "cGM", "comparison": ["cross_site", "within_site", "harmonized"],
        "n_significant": [26, 0, 10], "n_regions": 41, "d_median": [-0.56, None, 0.21], "d_q25": [-0.65, None, 0.03],
        "d_q75": [0.10, None, 0.27], "n_hc_gt_ms": [7, 0, 10], "n_hc_lt_ms": [19, 0, 0],
        "p_trend": [None, None, "down"],
    })  # fmt: skip
    (table,) = paper_tables({"table3_group_differences": frame})
    row = table.frame.iloc[0]
    assert row["cross_site regions"] == "26/41" and row["cross_site d"] == "-0.56 [-0.65, 0.10]"
    assert row["cross_site direction"] == "HC>MS (7), HC<MS (19)"
    assert (row["within_site regions"], row["within_site d"]) == ("0/41", "-")
    assert row["harmonized direction"] == "HC>MS (↓)"
    assert set(table.frame.columns) == set(table.columns)


def test_rmse_of_the_supplement_is_a_decrease_from_raw() -> None:
    models = pd.DataFrame({
        "metric": "R1", "tissue": "cGM", "region": "BA1", "data": ["raw", "gam"], "rmse": [0.05, 0.04],
        "peak_age": 50.0, "se_peak": 1.0, "se_peak_boot": 1.0, "ci_low": 48.0, "ci_high": 52.0, "lrt_p": 1e-9,
        "kept": True,
    })  # fmt: skip
    tables = {table.name: table for table in paper_tables({"age_models": models})}
    assert set(tables) == {"tableS3.3_peak_ages", "tableS3.5_rmse"}
    assert round(tables["tableS3.5_rmse"].frame.loc[0, "gam decrease"], 9) == 20.0
    for table in tables.values():
        assert set(table.frame.columns) == set(table.columns)


def test_markdown_and_latex(tmp_path) -> None:
    frame = pd.DataFrame({"a_b": ["R2* | 5 %", "η²"], "n": [3.0, 0.012345]})
    paths = write_formats(frame, tmp_path / "table.1", caption="Of 100 % & more.")
    assert [path.name for path in paths] == ["table.1.md", "table.1.tex"]
    text = paths[0].read_text(encoding="utf-8").splitlines()
    assert text[2:] == ["| a_b | n |", "| --- | ---: |", r"| R2* \| 5 % | 3 |", "| η² | 0.0123 |"]
    tex = paths[1].read_text(encoding="utf-8")
    assert r"R2* | 5 \% & 3 \\" in tex and r"$\eta$\textsuperscript{2} & 0.0123 \\" in tex and r"a\_b & n \\" in tex
    assert tex.count(r"\begin{longtable}{lr}") == tex.count(r"\end{longtable}") == 1
    assert latex_text("a<b_c") == r"a\textless{}b\_c"
    assert [cell_text(x) for x in (True, None, float("nan"), 1e-9, 98)] == ["yes", "n/a", "n/a", "1.00e-09", "98"]
