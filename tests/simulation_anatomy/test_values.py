import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.simulation.head import CLASSES
from harmoniq.simulation.values import OTHER_TISSUES, default_values, property_values


def test_defaults_are_ordered_as_in_life():
    r1 = default_values().r1
    assert r1.other["csf"] < r1.cgm.mean() < r1.swm.mean() < r1.bundles.mean()
    assert r1.cgm.shape == (2, 41) and r1.bundles.shape == (18,)
    with pytest.raises(ValueError, match="read-only"):
        r1.cgm[0, 0] = 1.0


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"cgm": np.full((2, 41), np.nan)}, "finite"),
        ({"swm": -np.ones((2, 41))}, "negative"),
    ],
)
def test_wrong_values_are_refused(arguments, word):
    with pytest.raises(InputError, match="finite and not negative") as error:
        property_values("r1", **arguments)
    assert word in str(error.value)


def test_unknown_property():
    with pytest.raises(InputError, match="unknown property"):
        property_values("r3")


def test_every_class_of_the_template_has_values():
    assert set(CLASSES.values()) <= set(OTHER_TISSUES)
