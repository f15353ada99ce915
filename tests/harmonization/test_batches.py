"""Batch variables, protected covariates and who is fitted."""

from dataclasses import replace

import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.harmonization.batches import Choices
from harmoniq.harmonization.combat import Combat
from harmoniq.harmonization.gam import CombatGam
from harmoniq.harmonization.harmonize import harmonize_cohort


def with_people(cohort, **columns):
    return replace(cohort, participants=cohort.participants.assign(**columns))


def run(cohort, method="combat", **choices):
    return harmonize_cohort(cohort, [method], reference_site="site1", choices=Choices(**choices), patient_group="MS")


@pytest.fixture
def scanners(make_cohort):
    """Two scanners at the first site, the second of which reads 0.1 1/s higher."""
    cohort = make_cohort(n=60, seed=2)
    site = cohort.participants["site"].to_numpy()
    scanner = np.where((site == "site1") & (np.arange(len(site)) % 3 == 0), "new", "old")
    return with_people(cohort, scanner=scanner).with_values(cohort.values + 0.1 * (scanner == "new")[:, None])


def test_scanners_of_a_site_are_batches(scanners):
    done = run(scanners, "gam", batch=("site", "scanner"))
    assert any("site1 / old is the reference, having most controls" in note for note in done.notes)
    new, out = (scanners.participants["scanner"] == "new").to_numpy(), done.values["gam"]
    old = (scanners.participants["site"] == "site1").to_numpy() & ~new
    np.testing.assert_array_equal(out[old], scanners.values[old])
    # 20 controls: the shift of 0.1 is known to 0.03 / sqrt(20) = 0.007, over the regions much better.
    assert np.abs((scanners.values - out)[new].mean() - 0.1) < 0.01
    named = run(scanners, batch=("site", "scanner"), reference_scanner="new").values["combat"]
    np.testing.assert_array_equal(named[new], scanners.values[new])
    assert (run(scanners).values["combat"][new] == scanners.values[new]).all()


def test_scanners_that_are_missing_or_unknown_are_named(scanners, make_cohort):
    with pytest.raises(InputError, match="scanner of sub-0000: is missing"):
        run(make_cohort(), batch=("site", "scanner"))
    with pytest.raises(InputError, match=r"reference_scanner = x.*site1 / new, site1 / old"):
        run(scanners, batch=("site", "scanner"), reference_scanner="x")
    with pytest.raises(InputError, match="batch = scanner: must include site"):
        Choices(batch=("scanner",))


def test_sexes_apart_keep_their_difference_and_lose_a_scanner_effect_of_one_sex(make_cohort):
    cohort = make_cohort(n=80, seed=3)
    people = cohort.participants
    male, second = (people["sex"] == "M").to_numpy(), (people["site"] == "site2").to_numpy()
    values = cohort.values + 0.05 * male[:, None] + 0.1 * (male & second)[:, None]
    planted = cohort.with_values(values)

    def sex_difference(out, rows):
        return (out[rows & male].mean(axis=0) - out[rows & ~male].mean(axis=0)).mean()

    apart = run(planted, batch=("site", "sex")).values["combat"]
    together = run(planted).values["combat"]
    first = (people["site"] == "site1").to_numpy()
    np.testing.assert_array_equal(apart[first], values[first])
    truth = sex_difference(values, first)
    assert abs(sex_difference(apart, second) - truth) < 0.02 < abs(sex_difference(together, second) - truth)


def test_a_protected_covariate_is_kept(make_cohort):
    """A covariate that differs between the sites: unprotected, its effect is taken for the scanner's."""
    cohort = make_cohort(n=80, seed=5)
    rng = np.random.default_rng(0)
    second = (cohort.participants["site"] == "site2").to_numpy()
    icv = rng.normal(1500, 100, len(second)) + 80 * second
    kept = with_people(cohort, icv=icv).with_values(cohort.values + 0.0005 * (icv - 1500)[:, None])
    plain = run(cohort).values["combat"]
    # What is left of the covariate's own effect, at the second site: 0.0005 per unit.
    effect = 0.0005 * (icv - 1500)[second].mean()
    protected = run(kept, protect=("age", "sex", "icv")).values["combat"]
    unprotected = run(kept).values["combat"]
    assert abs((protected - plain)[second].mean() - effect) < 0.15 * effect
    assert abs((unprotected - plain)[second].mean()) < 0.3 * effect


def test_two_smooths_find_both_curves(make_cohort):
    cohort = make_cohort(n=100, p=20, seed=6)
    rng = np.random.default_rng(1)
    icv = rng.uniform(1200, 1800, len(cohort.participants))
    curve = 2e-6 * (icv - 1500) ** 2
    bent = with_people(cohort, icv=icv).with_values(cohort.values + curve[:, None])
    protect = ("age", "sex", "icv")
    one = CombatGam(reference_site="site1", protect=protect).fit(bent)
    two = CombatGam(reference_site="site1", protect=protect, smooth=("age", "icv")).fit(bent)
    assert two.model.edf.shape == (2, 20) and np.median(two.model.edf[1]) > 2.5
    noise = [np.median(harmonizer.model.scale) for harmonizer in (one, two)]
    # The curve has an SD of 0.054 beside the noise of 0.03.
    assert noise[1] < 0.032 < 0.05 < noise[0]


def test_two_smooths_do_not_care_for_units_and_one_alone_is_the_closed_form(make_cohort):
    from harmoniq.harmonization.additive import fit_additive
    from harmoniq.harmonization.penalized import fit_penalized

    cohort = make_cohort(n=60, p=8, seed=7)
    icv = np.random.default_rng(2).uniform(1200, 1800, len(cohort.participants))
    options = {"reference_site": "site1", "protect": ("age", "sex", "icv"), "smooth": ("age", "icv")}
    first, other = with_people(cohort, icv=icv), with_people(cohort, icv=icv / 1e3, age=cohort.participants["age"] * 12)
    outs = [CombatGam(**options).fit(each).transform(each) for each in (first, other)]
    np.testing.assert_allclose(outs[1], outs[0], rtol=1e-7)
    rng = np.random.default_rng(3)
    x, z = np.column_stack([np.ones(80), rng.standard_normal(80)]), rng.standard_normal((80, 6))
    y = x @ rng.standard_normal((2, 9)) + z @ (0.3 * rng.standard_normal((6, 9))) + rng.standard_normal((80, 9))
    closed, newton = fit_penalized(x, z, y), fit_additive(x, [z], y)
    np.testing.assert_allclose(newton.random, closed.random, atol=1e-6)
    np.testing.assert_allclose(newton.edf[0], closed.edf, atol=1e-5)


def test_penalties_of_two_smooths_minimize_the_restricted_likelihood_written_out():
    from harmoniq.harmonization.additive import fit_additive

    rng = np.random.default_rng(4)
    n = 60
    x, z, w = np.column_stack([np.ones(n), rng.standard_normal(n)]), *rng.standard_normal((2, n, 6))
    y = x @ [1.0, 2.0] + z @ (0.4 * rng.standard_normal(6)) + w @ (0.2 * rng.standard_normal(6)) + rng.normal(size=n)
    found = fit_additive(x, [z, w], y[:, None]).penalty[:, 0]

    def minus_twice_reml(penalty):
        v = np.eye(n) + z @ z.T / penalty[0] + w @ w.T / penalty[1]
        inverse = np.linalg.inv(v)
        p = inverse - inverse @ x @ np.linalg.solve(x.T @ inverse @ x, x.T @ inverse)
        return (n - 2) * np.log(y @ p @ y) + np.linalg.slogdet(v)[1] + np.linalg.slogdet(x.T @ inverse @ x)[1]

    best = minus_twice_reml(found)
    steps = [(a, b) for a in (0.01, 0.99, 1.0, 1.01, 100.0) for b in (0.01, 0.99, 1.0, 1.01, 100.0) if (a, b) != (1, 1)]
    assert best < min(minus_twice_reml(found * step) for step in steps)


def test_other_healthy_groups_can_enter_the_fit_and_patients_never(make_cohort):
    cohort = make_cohort(n=40, patients=20, seed=8)
    group = cohort.participants["group"].to_numpy().copy()
    group[(cohort.participants["site"] == "site3").to_numpy() & (np.arange(len(group)) % 2 == 0)] = "sibling"
    mixed = with_people(cohort, group=group)
    whole, few = run(cohort).values["combat"], run(mixed).values["combat"]
    assert (run(mixed, fit_groups=("controls", "sibling")).values["combat"] == whole).all()
    assert (few != whole).any()
    with pytest.raises(InputError, match="fit_groups = MS: must not name the patients"):
        run(mixed, fit_groups=("controls", "MS"))
    with pytest.raises(InputError, match="fit_groups = cousin: is not a group"):
        run(mixed, fit_groups=("controls", "cousin"))


def test_ages_beyond_the_fit_can_be_refused(make_cohort):
    cohort = make_cohort(patients=4)
    age = cohort.participants["age"].to_numpy().copy()
    age[-1] = 95.0
    old = with_people(cohort, age=age)
    assert any("sub-0123 (95)" in note for note in run(old).notes)
    with pytest.raises(InputError, match=r"outside_ages = refuse.*sub-0123 \(95\)"):
        run(old, outside_ages="refuse")


def test_sites_of_a_model_stay_bit_by_bit_when_it_is_adapted(make_cohort):
    cohort = make_cohort(seed=9)
    fitted = Combat(reference_site="site1").fit(cohort.select(rows=(cohort.participants["site"] != "site2").to_numpy()))
    grown, table = fitted.adapt(cohort, ["site2"])
    assert fitted.sites == ("site1", "site3") and grown.sites == ("site1", "site3", "site2")
    known = cohort.select(rows=(cohort.participants["site"] != "site2").to_numpy())
    np.testing.assert_array_equal(grown.transform(known), fitted.transform(known))
    assert set(table["site"]) == {"site2"} and (table["n"] == 40).all()


@pytest.mark.parametrize("count", [10, 40])
def test_the_error_of_an_adapted_shift_is_what_it_is_said_to_be(count, make_cohort_with_truth):
    """Over 40 cohorts of a new site: root mean square of the standardized errors 1."""
    errors = []
    ages = {"site1": (18, 79), "site3": (18, 60), "site2": (20, 60)}
    for seed in range(40):
        cohort, truth = make_cohort_with_truth(n=80, p=10, seed=seed, ages=ages)
        site = cohort.participants["site"].to_numpy()
        rows = np.concatenate([np.flatnonzero(site != "site2"), np.flatnonzero(site == "site2")[:count]])
        fitted = CombatGam(reference_site="site1").fit(cohort.select(rows=site != "site2"))
        grown, table = fitted.adapt(cohort.select(rows=rows), ["site2"])
        everyone = np.flatnonzero(site == "site2")
        out = grown.transform(cohort.select(rows=everyone))
        errors.append((out - truth[everyone]).mean(axis=0) / table["shift_se"].to_numpy())
    # The mean over all 80 of the site is judged: their own chance, 0.03 / sqrt(80) times the scale, and the curve's
    # error add to the shift's; shrinkage takes some away.
    assert 0.5 < np.sqrt(np.mean(np.square(errors))) < 1.3
