"""Empirical Bayes against neuroCombat and limits that are known."""

import numpy as np
import pytest

from harmoniq.harmonization.empirical_bayes import shrink_site


def effects(p=30, n=20, seed=0):
    rng = np.random.default_rng(seed)
    data = rng.normal(rng.normal(0.3, 0.5, p), np.exp(rng.normal(0, 0.2, p)), (n, p))
    return data, data.mean(axis=0), data.var(axis=0, ddof=1), np.full(p, n)


def test_equal_to_neurocombat():
    theirs = pytest.importorskip("neuroCombat.neuroCombat")
    for seed in range(20):
        data, shift, variance, count = effects(seed=seed)
        g, d = theirs.it_sol(
            data.T, shift, variance, shift.mean(), shift.var(ddof=1), theirs.aprior(variance), theirs.bprior(variance)
        )
        ours = shrink_site(shift, variance, count)
        np.testing.assert_allclose(ours[0], g, rtol=1e-12)
        np.testing.assert_allclose(ours[1], d, rtol=1e-12)


def test_fixed_point_satisfies_both_posterior_means():
    _, shift, variance, count = effects()
    g, d, converged = shrink_site(shift, variance, count, tolerance=1e-14)
    t2, m, s2 = shift.var(ddof=1), variance.mean(), variance.var(ddof=1)
    a, b = 2 + m**2 / s2, m + m**3 / s2
    np.testing.assert_allclose(g, (t2 * count * shift + d * shift.mean()) / (t2 * count + d), rtol=1e-10)
    around = (count - 1) * variance + count * (shift - g) ** 2
    np.testing.assert_allclose(d, (b + around / 2) / (a + count / 2 - 1), rtol=1e-10)
    assert converged


def test_much_data_is_hardly_shrunk_and_equal_variances_not_at_all():
    _, shift, variance, _ = effects()
    g, d, _ = shrink_site(shift, variance, np.full(30, 10**7))
    np.testing.assert_allclose(g, shift, atol=1e-5)
    np.testing.assert_allclose(d, variance, rtol=1e-5)
    _, d, _ = shrink_site(shift, np.full(30, 0.7), np.full(30, 12))
    np.testing.assert_allclose(d, 0.7, rtol=1e-12)


def test_one_region_has_no_prior_and_no_spread_is_no_scale():
    g, d, _ = shrink_site(np.array([0.4]), np.array([2.0]), np.array([9]))
    assert (g, d) == (0.4, 2.0)
    _, d, _ = shrink_site(np.array([0.4, 0.5]), np.zeros(2), np.array([9, 9]))
    assert (d == 1).all()
