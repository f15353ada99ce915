"""The bare signals and the uniform image, against Marques' scripts and the closed form's limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harmoniq.data.acquisitions import MP2RAGETiming
from harmoniq.mp2rage.signal import inversion_signals, uniform_image

SITE1 = MP2RAGETiming(6.0, (0.7, 2.4), (6.0, 6.0), 0.0069, (88, 88))


def simulate_pulse_by_pulse(t1: float, timing: MP2RAGETiming, b1: float) -> tuple[float, float]:
    """Play the sequence step by step until it repeats: no algebra shared with the closed form."""
    mz, signals = 1.0, [0.0, 0.0]

    def relax(mz, seconds):
        return 1.0 - (1.0 - mz) * np.exp(-seconds / t1)

    before, after = timing.shots
    for _ in range(60):
        mz = relax(-timing.efficiency * mz, timing.gaps[0])
        for train in (0, 1):
            angle = np.deg2rad(timing.flip_angles[train]) * b1
            for pulse in range(before + after):
                if pulse == before:
                    signals[train] = np.sin(angle) * mz
                mz = relax(np.cos(angle) * mz, timing.echo_spacing)
            if after == 0:
                signals[train] = np.sin(angle) * mz
            mz = relax(mz, timing.gaps[1 + train])
    return signals[0], signals[1]


def test_signals_equal_marques(test_data):
    reference = np.load(test_data / "reference" / "mp2rage_site1.npz")
    first, second = inversion_signals(reference["grid_T1"][:, None], SITE1, reference["grid_B1"][None])
    np.testing.assert_allclose(np.stack([first, second], -1), reference["grid_S"], rtol=0, atol=1e-14)


@pytest.mark.parametrize("shots", [(88, 88), (44, 88), (88, 0)])
@pytest.mark.parametrize(("t1", "b1"), [(0.3, 1.0), (1.35, 0.7), (4.0, 1.2)])
def test_signals_equal_a_pulse_by_pulse_simulation(shots, t1, b1):
    # 60 repetitions leave less than exp(-60 * 5 / 4) of the start.
    timing = MP2RAGETiming(5.0, (0.7, 2.5), (4.0, 5.0), 0.0069, shots)
    np.testing.assert_allclose(inversion_signals(t1, timing, b1), simulate_pulse_by_pulse(t1, timing, b1), rtol=1e-10)


def test_first_inversion_is_negative_for_long_t1_and_positive_for_short():
    first, second = inversion_signals([0.3, 4.0], SITE1)
    assert first[0] > 0 > first[1] and (second > 0).all()


def test_uniform_image_of_complex_ignores_a_shared_phase_and_scale():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 100)) + 1j * rng.normal(size=(2, 100))
    expected = np.real(np.conj(a) * b) / (np.abs(a) ** 2 + np.abs(b) ** 2)
    np.testing.assert_allclose(uniform_image(a, b), expected, rtol=1e-12)
    np.testing.assert_allclose(uniform_image(7 * a * np.exp(2j), 7 * b * np.exp(2j)), expected, rtol=1e-12)


def test_uniform_image_is_zero_without_signal_and_keeps_single_precision():
    result = uniform_image(np.zeros(3, np.float32), np.zeros(3, np.float32))
    assert result.dtype == np.float32 and (result == 0).all()
    assert uniform_image(np.ones(1, np.int16), np.ones(1, np.int16)) == 0.5


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
def test_uniform_image_stays_within_a_half(first, second):
    assert -0.5 <= uniform_image(first, second) <= 0.5
