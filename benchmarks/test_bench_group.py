"""The group level's numerics against the programs that do the same, in the same run."""

import contextlib
import io
import warnings

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.cohort import Cohort
from harmoniq.harmonization.combat import Combat
from harmoniq.harmonization.gam import CombatGam
from harmoniq.statistics.age_models import age_models
from harmoniq.statistics.bootstrap import bootstrap_peaks
from harmoniq.statistics.design import age_design

N, P = 530, 200
METHODS = ("raw", "combat", "gam", "hbr")


def study(n=N, p=P, seed=0):
    """Controls of three sites, as many as the published study has, with curves, noise and site effects."""
    rng = np.random.default_rng(seed)
    age = rng.uniform(8, 80, n)
    people = pd.DataFrame({"participant_id": [f"sub-{row:05d}" for row in range(n)]})
    people["site"], people["group"] = rng.choice(["site1", "site2", "site3"], n), "HC"
    people["age"], people["sex"] = age, rng.choice(["F", "M"], n)
    people["icv"] = rng.uniform(1200, 1800, n)
    values = 1 - 1e-4 * (age[:, None] - 45) ** 2 + rng.normal(0, 0.1, (n, p))
    values += 0.05 * (people["site"] == "site2").to_numpy()[:, None]
    features = pd.DataFrame({"metric": "R1", "tissue": "cGM", "region": [f"r{k}" for k in range(p)]})
    return Cohort(people, features, values)


def neuroharmonize(cohort, regions, **options):
    from neuroHarmonize import harmonizationLearn

    people = cohort.participants
    covars = pd.DataFrame({"SITE": people["site"].astype(object), "age": people["age"], "sex": people["sex"] == "M"})
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        harmonizationLearn(cohort.values[:, :regions], covars.astype({"sex": float}), seed=1, **options)


def test_combat_gam_per_region(versus):
    """One smooth term: at least 50 times faster per region than neuroHarmonize's."""
    pytest.importorskip("neuroHarmonize")
    cohort = study()
    ratio = versus(
        lambda: CombatGam(reference_site="site1").fit(cohort).transform(cohort),
        lambda: neuroharmonize(cohort, 2, smooth_terms=["age"]),
        units=P,
        other_units=2,
    )
    assert ratio >= 50


def test_two_smooths_per_region(versus):
    """Two smooth terms in less than a fiftieth of what one takes there, where two take some hundred times as long."""
    pytest.importorskip("neuroHarmonize")
    cohort = study()
    options = {"reference_site": "site1", "protect": ("age", "sex", "icv"), "smooth": ("age", "icv")}
    ratio = versus(
        lambda: CombatGam(**options).fit(cohort).transform(cohort),
        lambda: neuroharmonize(cohort, 2, smooth_terms=["age"]),
        units=P,
        other_units=2,
    )
    assert ratio >= 50


def test_linear_combat(versus):
    """Linear ComBat, a matter of milliseconds in both, stays within four times neuroHarmonize's, checks and all."""
    pytest.importorskip("neuroHarmonize")
    cohort = study()
    ratio = versus(
        lambda: Combat(reference_site="site1").fit(cohort).transform(cohort),
        lambda: neuroharmonize(cohort, P),
        other_rounds=2,
    )
    assert ratio >= 0.25


@pytest.mark.parametrize("more", [{"n": 8 * N}, {"p": 8 * P}], ids=["participants", "regions"])
@pytest.mark.parametrize("kind", [Combat, CombatGam])
def test_time_is_linear(versus, kind, more):
    """Eight times the participants, or the regions, take at most sixteen times as long."""
    small, large = study(), study(**more)

    def run(cohort):
        kind(reference_site="site1").fit(cohort).transform(cohort)

    assert versus(lambda: run(large), lambda: run(small), units=8, other_rounds=3) > 0.5


def test_bootstrap_of_peaks(versus):
    """10,000 resamples of 200 regions and 4 methods: at least 200 times faster than a loop of statsmodels' fits."""
    import statsmodels.api as sm

    cohort = study()
    values = {name: cohort.values + 0.01 * k for k, name in enumerate(METHODS)}
    age, male = cohort.participants["age"].to_numpy(), (cohort.participants["sex"] == "M").to_numpy(dtype=float)
    design = np.column_stack([np.ones(N), age, age**2, male])
    resamples = 300

    def loop():
        rng = np.random.default_rng(0)
        peaks = []
        for _ in range(resamples):
            rows = rng.integers(0, N, N)
            b = sm.OLS(cohort.values[rows, 0], design[rows]).fit().params
            peaks.append(-b[1] / (2 * b[2]))
        return np.std(peaks)

    ratio = versus(
        lambda: age_models(cohort, values, n_bootstrap=10_000),
        loop,
        units=10_000 * P * len(METHODS),
        other_units=resamples,
        rounds=2,
    )
    assert ratio >= 200


def test_memory_of_the_bootstrap(allocated):
    """2,000 resamples of 800 columns: the peaks themselves (13 MB) and one block of weights; 10,000 stay below 1 GB."""
    cohort = study()
    design = age_design(cohort.participants["age"].to_numpy(), cohort.participants["sex"].to_numpy())
    values = np.concatenate([cohort.values] * 4, axis=1)
    peak = allocated(lambda: bootstrap_peaks(design, values, n_resamples=2000, seed=0))
    assert peak + 8000 * values.shape[1] * 8 * 2 < 1e9


def test_tables_of_the_published_size(versus, tmp_path):
    """Simulating and writing 202,748 rows takes at most six times as long as pandas takes to write them."""
    from harmoniq.simulation.tables import write_cohort_tables

    frame = write_cohort_tables(tmp_path, seed=0).regions
    ratio = versus(
        lambda: write_cohort_tables(tmp_path, seed=0),
        lambda: frame.to_csv(tmp_path / "again.tsv", sep="\t", index=False, float_format="%.10g"),
        rounds=1,
        other_rounds=2,
    )
    assert ratio > 1 / 6
