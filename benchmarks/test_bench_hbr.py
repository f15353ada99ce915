"""Hierarchical Bayesian regression: against PCNtoolkit at equal draws, and how time and memory grow.

CPU seconds, so that other jobs on the machine count little; PCNtoolkit's import (20 s) is left out, the native engine's
compilation is counted.
"""

import os
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

from harmoniq.data.cohort import Cohort
from harmoniq.harmonization.hbr.harmonizer import Hbr
from harmoniq.harmonization.hbr.prior import Priors
from harmoniq.harmonization.hbr.region import RegionData, Target
from harmoniq.harmonization.hbr.sampler import SamplerOptions, region_seed, sample

SITES, SEXES = ("site1", "site2", "site3"), ("F", "M")
EQUAL = SamplerOptions(chains=2, tune=500, draws=500, retry=False)
REGIONS = 20
#: Regions that PCNtoolkit is given: half a minute each.
THEIRS = 2


def participants(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    site = rng.choice(3, n, p=[0.55, 0.2, 0.25])
    low, high = np.array([18, 18, 8])[site], np.array([79, 68, 25])[site]
    return rng.uniform(low, high), site, rng.integers(0, 2, n)


def values(age: np.ndarray, site: np.ndarray, p: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    peak, shift = rng.normal(42, 5, p), rng.normal(0, 0.02, (3, p))
    noise = 0.02 * rng.standard_normal((len(age), p)) * (1 + 0.1 * site[:, None])
    return 0.8 - 1e-4 * (age[:, None] - peak) ** 2 + shift[site] + noise


def targets(n: int, p: int) -> list[Target]:
    age, site, sex = participants(n)
    table = values(age, site, p)
    return [Target(RegionData.of(table[:, i], age, site, sex, SITES, SEXES), Priors()) for i in range(p)]


def native_seconds() -> float:
    """Return CPU seconds of the native engine per region, compilation included; run in a process without a cache."""
    todo = targets(530, REGIONS)
    start = time.process_time()
    for index, target in enumerate(todo):
        sample(target, EQUAL, region_seed(0, (str(index),)))
    return (time.process_time() - start) / REGIONS


def cohort(n: int, p: int) -> Cohort:
    import pandas as pd

    age, site, sex = participants(n)
    people = pd.DataFrame({
        "participant_id": [f"sub-{i:06d}" for i in range(n)], "site": np.array(SITES)[site], "group": "HC", "age": age,
        "sex": np.array(SEXES)[sex],
    })  # fmt: skip
    features = pd.DataFrame({"metric": "R1", "tissue": "cGM", "region": [f"BA{i + 1}" for i in range(p)]})
    return Cohort(people, features, values(age, site, p))


def cpu_seconds(n: int, p: int) -> float:
    """Return CPU seconds of fit and transform."""
    data = cohort(n, p)
    start = time.process_time()
    Hbr(reference_site="site1", fit="all", threads=1, options=SamplerOptions(retry=False)).fit(data).transform(data)
    return time.process_time() - start


def test_fifty_times_faster_than_pcntoolkit(benchmark: Any, tmp_path: Any) -> None:
    pytest.importorskip("pcntoolkit")
    from harmoniq.harmonization.hbr.pcntoolkit import sample_with_pcntoolkit

    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, __file__], env=environment, capture_output=True, text=True, check=True)
    ours = float(done.stdout)
    pair = targets(530, THEIRS)
    start = time.process_time()

    def theirs() -> None:
        for index, target in enumerate(pair):
            sample_with_pcntoolkit(target, EQUAL, region_seed(0, (str(index),)))

    benchmark.pedantic(theirs, rounds=1)
    seconds = (time.process_time() - start) / THEIRS
    benchmark.extra_info |= {
        "native_s": round(ours, 3),
        "pcntoolkit_s": round(seconds, 1),
        "times": round(seconds / ours),
    }
    assert seconds / ours >= 50


GROWTH = {"regions": ((530, 10), (530, 50)), "subjects": ((2000, 2), (20000, 2))}


@pytest.mark.parametrize(("few", "many"), GROWTH.values(), ids=GROWTH)
def test_time_is_linear(benchmark: Any, few: tuple[int, int], many: tuple[int, int]) -> None:
    cpu_seconds(100, 1)  # compiled
    small = cpu_seconds(*few)
    large = benchmark.pedantic(lambda: cpu_seconds(*many), rounds=1)
    growth = many[0] * many[1] / (few[0] * few[1])
    benchmark.extra_info |= {"small_s": round(small, 2), "large_s": round(large, 2), "growth": growth}
    assert large / small < 1.4 * growth


if __name__ == "__main__":
    print(native_seconds())
