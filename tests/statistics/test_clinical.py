"""Z-scores and their association with EDSS: against R, and against what was planted."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.tables import read_tsv
from harmoniq.harmonization.base import HBR_Z
from harmoniq.statistics.clinical import clinical, selected_regions
from harmoniq.statistics.edss import edss_associations
from harmoniq.statistics.zscores import zscores

FEATURE = ["metric", "tissue", "region"]


@pytest.fixture(params=["committed", pytest.param("live", marks=pytest.mark.slow)])
def case(request: pytest.FixtureRequest) -> tuple:
    return request.getfixturevalue(request.param)


def test_zscores_and_edss_equal_r(case: tuple, options: dict) -> None:
    """R: rstudent() of the controls, predict(se.fit) of the patients, summary(lm(edss ~ ...)), p.adjust()."""
    cohort, values, folder = case
    found = clinical(cohort, values, options)
    theirs = read_tsv(folder / "r_zscores.tsv")
    both = found.zscores.merge(theirs, on=["participant_id", *FEATURE], suffixes=("", "_r"), how="outer")
    assert len(both) == len(theirs) == len(found.zscores)
    np.testing.assert_allclose(both["z"], both["z_r"], rtol=1e-7, atol=1e-9)
    both = found.edss.merge(read_tsv(folder / "r_edss.tsv"), on=FEATURE, suffixes=("", "_r"), how="outer")
    assert len(both) == len(found.edss)
    for name in ("n", "beta", "se", "p", "p_fdr", "adj_r2"):
        np.testing.assert_allclose(
            both[name].astype(float), pd.to_numeric(both[f"{name}_r"]), rtol=1e-7, equal_nan=True, err_msg=name
        )
    assert (both["selected"].astype(str).str.upper() == both["selected_r"].astype(str).str.upper()).all()
    assert both["selected"].any(), "p_fdr is tested of something"
    assert any("lack EDSS" in note for note in found.notes) and any("use gam" in note for note in found.notes)


def test_a_line_through_the_partial_residuals_has_the_slope_beta(committed: tuple, options: dict) -> None:
    found = clinical(*committed[:2], options)
    assert len(found.partial)
    edss = found.edss.set_index(FEATURE)
    for keys, part in found.partial.groupby(FEATURE):
        slope = np.polyfit(part["z"], part["edss_adjusted"], 1)[0]
        assert slope == pytest.approx(edss.loc[keys, "beta"], rel=1e-9)


def test_z_of_hbr_is_taken_where_it_is_there(committed: tuple) -> None:
    cohort, values, _ = committed
    own = np.random.default_rng(0).normal(size=cohort.values.shape)
    z, notes = zscores(cohort, {**values, "hbr": values["gam"], HBR_Z: own}, reference_site="site1")
    assert set(z) == {"hbr", "raw"} and not notes
    patients = (cohort.participants["group"] == "MS").to_numpy()
    measured = np.isfinite(cohort.values)
    np.testing.assert_array_equal(z["hbr"][patients], np.where(np.isfinite(own), own, np.nan)[patients])
    young = (cohort.participants["site"] == "site3").to_numpy()
    assert np.isnan(z["hbr"][young]).all(), "controls of site3 share no age with the patients"
    assert measured[patients].any()


def test_a_control_never_enters_its_own_prediction(committed: tuple) -> None:
    """Z of a control equals the deviation from a fit without that control."""
    cohort, values, _ = committed
    z, _ = zscores(cohort, values, reference_site="site1")
    people = cohort.participants
    who = int(np.flatnonzero(((people["site"] == "site2") & (people["group"] == "HC")).to_numpy())[3])
    column = int(np.flatnonzero(np.isfinite(z["gam"][who]))[0])
    rows = ((people["group"] == "HC") & (people["site"] != "site3")).to_numpy() & np.isfinite(values["gam"][:, column])
    rows[who] = False

    def design(mask: np.ndarray) -> np.ndarray:
        age, man = people["age"].to_numpy()[mask], (people["sex"] == "M").to_numpy()[mask]
        return np.column_stack([np.ones(age.size), age, age**2, man])

    x, y = design(rows), values["gam"][rows, column]
    b = np.linalg.lstsq(x, y, rcond=None)[0]
    s2 = ((y - x @ b) ** 2).sum() / (len(y) - 4)
    me = design(np.arange(len(people)) == who)[0]
    spread = np.sqrt(s2 * (1 + me @ np.linalg.inv(x.T @ x) @ me))
    assert z["gam"][who, column] == pytest.approx((values["gam"][who, column] - me @ b) / spread, rel=1e-6)


def test_without_patients_or_edss_the_tables_are_empty_and_it_is_said(small: tuple, options: dict) -> None:
    cohort, values = small
    options = options | {"reference_site": "a"}
    found = clinical(cohort, values, options)
    assert len(found.zscores) and found.edss.empty and any("no patient has EDSS" in note for note in found.notes)
    controls = cohort.select(rows=cohort.is_control)
    found = clinical(controls, {k: v[cohort.is_control] for k, v in values.items()}, options)
    assert found.zscores.empty and found.summary.empty and any("no participant is of group" in n for n in found.notes)
    raw = clinical(cohort, {"raw": values["raw"]}, options)
    assert raw.zscores.empty and set(raw.summary["data"]) == {"raw"}
    assert any("neither hbr nor gam" in note for note in raw.notes)


def edss_hits(simulated: Callable, options: dict, seeds: range) -> tuple[list[float], list[float], list[float]]:
    """Share of false among the found, share found of the planted and selected, and mean slope of the planted."""
    false, power, slope = [], [], []
    for seed in seeds:
        cohort, values, planted = simulated(seed)
        selected, _ = selected_regions(cohort, values, options)
        z, _ = zscores(cohort, values, reference_site="site1")
        table, _ = edss_associations(cohort, z["gam"], selected)
        hit = (table["p_fdr"] < 0.05).to_numpy()
        false.append((hit & (planted == 0)).sum() / max(hit.sum(), 1))
        power.append((hit & (planted != 0)).sum() / max((selected & (planted != 0)).sum(), 1))
        slope.append(float(table.loc[planted != 0, "beta"].mean()))
    return false, power, slope


def test_edss_is_found_where_planted(simulated: Callable, options: dict) -> None:
    """Four cohorts: nearly all planted regions, hardly another one; the slope planted is 0.42 to 0.53 EDSS per Z.

    The standard deviation of the mean slope over cohorts is some 0.1: four of them keep it within 0.15.
    """
    false, power, slope = edss_hits(simulated, options, range(4))
    assert np.mean(power) > 0.7 and np.mean(false) < 0.15
    assert np.mean(slope) == pytest.approx(0.45, abs=0.15)


@pytest.mark.nightly
def test_few_of_the_edss_regions_are_false_over_50_cohorts(simulated: Callable, options: dict) -> None:
    false, power, _ = edss_hits(simulated, options, range(50))
    assert np.mean(false) < 0.05, f"false discovery rate {np.mean(false):.3f}"
    assert np.mean(power) > 0.75, f"power {np.mean(power):.2f}"
