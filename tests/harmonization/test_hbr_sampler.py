"""The sampler: its diagnostics against ArviZ, its draws against the seed, its honesty where chains are too short."""

import numpy as np
import pytest

from harmoniq.harmonization.hbr.diagnostics import bulk_ess, rhat
from harmoniq.harmonization.hbr.folds import stratified_folds
from harmoniq.harmonization.hbr.prior import Priors
from harmoniq.harmonization.hbr.region import RegionData, Target
from harmoniq.harmonization.hbr.sampler import SamplerOptions, region_seed, sample


def make_target(n=80, seed=0, effect=0.02):
    rng = np.random.default_rng(seed)
    age, site, sex = rng.uniform(10, 70, n), rng.integers(0, 3, n), rng.integers(0, 2, n)
    value = 0.8 + 0.002 * age + effect * site + 0.03 * rng.standard_normal(n)
    return Target(RegionData.of(value, age, site, sex, ("a", "b", "c"), ("F", "M")), Priors())


@pytest.mark.parametrize("kind", ["independent", "slow", "apart", "antithetic"])
@pytest.mark.parametrize("shape", [(4, 500), (2, 333)])
def test_rhat_and_ess_are_arviz(kind, shape):
    az = pytest.importorskip("arviz")
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((*shape, 5))
    draws = noise.copy()
    if kind in ("slow", "antithetic"):
        for t in range(1, shape[1]):
            draws[:, t] = (0.9 if kind == "slow" else -0.5) * draws[:, t - 1] + noise[:, t]
    if kind == "apart":
        draws[0] += 1.5
    data = az.convert_to_dataset({"x": draws})
    np.testing.assert_allclose(rhat(draws), az.rhat(data, method="rank")["x"], rtol=1e-10)
    np.testing.assert_allclose(bulk_ess(draws), az.ess(data, method="bulk")["x"], rtol=1e-8)


def test_draws_depend_on_seed_and_name_alone():
    target = make_target()
    quick = SamplerOptions(chains=2, tune=60, draws=50, retry=False)
    first = sample(target, quick, region_seed(1, ("R1", "cGM", "BA1"))).draws
    assert (sample(make_target(), quick, region_seed(1, ("R1", "cGM", "BA1"))).draws == first).all()
    assert (sample(target, quick, region_seed(2, ("R1", "cGM", "BA1"))).draws != first).any()
    assert (sample(target, quick, region_seed(1, ("R1", "cGM", "BA2"))).draws != first).any()


def test_default_chains_converge_with_and_without_site_effects():
    for effect in (0.0, 0.05):
        result = sample(make_target(effect=effect), SamplerOptions(), region_seed(0, ("x",)))
        assert result.converged and result.divergences == 0
        assert result.rhat_max < 1.01 and result.ess_min > 400


def test_chains_too_short_are_tried_again_and_then_flagged():
    """Fifteen iterations cannot have 100 effective draws per chain; nor can the second try's 45."""
    result = sample(make_target(), SamplerOptions(chains=2, tune=10, draws=15), region_seed(0, ("x",)))
    assert result.refitted and not result.converged
    assert result.draws.shape[1] == 45


def test_posterior_of_a_straight_case_is_least_squares():
    """Much data, one site, no SD that varies: the posterior mean of the curve is the regression on the splines."""
    rng = np.random.default_rng(2)
    n = 3000
    age = rng.uniform(20, 70, n)
    value = 1.0 + 0.1 * np.sin(age / 10) + 0.05 * rng.standard_normal(n)
    zeros = np.zeros(n, dtype=int)
    target = Target(RegionData.of(value, age, zeros, zeros, ("a",), ("any",)), Priors())
    draws = sample(target, SamplerOptions(), region_seed(0, ("x",))).draws.reshape(-1, target.size)
    beta, *_ = np.linalg.lstsq(target.design, target.y, rcond=None)
    grid = target.basis.dense(np.linspace(22, 68, 40))
    error = grid @ (draws[:, :7].mean(axis=0) - beta)
    # The prior pulls by less than a tenth of the standard error of the curve.
    standard_error = (grid @ draws[:, :7].T).std(axis=1)
    assert (np.abs(error) < 0.1 * standard_error + 0.05 * standard_error.mean()).all()
    # sigma: 0.05 over the SD of the values, within five standard errors of a standard deviation
    sigma = 2 * np.log1p(np.exp((grid @ draws[:, 7:].T) / 2)).mean()
    assert sigma * target.scaling[1] == pytest.approx(0.05, rel=5 / np.sqrt(2 * n))


def test_folds_have_equal_shares_of_every_site_and_sex():
    rng = np.random.default_rng(0)
    site, sex = rng.integers(0, 3, 137), rng.integers(0, 2, 137)
    fold = stratified_folds(site, sex, seed=4)
    for s in range(3):
        for x in range(2):
            counts = np.bincount(fold[(site == s) & (sex == x)], minlength=5)
            assert np.ptp(counts) <= 1
        assert np.ptp(np.bincount(fold[site == s], minlength=5)) <= 1
    assert (stratified_folds(site, sex, seed=4) == fold).all()
    assert (stratified_folds(site, sex, seed=5) != fold).any()
