"""The numbers that figures and reports compute themselves, against independent truths."""

import numpy as np
import pandas as pd
import pytest

from harmoniq.report.blocks import format_number
from harmoniq.report.distributions import kernel_density
from harmoniq.report.examples import example_curves, example_values
from harmoniq.report.pca_figure import covariance_ellipse
from harmoniq.report.peak_ages import least_squares_band, peak_pairs
from harmoniq.report.recovery import recovery_summary
from harmoniq.report.site_effects import site_effect_summary


def test_kernel_density_is_scipys():
    from scipy.stats import gaussian_kde

    values = np.random.default_rng(0).gamma(4.0, 1.0, 80)
    grid = np.linspace(-5, 20, 400)
    # Same estimator and bandwidth; only rounding differs.
    np.testing.assert_allclose(kernel_density(values, grid), gaussian_kde(values)(grid), rtol=1e-10, atol=1e-14)
    assert kernel_density(np.array([1.0, 1.0, 1.0]), grid) is None
    assert kernel_density(np.array([1.0, np.nan, 2.0]), grid) is None


def test_band_is_the_confidence_band_of_statsmodels():
    import statsmodels.api as sm

    rng = np.random.default_rng(1)
    x = rng.uniform(30, 60, 25)
    y = 3 + 0.9 * x + rng.normal(size=25)
    grid = np.linspace(30, 60, 7)
    line, half = least_squares_band(x, y, grid)
    frame = sm.OLS(y, sm.add_constant(x)).fit().get_prediction(sm.add_constant(grid)).summary_frame(alpha=0.05)
    np.testing.assert_allclose(line, frame["mean"], rtol=1e-9)
    np.testing.assert_allclose(line - half, frame["mean_ci_lower"], rtol=1e-9)


def test_ellipse_holds_95_percent_of_a_normal_cloud():
    points = np.random.default_rng(2).multivariate_normal([3, -1], [[4, 1.5], [1.5, 1]], 40_000)
    inside = (
        covariance_ellipse(points)
        .get_path()
        .contains_points(covariance_ellipse(points).get_patch_transform().inverted().transform(points))
    )
    # Standard error of the share is 0.0011; Bezier arcs stand for the circle within 0.03 %.
    assert inside.mean() == pytest.approx(0.95, abs=0.004)


def test_example_curves_are_ordinary_least_squares(tables, people):
    import statsmodels.formula.api as smf

    values = example_values(tables["regions_harmonized"], people)
    curves = example_curves(values)
    curve = curves[
        (curves["site"] == "site1")
        & (curves["metric"] == "R1")
        & (curves["tissue"] == "WM")
        & (curves["data"] == "raw")
    ].iloc[0]
    rows = values[
        (values["site"] == "site1")
        & (values["metric"] == "R1")
        & (values["tissue"] == "WM")
        & (values["data"] == "raw")
    ]
    assert curve["region"] == "ARC_R"
    fit = smf.ols("value ~ age + I(age**2) + half", rows.assign(half=np.where(rows["sex"] == "F", 0.5, -0.5))).fit()
    # The centered and the plain design agree to the conditioning of age² (about 1e-8).
    np.testing.assert_allclose(curve[["b0", "b_age", "b_age2"]].astype(float), fit.params.iloc[:3], rtol=1e-7)


def test_example_values_leave_patients_out_and_take_a_region_that_exists(tables, people):
    without = tables["regions_harmonized"].query("region != 'BA4'")
    values = example_values(without, people)
    assert set(values["region"]) == {"BA1", "ARC_R"}
    patients = set(people.loc[people["group"] == "MS", "participant_id"])
    assert not patients & set(values["participant_id"])
    assert set(values.loc[values["metric"] == "R2star", "site"]) == {"site1", "site2"}


def test_peak_pairs_need_both_peaks_and_both_kept():
    models = pd.DataFrame(
        [
            ("R1", "cGM", region, data, peak, kept)
            for region, peaks in {"BA1": (50, 52, True), "BA2": (51, np.nan, True), "BA3": (40, 41, False)}.items()
            for data, peak, kept in (("raw", peaks[0], True), ("gam", peaks[1], peaks[2]))
        ],
        columns=["metric", "tissue", "region", "data", "peak_age", "kept"],
    )
    pairs = peak_pairs(models)
    assert pairs[["region", "peak_x", "peak_y"]].to_numpy().tolist() == [["BA1", 50.0, 52.0]]
    # As read from a table, flags are text.
    assert len(peak_pairs(models.assign(kept=models["kept"].map({True: "true", False: "false"})))) == 1


def test_recovery_summary_by_hand():
    true = np.array([1.0, 2.0, 4.0, 5.0, 8.0])
    error = np.array([0.01, -0.02, 0.03, -0.04, 0.10])
    frame = pd.DataFrame(
        {
            "participant_id": "sub-1",
            "metric": "R1",
            "tissue": "WM",
            "region": list("abcde"),
            "true": true,
            "recovered": true * (1 + error),
        }
    )
    frame.loc[5] = ["sub-1", "R1", "WM", "f", 3.0, np.nan]
    row = recovery_summary(frame).iloc[0]
    assert row["n"] == 5
    assert row["median_abs_error_percent"] == pytest.approx(3.0)
    assert row["bias_percent"] == pytest.approx(1.0)
    assert row["p90_abs_error_percent"] == pytest.approx(4.0 + 0.6 * 6.0)
    assert row["max_abs_error_percent"] == pytest.approx(10.0)
    assert row["r"] == pytest.approx(np.corrcoef(true, true * (1 + error))[0, 1])
    assert recovery_summary(frame.iloc[:0]).empty


def test_site_effect_summary(tables):
    summary = site_effect_summary(tables["site_effects"])
    gam = summary[(summary["data"] == "gam") & (summary["metric"] == "R1") & (summary["tissue"] == "cGM")].iloc[0]
    assert gam["n_regions"] == 3
    assert gam["singular"] == 3
    assert gam["eta2_mean"] == pytest.approx(0.2 / 7)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (530.0, "530"),
        (0.5, "0.500"),
        (57.653, "57.7"),
        (1234.5, "1234"),
        (-0.01234, "-0.0123"),
        (3e-9, "3e-09"),
        (float("nan"), "n/a"),
    ],
)
def test_format_number(value, text):
    assert format_number(value) == text
