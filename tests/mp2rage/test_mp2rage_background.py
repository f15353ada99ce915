"""Background suppression, against Marques' scripts."""

import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.mp2rage.background import signed_inv1, suppress_background
from harmoniq.mp2rage.scaling import normalize_uni


@pytest.mark.parametrize("strength", [1, 6])
def test_equals_marques(test_data, strength):
    reference = np.load(test_data / "reference" / "mp2rage_site1.npz")
    uni = normalize_uni(reference["vol_UNI"])
    result = suppress_background(uni, reference["vol_INV1"], reference["vol_INV2"], strength)
    # Single precision.
    np.testing.assert_allclose(result, reference[f"vol_robust_reg{strength}"], atol=1e-6)


def test_signed_inv1_solves_its_equation_and_takes_the_nearest_root():
    rng = np.random.default_rng(0)
    inv1, inv2 = rng.normal(size=500) * 50, rng.uniform(10, 100, 500)
    uni = inv1 * inv2 / (inv1**2 + inv2**2)
    np.testing.assert_allclose(signed_inv1(uni, np.abs(inv1), inv2), inv1, rtol=1e-6)


def test_no_signal_gives_the_darkest_value():
    empty = np.zeros((12, 12, 12))
    assert (suppress_background(empty, empty, empty) == -0.5).all()


def test_bad_arguments_are_refused():
    with pytest.raises(InputError, match="strength"):
        suppress_background(*np.zeros((3, 4, 4, 4)), strength=0)
    with pytest.raises(InputError, match="differ in shape"):
        suppress_background(np.zeros((4, 4, 4)), np.zeros((4, 4, 5)), np.zeros((4, 4, 4)))
