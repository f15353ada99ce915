"""The simulated participants follow Table 1 of Chen et al. 2026."""

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.cohort import read_participants
from harmoniq.data.errors import InputError
from harmoniq.simulation.demographics import edss_residual, measures_r2star, simulate_participants

SEEDS = range(6)

#: Table 1: group, n, n with R2*, % female, mean and SD of age, range, and counts under 20, 40, 60, 80 years.
TABLE_1 = {
    ("site1", "HC"): (293, 287, 53.9, 50.9, 17.1, (18, 79), (6, 78, 99, 110)),
    ("site2", "HC"): (101, 101, 55.4, 37.7, 12.9, (18, 68), (2, 63, 30, 6)),
    ("site2", "MS"): (98, 98, 60.2, 40.2, 14.3, (18, 75), (3, 50, 30, 15)),
    ("site3", "HC"): (136, 0, 65.4, 17.4, 5.1, (8, 25), (81, 55, 0, 0)),
}


@pytest.mark.parametrize("seed", SEEDS)
def test_default_cohort_is_table_1(seed):
    people = simulate_participants(seed=seed)
    assert len(people) == 628
    assert people["participant_id"].is_unique
    for (site, group), (n, n_r2star, female, mean, sd, span, bins) in TABLE_1.items():
        part = people[(people["site"] == site) & (people["group"] == group)]
        assert len(part) == n
        assert measures_r2star(part).sum() == n_r2star
        assert round(100 * (part["sex"] == "F").mean(), 1) == pytest.approx(female, abs=0.05)
        # The printed counts per 20 years leave the mean and SD this much room.
        assert part["age"].mean() == pytest.approx(mean, abs=1.0)
        assert part["age"].std() == pytest.approx(sd, abs=1.5)
        assert span[0] <= part["age"].min() and part["age"].max() <= span[1]
        assert tuple(np.histogram(part["age"], [0, 20, 40, 60, 80])[0]) == bins


@pytest.mark.parametrize("seed", SEEDS)
def test_disease_is_table_1(seed):
    people = simulate_participants(seed=seed)
    patients = people[people["group"] == "MS"]
    assert patients["phenotype"].value_counts().to_dict() == {"RRMS": 71, "SPMS": 19, "PPMS": 8}
    assert tuple(patients["edss"].quantile([0.25, 0.5, 0.75])) == (1.5, 2.0, 4.0)
    assert set(patients["edss"]) <= {0.0, *np.arange(1, 10.5, 0.5)}
    assert patients["disease_duration"].mean() == pytest.approx(7.3, abs=0.7)
    assert patients["disease_duration"].std() == pytest.approx(8.6, abs=1.2)
    assert patients["disease_duration"].skew() > 1
    assert (patients["disease_duration"] < patients["age"]).all()
    by_phenotype = patients.groupby("phenotype")["edss"].mean()
    assert by_phenotype["RRMS"] + 1.5 < min(by_phenotype["PPMS"], by_phenotype["SPMS"])
    assert patients["edss"].corr(patients["disease_duration"], method="spearman") > 0.2
    controls = people[people["group"] == "HC"]
    assert controls[["phenotype", "disease_duration", "edss"]].isna().all().all()


def test_edss_residual_is_free_of_phenotype_and_duration():
    patients = pd.concat([simulate_participants(seed=seed).query("group == 'MS'") for seed in range(20)])
    residual, sd = edss_residual(patients)
    # Independent: least squares on the same covariates over 1960 patients leaves the same SD.
    covariates = pd.get_dummies(patients["phenotype"]).assign(years=patients["disease_duration"]).to_numpy(float)
    left = patients["edss"] - covariates @ np.linalg.lstsq(covariates, patients["edss"].to_numpy(), rcond=None)[0]
    assert sd == pytest.approx(left.std(), rel=0.05)
    assert residual.std() == pytest.approx(sd, rel=0.05)
    assert abs(np.corrcoef(residual, patients["disease_duration"])[0, 1]) < 0.05
    assert np.isnan(edss_residual(pd.DataFrame({"age": [40.0]}))[0]).all()


@pytest.mark.parametrize(
    ("arguments", "sizes"),
    [
        ({"sites": 1, "subjects_per_site": 1, "patients": 0}, {("site1", "HC"): 1}),
        ({"sites": 1, "subjects_per_site": 2, "patients": 3}, {("site1", "HC"): 2, ("site1", "MS"): 3}),
        ({"sites": 2, "subjects_per_site": 3}, {("site1", "HC"): 3, ("site2", "HC"): 3, ("site2", "MS"): 3}),
        ({"sites": 4, "subjects_per_site": 40, "patients": 1},
         {("site1", "HC"): 40, ("site2", "HC"): 40, ("site2", "MS"): 1, ("site3", "HC"): 40, ("site4", "HC"): 40}),
    ],
)  # fmt: skip
def test_any_number_of_sites_and_subjects(arguments, sizes):
    people = simulate_participants(**arguments, seed=3)
    assert people.groupby(["site", "group"]).size().to_dict() == sizes
    assert len(read_participants(people, file="people")) == len(people)
    assert not measures_r2star(people[people["site"] == "site3"]).any()
    if sizes["site1", "HC"] < 10:
        assert measures_r2star(people[people["site"] == "site1"]).all()


def test_further_sites_lie_between_the_first_two():
    people = simulate_participants(sites=5, seed=0)
    means = people[people["group"] == "HC"].groupby("site")["age"].mean()
    for site in ("site4", "site5"):
        assert means["site2"] < means[site] < means["site1"]


def test_single_subjects_cover_the_ages_over_seeds():
    ages = [simulate_participants(sites=1, subjects_per_site=1, patients=0, seed=s)["age"].iloc[0] for s in range(80)]
    assert np.mean(ages) == pytest.approx(50.9, abs=4 * 17.1 / np.sqrt(80))
    assert np.std(ages) > 10


def test_same_seed_same_people():
    pd.testing.assert_frame_equal(simulate_participants(seed=5), simulate_participants(seed=5))
    assert not simulate_participants(seed=5)["age"].equals(simulate_participants(seed=6)["age"])


@pytest.mark.parametrize(
    ("arguments", "key"),
    [({"sites": 0}, "sites"), ({"subjects_per_site": 0}, "subjects-per-site"), ({"patients": -1}, "patients"),
     ({"seed": -1}, "seed")],
)  # fmt: skip
def test_wrong_numbers_are_named(arguments, key):
    with pytest.raises(InputError, match=key):
        simulate_participants(**{"seed": 0, **arguments})
