"""The comparison of two maps."""

import math

import numpy as np
import pytest

from harmoniq.data.compare import compare_maps
from harmoniq.data.errors import InputError


def test_figures_of_a_known_difference():
    b = np.linspace(1.0, 2.0, 101)
    found = compare_maps(1.01 * b, b)
    assert found["n"] == 101
    for name in ("bias_percent", "median_percent", "p99_percent", "max_percent"):
        assert found[name] == pytest.approx(1.0)
    assert found["bias"] == pytest.approx(0.015)
    assert found["median_abs"] == pytest.approx(0.015)
    assert found["p99_abs"] == pytest.approx(0.0199)
    assert found["max_abs"] == pytest.approx(0.02)
    assert found["correlation"] == pytest.approx(1.0)


def test_what_is_not_measured_is_counted_not_compared():
    a = np.array([1.0, 0.0, np.nan, 2.0, np.inf, 5.0])
    b = np.array([1.0, 1.0, 1.0, 0.0, 1.0, 6.0])
    mask = np.array([1, 1, 1, 1, 1, 0])
    found = compare_maps(a, b, mask)
    assert (found["n"], found["n_only_a"], found["n_only_b"]) == (1, 1, 3)
    assert found["max_abs"] == 0
    assert math.isnan(found["correlation"])


def test_nothing_to_compare():
    found = compare_maps(np.zeros(4), np.ones(4))
    assert found["n"] == 0
    assert math.isnan(found["median_percent"])


def test_other_grids_are_refused():
    with pytest.raises(InputError, match="one grid is wanted"):
        compare_maps(np.ones((2, 3)), np.ones((3, 2)))
