"""Cohorts that cannot be harmonized, or hardly: each gets a sentence or a note."""

from dataclasses import replace

import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.harmonization.base import HarmonizationWarning
from harmoniq.harmonization.combat import Combat
from harmoniq.harmonization.design import diagnostics
from harmoniq.harmonization.gam import CombatGam
from harmoniq.harmonization.hbr.harmonizer import Hbr
from harmoniq.harmonization.hbr.sampler import SamplerOptions
from harmoniq.harmonization.neuroharmonize import NeuroHarmonize, neuroharmonize


class QuickHbr(Hbr):
    """Hierarchical Bayesian regression with short chains."""

    def __init__(self, **options):
        super().__init__(fit="all", options=SamplerOptions(chains=2, tune=100, draws=150), **options)


KINDS = [Combat, CombatGam, NeuroHarmonize, QuickHbr]


@pytest.fixture(params=KINDS)
def kind(request):
    if request.param is NeuroHarmonize:
        pytest.importorskip("neuroHarmonize")
    return request.param


def with_people(cohort, **columns):
    people = cohort.participants.copy()
    for name, values in columns.items():
        people[name] = values
    return replace(cohort, participants=people)


def test_one_site_only(kind, make_cohort):
    cohort = make_cohort(ages={"site1": (20, 60)})
    with pytest.raises(InputError, match="only one site"):
        kind(reference_site="site1").fit(cohort)


def test_site_with_two_controls_is_named_with_its_count(kind, make_cohort):
    cohort = make_cohort(patients=5)
    few = np.flatnonzero(cohort.participants["site"] == "site3")[2:]
    with pytest.raises(InputError, match=r"site3.*at least 3 controls.*site3: 2"):
        kind(reference_site="site1").fit(cohort.select(rows=np.setdiff1d(np.arange(len(cohort.participants)), few)))


def test_site_of_patients_only(kind, make_cohort):
    cohort = make_cohort(patients=20)
    at_two = (cohort.participants["site"] == "site2").to_numpy()
    with pytest.raises(InputError, match="site2: 0"):
        kind(reference_site="site1").fit(cohort.select(rows=~(at_two & cohort.is_control)))


def test_age_missing_names_the_participant(kind, make_cohort):
    cohort = make_cohort()
    age = cohort.participants["age"].to_numpy().copy()
    age[7] = np.nan
    with pytest.raises(InputError, match="age of sub-0007"):
        kind(reference_site="site1").fit(with_people(cohort, age=age))


def test_ages_that_do_not_overlap_are_refused_or_warned_of(kind, make_cohort):
    cohort = make_cohort(p=3, ages={"site1": (20, 60), "site2": (30, 70), "site3": (8, 15)})
    with pytest.raises(InputError, match=r"do not overlap.*site3.*\| site1"):
        kind(reference_site="site1").fit(cohort)
    fitted = kind(reference_site="site1", disjoint_ages="warn").fit(cohort)
    assert any("do not overlap" in note for note in fitted.notes)
    assert any("no control of site3" in note for note in diagnostics(cohort))


def test_age_that_is_a_function_of_the_site_is_refused_always(kind, make_cohort):
    cohort = make_cohort()
    age = cohort.participants["site"].map({"site1": 40.0, "site2": 50.0, "site3": 60.0})
    with pytest.raises(InputError, match="cannot be told apart from the site"):
        kind(reference_site="site1", disjoint_ages="warn").fit(with_people(cohort, age=age))


def test_sex_that_is_a_function_of_the_site_is_refused(kind, make_cohort):
    cohort = make_cohort()
    sex = np.where(cohort.participants["site"] == "site1", "F", "M")
    with pytest.raises(InputError, match=r"sex.*cannot be told apart"):
        kind(reference_site="site1").fit(with_people(cohort, sex=sex))


def test_one_sex_throughout_is_a_note(kind, make_cohort):
    cohort = make_cohort(p=3)
    fitted = kind(reference_site="site1").fit(with_people(cohort, sex="F"))
    assert any("sex is the same" in note for note in fitted.notes)


def test_ages_outside_the_controls_are_flagged_and_finite(kind, make_cohort):
    cohort = make_cohort(p=3, patients=4)
    age = cohort.participants["age"].to_numpy().copy()
    age[-1] = 95.0
    old = with_people(cohort, age=age)
    fitted = kind(reference_site="site1").fit(old)
    with pytest.warns(HarmonizationWarning, match=r"1 participants.*sub-0123 \(95\)"):
        out = fitted.transform(old)
    assert np.isfinite(out).all() and np.abs(out - old.values).max() < 0.3


def test_region_missing_at_the_reference_site(make_cohort):
    cohort = make_cohort()
    holes = cohort.values.copy()
    at_one = (cohort.participants["site"] == "site1").to_numpy()
    holes[at_one, 4] = np.nan
    for kind in (Combat, CombatGam):
        fitted = kind(reference_site="site1").fit(cohort.with_values(holes))
        out = fitted.transform(cohort.with_values(holes))
        assert np.isnan(out[:, 4]).all() and np.isfinite(np.delete(out, 4, axis=1)).all()
        assert any("cannot be harmonized" in note and "BA5" in note for note in fitted.notes)


def test_region_with_two_values_at_a_site_is_missing_there(make_cohort):
    cohort = make_cohort()
    holes = cohort.values.copy()
    at_three = np.flatnonzero(cohort.participants["site"] == "site3")
    holes[at_three[2:], 4] = np.nan
    fitted = Combat(reference_site="site1").fit(cohort.with_values(holes))
    out = fitted.transform(cohort.with_values(holes))
    assert np.isnan(out[at_three, 4]).all() and np.isfinite(np.delete(out, 4, axis=1)).all()
    assert any("fewer than 3 controls" in note and "BA5 (2)" in note for note in fitted.notes)


@pytest.mark.parametrize("kind", [Combat, CombatGam])
@pytest.mark.parametrize("p", [1, 2])
def test_few_regions_and_equal_regions(kind, p, make_cohort):
    cohort = make_cohort(p=2)
    if p == 1:
        part = cohort.select(columns=np.array([0]))
    else:
        part = cohort.with_values(cohort.values[:, [0, 0]])
    out = kind(reference_site="site1").fit(part).transform(part)
    assert np.isfinite(out).all()
    if p == 2:
        np.testing.assert_allclose(out[:, 0], out[:, 1], rtol=1e-12)


def test_small_sites_and_tied_ages(make_cohort):
    ages = {"site1": (20, 70), "site2": (20, 60), "site3": (15, 30)}
    cohort = make_cohort(n=4, p=6, ages=ages, digits=0)
    rounded = with_people(cohort, age=np.round(cohort.participants["age"] / 10) * 10)
    for part in (cohort, rounded):
        out = CombatGam(reference_site="site1", disjoint_ages="warn").fit(part).transform(part)
        assert np.isfinite(out).all() and np.abs(out - part.values).max() < 0.5
    assert sum("only 4 controls" in note for note in diagnostics(cohort)) == 3


def test_diagnostics_of_partial_overlap_and_one_sex(make_cohort):
    cohort = make_cohort(seed=3)
    notes = diagnostics(cohort)
    assert any("of site3" in note and "have an age of the other sites" in note for note in notes)
    sex = cohort.participants["sex"].to_numpy().copy()
    sex[(cohort.participants["site"] == "site2").to_numpy()] = "M"
    assert any("of site2 are M" in note for note in diagnostics(with_people(cohort, sex=sex)))


def test_options_are_checked(make_cohort):
    with pytest.raises(InputError, match=r"protect = height: is not a column"):
        Combat(protect=("height",)).fit(make_cohort())
    with pytest.raises(InputError, match="must include height"):
        CombatGam(smooth=("age", "height"))
    with pytest.raises(InputError, match="smooth = sex"):
        CombatGam(smooth=("sex",))
    with pytest.raises(InputError, match="must include age"):
        CombatGam(protect=("sex",))
    with pytest.raises(InputError, match="penalty"):
        CombatGam(penalty=-1.0)
    with pytest.raises(InputError, match="disjoint_ages"):
        Combat(disjoint_ages="ignore")


def test_without_neuroharmonize_the_sentence_says_how_to_install_it(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "neuroHarmonize.harmonizationLearn", None)
    with pytest.raises(InputError, match=r"pip install --no-deps neuroHarmonize==2\.5\.2 neuroCombat==0\.2\.12"):
        neuroharmonize()
