"""Age models: the bootstrap against a plain loop, standardization, filters, summaries, bad input."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError
from harmoniq.statistics.age_models import AGE_MODELS_COLUMNS, age_models
from harmoniq.statistics.age_summaries import (
    PEAK_AGE_CORRELATION_COLUMNS,
    PEAK_AGE_SUMMARY_COLUMNS,
    RMSE_CHANGE_COLUMNS,
    peak_age_correlation,
    peak_age_summary,
    rmse_change,
)
from harmoniq.statistics.bootstrap import CHUNK, bootstrap_peaks
from harmoniq.statistics.design import age_design
from harmoniq.statistics.standardize import standardize, standardize_within

pytestmark = pytest.mark.filterwarnings("error")


def looped_peaks(age: np.ndarray, sex: np.ndarray, y: np.ndarray, draws: list[np.ndarray]) -> np.ndarray:
    peaks = []
    for rows in draws:
        a = age[rows]
        design = np.column_stack([np.ones_like(a), a, a**2, sex[rows] == "M"])
        b = np.linalg.lstsq(design, y[rows], rcond=None)[0]
        peaks.append(-b[1] / (2 * b[2]))
    return np.array(peaks)


@pytest.mark.parametrize("stratify", [False, True])
def test_bootstrap_equals_a_plain_loop(small: tuple, stratify: bool) -> None:
    cohort, values = small
    people = cohort.participants[:60]
    age, sex, site = people["age"].to_numpy(), people["sex"].to_numpy(), people["site"].to_numpy()
    y = values["raw"][:60]
    n_resamples, rng = CHUNK + 120, np.random.default_rng(11)
    groups = [np.flatnonzero(site == s) for s in ("a", "b")] if stratify else [np.arange(60)]
    draws = []
    for size in (CHUNK, 120):
        parts = [group[rng.integers(0, len(group), (size, len(group)))] for group in groups]
        draws += list(np.concatenate(parts, axis=1))
    strata = site if stratify else None
    se, low, high = bootstrap_peaks(age_design(age, sex), y, n_resamples=n_resamples, seed=11, strata=strata)
    for k in range(y.shape[1]):
        peaks = looped_peaks(age, sex, y[:, k], draws)
        # lstsq on the unscaled age^2 loses some digits.
        assert se[k] == pytest.approx(peaks.std(ddof=1), rel=1e-6)
        np.testing.assert_allclose([low[k], high[k]], np.quantile(peaks, [0.025, 0.975]), rtol=1e-7)


def test_bootstrap_agrees_with_the_delta_method(small: tuple) -> None:
    """With many participants and a clear curvature the two standard errors estimate the same spread."""
    rng = np.random.default_rng(4)
    age, sex = rng.uniform(18, 80, 2000), np.where(rng.uniform(size=2000) < 0.5, "F", "M")
    people = pd.DataFrame({"participant_id": np.arange(2000), "site": "a", "group": "HC", "age": age, "sex": sex})
    y = (1 - 1e-4 * (age - 50) ** 2 + rng.normal(0, 0.05, 2000))[:, None]
    cohort = Cohort(people, pd.DataFrame({"metric": ["R1"], "tissue": ["cGM"], "region": ["BA1"]}), y)
    row = age_models(cohort, {"raw": y}, n_bootstrap=1000).iloc[0]
    assert row["se_peak_boot"] == pytest.approx(row["se_peak"], rel=0.1)
    assert row["ci_low"] < row["peak_age"] < row["ci_high"] and abs(row["peak_age"] - 50) < 4 * row["se_peak"]
    assert row["se_peak_paper"] > 3 * row["se_peak"]


def test_same_seed_same_bits_on_any_number_of_threads(small: tuple) -> None:
    cohort, values = small
    found = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            found.append(age_models(cohort, values, n_bootstrap=300, seed=3))
    pd.testing.assert_frame_equal(*found, check_exact=True)
    other = age_models(cohort, values, n_bootstrap=300, seed=4)
    assert (other["se_peak_boot"] != found[0]["se_peak_boot"]).any()


def test_a_region_gets_the_same_bootstrap_whatever_the_others_are(small: tuple) -> None:
    cohort, values = small
    whole = age_models(cohort, {"raw": values["raw"]}, n_bootstrap=200)
    alone = age_models(cohort.select(columns=np.array([1])), {"raw": values["raw"][:, [1]]}, n_bootstrap=200)
    # The products are summed in blocks that depend on the matrix's width: the last bits may differ.
    pd.testing.assert_frame_equal(
        whole.iloc[[1]].reset_index(drop=True).drop(columns="kept"), alone.drop(columns="kept"), rtol=1e-9
    )


def test_r2star_is_standardized_within_sites_or_over_all() -> None:
    rng = np.random.default_rng(0)
    values, site = rng.normal(20, 3, (50, 3)), np.repeat(["a", "b"], [30, 20])
    values[4, 0] = np.nan
    within = pd.DataFrame(values).groupby(site).transform(lambda s: (s - s.mean()) / s.std()).to_numpy()
    np.testing.assert_allclose(standardize_within(values, site), within, rtol=1e-12)
    np.testing.assert_allclose(
        standardize(values)[:, 1], (values[:, 1] - values[:, 1].mean()) / values[:, 1].std(ddof=1)
    )
    alone = standardize_within(values, np.array(["a"] * 49 + ["b"]))
    assert np.isnan(alone[-1]).all() and np.isfinite(alone[:-1, 1]).all()
    assert np.isnan(standardize(np.full((5, 1), 0.1))).all()


def test_standardization_is_of_r2star_only_and_can_be_turned_off(small: tuple) -> None:
    cohort, values = small
    on, off = (age_models(cohort, values, n_bootstrap=2, standardize_r2star=flag) for flag in (True, False))
    r1 = on["metric"] == "R1"
    pd.testing.assert_frame_equal(on[r1], off[r1])
    assert (on.loc[~r1, "rmse"] < 1).all()
    np.testing.assert_allclose(off.loc[~r1, "rmse"], 0.6, rtol=0.3)


def test_kept_follows_the_quartiles_and_needs_a_peak() -> None:
    rng = np.random.default_rng(9)
    n, p = 150, 20
    age = rng.uniform(18, 80, n)
    people = pd.DataFrame({"participant_id": np.arange(n), "site": "a", "group": "HC", "age": age, "sex": "F"})
    people.loc[::2, "sex"] = "M"
    curve = np.r_[np.full(p - 2, 1e-4), 2.5e-5, 0]
    y = 1 - curve * (age[:, None] - 45) ** 2 + rng.normal(0, 0.03, (n, p))
    features = pd.DataFrame({"metric": "R1", "tissue": "cGM", "region": [f"BA{k}" for k in range(p)]})
    found = age_models(Cohort(people, features, y), {"raw": y}, n_bootstrap=200)
    se = found["se_peak_boot"].dropna()
    fence = se.quantile(0.75) + 1.5 * (se.quantile(0.75) - se.quantile(0.25))
    assert (found["kept"] == (found["se_peak_boot"] <= fence)).all()
    assert not found["kept"].iloc[-2:].any() and found["kept"].sum() >= p - 4
    assert found["kept"].dtype == bool and list(found.columns) == list(AGE_MODELS_COLUMNS)
    peaks = ["peak_age", "se_peak", "se_peak_paper", "se_peak_boot", "ci_low", "ci_high"]
    assert (found.loc[found["lrt_p"] >= 0.05, peaks].isna()).all().all() and (found["lrt_p"] >= 0.05).any()


@pytest.mark.parametrize(
    "change", ["one sex", "one age", "two ages", "four controls", "two controls", "constant", "absent"]
)
def test_bad_input_gives_missing_numbers(small: tuple, change: str) -> None:
    cohort, values = small
    people = cohort.participants
    if change == "one sex":
        cohort = replace(cohort, participants=people.assign(sex="M"))
    if change == "one age":
        cohort = replace(cohort, participants=people.assign(age=40.0))
    if change == "two ages":
        cohort = replace(cohort, participants=people.assign(age=np.where(people.index % 2, 30.0, 50.0)))
    if change in ("four controls", "two controls"):
        rows = np.arange(29, 29 + (4 if change == "four controls" else 2))
        cohort, values = cohort.select(rows=rows), {name: array[rows] for name, array in values.items()}
        # One man, so that four controls make as many equations as coefficients and two make them aliased.
        sex = np.where(np.arange(len(rows)) == 1, "M", "F")
        cohort = replace(cohort, participants=cohort.participants.assign(sex=sex))
    values = {name: array.copy() for name, array in values.items()}
    for array in values.values():
        if change in ("constant", "absent"):
            array[:, 0] = 0.7 if change == "constant" else np.nan
    found = age_models(cohort, values, n_bootstrap=50)
    first = found.iloc[0]
    assert np.isnan(first["b_sex"]) == (change in ("one sex", "four controls", "two controls", "absent"))
    assert np.isnan(first["peak_age"]) == (change != "one sex")
    assert np.isnan(first["lrt_p"]) == (change != "one sex") and bool(first["kept"]) == (change == "one sex")
    for summary in (peak_age_summary, peak_age_correlation, rmse_change):
        summary(found)


def test_bad_arguments_are_sentences(small: tuple) -> None:
    cohort, values = small
    with pytest.raises(InputError, match="bootstrap = 1"):
        age_models(cohort, values, n_bootstrap=1)
    with pytest.raises(InputError, match="control_group"):
        age_models(replace(cohort, control_group="x"), values)
    with pytest.raises(ValueError, match="shape"):
        age_models(cohort, {"raw": values["raw"][:5]})


def table_of_models() -> pd.DataFrame:
    raw, gam = [40.0, 42.0, 50.0, 45.0, 99.0], [41.0, 40.0, 55.0, 46.0, 44.0]
    rows = []
    for k in range(5):
        rows.append(["R1", "cGM", f"BA{k}", "raw", raw[k], k < 4, 2.0])
        rows.append(["R1", "cGM", f"BA{k}", "gam", gam[k], True, 2.0 - 0.1 * k])
    return pd.DataFrame(rows, columns=["metric", "tissue", "region", "data", "peak_age", "kept", "rmse"])


def test_summaries_by_hand() -> None:
    models = table_of_models()
    summary = peak_age_summary(models)
    assert list(summary.columns) == list(PEAK_AGE_SUMMARY_COLUMNS)
    assert summary.loc[0, "mean"] == 44.25 and summary.loc[0, ["n_kept", "n_regions"]].tolist() == [4, 5]
    assert summary.loc[0, "se"] == pytest.approx(np.std([40, 42, 50, 45], ddof=1) / 2)
    pair = peak_age_correlation(models)
    assert list(pair.columns) == list(PEAK_AGE_CORRELATION_COLUMNS)
    # Ranks 1 2 4 3 and 2 1 4 3: rho = 1 - 6 * 2 / (4 * 15).
    assert pair.loc[0, ["data_x", "data_y", "n"]].tolist() == ["raw", "gam", 4] and pair.loc[0, "rho"] == pytest.approx(
        0.8
    )
    change = rmse_change(models)
    assert list(change.columns) == list(RMSE_CHANGE_COLUMNS)
    np.testing.assert_allclose(change.loc[0, ["mean", "q25", "q75"]].astype(float), [10, 5, 15])
