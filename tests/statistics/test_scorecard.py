"""The scorecard against numbers set by hand, and against the paper on a cohort with the paper's effects."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.errors import InputError
from harmoniq.statistics.alternatives import alternatives, compare_regions
from harmoniq.statistics.scorecard import parse_spread, scorecard
from harmoniq.statistics.scorecard_figures import FIGURES
from harmoniq.statistics.steps import run_step
from harmoniq.statistics.summaries import read_published, sample_sizes

SIZES = {"R1": (10, 4), "R2star": (8, 4)}


def published(*rows: tuple) -> pd.DataFrame:
    columns = ["quantity", "metric", "tissue", "data", "value", "spread", "unit", "where"]
    return pd.DataFrame(rows, columns=columns)


def test_numbers_by_hand() -> None:
    effects = pd.DataFrame({
        "metric": "R1", "tissue": ["cGM", "cGM", "sWM"], "region": ["BA1", "BA2", "BA1"], "data": "raw",
        "icc_adjusted": [0.2, 0.4, 0.9], "singular_adjusted": [False, False, True], "eta2": [0.001, 0.003, 0.5],
    })  # fmt: skip
    models = pd.DataFrame({
        "metric": "R1", "tissue": "cGM", "region": ["BA1", "BA2", "BA1", "BA2"], "data": ["raw", "raw", "gam", "gam"],
        "peak_age": [50.0, 60.0, 52.0, 30.0], "kept": [True, True, True, False],
    })  # fmt: skip
    rows = published(
        ("icc_adjusted_mean", "R1", "cGM", "raw", "0.35", "0.10", "1", "here"),
        ("icc_adjusted_mean", "R1", "all", "raw", "0.35", "0.10", "1", "here"),
        ("eta2_mean", "R1", "cGM", "raw", "<0.01", "", "1", "here"),
        ("eta2_mean", "R1", "sWM", "raw", "<0.01", "", "1", "here"),
        ("peak_age_shift_mean", "R1", "all", "gam", "0.7", "", "years", "here"),
        ("rmse_decrease_mean", "R1", "cGM", "gam", "11.4", "6.5 to 14.0", "percent", "here"),
        ("never heard of", "R1", "cGM", "gam", "1", "", "1", "here"),
    )
    card = scorecard(rows, {"site_effects": effects, "age_models": models}, SIZES)
    np.testing.assert_allclose(card["here"], [0.3, 0.5, 0.002, 0.5, 2.0, np.nan, np.nan], equal_nan=True)
    np.testing.assert_allclose(card["difference"], [-0.05, 0.15, 0, 0.49, 1.3, np.nan, np.nan], equal_nan=True)
    assert card["within_spread"].tolist() == [True, False, True, False, None, None, None]
    assert card["remark"].tolist()[1] == "1 of 3 fits singular, counted as 0"
    assert card["remark"].tolist()[5:] == ["not computed in this run", "this version does not compute it"]
    assert card["n_controls"].unique().tolist() == [10] and card["paper_n_controls"].unique().tolist() == [530]


def test_every_published_figure_is_one_that_is_computed() -> None:
    figures = read_published("builtin")
    assert figures is not None and len(figures) == 104 and set(figures["quantity"]) == set(FIGURES)
    assert parse_spread("-4.3 to 5.1", 1.2) == (-4.3, 5.1)
    # The paper prints this interquartile range the wrong way round.
    assert parse_spread("2.0 to 1.1", 3.8) == (1.1, 2.0)


def test_a_table_of_published_figures_that_cannot_be_used_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="not found"):
        read_published(str(tmp_path / "absent.tsv"))
    (tmp_path / "bad.tsv").write_text("quantity\tvalue\nx\t1\n")
    with pytest.raises(InputError, match="metric"):
        read_published(str(tmp_path / "bad.tsv"))
    assert read_published("none") is None


@pytest.fixture(scope="module")
def rehearsal(simulated: Callable, options: dict) -> tuple:
    cohort, values, _ = simulated(3)
    options = {**options, "bootstrap": 200, "seed": 0}
    tables = {}
    for step in ("site_effects", "age_models", "group_differences", "clinical"):
        for table in run_step(step, cohort, values, options)[0]:
            tables[table.name] = table.frame
    return cohort, values, tables, options


def test_a_cohort_with_the_papers_effects_comes_out_as_published(rehearsal: tuple) -> None:
    """Signs, orderings and magnitudes of sections 3.1 to 3.3 (ComBat-GAM stands in for HBR)."""
    cohort, _, tables, _ = rehearsal
    figures = read_published("builtin")
    card = scorecard(figures, tables, sample_sizes(cohort, "MS")).set_index(["quantity", "metric", "tissue", "data"])
    here, paper = card["here"], pd.to_numeric(card["paper"], errors="coerce")
    assert card["n_controls"].unique().tolist() == [530, 388]
    # Cross-site raw comparisons mislead: patients seem higher in cGM; within-site and harmonized agree they are lower.
    for metric in ("R1", "R2star"):
        assert here["cohens_d_median", metric, "cGM", "cross_site"] < 0
        for tissue in ("sWM", "WM"):
            for comparison in ("within_site", "harmonized"):
                key = ("cohens_d_median", metric, tissue, comparison)
                assert here[key] == pytest.approx(paper[key], abs=0.2), key
        assert here["cohens_d_median", metric, "cGM", "harmonized"] > 0
    table3 = tables["table3_group_differences"].set_index(["metric", "tissue", "comparison"])
    assert table3.loc[("R1", "cGM", "cross_site"), "n_hc_lt_ms"] >= 15
    assert (table3.loc[(slice(None), slice(None), "harmonized"), "n_hc_lt_ms"] == 0).all()
    # R1 peaks rise from bundles to cortex, and lie within three years of the published means.
    for metric in ("R1", "R2star"):
        for data in ("raw", "gam"):
            peaks = [here["peak_age_mean", metric, tissue, data] for tissue in ("WM", "sWM", "cGM")]
            assert peaks == sorted(peaks)
            for tissue in ("cGM", "sWM", "WM"):
                key = ("peak_age_mean", metric, tissue, data)
                assert here[key] == pytest.approx(paper[key], abs=3.5), key
    # Site effects: large raw, nothing left by ComBat-GAM; largest in R1 of cGM.
    assert here["eta2_mean", "R1", "all", "gam"] < 0.01 < here["eta2_mean", "R1", "all", "raw"]
    icc = [here["icc_adjusted_mean", "R1", tissue, "raw"] for tissue in ("cGM", "sWM", "WM")]
    assert icc == sorted(icc, reverse=True)
    # Patients deviate downwards most in bundles and superficial white matter.
    lowest = [here["zscore_lowest_region", "R1", tissue, "hbr"] for tissue in ("WM", "sWM", "cGM")]
    assert lowest == sorted(lowest) and lowest[-1] < 0
    assert here["edss_significant_regions", "R2star", "cGM", "hbr"] >= 4
    assert here["edss_significant_regions", "R1", "all", "hbr"] == 0


def test_alternatives_say_how_much_the_other_reading_changes(rehearsal: tuple) -> None:
    cohort, values, tables, options = rehearsal
    table = alternatives(cohort, values, tables, options)
    assert set(table["setting"]) == {
        "statistics.peak_sign", "statistics.peak_error", "statistics.standardize_r2star",
        "statistics.overlap_only", "statistics.edss_family",
        "none: both are in site_effects.tsv",
    }  # fmt: skip
    sign = table[table["setting"] == "statistics.peak_sign"]
    np.testing.assert_allclose(sign["value_other"], -sign["value_chosen"])
    error = table[table["setting"] == "statistics.peak_error"]
    assert (error["value_other"] > 2 * error["value_chosen"]).all(), "the coefficients correlate by some -0.98"
    np.testing.assert_allclose(table["change"], table["value_other"] - table["value_chosen"])


def test_another_sampling_is_compared_region_by_region() -> None:
    ours = pd.DataFrame({
        "participant_id": ["sub-1", "sub-2"] * 2, "metric": "R1", "tissue": "cGM",
        "region": ["BA1", "BA1", "BA2", "BA2"], "hemisphere": "L", "value": [1.0, 3.0, 2.0, 2.0],
    })  # fmt: skip
    theirs = ours.assign(value=[1.1, 3.1, 1.8, 1.8])
    found = compare_regions(
        ours, theirs, setting="surfaces.cgm_depth", unclear="x", chosen="projfrac", other="midpoint"
    )
    mean, largest = found.to_dict("records")
    assert mean["value_chosen"] == 2.0 and mean["value_other"] == pytest.approx(1.95)
    assert largest["value_other"] == pytest.approx(-10.0), "BA2 changes most"


def test_equations_to_the_letter(committed: tuple) -> None:
    """peak_sign and peak_error = printed: equations 5 and 6 as they stand in the paper."""
    from harmoniq.statistics.age_models import age_models

    cohort, values, _ = committed
    plain = age_models(cohort, values, n_bootstrap=20)
    printed = age_models(cohort, values, n_bootstrap=20, sign="printed", error="printed")
    np.testing.assert_array_equal(printed["peak_age"], -plain["peak_age"])
    np.testing.assert_array_equal(printed["ci_low"], -plain["ci_high"])
    np.testing.assert_array_equal(printed["se_peak"], plain["se_peak_paper"])
    found = printed[printed["peak_age"].notna()]
    np.testing.assert_allclose(found["peak_age"], found["b_age"] / (2 * found["b_age2"]), rtol=1e-9)
