"""Field gradients from phase: against fields that are known, and on phases that are noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harmoniq.data.errors import InputError
from harmoniq.r2star.field import RADIANS, estimate_field, field_gradients

EVEN = np.array([6.14, 10.14, 14.14, 18.14, 22.14, 26.14, 30.14, 34.14, 38.14]) / 1000
TRAINS = np.array([3, 5, 9, 11, 15, 17, 21, 23]) / 1000
SHAPE = (14, 13, 12)
MIDDLE = (slice(1, -1),) * 3


def places(shape=SHAPE):
    return np.indices(shape, dtype=float) - (np.array(shape) / 2).reshape(3, 1, 1, 1)


def series(field, times, *, rate=20.0, snr=np.inf, offset=0.0, seed=0):
    """Return phase and magnitude of a field in rad/s."""
    rng = np.random.default_rng(seed)
    signal = np.exp(-rate * times) * np.exp(1j * (field[..., None] * times + offset))
    if np.isfinite(snr):
        signal = signal + (rng.normal(size=signal.shape) + 1j * rng.normal(size=signal.shape)) / snr
    return np.angle(signal), 1000 * np.abs(signal)


@pytest.mark.parametrize("times", [EVEN, TRAINS, EVEN[:4], EVEN[:3], EVEN[:2]], ids=len)
@pytest.mark.parametrize("sizes", [(0.8, 0.8, 0.8), (0.75, 0.75, 3.0), (3.0, 1.0, 1.0)])
def test_constant_gradient_is_recovered(times, sizes):
    true = np.array([40.0, -90.0, 120.0])
    field = RADIANS * np.tensordot(true * sizes, places(), 1)
    result = estimate_field(*series(field, times), times, sizes)
    # Phases in float32, after up to some hundred wraps in space.
    np.testing.assert_allclose(
        result.gradients[:, *MIDDLE],
        np.broadcast_to(true.reshape(3, 1, 1, 1), result.gradients[:, *MIDDLE].shape),
        rtol=2e-3,
    )
    assert (result.trust[MIDDLE] == 1).all()


def test_units_are_those_of_the_proton():
    # 100 uT/m over 3 mm is 0.3 uT, at 42.577 MHz/T 12.77 Hz.
    assert RADIANS * 100 * 3 / (2 * np.pi) == pytest.approx(12.773, abs=1e-3)


@pytest.mark.parametrize("times", [EVEN, TRAINS])
def test_alternating_echoes_change_nothing(times):
    true = np.array([40.0, -90.0, 60.0])
    x = places()
    field = RADIANS * 2 * np.tensordot(true, x, 1)
    # What polarity adds to every other echo: a ramp of 0.3 rad per voxel along the readout, and a curve.
    sign = 1 - 2 * (np.arange(times.size) % 2)
    offset = (1.0 + 0.3 * x[0] + 0.02 * x[1] ** 2)[..., None] * sign + (0.5 * x[2])[..., None]
    result = field_gradients(*series(field, times, offset=offset), times, (2, 2, 2))
    np.testing.assert_allclose(
        result[:, *MIDDLE], np.broadcast_to(true.reshape(3, 1, 1, 1), result[:, *MIDDLE].shape), rtol=2e-3
    )


def dipole(x, radius=8.0, strength=4e5):
    """Return the field outside a ball of air in rad/s and its gradient, by central differences of the closed form."""

    def field(x):
        square = (x**2).sum(axis=0)
        return strength * (3 * x[2] ** 2 / square - 1) / square**1.5

    step = 1e-3
    shifts = np.eye(3).reshape(3, 3, 1, 1, 1) * step
    slope = np.stack([(field(x + shift) - field(x - shift)) / (2 * step) for shift in shifts])
    return field(x), slope / RADIANS, (x**2).sum(axis=0) > radius**2


def test_edge_of_tissue_above_an_air_space():
    size, radius = 2.0, 8.0
    x = places((28, 28, 28)) * size
    field, true, tissue = dipole(x + 0.3, radius)
    phase, magnitude = series(field, EVEN, snr=80)
    noise_phase, noise = series(np.zeros(field.shape), EVEN, rate=1e6, snr=80, seed=1)
    phase, magnitude = np.where(tissue[..., None], phase, noise_phase), np.where(tissue[..., None], magnitude, noise)
    result = field_gradients(phase, magnitude, EVEN, (size,) * 3)
    away = np.sqrt(((x + 0.3) ** 2).sum(axis=0))
    near = tissue & (away < radius + 2 * size) & (away > radius + size)
    ratio = np.linalg.norm(result[:, near], axis=0) / np.linalg.norm(true[:, near], axis=0)
    # Third derivatives, which the local field of second degree leaves out, are what remains.
    assert 0.9 < np.median(ratio) < 1.1
    far = tissue & (away > radius + 4 * size)
    assert np.quantile(np.abs(result - true)[:, far], 0.95) < 6


@pytest.mark.parametrize("times", [EVEN, EVEN[:5], EVEN[:4], EVEN[:3], EVEN[:2]], ids=len)
def test_noise_has_no_gradient(times):
    rng = np.random.default_rng(4)
    phase = rng.uniform(-np.pi, np.pi, (*SHAPE, times.size))
    magnitude = rng.rayleigh(size=phase.shape)
    flat = np.full(phase.shape, 100.0)
    for size in (magnitude, flat):
        result = estimate_field(phase, size, times, (1, 1, 3))
        inside = result.trust[MIDDLE]
        # Neighbors that agree by chance.
        assert (inside > 0).mean() < 0.01


def test_uniform_field_with_noise_has_next_to_none():
    phase, magnitude = series(np.full(SHAPE, 300.0), EVEN, snr=10)
    result = field_gradients(phase, magnitude, EVEN, (2, 2, 2))[:, *MIDDLE]
    assert (result == 0).mean() > 0.85 and np.abs(result).max() < 25


def test_strange_voxels_are_left_out():
    true = np.array([40.0, -90.0, 60.0])
    phase, magnitude = series(RADIANS * np.tensordot(true, places(), 1), EVEN)
    phase[5, 5, 5], magnitude[5, 5, 5] = np.nan, np.inf
    magnitude[8:10, 5, 5] = 0
    result = field_gradients(phase, magnitude, EVEN, (1, 1, 1))
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result[:, 3, 3, 3], true, rtol=2e-3)
    np.testing.assert_allclose(result[:, 6, 5, 5], true, rtol=2e-3)


def test_nothing_to_see_is_no_gradient():
    for magnitude in (np.zeros((3, 3, 3, 3)), np.full((3, 3, 3, 3), np.nan), np.ones((1, 1, 1, 3))):
        result = estimate_field(np.zeros(magnitude.shape), magnitude, EVEN[:3], (1, 1, 1))
        assert (result.gradients == 0).all() and result.gradients.dtype == np.float32


def test_results_do_not_depend_on_threads_slabs_or_memory_order(monkeypatch):
    field, _, _ = dipole(places() * 2 + 20.3)
    phase, magnitude = series(field, EVEN, snr=20)
    reference = estimate_field(phase, magnitude, EVEN, (2, 2, 2), threads=1)
    monkeypatch.setattr("harmoniq.r2star.field._SLAB", 2 * SHAPE[0] * SHAPE[1] * EVEN.size)
    for threads, order in ((1, "C"), (3, "C"), (2, "F")):
        again = estimate_field(
            np.asarray(phase, order=order), np.asarray(magnitude, order=order), EVEN, (2, 2, 2), threads=threads
        )
        np.testing.assert_array_equal(again.gradients, reference.gradients)
        np.testing.assert_array_equal(again.trust, reference.trust)


@settings(max_examples=20, deadline=None)
@given(st.floats(-6, 6), st.floats(-20, 20), st.integers(0, 1000))
def test_scale_and_common_phase_change_nothing(exponent, turn, seed):
    field, _, _ = dipole(places((7, 6, 5)) * 2 + 18.3)
    phase, magnitude = series(field, EVEN, snr=30, seed=seed)
    one = estimate_field(phase, magnitude, EVEN, (2, 2, 2))
    other = estimate_field(np.angle(np.exp(1j * (phase + turn))), magnitude * 10.0**exponent, EVEN, (2, 2, 2))
    mirrored = estimate_field(-phase, magnitude, EVEN, (2, 2, 2))
    np.testing.assert_allclose(other.gradients, one.gradients, rtol=1e-3, atol=0.05)
    np.testing.assert_allclose(mirrored.gradients, -one.gradients, rtol=1e-3, atol=0.05)


@pytest.mark.parametrize(
    ("phase", "times", "sizes", "message"),
    [
        ((3, 3, 3, 8), EVEN, (1, 1, 1), "the phase has shape"),
        ((3, 3, 3, 9), EVEN[:8], (1, 1, 1), "the echo times"),
        ((3, 3, 3, 9), EVEN[::-1], (1, 1, 1), "must rise"),
        ((3, 3, 3, 9), EVEN, (1, 1), "three lengths"),
        ((3, 3, 3, 9), EVEN, (1, 1, 0), "three lengths"),
    ],
)
def test_bad_arguments_are_refused(phase, times, sizes, message):
    with pytest.raises(InputError, match=message):
        field_gradients(np.zeros(phase), np.ones((3, 3, 3, 9)), times, sizes)
