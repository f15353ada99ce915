"""Splines, the penalty and what the smooth is good for."""

from dataclasses import replace

import numpy as np
import pytest

from harmoniq.harmonization.combat import Combat
from harmoniq.harmonization.gam import CombatGam
from harmoniq.harmonization.penalized import fit_penalized
from harmoniq.harmonization.splines import SplineBasis


def test_splines_and_penalty_are_those_of_statsmodels():
    gam = pytest.importorskip("statsmodels.gam.api")
    age = np.random.default_rng(0).uniform(8, 79, 200)
    theirs = gam.BSplines(age, df=10, degree=3).smoothers[0]
    ours = SplineBasis.from_data(age)
    np.testing.assert_allclose(ours.knots, theirs.knots, rtol=1e-14)
    np.testing.assert_allclose(ours.evaluate(age), theirs.basis, atol=1e-14)
    np.testing.assert_allclose(ours.penalty(), theirs.cov_der2, rtol=1e-10, atol=1e-14)


def test_straight_line_is_in_the_basis_and_has_no_penalty():
    age = np.random.default_rng(1).uniform(8, 79, 100)
    basis = SplineBasis.from_data(age)
    np.testing.assert_allclose(basis.evaluate(age) @ basis.linear(), age - age.min(), atol=1e-11)
    np.testing.assert_allclose(basis.penalty() @ basis.linear(), 0.0, atol=1e-13)


def test_beyond_the_bounds_the_curve_goes_on_as_its_tangent():
    basis = SplineBasis.from_data(np.linspace(10.0, 60.0, 51))
    far = basis.evaluate(np.array([60.0, 61.0, 62.0, 9.0, 10.0]))
    np.testing.assert_allclose(far[2] - far[1], far[1] - far[0], atol=1e-12)
    assert np.abs(far[3]).max() > 0 and np.abs(far[4]).max() == 0


def test_penalized_fit_solves_the_normal_equations():
    rng = np.random.default_rng(2)
    x, z, y = rng.standard_normal((60, 4)), rng.standard_normal((60, 7)), rng.standard_normal((60, 5))
    penalty = np.array([0.1, 1.0, 5.0, 50.0, 1e4])
    fit = fit_penalized(x, z, y, penalty=penalty)
    both = np.column_stack([x, z])
    for k, weight in enumerate(penalty):
        expected = np.linalg.solve(both.T @ both + weight * np.diag([0.0] * 4 + [1.0] * 7), both.T @ y[:, k])
        np.testing.assert_allclose(np.concatenate([fit.fixed[:, k], fit.random[:, k]]), expected, rtol=1e-9, atol=1e-12)


def test_penalty_minimizes_the_restricted_likelihood_written_out():
    rng = np.random.default_rng(3)
    n = 50
    x, z = np.column_stack([np.ones(n), rng.standard_normal(n)]), rng.standard_normal((n, 6))
    y = x @ [1.0, 2.0] + z @ (0.4 * rng.standard_normal(6)) + rng.standard_normal(n)
    found = fit_penalized(x, z, y[:, None]).penalty[0]

    def minus_twice_reml(penalty):
        # Patterson and Thompson 1971, with the error variance profiled out.
        v = np.eye(n) + z @ z.T / penalty
        w = np.linalg.inv(v)
        p = w - w @ x @ np.linalg.solve(x.T @ w @ x, x.T @ w)
        return (n - 2) * np.log(y @ p @ y) + np.linalg.slogdet(v)[1] + np.linalg.slogdet(x.T @ w @ x)[1]

    best = minus_twice_reml(found)
    assert best < min(minus_twice_reml(found * step) for step in (0.01, 0.5, 0.99, 1.01, 2.0, 100.0))


def test_unit_of_age_does_not_matter(make_cohort):
    cohort = make_cohort(seed=4)
    expected = CombatGam(reference_site="site1").fit(cohort)
    for factor in (0.01, 365.25):
        people = cohort.participants.assign(age=cohort.participants["age"] * factor)
        other = replace(cohort, participants=people)
        fitted = CombatGam(reference_site="site1").fit(other)
        # The optimum of a smooth criterion is found to the square root of the rounding.
        np.testing.assert_allclose(fitted.transform(other), expected.transform(cohort), rtol=1e-7)
        np.testing.assert_allclose(fitted.model.edf, expected.model.edf, rtol=1e-5)


def test_straight_truth_gets_a_straight_line_and_curved_truth_a_curve(make_cohort):
    straight = CombatGam(reference_site="site1").fit(make_cohort(curvature=0.0, n=100, p=40))
    curved = CombatGam(reference_site="site1").fit(make_cohort(n=100, p=40))
    assert np.median(straight.model.edf) < 1.5
    assert np.median(curved.model.edf) > 2.5


def bias(out, truth, cohort):
    """Mean difference from the truth at the third site, over regions in absolute value, in 1/s."""
    here = (cohort.participants["site"] == "site3").to_numpy()
    return np.abs((out - truth)[here].mean(axis=0)).mean()


def test_smooth_recovers_better_than_linear_where_ages_overlap_partly(make_cohort_with_truth):
    cohort, truth = make_cohort_with_truth(n=130, p=40, seed=6)
    linear = bias(Combat(reference_site="site1").fit(cohort).transform(cohort), truth, cohort)
    smooth = bias(CombatGam(reference_site="site1").fit(cohort).transform(cohort), truth, cohort)
    raw = bias(cohort.values, truth, cohort)
    assert smooth < 0.35 * linear and smooth < 0.35 * raw


def test_planted_patient_differences_are_kept(make_cohort_with_truth):
    cohort, truth = make_cohort_with_truth(n=100, p=20, patients=60, seed=7)
    effect = np.linspace(-0.03, 0.03, 20)
    ill = ~cohort.is_control
    values = cohort.values.copy()
    values[ill] += effect
    out = CombatGam(reference_site="site1").fit(cohort.with_values(values)).transform(cohort.with_values(values))
    recovered = (out - truth)[ill].mean(axis=0)
    assert np.corrcoef(recovered, effect)[0, 1] > 0.9


def test_site_differences_vanish_and_scale_is_that_of_the_reference(make_cohort):
    cohort = make_cohort(n=200, p=30, seed=8)
    fitted = CombatGam(reference_site="site1").fit(cohort)
    residual = fitted.transform(cohort) - fitted.model.center - fitted.model.covariate_mean(cohort)
    site = cohort.participants["site"].to_numpy()
    for label in ("site2", "site3"):
        z = residual[site == label] / fitted.model.scale
        # Shrinkage leaves a little of each site effect: shifts of some 0.5 to 2 units are left under 0.1.
        assert np.abs(z.mean(axis=0)).max() < 0.1
        assert np.abs(z.std(axis=0) - 1).max() < 0.1
