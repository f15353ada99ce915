"""A mask saves the time outside it, and changes nothing inside."""

import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.r2star.fit import METHODS, fit_r2star
from harmoniq.r2star.signal import decay

EVEN = np.array([6.14, 10.14, 14.14, 18.14, 22.14, 26.14, 30.14, 34.14, 38.14]) / 1000


@pytest.fixture(scope="module")
def series():
    rng = np.random.default_rng(0)
    rates = rng.uniform(5, 80, (30, 31, 32))
    signal = decay(500, rates, EVEN) + rng.normal(size=(30, 31, 32, 9)) * 10
    return np.abs(signal), rng.random(rates.shape) < 0.3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_inside_the_mask_nothing_changes_and_outside_is_nothing(series, method, order):
    signal, mask = np.asarray(series[0], order=order), series[1]
    noise = {"noise": np.full(mask.shape, 10.0)} if method == "rician" else {}
    whole = fit_r2star(signal, EVEN, method, **noise)
    part = fit_r2star(signal, EVEN, method, mask=mask, threads=2, **noise)
    for name in ("r2star", "s0", "residual", "implausible"):
        np.testing.assert_array_equal(getattr(part, name)[mask], getattr(whole, name)[mask])
        outside = getattr(part, name)[~mask]
        assert outside.all() if name == "implausible" else not outside.any()


def test_an_empty_mask_gives_empty_maps(series):
    fit = fit_r2star(series[0], EVEN, mask=np.zeros(series[1].shape))
    assert not fit.r2star.any() and fit.implausible.all()


def test_a_mask_of_another_shape_is_refused(series):
    with pytest.raises(InputError, match="mask has shape"):
        fit_r2star(series[0], EVEN, mask=series[1][1:])
