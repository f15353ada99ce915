"""The planted effects: complete, seeded, and as the paper's findings say."""

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.names import BRODMANN_AREAS, BUNDLES
from harmoniq.simulation.effects import planted_effects


@pytest.fixture(scope="module")
def effects():
    return planted_effects(4)


def part(effects, metric, tissue):
    return effects[(effects["metric"] == metric) & (effects["tissue"] == tissue)].set_index("region")


def test_every_region_once_in_order(effects):
    expected = [
        (metric, tissue, region)
        for metric in ("R1", "R2star")
        for tissue in ("cGM", "sWM", "WM")
        for region in (BUNDLES if tissue == "WM" else BRODMANN_AREAS)
    ]
    assert list(effects[["metric", "tissue", "region"]].itertuples(index=False, name=None)) == expected
    assert len(effects) == 200


def test_site1_is_the_truth_and_site3_has_no_r2star(effects):
    assert (effects["additive_site1"] == 0).all() and (effects["multiplicative_site1"] == 1).all()
    r1 = effects["metric"] == "R1"
    assert effects.loc[~r1, ["additive_site3", "multiplicative_site3"]].isna().all().all()
    rest = effects.drop(columns=["additive_site3", "multiplicative_site3"])
    assert rest.notna().all().all() and effects[r1].notna().all().all()


@pytest.mark.parametrize(
    ("metric", "tissue", "low", "high"),
    [("R1", "cGM", 0.57, 0.83), ("R1", "sWM", 0.74, 0.98), ("R1", "WM", 0.90, 1.17),
     ("R2star", "cGM", 14, 22), ("R2star", "sWM", 18, 25.5), ("R2star", "WM", 19, 27)],
)  # fmt: skip
def test_baselines_are_of_3_tesla_and_spread(effects, metric, tissue, low, high):
    baseline = part(effects, metric, tissue)["baseline"]
    assert low < baseline.min() and baseline.max() < high
    assert 0.045 < baseline.std() / baseline.mean() < 0.085


def test_primary_areas_are_high(effects):
    for metric in ("R1", "R2star"):
        baseline = part(effects, metric, "cGM")["baseline"]
        assert baseline[["BA1", "BA3", "BA4", "BA17", "BA41"]].min() > baseline.median()
        below = part(effects, metric, "sWM")["baseline"]
        assert (below > baseline).all()


@pytest.mark.parametrize("seed", range(8))
def test_largest_differences_and_edss_where_published(seed):
    effects = planted_effects(seed)
    for metric, tissue, region in (
        ("R1", "cGM", "BA46"), ("R1", "sWM", "BA28"), ("R1", "WM", "IFO_L"),
        ("R2star", "cGM", "BA2"), ("R2star", "sWM", "BA19"), ("R2star", "WM", "IFO_L"),
    ):  # fmt: skip
        assert part(effects, metric, tissue)["d_ms"].idxmax() == region
    planted = effects[effects["edss_beta"] != 0]
    assert set(planted["metric"] + planted["tissue"]) == {"R2starcGM"}
    assert set(planted["region"]) == {"BA1", "BA9", "BA10", "BA37", "BA43", "BA46"}
    assert planted.set_index("region")["edss_beta"].idxmax() == "BA10"
    # Only regions that differ between the groups are tested for EDSS.
    assert planted["d_ms"].min() >= part(effects, "R2star", "cGM")["d_ms"].median()


def test_shift_is_cohens_d(effects):
    # Two groups of equal size: pooled variance is the mean of the two.
    pooled = effects["sd_noise"] * np.sqrt((1 + effects["ms_noise_ratio"] ** 2) / 2)
    np.testing.assert_allclose(-effects["ms_shift"] / pooled, effects["d_ms"], rtol=1e-12)


def test_more_sites_change_nothing_of_the_first(effects):
    more = planted_effects(4, sites=6)
    pd.testing.assert_frame_equal(more[effects.columns], effects)
    assert np.isfinite(more["additive_site6"]).all()
    # A further scanner is at most as far from the first as the second is.
    assert more["additive_site5"].abs().max() <= more["additive_site2"].abs().max() * 1.2


def test_seeds():
    pd.testing.assert_frame_equal(planted_effects(1), planted_effects(1))
    assert not planted_effects(1)["baseline"].equals(planted_effects(2)["baseline"])
    with pytest.raises(InputError, match="sites"):
        planted_effects(1, sites=0)
