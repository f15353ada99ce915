"""The simulated values carry what was planted, and nothing of the order in which they are asked for."""

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.names import BRODMANN_AREAS, BUNDLES
from harmoniq.simulation.demographics import simulate_participants
from harmoniq.simulation.effects import planted_effects
from harmoniq.simulation.truth import simulate_values, tissue_arrays

KEYS = ["participant_id", "metric", "tissue", "region"]


@pytest.fixture(scope="module")
def people():
    return simulate_participants(subjects_per_site=20, patients=20, seed=2)


@pytest.fixture(scope="module")
def effects():
    return planted_effects(2)


def crowd(count, site="site1", group="HC", age=50.0, **clinical):
    """Return many participants who differ in their label only."""
    frame = pd.DataFrame({"participant_id": [f"sub-X{i:05d}" for i in range(count)]})
    frame["site"], frame["group"], frame["age"], frame["sex"] = site, group, age, "F"
    for name in ("phenotype", "disease_duration", "edss"):
        frame[name] = clinical.get(name, np.nan)
    return frame


def wide(values, column="value"):
    return values.pivot(index="participant_id", columns=["metric", "tissue", "region"], values=column)


def test_rows(people, effects):
    values = simulate_values(people, effects, 2)
    assert " ".join(values.columns) == "participant_id metric tissue region hemisphere value biological"
    assert len(values) == 80 * 100 + 60 * 100
    assert not values.duplicated(KEYS).any()
    r2star = values[values["metric"] == "R2star"]["participant_id"].unique()
    assert set(r2star) == set(people[people["megre"]]["participant_id"])
    first = values[values["participant_id"] == people["participant_id"].iloc[0]]
    pd.testing.assert_frame_equal(
        first[["metric", "tissue", "region"]].reset_index(drop=True), effects[["metric", "tissue", "region"]]
    )


def test_subsets_and_orders_reproduce(people, effects):
    whole = wide(simulate_values(people, effects, 2))
    some = people.iloc[[57, 3, 20, 41]].reset_index(drop=True)
    again = wide(simulate_values(some, effects.sample(frac=1, random_state=0), 2))
    np.testing.assert_array_equal(again.to_numpy(), whole.loc[again.index, again.columns].to_numpy())
    few = wide(simulate_values(some, effects[effects["tissue"] == "WM"], 2))
    np.testing.assert_array_equal(few.to_numpy(), whole.loc[few.index, few.columns].to_numpy())
    other = wide(simulate_values(people, effects, 3))
    assert np.nanmax(np.abs(other.to_numpy() - whole.to_numpy())) > 0.1


def test_reference_site_reads_the_biology(people, effects):
    values = simulate_values(people, effects, 2)
    at_first = values["participant_id"].str.startswith("sub-S1")
    np.testing.assert_array_equal(values[at_first]["value"], values[at_first]["biological"])
    assert (values[~at_first]["value"] != values[~at_first]["biological"]).all()


def test_healthy_moments_are_the_planted_ones(effects):
    """Mean and SD over 1500 equal women of 30 years: baseline plus curve plus site, within four standard errors."""
    count, age = 1500, 30.0
    values = wide(simulate_values(crowd(count, "site2", age=age), effects, 0))
    table = effects.set_index(["metric", "tissue", "region"]).loc[values.columns]
    mean = table["baseline"] + table["b_age2"] * (age - table["peak_age"]) ** 2 + table["additive_site2"]
    sd = table["sd_noise"] * table["multiplicative_site2"]
    # 200 comparisons: four standard errors hold all but 1 in 16,000.
    assert (np.abs(values.mean() - mean) / (sd / np.sqrt(count))).max() < 4.5
    assert (np.abs(values.std() / sd - 1)).max() < 4.5 / np.sqrt(2 * count)


def test_noise_is_shared_between_regions(effects):
    values = wide(simulate_values(crowd(2000), effects, 0))
    r = values.corr()
    inside = r.loc[("R1", "cGM", "BA4"), ("R1", "cGM", "BA10")]
    assert inside == pytest.approx(0.5, abs=0.07)
    assert r.loc[("R1", "cGM", "BA4"), ("R1", "sWM", "BA4")] == pytest.approx(0.4, abs=0.07)
    assert r.loc[("R1", "cGM", "BA4"), ("R2star", "WM", "FA")] == pytest.approx(0.1, abs=0.08)


def test_disease_shifts_by_cohens_d(effects):
    count = 1500
    healthy = wide(simulate_values(crowd(count, "site2"), effects, 0))
    ill = wide(simulate_values(crowd(count, "site2", "MS"), effects, 1))
    table = effects.set_index(["metric", "tissue", "region"]).loc[healthy.columns]
    pooled = np.sqrt((healthy.var() + ill.var()) / 2)
    d = (healthy.mean() - ill.mean()) / pooled
    # The standard error of d is sqrt(2 / n) = 0.037.
    assert np.abs(d - table["d_ms"]).max() < 4.5 * np.sqrt(2 / count)


def test_disability_is_planted_where_said(effects):
    patients = pd.concat(
        [simulate_participants(seed=seed).query("group == 'MS'").assign(seed=seed) for seed in range(8)]
    )
    patients["participant_id"] += "x" + patients["seed"].astype(str)
    values = wide(simulate_values(patients, effects, 0), "biological").loc[patients["participant_id"]]
    table = effects.set_index(["metric", "tissue", "region"]).loc[values.columns]
    expected = (
        table["baseline"].to_numpy()
        + table["b_age2"].to_numpy() * (patients["age"].to_numpy()[:, None] - table["peak_age"].to_numpy()) ** 2
    )
    z = (values.to_numpy() - expected) / table["sd_noise"].to_numpy()
    covariates = pd.get_dummies(patients["phenotype"]).to_numpy(float)
    covariates = np.column_stack([covariates, patients["disease_duration"], patients["sex"] == "M"]).astype(float)
    left = [y - covariates @ np.linalg.lstsq(covariates, y, rcond=None)[0] for y in (patients[["edss"]].to_numpy(), z)]
    beta = (left[0] * left[1]).sum(axis=0) / (left[1] ** 2).sum(axis=0)
    # 784 patients: the standard error of the slope is 1.15 / sqrt(784) = 0.041.
    assert np.abs(beta - table["edss_beta"]).max() < 4.5 * 0.041


def test_hemispheres_average_to_the_region(people, effects):
    whole = simulate_values(people, effects, 2).set_index(KEYS)
    sides = simulate_values(people, effects, 2, hemispheres=True)
    assert set(sides[sides["tissue"] == "WM"]["hemisphere"]) == {"n/a"}
    cortex = sides[sides["tissue"] != "WM"]
    assert set(cortex["hemisphere"]) == {"L", "R"}
    mean = sides.groupby(KEYS, sort=False)[["value", "biological"]].mean()
    for column in ("value", "biological"):
        np.testing.assert_allclose(mean[column], whole.loc[mean.index, column], rtol=1e-13)
    left, right = (cortex[cortex["hemisphere"] == side]["value"].to_numpy() for side in "LR")
    relative = (left - right) / (left + right) * 2
    assert 0.005 < relative.std() < 0.02


def test_arrays_for_the_images(people, effects):
    values = simulate_values(people, effects, 2, hemispheres=True)
    one = values[values["participant_id"] == "sub-S2P001"]
    arrays = tissue_arrays(one)
    assert set(arrays) == {(metric, tissue) for metric in ("R1", "R2star") for tissue in ("cGM", "sWM", "WM")}
    assert all(array.shape == ((18,) if tissue == "WM" else (2, 41)) for (_, tissue), array in arrays.items())
    row = one[(one["metric"] == "R2star") & (one["tissue"] == "sWM") & (one["region"] == "BA19")]
    found = arrays["R2star", "sWM"][:, BRODMANN_AREAS.index("BA19")]
    np.testing.assert_array_equal(found, row.sort_values("hemisphere")["value"])
    bundle = one[(one["metric"] == "R1") & (one["region"] == "IFO_L")]["biological"].item()
    assert tissue_arrays(one, column="biological")["R1", "WM"][BUNDLES.index("IFO_L")] == bundle
    shuffled = tissue_arrays(one.sample(frac=1, random_state=1))
    assert all(np.array_equal(shuffled[key], arrays[key]) for key in arrays)
    regional = simulate_values(people, effects, 2)
    both = tissue_arrays(regional[regional["participant_id"] == "sub-S2P001"])["R1", "cGM"]
    np.testing.assert_array_equal(both[0], both[1])


def test_arrays_of_a_site_without_r2star(people, effects):
    values = simulate_values(people, effects, 2, hemispheres=True)
    arrays = tissue_arrays(values[values["participant_id"] == "sub-S3C001"])
    assert (arrays["R2star", "cGM"] == 17.5).all()
    assert np.unique(arrays["R1", "cGM"]).size == 82
    with pytest.raises(InputError, match="one participant"):
        tissue_arrays(values)


def test_an_unplanted_site_is_named(effects):
    with pytest.raises(InputError, match=r"site = Basel.*site1, site2, site3"):
        simulate_values(crowd(1, "Basel"), effects, 0)
