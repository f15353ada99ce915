"""The native engine against neuroHarmonize 2.5.2 itself, called directly where that can be."""

import contextlib
import io

import numpy as np
import pandas as pd
import pytest

from harmoniq.harmonization.combat import Combat
from harmoniq.harmonization.gam import CombatGam
from harmoniq.harmonization.neuroharmonize import NeuroHarmonize

pytest.importorskip("neuroHarmonize")


def covariates(cohort):
    people = cohort.participants
    return pd.DataFrame(
        {"SITE": people["site"].astype(object), "age": people["age"], "sex": (people["sex"] == "M").astype(float)}
    )


def learn(cohort, **options):
    """Call neuroHarmonize on the controls and apply it to everybody."""
    from neuroHarmonize import harmonizationApply, harmonizationLearn

    controls = cohort.select(rows=cohort.is_control)
    with contextlib.redirect_stdout(io.StringIO()):
        model, out = harmonizationLearn(controls.values, covariates(controls), **options)
        everyone = harmonizationApply(cohort.values, covariates(cohort), model)
    return model, out, everyone


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reference", ["site1", "site3", None])
def test_linear_is_equal_digit_by_digit(reference, make_cohort):
    cohort = make_cohort(p=40, patients=15, digits=3)
    _, out, everyone = learn(cohort, ref_batch=reference)
    fitted = Combat(reference_site=reference).fit(cohort)
    # Ages of 3 binary digits survive the rounding to 32 bits: what is left is the order of sums, 1e-16 times some ten.
    np.testing.assert_allclose(fitted.transform(cohort)[cohort.is_control], out, rtol=1e-12)
    np.testing.assert_allclose(fitted.transform(cohort), everyone, rtol=1e-12)


@pytest.mark.filterwarnings("ignore")
def test_linear_with_any_age_differs_by_their_32_bits_only(make_cohort):
    cohort = make_cohort(p=40)
    _, out, _ = learn(cohort, ref_batch="site1")
    # neuroHarmonize rounds ages to 32 bits, 6e-8 relative; the effect of age is a part of the value.
    np.testing.assert_allclose(Combat(reference_site="site1").fit(cohort).transform(cohort), out, rtol=1e-7)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reference", ["site1", None])
@pytest.mark.parametrize("alpha", [0.5, 300.0, 1e6])
def test_gam_at_a_given_penalty_is_equal_digit_by_digit(reference, alpha, make_cohort, monkeypatch):
    from statsmodels.gam.generalized_additive_model import GLMGam

    monkeypatch.setattr(GLMGam, "select_penweight_kfold", lambda self, **_: ([alpha], None))
    cohort = make_cohort(p=8, patients=15, digits=3)
    model, out, everyone = learn(cohort, ref_batch=reference, smooth_terms=["age"])
    fitted = CombatGam(reference_site=reference, penalty=alpha).fit(cohort)
    np.testing.assert_allclose(fitted.model.coefficients, model["B_hat"][3:], rtol=1e-7, atol=1e-9)
    # Two ways to solve the same penalized least squares, with condition numbers up to some 1e5.
    np.testing.assert_allclose(fitted.transform(cohort)[cohort.is_control], out, rtol=1e-10)
    np.testing.assert_allclose(fitted.transform(cohort), everyone, rtol=1e-10)


@pytest.mark.filterwarnings("ignore")
def test_the_adapter_gives_what_the_engine_gives(make_cohort):
    cohort = make_cohort(p=6, patients=15)
    _, _, everyone = learn(cohort, ref_batch="site1")
    fitted = NeuroHarmonize(method="combat", reference_site="site1").fit(cohort)
    np.testing.assert_allclose(fitted.transform(cohort), everyone, rtol=1e-7)
    small = cohort.select(columns=np.array([0, 1]))
    _, _, everyone = learn(small, ref_batch="site1", smooth_terms=["age"], seed=4)
    fitted = NeuroHarmonize(method="gam", reference_site="site1", seed=4).fit(small)
    np.testing.assert_allclose(fitted.transform(small), everyone, rtol=1e-7)


@pytest.mark.filterwarnings("ignore")
def test_the_adapter_takes_missing_values_that_make_the_engine_nan(make_cohort):
    cohort = make_cohort(p=5)
    holes = cohort.values.copy()
    holes[::9, 0] = np.nan
    part = cohort.with_values(holes)
    elsewhere = (part.participants["site"] != "site1").to_numpy()
    assert np.isnan(learn(part, ref_batch="site1")[1][elsewhere]).all()
    out = NeuroHarmonize(method="combat", reference_site="site1").fit(part).transform(part)
    assert (np.isnan(out) == np.isnan(holes)).all()
    # The native engine, which takes missing values, agrees within the 32 bits of the ages.
    native = Combat(reference_site="site1").fit(part).transform(part)
    np.testing.assert_allclose(out, native, rtol=1e-7)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_reml_is_as_near_to_the_truth_as_their_cross_validation(make_cohort_with_truth):
    cohort, truth = make_cohort_with_truth(n=100, p=12, seed=5)
    errors = []
    for harmonizer in (CombatGam(reference_site="site1"), NeuroHarmonize(method="gam", reference_site="site1")):
        out = harmonizer.fit(cohort).transform(cohort)
        errors.append(np.sqrt(((out - truth) ** 2).mean()))
    assert errors[0] < 1.05 * errors[1]
