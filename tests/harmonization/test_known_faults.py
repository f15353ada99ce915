"""The thirteen faults of neuroHarmonize 2.5.2: each is shown in the engine itself, and kept away from our users."""

import contextlib
import io
import pickle
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.errors import InputError
from harmoniq.harmonization.combat import Combat
from harmoniq.harmonization.empirical_bayes import MAX_ITERATIONS, shrink_site
from harmoniq.harmonization.gam import CombatGam
from harmoniq.harmonization.neuroharmonize import NeuroHarmonize

nh = pytest.importorskip("neuroHarmonize")
pytestmark = pytest.mark.filterwarnings("ignore")
AGES = {"site1": (18, 79), "site2": (18, 68), "site3": (18, 60)}


@pytest.fixture
def cohort(make_cohort):
    return make_cohort(n=30, p=3, ages=AGES, digits=3)


def covariates(cohort):
    people = cohort.participants
    return pd.DataFrame({"SITE": people["site"].astype(object), "age": people["age"],
                         "sex": (people["sex"] == "M").astype(float)})  # fmt: skip


def theirs(values, covars, **options):
    """Call the engine itself; return its model, values, and what it prints."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        model, out = nh.harmonizationLearn(values, covars, **options)
    return model, out, said.getvalue()


def apply_theirs(values, covars, model):
    with contextlib.redirect_stdout(io.StringIO()):
        return nh.harmonizationApply(values, covars, model)


def ours(cohort, method="combat", **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        harmonizer = NeuroHarmonize(method=method, **({"reference_site": "site1"} | options)).fit(cohort)
        return harmonizer, harmonizer.transform(cohort)


def test_1_a_reference_site_does_not_crash_and_is_left_as_it_is(cohort):
    _, out = ours(cohort)
    here = (cohort.participants["site"] == "site1").to_numpy()
    assert (out[here] == cohort.values[here]).all() and (out[~here] != cohort.values[~here]).all()


def test_2_an_unknown_reference_is_an_error(cohort):
    _, out, said = theirs(cohort.values, covariates(cohort), ref_batch="Site1")
    assert np.isfinite(out).all() and said  # printed, and gone on with
    with pytest.raises(InputError, match=r"reference_site = Site1: is not a site"):
        ours(cohort, reference_site="Site1")
    numbered = replace(cohort, participants=cohort.participants.assign(
        site=cohort.participants["site"].map({"site1": 1, "site2": 2, "site3": 3})))  # fmt: skip
    assert (ours(numbered, reference_site="1")[1] == ours(numbered, reference_site=1)[1]).all()


def test_3_some_of_the_sites_can_be_transformed_and_unseen_ones_raise(cohort):
    model, *_ = theirs(cohort.values, covariates(cohort), ref_batch="site1")
    some = (cohort.participants["site"] != "site2").to_numpy()
    with pytest.raises(Exception):  # noqa: B017 - whatever it is
        apply_theirs(cohort.values[some], covariates(cohort)[some].reset_index(drop=True), model)
    harmonizer, whole = ours(cohort)
    np.testing.assert_allclose(harmonizer.transform(cohort.select(rows=some)), whole[some], rtol=1e-14)
    other = replace(cohort, participants=cohort.participants.assign(site="elsewhere"))
    with pytest.raises(InputError, match="site = elsewhere: was not in the fit"):
        harmonizer.transform(other)


def test_4_the_order_of_columns_does_not_matter(cohort):
    model, out, _ = theirs(cohort.values, covariates(cohort), ref_batch="site1")
    swapped = apply_theirs(cohort.values[:, ::-1], covariates(cohort), model)
    assert np.abs(swapped[:, ::-1] - out).max() > 0.01  # silently wrong
    harmonizer, whole = ours(cohort)
    there = harmonizer.transform(cohort.select(columns=np.array([2, 1, 0])))
    np.testing.assert_allclose(there[:, ::-1], whole, rtol=1e-14)


def test_5_a_saved_model_is_of_use(cohort, tmp_path):
    harmonizer, whole = ours(cohort)
    harmonizer.save(tmp_path)
    assert (NeuroHarmonize.load(tmp_path).transform(cohort) == whole).all()


def test_6_one_missing_value_harms_nothing_else_and_a_tiny_site_is_named(cohort):
    holes = cohort.values.copy()
    holes[40, 0] = np.nan
    assert np.isnan(theirs(holes, covariates(cohort))[1]).all()
    _, out = ours(cohort.with_values(holes))
    assert np.isnan(out).sum() == 1
    one = np.r_[0:60, 60:61]
    assert np.isnan(theirs(cohort.values[one], covariates(cohort).iloc[one].reset_index(drop=True))[1]).all()
    with pytest.raises(InputError, match=r"site3.*at least 3 controls"):
        ours(cohort.select(rows=one))


def test_7_ages_beyond_the_fit_are_flagged(cohort):
    part = cohort.select(columns=np.array([0]))
    model, *_ = theirs(part.values, covariates(part), smooth_terms=["age"], seed=1)
    old = covariates(part).assign(age=lambda frame: frame["age"] + 30)
    with pytest.raises(Exception):  # noqa: B017
        apply_theirs(part.values, old, model)
    harmonizer, _ = ours(part, "gam")
    aged = replace(part, participants=part.participants.assign(age=part.participants["age"] + 30))
    assert "lie outside the controls' ages" in harmonizer.outside(aged)[0]
    with pytest.warns(UserWarning, match="continued as a straight line"):
        assert np.isfinite(harmonizer.transform(aged)).all()


def test_8_the_rounding_to_32_bits_is_the_engines_alone(make_cohort):
    """Their linear covariates are cast to float32: rounding them beforehand changes our result, and not theirs."""
    cohort = make_cohort(n=30, p=3, ages=AGES)
    age = cohort.participants["age"].to_numpy()
    rounded = replace(cohort, participants=cohort.participants.assign(age=age.astype(np.float32).astype(float)))
    assert (theirs(cohort.values, covariates(cohort))[1] == theirs(rounded.values, covariates(rounded))[1]).all()
    native, other = (Combat(reference_site="site1").fit(each).transform(each) for each in (cohort, rounded))
    assert 0 < np.abs(native - other).max() < 1e-7


def test_9_the_unit_of_age_does_not_choose_the_penalty(cohort):
    part = cohort.select(columns=np.array([0]))
    centuries = covariates(part).assign(age=lambda frame: frame["age"] / 100)
    years, hundreds = (theirs(part.values, covars, smooth_terms=["age"], ref_batch="site1", seed=1)[1]
                       for covars in (covariates(part), centuries))  # fmt: skip
    assert np.abs(years - hundreds).max() > 1e-4
    aged = replace(part, participants=part.participants.assign(age=part.participants["age"] / 100))
    outs = [CombatGam(reference_site="site1").fit(each).transform(each) for each in (part, aged)]
    np.testing.assert_allclose(outs[0], outs[1], rtol=1e-7)


def test_10_seeded_always_and_the_global_state_untouched(cohort):
    part = cohort.select(columns=np.array([0]))
    np.random.seed(3)  # noqa: NPY002
    theirs(part.values, covariates(part), smooth_terms=["age"], seed=7)
    after = np.random.random()  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    assert after != expected
    np.random.seed(3)  # noqa: NPY002
    first = ours(part, "gam", seed=7)[1]
    assert np.random.random() == expected  # noqa: NPY002
    assert (ours(part, "gam", seed=7)[1] == first).all()


def test_11_a_saved_model_holds_nobodys_data(cohort, tmp_path):
    part = cohort.select(columns=np.array([0]))
    model, *_ = theirs(part.values, covariates(part), smooth_terms=["age"], seed=1)
    ages = cohort.participants["age"].to_numpy()
    assert any(np.isin(ages, array).all() for array in _arrays(pickle.loads(pickle.dumps(model))))
    ours(part, "gam")[0].save(tmp_path)
    with np.load(tmp_path / "parameters.npz") as stored:
        # Knots are quantiles of age, and some fall on one of the 90: no more than there are knots.
        known = {name: int(np.isin(ages, stored[name]).sum()) for name in stored.files if name != "count"}
        assert {name for name, count in known.items() if count} <= {"knots_age"} and known["knots_age"] <= 8
        assert not any(np.isin(part.values, stored[name]).any() for name in stored.files)


def test_12_a_misspelt_smooth_is_named(cohort):
    with pytest.raises(Exception) as found:
        theirs(cohort.values, covariates(cohort), smooth_terms=["aeg"])
    assert not isinstance(found.value, InputError)
    with pytest.raises(InputError, match="must include aeg for ComBat-GAM"):
        CombatGam(reference_site="site1", smooth=("aeg",))
    with pytest.raises(InputError, match="protect = aeg: is not a column of the participants"):
        CombatGam(reference_site="site1", smooth=("age", "aeg"), protect=("age", "sex", "aeg")).fit(cohort)


def test_13_the_iteration_ends():
    """Numbers on which the estimates go on changing by more than the tolerance: the cap holds, and is reported."""
    rng = np.random.default_rng(0)
    shift, variance = rng.normal(0, 1e-3, 50), rng.uniform(0.5, 2, 50)
    *_, converged = shrink_site(shift, variance, np.full(50, 5), tolerance=-1.0)
    assert not converged
    *_, converged = shrink_site(shift, variance, np.full(50, 5))
    assert converged and MAX_ITERATIONS == 1000


def _arrays(item, depth=0):
    """Yield all arrays of numbers in a nest of dictionaries, lists and objects."""
    if depth > 6:
        return
    if isinstance(item, np.ndarray):
        if item.dtype.kind == "f":
            yield item
        return
    children = item.values() if isinstance(item, dict) else item if isinstance(item, list | tuple) else ()
    if hasattr(item, "__dict__"):
        children = [*children, *vars(item).values()]
    if isinstance(item, pd.DataFrame):
        yield item.select_dtypes("number").to_numpy(dtype=float)
        return
    for child in children:
        yield from _arrays(child, depth + 1)
