"""The noise estimate, on images whose noise is known."""

import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.r2star.noise import estimate_noise


def image(sigma, signal=200.0, background=True):
    rng = np.random.default_rng(0)
    shape = (64, 64, 40)
    places = np.indices(shape)
    ball = sum(((place - size / 2) / (size / 2.5)) ** 2 for place, size in zip(places, shape)) < 1
    truth = signal * (ball if background else 1) * (1 + 0.3 * np.cos(places[0] / 15))
    noise = rng.normal(size=(2, *shape)) * sigma
    return np.hypot(truth + noise[0], noise[1]), ball


@pytest.mark.parametrize("sigma", [0.5, 7.0, 40.0])
def test_background(sigma):
    assert estimate_noise(image(sigma)[0]) == pytest.approx(sigma, rel=0.05)


def test_pure_noise():
    assert estimate_noise(image(7.0, signal=0)[0]) == pytest.approx(7, rel=0.03)


def test_masked_image():
    data, ball = image(7.0)
    assert estimate_noise(data * ball) == pytest.approx(7, rel=0.05)


def test_object_that_fills_the_image():
    assert estimate_noise(image(7.0, background=False)[0]) == pytest.approx(7, rel=0.05)


def test_scales_with_the_image():
    data = image(7.0)[0]
    assert estimate_noise(data * 1000) == pytest.approx(1000 * estimate_noise(data))


@pytest.mark.parametrize("data", [np.zeros((9, 9, 9)), np.full((9, 9, 9), np.nan), np.full((9, 9, 9), 5.0)])
def test_no_noise_is_refused(data):
    with pytest.raises(InputError, match="no noise"):
        estimate_noise(data)
