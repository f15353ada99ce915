"""What harmonization by HBR must show on the simulated study of 628, whose planted effects are known."""

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.cohort import build_cohort, read_participants
from harmoniq.harmonization.harmonize import harmonize_cohort
from harmoniq.harmonization.hbr.run import HbrRun
from harmoniq.simulation.demographics import simulate_participants
from harmoniq.simulation.effects import planted_effects
from harmoniq.simulation.truth import simulate_values
from harmoniq.statistics.age_models import age_models
from harmoniq.statistics.group_differences import group_differences
from harmoniq.statistics.site_effects import site_effects

KEYS = ["metric", "tissue", "region"]


def study(keep: int, fit: str):
    """Every `keep`-th region of R1: cohort, values without site effects, what was planted, harmonized values."""
    people, effects = simulate_participants(seed=0), planted_effects(0)
    table = simulate_values(people, effects, 0)
    regions = table[table["metric"] == "R1"][KEYS].drop_duplicates().iloc[::keep]
    table = table.merge(regions, on=KEYS)
    cohort, _ = build_cohort(
        table[["participant_id", *KEYS, "value"]], read_participants(people, file="p"), regions_file="r",
        participants_file="p",
    )  # fmt: skip
    wide = table.pivot(index="participant_id", columns=KEYS, values="biological")
    truth = wide.loc[cohort.participants["participant_id"], list(cohort.features.itertuples(index=False, name=None))]
    done = harmonize_cohort(
        cohort, ["raw", "hbr"], reference_site="site1", patient_group="MS", hbr=HbrRun(fit=fit, threads=2)
    )
    return cohort, truth.to_numpy(), effects.set_index(KEYS), done


@pytest.mark.parametrize(
    ("keep", "fit"), [(8, "all"), pytest.param(1, "best-fold", marks=pytest.mark.nightly)], ids=["some", "whole"]
)
def test_site_effects_vanish_peaks_and_differences_are_kept(keep, fit):
    cohort, truth, effects, done = study(keep, fit)
    assert done.hbr_diagnostics["converged"].mean() > 0.99
    eta2 = site_effects(cohort, done.values).groupby("data")["eta2"].mean()
    assert eta2["hbr"] < 0.01 < 0.1 < eta2["raw"]
    models = age_models(cohort, {**done.values, "truth": truth}, standardize_r2star=False, n_bootstrap=2)
    peaks = models.pivot(index=KEYS, columns="data", values="peak_age")
    assert (peaks["hbr"] - peaks["truth"]).abs().mean() < 1
    assert (peaks["hbr"] - effects["peak_age"].reindex(peaks.index)).abs().mean() < 1
    assert (peaks["raw"] - peaks["truth"]).abs().mean() > 2
    d, _ = group_differences(cohort, done.values, reference_site="site1", harmonized_method="hbr")
    found = d[d["comparison"] == "harmonized"].set_index(KEYS)["d"]
    planted = effects["d_ms"].reindex(found.index)
    assert np.corrcoef(found, planted)[0, 1] >= 0.9
    # Patients' mean Z-scores go with the planted difference, of the other sign.
    z = pd.Series(np.nanmean(done.zscores[~cohort.is_control], axis=0), pd.MultiIndex.from_frame(cohort.features[KEYS]))
    assert np.corrcoef(z.reindex(planted.index), -planted)[0, 1] >= 0.9
