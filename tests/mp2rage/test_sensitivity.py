"""What R1 depends on, against figures that were measured with Marques' scripts."""

from dataclasses import replace

import numpy as np
import pytest

from harmoniq.data.acquisitions import MP2RAGETiming
from harmoniq.mp2rage.lookup import fit_r1
from harmoniq.mp2rage.sensitivity import largest_dependence, sensitivity_table
from harmoniq.mp2rage.signal import inversion_signals, uniform_image

SITE1 = MP2RAGETiming(6.0, (0.7, 2.4), (6.0, 6.0), 0.0069, (88, 88))
SITE2 = MP2RAGETiming(5.0, (0.7, 2.5), (4.0, 5.0), 0.0069, (88, 88))
SITE3 = MP2RAGETiming(5.0, (0.7, 2.5), (4.0, 5.0), 0.0069, (56, 112))


def row(table, quantity, assumed, true):
    (found,) = table[(table["quantity"] == quantity) & (table["assumed"] == assumed) & (table["true"] == true)].index
    return table.loc[found, [name for name in table if name.startswith("t1_")]].to_numpy(dtype=float)


# Over T1 0.85 to 1.35 s; the figures are whole or half percents, and stand for the range.
@pytest.mark.parametrize(
    ("quantity", "assumed", "true", "site1", "site2"),
    [
        ("partial Fourier", "none", "6/8", -14, -7),
        ("echo spacing", "4.7 ms", "6.9 ms", 5.5, 2.6),
        ("inversion efficiency", "1.00", "0.96", 3, 3),
        ("B1+", "1", "0.8", -8, -5),
        ("B1+", "1", "1.2", 11, 6),
    ],
)
@pytest.mark.parametrize("site", [1, 2])
def test_dependence_is_what_was_measured(quantity, assumed, true, site1, site2, site):
    table = sensitivity_table((SITE1, SITE2)[site - 1], t1_values=(0.85, 1.1, 1.35))
    changes = row(table, quantity, assumed, true)
    # 1 percentage point, and half of the last digit at the ends of the range (3 % is 2.5 to 4.0 at site 2).
    np.testing.assert_allclose(changes, (site1, site2)[site - 1], atol=1.05)


def test_a_row_is_what_a_fit_with_the_wrong_timing_gives():
    t1 = np.array([0.85, 1.35])
    expected = sensitivity_table(SITE1)
    uni = uniform_image(*inversion_signals(t1, SITE1))
    for assumed, changes in (("6/8", {"shots": (44, 88)}), (None, {"echo_spacing": 0.0074})):
        name = ("partial Fourier", assumed, "none") if assumed else ("echo spacing", "7.4 ms", "6.9 ms")
        fitted = fit_r1(uni, replace(SITE1, **changes)).r1
        np.testing.assert_allclose(row(expected, *name), 100 * (fitted * t1 - 1), atol=1e-3)


def test_wrong_values_that_are_infeasible_are_left_out():
    # Site 3 has room for partial Fourier only, and not for a longer echo spacing.
    table = sensitivity_table(SITE3)
    assert "partial Fourier" not in set(table["quantity"])
    assert {"echo spacing", "inversion efficiency", "B1+"} <= set(table["quantity"])
    partial = sensitivity_table(replace(SITE1, shots=(44, 88)))
    assert row(partial, "partial Fourier", "none", "6/8") == pytest.approx([-13.0, -14.9], abs=0.1)


def test_what_lies_beyond_the_table_is_missing():
    # A partial sequence's table ends at T1 2.95 s.
    table = sensitivity_table(replace(SITE1, shots=(44, 88)), t1_values=(0.85, 4.9))
    assert row(table, "B1+", "1", "0.8")[0] < 0 and table["t1_4.9"].isna().any()


def test_the_largest_dependence_is_named():
    quantity, percent = largest_dependence(sensitivity_table(SITE1))
    assert quantity == "partial Fourier" and percent == pytest.approx(16.5, abs=0.2)
