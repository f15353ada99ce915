"""R1 by lookup, against Marques' scripts and against its own forward model."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harmoniq.data.acquisitions import MP2RAGETiming
from harmoniq.data.errors import InputError
from harmoniq.mp2rage.lookup import build_lookup, fit_r1
from harmoniq.mp2rage.signal import inversion_signals, uniform_image

SITE1 = MP2RAGETiming(6.0, (0.7, 2.4), (6.0, 6.0), 0.0069, (88, 88))
SITE2 = MP2RAGETiming(5.0, (0.7, 2.5), (4.0, 5.0), 0.0069, (88, 88))
SITE3 = MP2RAGETiming(5.0, (0.7, 2.5), (4.0, 5.0), 0.0069, (56, 112))
SITES = pytest.mark.parametrize("timing", [SITE1, SITE2, SITE3])


@pytest.fixture(scope="module")
def reference(test_data):
    return np.load(test_data / "reference" / "mp2rage_site1.npz")


def percent(fitted, expected):
    return 100 * np.abs(fitted / expected - 1)


@pytest.mark.parametrize("kind", ["sweep", "sweepf"])
def test_r1_equals_marques(reference, kind):
    # Their table has steps of 50 ms, which cost them up to 0.09 %.
    uni, t1 = reference[f"{kind}_uni"], reference[f"{kind}_T1"]
    tissue = (t1 > 0.6) & (t1 < 2.5)
    fit = fit_r1(uni / 4095 - 0.5 if kind == "sweep" else uni, SITE1)
    error = percent(fit.r1, reference[f"{kind}_R1"])[tissue]
    assert np.median(error) < 0.05 and np.quantile(error, 0.99) < 0.1
    assert not fit.outside[tissue].any()


def test_r1_with_b1_equals_marques(reference):
    # Their tables over B1 and T1 have steps of 0.05 and 50 ms.
    uni, b1 = np.meshgrid(reference["b1_uni"] / 4095 - 0.5, reference["b1_b1"], indexing="ij")
    t1 = reference["b1_T1corr_ms"] / 1000
    tissue = (t1 > 0.6) & (t1 < 2.5)
    error = percent(fit_r1(uni, SITE1, b1).r1, 1 / np.where(t1 > 0, t1, np.nan))[tissue]
    assert np.median(error) < 0.1 and np.quantile(error, 0.99) < 0.5


def test_noisy_volume_equals_marques(reference):
    t1 = reference["vol_T1"]
    tissue = (t1 > 0.6) & (t1 < 2.5)
    fit = fit_r1(reference["vol_UNI"] / 4095 - 0.5, SITE1)
    assert np.quantile(percent(fit.r1, reference["vol_R1"])[tissue], 0.99) < 0.1


@SITES
def test_table_is_monotonic_and_as_long_as_the_branch(timing):
    table = build_lookup(timing)
    assert (np.diff(table.uni) > 0).all() and (np.diff(table.t1) < 0).all()
    assert table.t1_range[0] < 0.3 and table.t1_range[1] > 3.5
    t1 = np.linspace(0.05, 5, 100_000)
    uni = uniform_image(*inversion_signals(t1, timing))
    assert table.t1_range[1] == pytest.approx(t1[np.argmin(uni)], rel=2e-3)


@SITES
def test_table_has_converged(timing):
    coarse, fine = build_lookup(timing), build_lookup(timing, n=40_000)
    uni = uniform_image(*inversion_signals(np.linspace(0.3, 3, 1000), timing))
    np.testing.assert_allclose(coarse.r1(uni), fine.r1(uni), rtol=2e-6)


def test_the_range_ends_early_with_partial_fourier_of_six_eighths():
    # Marques' scripts: the table folds at 3.9 s at site 1 and at 2.95 s with 6/8 partial Fourier.
    timing = MP2RAGETiming(6.0, (0.7, 2.4), (6.0, 6.0), 0.0069, (44, 88))
    assert build_lookup(timing).t1_range[1] == pytest.approx(2.95, abs=0.05)


@pytest.mark.parametrize("b1", [0.333, 0.873, 1.2345])
def test_b1_is_interpolated_well(b1):
    t1 = np.linspace(0.4, 0.97 * build_lookup(SITE1, b1).t1_range[1], 300)
    uni = uniform_image(*inversion_signals(t1, SITE1, b1))
    fit = fit_r1(uni, SITE1, np.full(300, b1))
    # Above B1 1.2 the branch ends at 5 s instead of at its fold, and the kind of end changes between two tables.
    np.testing.assert_allclose(fit.r1[t1 < 4], 1 / t1[t1 < 4], rtol=5e-5)
    np.testing.assert_allclose(fit.r1, 1 / t1, rtol=2e-4)


def test_b1_of_one_equals_no_b1():
    uni = np.random.default_rng(0).uniform(-0.49, 0.49, 1000)
    # The two tables differ in their steps: 0.11 and 0.22 % of T1.
    np.testing.assert_allclose(fit_r1(uni, SITE1, np.ones(1000)).r1, fit_r1(uni, SITE1).r1, rtol=1e-5)


def test_values_outside_are_clamped_and_flagged():
    table = build_lookup(SITE2)
    uni = np.array([0.5, -0.6, np.nan, np.inf, -np.inf, 0.0])
    fit = fit_r1(uni, SITE2)
    low, high = 1 / table.t1_range[1], 1 / table.t1_range[0]
    np.testing.assert_allclose(fit.r1[[0, 1]], [high, low], rtol=1e-6)
    assert (fit.r1[2:5] == 0).all()
    assert fit.outside.tolist() == [True, True, True, True, True, False]


def test_the_ends_of_a_12_bit_image_are_inside_at_site1():
    assert not fit_r1(np.array([-0.5, 0.5]), SITE1).outside.any()


def test_unusable_b1_is_flagged_and_nothing_is_infinite():
    b1 = np.array([np.nan, 0.0, -1.0, 0.05, 3.0, np.inf, 1.0])
    fit = fit_r1(np.zeros(7), SITE1, b1)
    assert np.isfinite(fit.r1).all() and fit.outside.tolist() == [True] * 6 + [False]
    np.testing.assert_allclose(fit.r1[[0, 1, 2, 5]], fit.r1[6])


def test_shapes_types_and_threads():
    rng = np.random.default_rng(1)
    uni = np.asfortranarray(rng.uniform(-0.5, 0.5, (50, 60, 70)).astype(np.float32))
    b1 = rng.uniform(0.7, 1.3, uni.shape)
    for extra in (None, b1):
        one, two = (fit_r1(uni, SITE1, extra, threads=threads) for threads in (1, 3))
        c_order = fit_r1(np.ascontiguousarray(uni), SITE1, extra)
        assert one.r1.shape == uni.shape and one.r1.dtype == np.float32 and one.outside.dtype == bool
        np.testing.assert_array_equal(one.r1, two.r1)
        np.testing.assert_array_equal(one.r1, c_order.r1)
        np.testing.assert_array_equal(one.outside, c_order.outside)
    # Cells of 1/256 of an octave.
    np.testing.assert_allclose(fit_r1(uni, SITE1).r1, build_lookup(SITE1).r1(uni), rtol=2e-6)


@pytest.mark.parametrize("corrected", [False, True])
def test_the_map_may_take_the_place_of_the_uniform_image(corrected):
    rng = np.random.default_rng(2)
    uni = rng.uniform(-0.6, 0.6, (20, 30, 40)).astype(np.float32)
    uni[0, 0, :3] = np.nan, np.inf, -np.inf
    b1 = rng.uniform(0.7, 1.3, uni.shape) if corrected else None
    wanted, given = fit_r1(uni, SITE1, b1), uni.copy()
    fit = fit_r1(given, SITE1, b1, out=given)
    assert np.shares_memory(fit.r1, given)
    np.testing.assert_array_equal(fit.r1, wanted.r1)
    np.testing.assert_array_equal(fit.outside, wanted.outside)
    with pytest.raises(ValueError, match="float32"):
        fit_r1(uni, SITE1, out=np.empty(uni.shape))


def test_mismatched_b1_is_refused():
    with pytest.raises(InputError, match="B1 map has shape"):
        fit_r1(np.zeros((2, 3)), SITE1, np.ones((3, 2)))


@st.composite
def timings(draw):
    """Return feasible timings, built from their gaps."""
    spacing = draw(st.floats(0.003, 0.01))
    before, after = draw(st.integers(8, 120)), draw(st.integers(8, 120))
    gaps = [draw(st.floats(0.01, 1.0)), draw(st.floats(0.05, 1.5)), draw(st.floats(0.3, 4.0))]
    ti1 = gaps[0] + before * spacing
    ti2 = ti1 + gaps[1] + (before + after) * spacing
    angles = (draw(st.floats(2, 10)), draw(st.floats(2, 10)))
    return MP2RAGETiming(ti2 + after * spacing + gaps[2], (ti1, ti2), angles, spacing, (before, after))


@settings(max_examples=60, deadline=None)
@given(timings(), st.floats(0.02, 0.98))
def test_lookup_inverts_its_forward_model(timing, place):
    try:
        table = build_lookup(timing)
    except InputError:
        assume(False)
    low, high = table.t1_range
    t1 = low * (high / low) ** place
    # Near the fold the uniform image is flat, and one entry of the table is as good as the next.
    fit = fit_r1(np.array([uniform_image(*inversion_signals(t1, timing))]), timing)
    np.testing.assert_allclose(fit.r1, 1 / t1, rtol=2e-3)
    assert not fit.outside[0]


@settings(max_examples=30, deadline=None)
@given(st.floats(0.4, 3.0), st.floats(1e-6, 1e6))
def test_scaling_of_the_signals_never_changes_r1(t1, factor):
    first, second = inversion_signals(t1, SITE1)
    r1 = [fit_r1(np.array([uniform_image(s * first, s * second)]), SITE1).r1[0] for s in (1.0, factor)]
    np.testing.assert_allclose(r1[0], r1[1], rtol=1e-6)
