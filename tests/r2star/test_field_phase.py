"""How phases are stored: every kind that scanners and converters write is recognized, other images are refused."""

import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.phase import phase_kind, phase_to_radians

RANGES = [
    (-np.pi, np.pi, 1.0),
    (0, 2 * np.pi, 1.0),
    (0, 4095, 2 * np.pi / 4096),
    (-2048, 2047, 2 * np.pi / 4096),
    (-4096, 4095, 2 * np.pi / 8192),
    (-4096, 4094, 2 * np.pi / 8192),
    (-3142, 3141, 1e-3),
    (0, 6283, 1e-3),
]


@pytest.mark.parametrize(("low", "high", "step"), RANGES)
def test_every_kind_turns_once(low, high, step):
    # Noise fills the range but for its very ends.
    inset = 0.01 * (high - low)
    assert phase_kind(low, high)[1] == pytest.approx(step)
    assert phase_kind(low + inset, high - inset)[1] == pytest.approx(step)
    radians = phase_to_radians(np.linspace(low, high, 1000))
    assert radians.dtype == np.float32 and np.ptp(radians) == pytest.approx(2 * np.pi, rel=2e-3)


def test_what_is_not_a_number_becomes_zero():
    assert phase_to_radians([np.nan, 1.0, np.inf, -1.0]).tolist() == [0, 1, 0, -1]


@pytest.mark.parametrize("values", [(-180, 180), (0, 1000), (0, 60000), (-5000, 5000), (-10, 10)])
def test_other_ranges_are_refused(values):
    with pytest.raises(InputError, match="not those of a phase"):
        phase_kind(*values)


def test_nothing_finite_is_refused():
    with pytest.raises(InputError, match="no finite value"):
        phase_to_radians([np.nan])
