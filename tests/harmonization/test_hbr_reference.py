"""The native engine against PCNtoolkit 1.3, on 20 regions of R1 of the simulated cohort (530 controls, three sites).

``data/hbr_pcntoolkit.npz`` holds the values, and the Z-scores and harmonized values of PCNtoolkit's model sampled by
nutpie in 2 chains of 500 + 500 (20 to 35 CPU seconds per region): ``z``, ``harmonized``, for the first regions of a
second run too (``..._again``), and for all what a second run would differ by, from the difference of the two chains.
"""

from pathlib import Path

import numpy as np
import pytest

from harmoniq.harmonization.hbr.posterior import Posterior
from harmoniq.harmonization.hbr.prior import Priors
from harmoniq.harmonization.hbr.region import RegionData, Target
from harmoniq.harmonization.hbr.sampler import SamplerOptions, region_seed, sample

REFERENCE = Path(__file__).parent / "data" / "hbr_pcntoolkit.npz"
SITES, SEXES = ("site1", "site2", "site3"), ("F", "M")


def rms(array):
    return np.sqrt(np.mean(np.square(array), axis=-1))


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCE) as stored:
        return {name: stored[name] for name in stored.files}


@pytest.fixture(scope="module")
def native(reference):
    """Z-scores and harmonized values at the same number of draws."""
    options = SamplerOptions(chains=2, tune=500, draws=500, retry=False)
    site, sex, age = reference["site"].astype(int), reference["sex"].astype(int), reference["age"]
    z, harmonized = [], []
    for name, value in zip(reference["region"], reference["value"]):
        target = Target(RegionData.of(value, age, site, sex, SITES, SEXES), Priors())
        posterior = Posterior.of(target, sample(target, options, region_seed(0, (str(name),))).draws)
        z.append(posterior.zscores(value, age, site, sex))
        harmonized.append(posterior.harmonized(value, age, site, sex, 0))
    return np.array(z), np.array(harmonized)


def test_z_scores_are_pcntoolkits(reference, native):
    for ours, theirs in zip(native[0], reference["z"]):
        assert np.corrcoef(ours, theirs)[0, 1] >= 0.9999
    # Equal posteriors and draws give a ratio of 1; 1.5 is what is asked for.
    assert rms(native[0] - reference["z"]).mean() <= 1.5 * reference["between_chains"][:, 0].mean()
    again = len(reference["z_again"])
    two_runs = rms(reference["z_again"] - reference["z"][:again])
    assert rms(native[0][:again] - reference["z"][:again]).mean() <= 1.5 * two_runs.mean()


def test_harmonized_values_are_pcntoolkits_per_sex(reference, native):
    sd = reference["value"].std(axis=1)
    difference = rms(native[1] - reference["harmonized"])
    assert (difference / sd).max() < 0.03
    assert (difference / sd).mean() <= 1.5 * (reference["between_chains"][:, 1] / sd).mean()
    again = len(reference["harmonized_again"])
    two_runs = rms(reference["harmonized_again"] - reference["harmonized"][:again])
    assert (difference / sd)[:again].mean() <= 1.5 * (two_runs / sd[:again]).mean()
