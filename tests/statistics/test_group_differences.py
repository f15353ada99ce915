"""Group differences: independent formulas, who is compared with whom, table 3, table 1, FDR, bad input."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import integrate, special, stats

from harmoniq.data.errors import InputError
from harmoniq.statistics.cohens_d import cohens_d
from harmoniq.statistics.demographics import demographics, demographics_columns
from harmoniq.statistics.fdr import benjamini_hochberg
from harmoniq.statistics.group_differences import (
    GROUP_DIFFERENCES_COLUMNS,
    TABLE3_COLUMNS,
    group_differences,
    table3,
)

pytestmark = pytest.mark.filterwarnings("error")


def test_d_and_p_against_statsmodels_and_scipy(small: tuple) -> None:
    cohort, values = small
    found, _ = group_differences(cohort, values, reference_site="a", overlap_only=False)
    people = cohort.participants
    for comparison, data, sites in (
        ("cross_site", "raw", ["a"]),
        ("within_site", "raw", ["b"]),
        ("harmonized", "gam", ["a", "b"]),
    ):
        rows = (people["group"] == "MS") | people["site"].isin(sites)
        frame = people[rows].assign(y=values[data][rows, 1])
        residual = smf.ols("y ~ age + sex", frame).fit().resid
        hc, ms = residual[frame["group"] == "HC"], residual[frame["group"] == "MS"]
        pooled = np.sqrt(((len(hc) - 1) * hc.var() + (len(ms) - 1) * ms.var()) / (len(hc) + len(ms) - 2))
        row = found[(found["region"] == "BA2") & (found["metric"] == "R1") & (found["comparison"] == comparison)].iloc[
            0
        ]
        assert row["d"] == pytest.approx((hc.mean() - ms.mean()) / pooled, rel=1e-9)
        assert row["p"] == pytest.approx(stats.ttest_ind(hc, ms).pvalue, rel=1e-9)
        assert (row["n_controls"], row["n_patients"]) == (len(hc), 20)
        assert row["ci_low"] < row["d"] < row["ci_high"] and row["direction"] == ("HC>MS" if row["d"] > 0 else "HC<MS")


@pytest.mark.parametrize("shift", [0.0, 1.0, -9.5, 60.0])
def test_interval_of_d_by_integration(shift: float) -> None:
    """P(T <= t) is the mean over s = sqrt(chi2 / df) of Phi(t s - ncp): integrate it at both ends."""
    rng = np.random.default_rng(0)
    values = np.r_[rng.normal(shift, 1, 60), rng.normal(0, 1, 35)][:, None]
    found = cohens_d(values, np.arange(95) < 60)
    df, unit = 93, np.sqrt(1 / 60 + 1 / 35)
    t = found.d[0] / unit
    log_norm = np.log(2) + df / 2 * np.log(df / 2) - special.gammaln(df / 2)
    for bound, expected in ((found.low[0], 0.975), (found.high[0], 0.025)):

        def weight(s: float, ncp: float = bound / unit) -> float:
            return special.ndtr(t * s - ncp) * np.exp(log_norm + (df - 1) * np.log(s) - df * s * s / 2)

        probability = integrate.quad(weight, 0.3, 1.8, points=[1.0], epsabs=1e-12, limit=400)[0]
        assert probability == pytest.approx(expected, abs=1e-8)


def test_fdr_is_within_metric_tissue_and_comparison(small: tuple) -> None:
    cohort, values = small
    found, _ = group_differences(cohort, values, reference_site="a", overlap_only=False)
    for _, part in found.groupby(["metric", "tissue", "comparison"]):
        np.testing.assert_allclose(part["p_fdr"], stats.false_discovery_control(part["p"]))
    assert list(found.columns) == list(GROUP_DIFFERENCES_COLUMNS)


def test_fdr_leaves_missing_tests_out() -> None:
    adjusted = benjamini_hochberg(np.array([0.01, np.nan, 0.04, 0.03]))
    np.testing.assert_allclose(adjusted, [0.03, np.nan, 0.04, 0.04])
    assert np.isnan(benjamini_hochberg(np.array([np.nan]))).all()


def test_a_young_site_is_left_out_of_harmonized(small: tuple) -> None:
    """The paper's case: controls of 8 to 25 years and patients of 18 to 75 touch, but few patients lie in both."""
    cohort, values = small
    people = cohort.participants
    young = (people["site"] == "a").to_numpy()
    ages = np.where(young, np.linspace(8, 25, 80), people["age"])
    cohort = replace(cohort, participants=people.assign(age=ages))
    kept, notes = group_differences(cohort, values, reference_site="a")
    assert (kept.loc[kept["comparison"] == "harmonized", "n_controls"] == 30).all()
    assert any("a left out of harmonized" in note for note in notes)
    everybody, notes = group_differences(cohort, values, reference_site="a", overlap_only=False)
    assert (everybody.loc[everybody["comparison"] == "harmonized", "n_controls"] == 60).all()
    assert not any("left out" in note for note in notes)


def test_other_groups_take_no_part(small: tuple) -> None:
    cohort, values = small
    groups = cohort.participants["group"].where(cohort.participants.index >= 5, "OND")
    found, _ = group_differences(
        replace(cohort, participants=cohort.participants.assign(group=groups)), values, reference_site="a"
    )
    assert (found.loc[found["comparison"] == "cross_site", "n_controls"] == 25).all()


def test_methods_that_are_missing_are_said(small: tuple) -> None:
    cohort, values = small
    found, notes = group_differences(cohort, {"raw": values["raw"]}, reference_site="a")
    assert set(found["comparison"]) == {"cross_site", "within_site"} and any("is left out" in note for note in notes)
    _, notes = group_differences(cohort, values, reference_site="a", harmonized_method="gam")
    assert notes == []


def test_no_patients_no_controls_unknown_reference(small: tuple) -> None:
    cohort, values = small
    found, notes = group_differences(cohort, values, reference_site="a", patient_group="NMO")
    assert found.empty and list(found.columns) == list(GROUP_DIFFERENCES_COLUMNS) and "NMO" in notes[0]
    assert table3(found).empty and list(table3(found).columns) == list(TABLE3_COLUMNS)
    with pytest.raises(InputError, match=r"reference_site = site9.*found: a, b"):
        group_differences(cohort, values, reference_site="site9")
    with pytest.raises(InputError, match="control_group"):
        group_differences(replace(cohort, control_group="x"), values, reference_site="a")


@pytest.mark.parametrize("change", ["one sex", "one patient", "constant", "absent", "reference site", "two sites"])
def test_bad_input_gives_missing_numbers(small: tuple, change: str) -> None:
    cohort, values = small
    people = cohort.participants
    values = {name: array.copy() for name, array in values.items()}
    if change == "one sex":
        cohort = replace(cohort, participants=people.assign(sex="M"))
    if change == "one patient":
        cohort, values = cohort.select(rows=np.arange(61)), {name: array[:61] for name, array in values.items()}
    if change in ("constant", "absent"):
        for array in values.values():
            array[:, 0] = 0.7 if change == "constant" else np.nan
        cohort = cohort.with_values(values["raw"])
    if change == "reference site":
        cohort = replace(cohort, participants=people.assign(site="a"))
    if change == "two sites":
        cohort = replace(cohort, participants=people.assign(site=people["site"].where(people.index < 75, "a")))
    found, notes = group_differences(cohort, values, reference_site="a")
    first = found.iloc[0]
    assert np.isnan(first["d"]) == (change in ("one patient", "constant", "absent"))
    assert pd.isna(first["direction"]) == np.isnan(first["d"])
    assert any("reference site" in note for note in notes) == (change in ("reference site", "two sites"))
    table3(found)


def test_table3_by_hand() -> None:
    d = [-1.0, 0.5, 0.7, 0.1]
    rows = [["R1", "cGM", f"BA{k}", "cross_site", x, p, p] for k, (x, p) in enumerate(zip(d, [0.01, 0.01, 0.04, 0.5]))]
    rows += [
        ["R1", "cGM", "BA0", "harmonized", 0.1, 0.9, 0.9],
        ["R1", "cGM", "BA1", "harmonized", np.nan, np.nan, np.nan],
    ]
    frame = pd.DataFrame(rows, columns=["metric", "tissue", "region", "comparison", "d", "p", "p_fdr"])
    found = table3(frame)
    assert found.iloc[0].tolist() == ["R1", "cGM", "cross_site", 3, 4, 0.5, -0.25, pytest.approx(0.6), 2, 1, None]
    within = frame[frame["comparison"] == "harmonized"].assign(comparison="within_site", p_fdr=0.95)
    trend = table3(pd.concat([frame, within]))["p_trend"]
    assert trend.isna().tolist() == [True, True, False] and trend.iloc[2] == "down"
    assert found.loc[1, ["n_significant", "n_regions"]].tolist() == [0, 1] and np.isnan(found.loc[1, "d_median"])


def test_table1_by_hand(small: tuple) -> None:
    cohort, _ = small
    people = cohort.participants.copy()
    people.loc[60:, "edss"] = np.linspace(0, 4.75, 20)
    people["phenotype"] = [None] * 60 + ["RRMS"] * 15 + ["PPMS"] * 5
    cohort = replace(cohort, participants=people)
    table = demographics(cohort).set_index("description")
    assert list(table.columns) == ["a_HC", "b_HC", "b_MS", "total_HC"]
    assert table.loc["participants, n"].tolist() == ["30", "30", "20", "60"]
    assert table.loc["phenotypes, %", "b_MS"] == "PPMS 25.0, RRMS 75.0"
    assert table.loc["median (IQR) EDSS", "b_MS"] == "2.4 (1.2, 3.6)"
    assert (
        table.loc["median (IQR) EDSS", "a_HC"] is None
        and table.loc["mean (SD) disease duration, years", "b_MS"] is None
    )
    ages = people["age"][:60]
    assert table.loc["mean (SD) age, years", "total_HC"] == f"{ages.mean():.1f} ({ages.std():.1f})"
    bands = table.loc[[name for name in table.index if name.startswith("age ") and name.endswith("n")], "total_HC"]
    assert bands.astype(int).sum() == 60
    described = demographics_columns(demographics(cohort))
    assert described["b_MS"] == "MS of b" and set(described) == {"description", *table.columns}
