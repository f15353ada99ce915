"""The posterior of hierarchical Bayesian regression against densities written down term by term."""

from functools import partial

import numpy as np
import pytest
from scipy import integrate, stats

from harmoniq.harmonization.hbr.basis import AgeBasis
from harmoniq.harmonization.hbr.export import _unfolded
from harmoniq.harmonization.hbr.kernels import log_density
from harmoniq.harmonization.hbr.laplace import find_mode, information
from harmoniq.harmonization.hbr.mapping import ETA_BINS, ETA_LOW, sigma_table
from harmoniq.harmonization.hbr.offsets import draw_offset_sd
from harmoniq.harmonization.hbr.prior import (
    TABLE_START,
    TABLE_STEP,
    Priors,
    curve_precision,
    offset_table,
    zero_sum_basis,
)
from harmoniq.harmonization.hbr.region import RegionData, Target


@pytest.fixture
def target():
    rng = np.random.default_rng(3)
    n = 90
    age, site, sex = rng.uniform(8, 79, n), rng.integers(0, 3, n), rng.integers(0, 2, n)
    value = 0.8 + 0.003 * age + 0.02 * site + rng.normal(0, 0.03 + 0.01 * site)
    return Target(RegionData.of(value, age, site, sex, ("a", "b", "c"), ("F", "M")), Priors())


def density(target, theta):
    gradient = np.empty(target.size)
    return log_density(theta, target.terms, gradient), gradient


def joint(log_s, *, m, r2):
    """Density of the offsets times that of their SD, up to a constant, over log SD."""
    return np.exp(log_s - 0.5 * np.exp(log_s) - m * log_s - r2 / (2 * np.exp(2 * log_s)))


def written_down(target, theta):
    """The same by SciPy: likelihood, normal prior of the splines, SDs of the offsets integrated by quadrature."""
    data, basis, p = target.data, target.basis, target.priors
    mean, sd = target.scaling
    half = target.size // 2
    values = []
    for part in (theta[:half], theta[half:]):
        site, sex = zero_sum_basis(3) @ part[7:9], zero_sum_basis(2) @ part[9:]
        values.append(basis.dense(data.age) @ part[:7] + site[data.site] + sex[data.sex])
    sigma = 2.0 * np.log1p(np.exp(values[1] / 2.0))
    total = stats.norm.logpdf((data.value - mean) / sd, values[0], sigma).sum()
    line = basis.greville
    for part, slope in ((theta[:half], p.slope_mu), (theta[half:], p.slope_sigma)):
        covariance = slope**2 * (np.eye(7) + np.outer(line, line)) + np.ones((7, 7))
        total += stats.multivariate_normal.logpdf(part[:7], np.zeros(7), covariance)
        for offsets in (part[7:9], part[9:]):
            r2 = offsets @ offsets + p.floor**2
            inside = partial(joint, m=len(offsets), r2=r2)
            total += np.log(integrate.quad(inside, -12, 6, limit=400)[0])
    return total


def test_density_is_what_the_model_says(target):
    rng = np.random.default_rng(0)
    first, second = (find_mode(target) + 0.3 * rng.standard_normal(target.size) for _ in range(2))
    ours = density(target, first)[0] - density(target, second)[0]
    # The tables of sigma and of the offsets' prior: 1e-8 per participant, 1e-4 per group of offsets.
    assert ours == pytest.approx(written_down(target, first) - written_down(target, second), abs=1e-3)


@pytest.mark.parametrize("shift", [0.0, -60.0, 90.0])
def test_gradient_is_that_of_the_density(target, shift):
    """Also where eta is beyond the table of sigma."""
    theta = find_mode(target) + 0.1
    theta[target.size // 2 : target.size // 2 + 7] += shift
    _, gradient = density(target, theta)
    step = 1e-5
    numeric = [(density(target, theta + step * e)[0] - density(target, theta - step * e)[0]) / (2 * step)
               for e in np.eye(target.size)]  # fmt: skip
    np.testing.assert_allclose(gradient, numeric, rtol=2e-5, atol=2e-5 * np.abs(gradient).max())


def test_mode_is_a_maximum_and_information_positive(target):
    mode = find_mode(target)
    value, gradient = density(target, mode)
    assert np.sqrt(gradient @ np.linalg.solve(information(target, mode), gradient)) < 2e-3
    rng = np.random.default_rng(1)
    for _ in range(20):
        assert density(target, mode + 0.01 * rng.standard_normal(target.size))[0] < value


def test_table_of_sigma():
    table = sigma_table(2.0).cubics
    eta = np.random.default_rng(0).uniform(-15, 15, 2000)
    place = (eta - ETA_LOW) * ETA_BINS
    c, f = table[place.astype(int)], place % 1
    sigma = 2.0 * np.log1p(np.exp(eta / 2.0))
    np.testing.assert_allclose(c[:, 0] + f * (c[:, 1] + f * (c[:, 2] + f * c[:, 3])), np.log(sigma), atol=1e-8)
    np.testing.assert_allclose(c[:, 4] + f * (c[:, 5] + f * (c[:, 6] + f * c[:, 7])), 1 / sigma, rtol=1e-7)


@pytest.mark.parametrize("dimension", [1, 2, 9])
def test_marginal_prior_of_offsets_against_quadrature(dimension):
    table = offset_table(dimension, 0.5)

    def log_p(r):
        return np.log(integrate.quad(partial(joint, m=dimension, r2=r**2), -14, 7, limit=500)[0])

    for low, high in ((0.03, 0.3), (0.3, 1.0), (1.0, 8.0)):
        place = [(2 * np.log(r) - TABLE_START) / TABLE_STEP for r in (low, high)]
        ours = np.diff(np.interp(place, np.arange(len(table)), table[:, 0]))[0]
        assert ours == pytest.approx(log_p(high) - log_p(low), abs=2e-3)


def test_line_and_intercept_are_in_the_splines():
    """The redundant form and the seven coefficients give the same curves, and the same prior of them."""
    age = np.random.default_rng(0).uniform(20, 70, 50)
    basis = AgeBasis.from_ages(age)
    x = (age - basis.mean) / basis.sd
    np.testing.assert_allclose(basis.dense(age) @ basis.greville, x, atol=1e-12)
    np.testing.assert_allclose(basis.dense(age).sum(axis=1), 1.0)
    redundant = np.column_stack([x, basis.dense(age), np.ones(50)])
    expected = redundant @ np.diag([9.0] * 8 + [1.0]) @ redundant.T
    ours = basis.dense(age) @ np.linalg.inv(curve_precision(basis.greville, 3.0, 1.0)) @ basis.dense(age).T
    np.testing.assert_allclose(ours, expected, rtol=1e-8, atol=1e-8)


def test_zero_sum_basis_is_orthonormal():
    for n in (1, 2, 3, 7):
        basis = zero_sum_basis(n)
        np.testing.assert_allclose(basis.T @ basis, np.eye(n - 1), atol=1e-15)
        np.testing.assert_allclose(basis.sum(axis=0), 0, atol=1e-15)


def test_ages_beyond_the_knots_keep_the_last_value():
    basis = AgeBasis.from_ages(np.array([20.0, 40.0, 70.0]))
    np.testing.assert_array_equal(basis.dense(np.array([5.0, 17.4])), basis.dense(np.array([17.5, 17.5])))
    np.testing.assert_array_equal(basis.dense(np.array([72.5])), basis.dense(np.array([150.0])))


def test_slopes_and_intercept_drawn_for_pcntoolkit():
    """They amount to the coefficients exactly, and where those come from the prior they do too."""
    rng = np.random.default_rng(0)
    knots = AgeBasis.from_ages(np.linspace(20, 70, 30)).knots
    line = np.array([knots[j + 1 : j + 4].mean() for j in range(7)])
    prior = rng.standard_normal((40000, 9)) * np.r_[[3.0] * 8, 1.0]
    coefficients = prior[:, 1:8] + prior[:, :1] * line + prior[:, 8:]
    slopes, intercept = _unfolded(coefficients, knots, 3.0, 1.0, rng)
    np.testing.assert_allclose(slopes[:, 1:] + slopes[:, :1] * line + intercept[:, None], coefficients, atol=1e-10)
    covariance = np.cov(np.column_stack([slopes, intercept]).T)
    np.testing.assert_allclose(covariance, np.diag([9.0] * 8 + [1.0]), atol=0.3)  # five standard errors


def test_sd_of_offsets_given_the_offsets():
    """Simulated jointly, drawn again given the offsets: the same distribution (two-sample Kolmogorov-Smirnov)."""
    rng = np.random.default_rng(5)
    sd = rng.exponential(2.0, 4000)
    offsets = (zero_sum_basis(3) @ rng.standard_normal((2, 4000))).T * sd[:, None]
    again = draw_offset_sd(offsets, Priors(floor=0.0), rng)
    assert stats.ks_2samp(again, sd).pvalue > 0.01
