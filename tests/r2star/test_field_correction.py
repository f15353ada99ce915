"""The correction of R2* for field gradients: against voxels integrated spin by spin, not against the sinc formula."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harmoniq.data.errors import InputError
from harmoniq.r2star.field import estimate_field
from harmoniq.r2star.fit import METHODS, fit_r2star
from harmoniq.r2star.gradient_correction import attenuation, expected_bias, restore_decay

EVEN = np.array([6.14, 10.14, 14.14, 18.14, 22.14, 26.14, 30.14, 34.14, 38.14]) / 1000
# Of the site with slices of 3 mm.
THICK = 0.00669 + 0.00406 * np.arange(10)
# Tesla per meter, mm and s to rad, from the proton's gyromagnetic ratio: nothing of the package.
GAMMA = 267.52218708e6


def voxel(gradient, sizes, times=EVEN, *, r2star=20.0, parts=400):
    """Integrate the complex signal of spins that fill a box in a linear field (uT/m, mm), axis by axis."""
    signal = np.exp(-r2star * np.asarray(times)).astype(complex)
    for g, size in zip(gradient, sizes):
        place = ((np.arange(parts) + 0.5) / parts - 0.5) * size * 1e-3
        signal *= np.exp(1j * GAMMA * g * 1e-6 * place[:, None] * np.asarray(times)).mean(axis=0)
    return signal


def corrected(signal, gradient, sizes, times=EVEN, method="nlls", **options):
    signal = np.atleast_2d(np.abs(signal))
    fields = np.broadcast_to(np.asarray(gradient, dtype=float)[:, None], (3, len(signal)))
    restored, done = restore_decay(signal, times, fields, sizes)
    return fit_r2star(restored, times, method, **options).r2star, done


@pytest.mark.parametrize("gradient", [(100, 0, 0), (30, -80, 120), (0, 0, 250)])
@pytest.mark.parametrize("sizes", [(0.8, 0.8, 0.8), (0.75, 0.75, 3.0)])
def test_attenuation_is_that_of_integrated_spins(gradient, sizes):
    expected = voxel(gradient, sizes, r2star=0).real
    np.testing.assert_allclose(attenuation(gradient, sizes, EVEN), expected, atol=2e-5)


@pytest.mark.parametrize(("edge", "times", "reads"), [(0.8, EVEN, 20.8), (3.0, THICK, 32.5)])
def test_a_gradient_of_100_is_corrected(edge, times, reads):
    signal = voxel((0, 0, 100), (1, 1, edge), times)
    assert fit_r2star(np.abs(signal), times).r2star == pytest.approx(reads, abs=0.05)
    value, done = corrected(signal, (0, 0, 100), (1, 1, edge), times)
    # The integral over 400 parts of an edge is right to 1e-5.
    assert done.all() and value[0] == pytest.approx(20, abs=0.01)
    assert 20 * (1 + expected_bias((0, 0, 100), (1, 1, edge), times)) == pytest.approx(reads, abs=0.05)


def test_an_error_of_the_gradient_costs_what_it_must():
    value, _ = corrected(voxel((0, 0, 100), (1, 1, 3), THICK), (0, 0, 110), (1, 1, 3), THICK)
    assert value[0] == pytest.approx(17.1, abs=0.1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rate", [8.0, 20.0, 45.0])
def test_every_method_reads_what_it_reads_without_gradient(method, rate):
    noise = {"noise": 0.002} if method == "rician" else {}
    plain = fit_r2star(np.abs(voxel((0, 0, 0), (1, 1, 1), r2star=rate)), EVEN, method, **noise).r2star
    signal = voxel((40, -60, 80), (1, 1, 3), r2star=rate)
    value, done = corrected(signal, (40, -60, 80), (1, 1, 3), method=method, **noise)
    assert done.all() and value[0] == pytest.approx(float(plain), rel=1e-3)


def test_least_squares_of_the_restored_signal_is_that_of_the_model():
    from scipy.optimize import least_squares

    rng = np.random.default_rng(0)
    factors = attenuation((0, 40, 80), (1, 1, 3), EVEN)
    assert factors.min() > 0.5  # every echo has its full weight
    signals = np.abs(np.abs(voxel((0, 40, 80), (1, 1, 3))) + rng.normal(size=(10, 9)) / 50)
    values, _ = corrected(signals, (0, 40, 80), (1, 1, 3))
    for signal, value in zip(signals, values):
        truth = least_squares(
            lambda p, s=signal: p[0] * factors * np.exp(-p[1] * EVEN) - s, [1, 20], x_scale=[1, 20], xtol=1e-12
        )
        assert value == pytest.approx(truth.x[1], rel=1e-4)


def test_dephased_echoes_do_not_decide():
    # Zero of the sinc before the last echo: the formula's sign and the noise floor would ruin a plain division.
    rng = np.random.default_rng(1)
    signal = voxel((0, 0, 220), (1, 1, 3))
    assert attenuation((0, 0, 220), (1, 1, 3), EVEN).min() < 0
    noisy = np.abs(signal + (rng.normal(size=(500, 9)) + 1j * rng.normal(size=(500, 9))) / 100)
    values, done = corrected(noisy, (0, 0, 220), (1, 1, 3))
    assert done.all() and np.median(values) == pytest.approx(20, rel=0.03)
    assert np.median(fit_r2star(noisy, EVEN).r2star) > 55


def test_hopeless_and_wrong_gradients_leave_the_signal_alone():
    signal = np.abs(voxel((0, 0, 60), (1, 1, 3)))
    for gradient in ((0, 0, 2000), (0, 0, 190), (0, 0, 0), (0, 0, -2000)):
        restored, done = restore_decay(signal[None], EVEN, np.array(gradient, float)[:, None], (1, 1, 3))
        # 190 uT/m would explain more than the whole decay.
        assert not done.any()
        np.testing.assert_array_equal(restored[0], signal.astype(np.float32))


def test_values_that_are_no_signal_stay_as_they_are():
    signal = np.stack([np.zeros(9), np.full(9, np.nan), np.abs(voxel((0, 0, 60), (1, 1, 3)))])
    fields = np.zeros((3, 3))
    fields[2] = 60
    restored, done = restore_decay(signal, EVEN, fields, (1, 1, 3))
    assert done.tolist() == [False, False, True] and (restored[0] == 0).all() and np.isnan(restored[1]).all()


def phantom(edge, shape=(12, 12, 10), *, snr=60.0, slope=0.0, seed=0):
    """Return phase and magnitude of boxes in a field with a gradient along z (uT/m), each box integrated."""
    rng = np.random.default_rng(seed)
    signal = voxel((0, 0, slope), (1, 1, edge))
    center = (np.arange(shape[2]) - shape[2] / 2) * edge * 1e-3
    turn = np.exp(1j * GAMMA * slope * 1e-6 * center[:, None] * EVEN)
    noise = (rng.normal(size=(2, *shape, 9)) / snr) * np.exp(-20 * EVEN[0])
    images = signal * turn + noise[0] + 1j * noise[1]
    return np.angle(images), np.abs(images)


@pytest.mark.parametrize("slope", [0.0, 10.0, 50.0, 100.0, 150.0])
@pytest.mark.parametrize("edge", [0.8, 3.0])
def test_phantom_from_phase_to_r2star(slope, edge):
    phase, magnitude = phantom(edge, slope=slope)
    estimate = estimate_field(phase, magnitude, EVEN, (1, 1, edge))
    restored, _ = restore_decay(magnitude, EVEN, estimate.gradients, (1, 1, edge))
    before, after = fit_r2star(magnitude, EVEN).r2star, fit_r2star(restored, EVEN).r2star
    assert np.median(after) == pytest.approx(20, abs=0.25)
    # Nowhere near worse: noise of the gradient adds nothing to that of the fit.
    assert np.median(np.abs(after - 20)) < 1.3 * min(np.median(np.abs(before - 20)), np.std(before))


def test_phases_of_noise_never_change_the_map():
    _, magnitude = phantom(3.0, slope=0)
    phase = np.random.default_rng(3).uniform(-np.pi, np.pi, magnitude.shape)
    estimate = estimate_field(phase, magnitude, EVEN, (1, 1, 3))
    restored, _ = restore_decay(magnitude, EVEN, estimate.gradients, (1, 1, 3))
    same = (restored == magnitude.astype(np.float32)).all(axis=-1)
    assert same.mean() > 0.99


@settings(max_examples=25, deadline=None)
@given(st.floats(-6, 6), st.floats(-150, 150), st.floats(5, 60))
def test_scaling_of_the_signal_never_changes_r2star(exponent, slope, rate):
    signal = np.abs(voxel((0, 20, slope), (1, 1, 3), r2star=rate, parts=60))
    one, done = corrected(signal, (0, 20, slope), (1, 1, 3))
    other, again = corrected(signal * 10.0**exponent, (0, 20, slope), (1, 1, 3))
    assert done == again
    np.testing.assert_allclose(other, one, rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 120), st.floats(0.5, 3), st.floats(5, 60))
def test_bias_is_never_negative_and_grows_with_the_gradient(slope, edge, rate):
    steps = np.linspace(0, slope, 5)
    fields = np.stack([np.zeros(5), np.zeros(5), steps])
    bias = expected_bias(fields, (1, 1, edge), EVEN, rate)
    assert bias[0] == pytest.approx(0, abs=1e-5) and (np.diff(bias) >= -1e-5).all()


def test_restoring_in_place_and_in_any_memory_order():
    rng = np.random.default_rng(5)
    fields = rng.normal(size=(3, 6, 5, 4)) * 80
    signal = rng.uniform(0.5, 1, (6, 5, 4, 9)).astype(np.float32) * np.exp(-20 * EVEN).astype(np.float32)
    reference, done = restore_decay(signal, EVEN, fields, (1, 1, 2))
    assert done.any()
    for order in ("C", "F"):
        own = np.array(signal, order=order)
        result, again = restore_decay(own, EVEN, fields, (1, 1, 2), out=own, threads=2)
        assert result is own
        np.testing.assert_array_equal(own, reference)
        np.testing.assert_array_equal(again, done)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="do not fit"):
        restore_decay(np.ones((4, 9)), EVEN, np.zeros((3, 5)), (1, 1, 1))
    with pytest.raises(InputError, match="three axes"):
        attenuation(np.zeros((2, 5)), (1, 1, 1), EVEN)


def encoded(gradient, size, times, rate=20.0):
    """Encode even tissue in a linear field along one axis: integrate the spins, sample k-space, transform it back."""
    count, parts = 32, 40
    place = (np.arange(count * parts) + 0.5) / parts - count / 2
    tissue = np.abs(place) < 12
    k = (np.arange(count) - count // 2) / count
    centers = np.arange(count) - count / 2 + 0.5
    images = []
    for time in times:
        turns = GAMMA * gradient * 1e-6 * size * 1e-3 * time / (2 * np.pi)
        spins = tissue * np.exp(2j * np.pi * turns * place - rate * time)
        space = np.exp(-2j * np.pi * np.outer(k, place)) @ spins / parts
        images.append(np.abs(np.exp(2j * np.pi * np.outer(centers, k)) @ space) / count)
    return np.stack(images, axis=-1)[8:-8]


@pytest.mark.parametrize("gradient", [40, 100, 180])
def test_along_an_encoded_axis_echoes_are_lost_at_once(gradient):
    """At 3 mm the box would take 20 for 32 1/s at 100 uT/m; encoded, even tissue loses nothing, or the echo."""
    signal = encoded(gradient, 3.0, EVEN)
    fields = np.zeros((3, len(signal)))
    fields[2] = gradient
    turns = GAMMA * gradient * 1e-6 * 3e-3 * EVEN / (2 * np.pi)
    factors = attenuation((0, 0, gradient), (1, 1, 3), EVEN, boxes=(True, True, False))
    np.testing.assert_array_equal(factors, turns <= 0.45)
    restored, done = restore_decay(signal, EVEN, fields, (1, 1, 3), boxes=(True, True, False))
    assert (done == (turns.max() > 0.45)).all()
    found = fit_r2star(restored, EVEN).r2star
    # What is left is the ringing of the tissue's edges.
    assert found.mean() == pytest.approx(20, rel=0.04)
    boxed = fit_r2star(restore_decay(signal, EVEN, fields, (1, 1, 3))[0], EVEN).r2star
    assert abs(boxed.mean() - 20) > 3 * abs(found.mean() - 20)
    if turns.max() > 0.55:
        assert abs(fit_r2star(signal, EVEN).r2star.mean() - 20) > 5
