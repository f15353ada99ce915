"""Do the bootstrap's intervals hold what they promise? Over simulated cohorts whose peaks are known."""

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.cohort import Cohort, build_cohort, read_participants
from harmoniq.statistics.age_models import age_models

KEYS = ["metric", "tissue", "region"]


def covered(table, planted):
    """Return whether each interval holds its planted peak; no interval, no entry."""
    known = table["peak_age"].notna().to_numpy()
    inside = (table["ci_low"] <= planted) & (planted <= table["ci_high"])
    return inside.to_numpy()[known]


@pytest.mark.parametrize("stratify", [False, True])
def test_intervals_cover_the_planted_peak(stratify):
    """40 cohorts of 150 controls and 20 independent regions: 800 intervals, a standard error of 0.8 %."""
    rng = np.random.default_rng(5)
    n, p, inside = 150, 20, []
    features = pd.DataFrame({"metric": "R1", "tissue": "cGM", "region": [f"r{k}" for k in range(p)]})
    for seed in range(40):
        people = pd.DataFrame({"participant_id": np.arange(n), "site": rng.choice(["a", "b"], n), "group": "HC"})
        people["age"], people["sex"] = rng.uniform(18, 80, n), rng.choice(["F", "M"], n)
        peaks = rng.uniform(35, 60, p)
        y = 1 - 1e-4 * (people["age"].to_numpy()[:, None] - peaks) ** 2 + rng.normal(0, 0.05, (n, p))
        table = age_models(Cohort(people, features, y), {"raw": y}, n_bootstrap=400, seed=seed, stratify=stratify)
        inside.append(covered(table, peaks))
    assert 0.93 <= np.concatenate(inside).mean() <= 0.97


@pytest.mark.nightly
def test_intervals_cover_the_planted_peak_of_the_simulated_study():
    """60 cohorts of 530 controls, 200 regions that share latent factors, values without site effects."""
    from harmoniq.simulation.demographics import simulate_participants
    from harmoniq.simulation.effects import planted_effects
    from harmoniq.simulation.truth import simulate_values

    shares = []
    for seed in range(200, 260):
        people, effects = simulate_participants(seed=seed), planted_effects(seed)
        people = people[people["group"] == "HC"].reset_index(drop=True)
        table = simulate_values(people, effects, seed)
        cohort, _ = build_cohort(
            table[["participant_id", *KEYS, "biological"]].rename(columns={"biological": "value"}),
            read_participants(people, file="participants"),
            regions_file="regions",
            participants_file="participants",
        )
        models = age_models(cohort, {"raw": cohort.values}, n_bootstrap=1000, seed=seed, standardize_r2star=False)
        planted = models.merge(effects[[*KEYS, "peak_age"]], on=KEYS, suffixes=("", "_planted"))["peak_age_planted"]
        shares.append(covered(models, planted).mean())
    assert 0.93 <= np.mean(shares) <= 0.97
