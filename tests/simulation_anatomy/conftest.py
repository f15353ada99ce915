import numpy as np
import pytest

from harmoniq.simulation.anatomy import Anatomy, place_lesions
from harmoniq.simulation.deformation import random_deformation
from harmoniq.simulation.template import load_template


@pytest.fixture(scope="session")
def labels(test_data):
    sides = {"L": "lh", "R": "rh"}
    return {s: np.load(test_data / "atlas" / f"{h}.pals_brodmann_fsaverage5.npy") for s, h in sides.items()}


@pytest.fixture(scope="session")
def template(labels):
    return load_template(labels)  # some 30 s where no test or simulation has built it before


@pytest.fixture(scope="session")
def anatomy(template):
    rng = np.random.default_rng(20)
    deformation = random_deformation(rng)
    return Anatomy(template, deformation, place_lesions(template, deformation, 15, rng))
