"""Simulated cohorts with known site effects."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.cohort import Cohort

SITE_AGES = {"site1": (18, 79), "site2": (18, 68), "site3": (8, 25)}


def simulate(
    *,
    n: int = 40,
    p: int = 12,
    seed: int = 0,
    patients: int = 0,
    ages: dict[str, tuple[float, float]] | None = None,
    curvature: float = -0.0002,
    metric: str = "R1",
    digits: int | None = None,
) -> tuple[Cohort, np.ndarray]:
    """Return a cohort and its values without site effects (n controls per site, patients at site2, all in 1/s).

    Ages with 3 binary digits (`digits` = 3) survive neuroHarmonize's rounding to 32 bits.
    """
    rng = np.random.default_rng(seed)
    spans = ages or SITE_AGES
    rows = [(site, "HC", rng.uniform(*span), rng.choice(["F", "M"])) for site, span in spans.items() for _ in range(n)]
    rows += [("site2", "MS", rng.uniform(20, 65), rng.choice(["F", "M"])) for _ in range(patients)]
    people = pd.DataFrame(rows, columns=["site", "group", "age", "sex"])
    if digits is not None:
        people["age"] = np.round(people["age"] * 2**digits) / 2**digits
    people.insert(0, "participant_id", [f"sub-{row:04d}" for row in range(len(people))])
    for name in ("phenotype", "disease_duration", "edss"):
        people[name] = np.nan
    age, male = people["age"].to_numpy()[:, None], (people["sex"] == "M").to_numpy()[:, None]
    peak = rng.normal(42, 5, p)
    curve = 0.8 + 0.02 * rng.standard_normal(p) + curvature * (age - peak) ** 2 + 0.01 * male
    noise = 0.03 * rng.standard_normal(curve.shape)
    values = curve + noise
    for site in list(spans)[1:]:
        here = (people["site"] == site).to_numpy()
        shift, factor = rng.normal(0.05, 0.01, p), np.exp(rng.normal(0.1, 0.1, p))
        values[here] = curve[here] + factor * noise[here] + shift
    features = pd.DataFrame({"metric": metric, "tissue": "cGM", "region": [f"BA{i + 1}" for i in range(p)]})
    return Cohort(people, features, values), curve + noise


@pytest.fixture
def make_cohort() -> Callable[..., Cohort]:
    """Return a function that simulates a cohort."""
    return lambda **options: simulate(**options)[0]


@pytest.fixture
def make_cohort_with_truth() -> Callable[..., tuple[Cohort, np.ndarray]]:
    """Return a function that simulates a cohort and its values without site effects."""
    return simulate
