"""How uniform images and phases are stored, and what is refused."""

import numpy as np
import pytest

from harmoniq.data.acquisitions import MP2RAGETiming
from harmoniq.data.errors import InputError
from harmoniq.data.phase import phase_to_radians
from harmoniq.mp2rage.scaling import normalize_uni, uni_from_magnitudes
from harmoniq.mp2rage.signal import inversion_signals, uniform_image

SITE1 = MP2RAGETiming(6.0, (0.7, 2.4), (6.0, 6.0), 0.0069, (88, 88))
TRUTH = np.linspace(-0.5, 0.5, 4096)


@pytest.mark.parametrize(
    "stored",
    [
        TRUTH,
        TRUTH.astype(np.float32),
        TRUTH + 0.5,
        np.arange(4096, dtype=np.uint16),
        np.arange(4096, dtype=np.float64),
        np.arange(-2048, 2048, dtype=np.int16),
    ],
    ids=["half", "half32", "zero_to_one", "uint12", "scaled", "signed12"],
)
def test_every_way_of_storing_gives_the_same(stored):
    result = normalize_uni(stored.reshape(16, 16, 16))
    assert result.dtype == np.float32 and result.shape == (16, 16, 16)
    np.testing.assert_allclose(result.ravel(), TRUTH, atol=1e-6)


@pytest.mark.parametrize("stored", [TRUTH, np.arange(4096.0), np.arange(-2048.0, 2048)])
def test_overshoot_of_interpolation_is_clipped(stored):
    center = stored.mean()
    result = normalize_uni(center + (stored - center) * (1 + 0.02 * 0.99))
    assert result.min() == -0.5 and result.max() == 0.5


@pytest.mark.parametrize(
    "image",
    [
        np.arange(256),
        np.arange(10_000),
        np.linspace(-1, 1, 50),
        np.linspace(-4096, 4095, 50),
        np.linspace(0, 5, 50),
        np.zeros(50),
        np.full(50, np.nan),
        np.zeros((0, 3)),
    ],
    ids=["8bit", "t1_in_ms", "minus_one", "phase", "t1_in_s", "zeros", "nan", "empty"],
)
def test_anything_else_is_refused(image):
    with pytest.raises(InputError):
        normalize_uni(image)


def test_not_a_number_is_kept_for_the_fit_to_flag():
    data = TRUTH.copy()
    data[:2] = np.nan, np.inf
    result = normalize_uni(data)
    assert np.isnan(result[:2]).all() and np.isfinite(result[2:]).all()


@pytest.mark.parametrize(("low", "high", "turn"), [(-np.pi, np.pi, 2 * np.pi), (0, 4095, 4096), (-4096, 4095, 8192)])
def test_phases_of_all_kinds_turn_once(low, high, turn):
    stored = np.linspace(low, high, 1000)
    radians = phase_to_radians(stored)
    np.testing.assert_allclose(np.diff(radians), 2 * np.pi * np.diff(stored) / turn, rtol=2e-3, atol=1e-6)


def test_phase_of_unknown_kind_is_refused():
    with pytest.raises(InputError, match="not those of a phase"):
        phase_to_radians(np.linspace(-180, 180, 100))


@pytest.mark.parametrize("kind", ["radians", "unsigned", "signed"])
def test_uniform_image_from_magnitude_and_phase(kind):
    rng = np.random.default_rng(0)
    t1 = rng.uniform(0.3, 4, (20, 20, 20))
    first, second = inversion_signals(t1, SITE1)
    common = np.exp(1j * rng.uniform(-np.pi, np.pi, t1.shape))
    images = [1e4 * first * common, 1e4 * second * common]
    code = {
        "radians": lambda a: a,
        "unsigned": lambda a: np.clip(np.round((a + np.pi) / (2 * np.pi) * 4096), 0, 4095),
        "signed": lambda a: np.clip(np.round(a / np.pi * 4096), -4096, 4095),
    }[kind]
    phases = [code(np.angle(image)) for image in images]
    uni = uni_from_magnitudes(*(np.abs(image) for image in images), *phases)
    # 12 bits of phase turn the two images by up to 0.0015 against each other, which costs cos(0.0015).
    np.testing.assert_allclose(uni, uniform_image(first, second), atol=2e-6)


def test_without_phase_the_sign_is_taken_as_positive():
    first, second = inversion_signals(np.array([0.85, 4.0]), SITE1)
    uni = uni_from_magnitudes(np.abs(first), np.abs(second))
    np.testing.assert_allclose(uni, np.abs(uniform_image(first, second)), rtol=1e-6)


def test_no_signal_and_not_a_number_give_zero():
    assert (uni_from_magnitudes([0.0, np.nan, 1.0], [0.0, np.nan, np.inf]) == 0).all()


def test_mismatched_shapes_are_refused():
    with pytest.raises(InputError, match="differ in shape"):
        uni_from_magnitudes(np.ones(3), np.ones(4))
