"""The bias that is left: cross-validated against fits by hand, simulated against planted truth."""

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.cohort import Cohort
from harmoniq.harmonization.combat import Combat
from harmoniq.harmonization.gam import CombatGam
from harmoniq.statistics.held_out import HELD_OUT_COLUMNS, cross_validated, held_out_bias, stratified_folds
from harmoniq.statistics.site_effects import site_effects


def test_folds_share_every_site_and_sex_whatever_the_order(make_cohort):
    cohort = make_cohort(n=47)
    fold = stratified_folds(cohort, 5, seed=1)
    people = cohort.participants.assign(fold=fold)
    counts = people.groupby(["site", "sex", "fold"]).size().unstack(fill_value=0)
    assert (counts.max(axis=1) - counts.min(axis=1) <= 1).all() and set(fold) == set(range(5))
    order = np.random.default_rng(0).permutation(len(people))
    assert (stratified_folds(cohort.select(rows=order), 5, seed=1) == fold[order]).all()
    assert (stratified_folds(cohort, 5, seed=2) != fold).any()


def test_held_out_values_are_those_of_fits_without_the_fold(make_cohort):
    cohort = make_cohort(n=30, p=5)
    values, scores = cross_validated(cohort, lambda: CombatGam(reference_site="site1"), folds=3, seed=0)
    fold = stratified_folds(cohort, 3, 0)
    fitted = CombatGam(reference_site="site1").fit(cohort.select(rows=fold != 1))
    here = cohort.select(rows=fold == 1)
    np.testing.assert_array_equal(values[fold == 1], fitted.transform(here))
    expected = (fitted.transform(here) - fitted.model.center - fitted.model.covariate_mean(here)) / fitted.model.scale
    np.testing.assert_allclose(scores[fold == 1], expected, rtol=1e-12)
    # Whoever is held out moves no other fold's values.
    changed = cohort.values.copy()
    changed[fold == 1] *= 2
    moved, _ = cross_validated(cohort.with_values(changed), lambda: CombatGam(reference_site="site1"), folds=3, seed=0)
    np.testing.assert_array_equal(moved[fold == 1], fitted.transform(here.with_values(changed[fold == 1])))


def test_simulated_bias_is_the_planted_one(make_cohort_with_truth):
    """ComBat takes the curve of the young third site for a scanner's effect: by how much is known here."""
    cohort, truth = make_cohort_with_truth(n=130, p=25, seed=6)
    table, notes = held_out_bias(cohort, ["combat", "gam"], reference_site="site1", simulations=10)
    assert list(table.columns) == list(HELD_OUT_COLUMNS) and notes == []
    third = (cohort.participants["site"] == "site3").to_numpy()
    found = table.set_index(["data", "site"])
    real, unit = {}, CombatGam(reference_site="site1").fit(cohort).model.scale
    for kind in (Combat, CombatGam):
        out = kind(reference_site="site1").fit(cohort).transform(cohort)
        real[kind.method] = ((out - truth)[third] / unit).mean(axis=0)
    combat, gam = (found.loc[(name, "site3"), "bias_simulated"].to_numpy() for name in ("combat", "gam"))
    # The smooth's own error at the third site (SD from cohort to cohort about 0.15) is part of the simulated world.
    assert np.abs(combat).mean() > 0.5 > 4 * np.abs(gam).mean()
    assert np.abs(combat - real["combat"]).mean() < 0.35
    spread = found.loc[("gam", "site3"), "sd_simulated"].to_numpy()
    # What really happened to ComBat-GAM is within what the simulations say may happen.
    assert 0.4 < np.sqrt(np.mean((real["gam"] / spread) ** 2)) < 2.0
    assert (found.loc[("gam", "site1"), "bias_simulated"] == 0).all()


def test_eta_squared_in_and_out_of_sample(make_cohort):
    cohort = make_cohort(n=50, p=8, seed=3)
    table, _ = held_out_bias(cohort, ["gam"], reference_site="site1", simulations=0)
    out = CombatGam(reference_site="site1").fit(cohort).transform(cohort)
    inside = site_effects(cohort, {"gam": out})["eta2"].to_numpy()
    np.testing.assert_allclose(table.groupby("site")["eta2"].apply(list)["site2"], inside, rtol=1e-9)
    assert table["eta2_held_out"].mean() > table["eta2"].mean() and table["bias_simulated"].isna().all()
    # Z of held-out controls of unchanged sites: errors of 1 / sqrt(50).
    z = (table["bias_held_out"] / table["se_held_out"])[table["site"] != "site1"]
    assert np.abs(z).max() < 5 and table["se_held_out"].between(0.1, 0.25).all()


def test_metrics_of_fewer_sites_patients_and_methods_left_out(make_cohort):
    r1, r2 = make_cohort(patients=20, p=3), make_cohort(patients=20, p=3, seed=1, metric="R2star")
    holes = r2.values.copy()
    holes[(r2.participants["site"] == "site3").to_numpy()] = np.nan
    features = pd.concat([r1.features, r2.features], ignore_index=True)
    both = Cohort(r1.participants, features, np.column_stack([r1.values, holes]))
    table, notes = held_out_bias(both, ["raw", "combat"], reference_site="site1", simulations=2)
    assert set(table.loc[table["metric"] == "R2star", "site"]) == {"site1", "site2"} and set(table["data"]) == {
        "combat"
    }
    assert (table["n"] == 40).all() and notes == []
    without = both.select(rows=both.is_control)
    pd.testing.assert_frame_equal(held_out_bias(without, ["combat"], reference_site="site1", simulations=2)[0], table)
    assert held_out_bias(both, ["raw"], reference_site="site1")[0].empty


def test_a_site_too_small_for_folds_is_a_note(make_cohort):
    cohort = make_cohort(n=40, p=3)
    few = np.flatnonzero((cohort.participants["site"] == "site3").to_numpy())[3:]
    small = cohort.select(rows=np.setdiff1d(np.arange(len(cohort.participants)), few))
    table, notes = held_out_bias(small, ["gam"], reference_site="site1")
    assert table.empty and len(notes) == 1 and "R1, gam: the held-out bias could not be measured" in notes[0]


@pytest.mark.parametrize("seed", [0, 7])
def test_same_seed_same_table(make_cohort, seed):
    cohort = make_cohort(n=20, p=3)
    first, second = (held_out_bias(cohort, ["gam"], reference_site="site1", simulations=2, seed=seed)[0] for _ in "ab")
    pd.testing.assert_frame_equal(first, second, check_exact=True)
