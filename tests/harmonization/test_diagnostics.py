"""Diagnostics of a harmonization: each fault is planted, and found; without it nothing warns."""

from dataclasses import replace

import numpy as np
import pytest

from harmoniq.harmonization.harmonize import harmonize_cohort
from harmoniq.statistics.harmonization_diagnostics import (
    DIAGNOSTICS_COLUMNS,
    flagged_notes,
    harmonization_diagnostics,
)
from harmoniq.statistics.site_effects import site_effects

AGES = {"site1": (18, 79), "site2": (20, 68), "site3": (25, 70)}


@pytest.fixture
def good(make_cohort):
    return make_cohort(n=100, p=10, patients=30, ages=AGES)


def checks(cohort, values=None, **options):
    values = values or harmonize_cohort(cohort, ["raw", "combat", "gam"], reference_site="site1").values
    return harmonization_diagnostics(cohort, values, site_effects(cohort, values), reference_site="site1", **options)


def warned(table, check):
    return table[(table["check"] == check) & table["flag"]]


def test_a_sound_harmonization_warns_of_nothing(good):
    table = checks(good, harmonize_cohort(good, ["raw", "gam"], reference_site="site1").values)
    assert list(table.columns) == list(DIAGNOSTICS_COLUMNS)
    assert set(table["check"]) == set(DIAGNOSTICS_COLUMNS["check"]["Levels"])
    assert not table["flag"].any(), table[table["flag"]]
    assert flagged_notes(table) == []
    leaks = table[table["check"].str.startswith("leakage")]
    assert len(leaks) == 2 and (leaks["value"] == 0).all()


def test_a_region_moved_without_a_site_effect_is_named(good):
    """The paper's corticospinal tract: hardly a site effect, and yet the values are bent."""
    done = harmonize_cohort(good, ["raw", "gam"], reference_site="site1").values
    away = (good.participants["site"] != "site1").to_numpy()
    age = good.participants["age"].to_numpy()
    flat, bent = good.values.copy(), done["gam"].copy()
    # A region without a site effect, which the method tilts by age at the other sites.
    flat[:, 3] = 0.8 - 0.0002 * (age - 42) ** 2 + 0.03 * np.random.default_rng(0).standard_normal(len(age))
    bent[:, 3] = flat[:, 3] + away * 0.002 * (age - 45)
    table = checks(good.with_values(flat), {"raw": flat, "gam": bent})
    found = warned(table, "over_correction")
    assert found["region"].tolist() == ["BA4"] and "peak age by" in found["message"].iloc[0]
    # 0.002 per year over ages of SD 14 is 0.028, of a noise of 0.03.
    assert found["value"].iloc[0] == pytest.approx(0.028 / 0.03, rel=0.25)
    assert any(note.startswith("over_correction: R1 cGM BA4 gam") for note in flagged_notes(table))


def test_linear_combat_over_a_partly_overlapping_site_is_over_corrected(make_cohort):
    cohort = make_cohort(n=100, p=10)
    table = warned(checks(cohort), "over_correction")
    assert (table["data"] == "combat").sum() >= 8 and (table["data"] == "gam").sum() <= 2
    assert warned(checks(cohort), "age_overlap")["site"].tolist() == ["site3"]


def test_collinear_and_unbalanced_sites(make_cohort):
    cohort = make_cohort(n=60, p=3, ages={"site1": (20, 45), "site2": (44, 80), "site3": (20, 45)})
    table = checks(cohort)
    found = table.set_index(["check", "site"])["value"]
    # The inverse of the variance inflation factor, from a regression written out.
    site, age = cohort.participants["site"].to_numpy(), cohort.participants["age"].to_numpy()
    fitted = np.array([age[site == label].mean() for label in site])
    share = ((age - fitted) ** 2).sum() / ((age - age.mean()) ** 2).sum()
    assert table.loc[table["check"] == "age_collinearity", "value"].item() == pytest.approx(share, rel=1e-12)
    assert found["age_overlap", "site2"] < 0.2 and "site2" in warned(table, "age_overlap")["site"].tolist()
    people = cohort.participants.assign(sex=np.where(site == "site2", "M", cohort.participants["sex"]))
    assert warned(checks(replace(cohort, participants=people)), "sex_balance")["site"].tolist() == ["site2"]


def test_twins_in_the_table_are_found(good):
    values = good.values.copy()
    values[7] = values[120]
    found = warned(checks(good.with_values(values)), "duplicates")
    assert found["value"].item() == 2 and "sub-0007, sub-0120" in found["message"].item()


def test_a_changed_reference_site_and_lost_values_are_found(good):
    done = harmonize_cohort(good, ["raw", "gam"], reference_site="site1").values
    moved = done["gam"].copy()
    moved[0, 0] += 1e-12
    moved[150, 1] = np.nan
    table = checks(good, {"raw": done["raw"], "gam": moved})
    assert warned(table, "reference_unchanged")["value"].item() == pytest.approx(1e-12, rel=0.01)
    assert warned(table, "lost_values")["value"].item() == 1


def test_a_leak_into_the_fit_is_found(good, monkeypatch):
    """A harmonizer that fits everybody, patients too, must be caught."""
    from harmoniq.harmonization import combat

    honest = combat.training_of
    everyone = lambda cohort, **options: honest(  # noqa: E731
        replace(cohort, participants=cohort.participants.assign(group="HC")), **options
    )
    monkeypatch.setattr(combat, "training_of", everyone)
    found = warned(checks(good), "leakage_patients")
    assert set(found["data"]) == {"combat", "gam"} and (found["value"] > 0.01).all()


def test_singular_fits_are_counted(good):
    values = harmonize_cohort(good, ["raw", "gam"], reference_site="site1").values
    effects = site_effects(good, values)
    table = checks(good, values)
    counted = table[table["check"] == "singular_fits"].set_index("data")["value"]
    for data, part in effects.groupby("data"):
        assert counted[data] == part["singular_adjusted"].sum()
    assert counted["gam"] == 10
