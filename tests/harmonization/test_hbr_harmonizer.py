"""What harmonization by hierarchical Bayesian regression must do beside the contract."""

from dataclasses import replace

import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.harmonization.hbr.harmonizer import Hbr
from harmoniq.harmonization.hbr.run import HbrRun
from harmoniq.harmonization.hbr.sampler import SamplerOptions
from harmoniq.harmonization.hbr.score import model_sites, zscores

QUICK = SamplerOptions(chains=2, tune=150, draws=200, retry=False)


def fitted(cohort, **options):
    return Hbr(**({"reference_site": "site1", "fit": "all", "options": QUICK} | options)).fit(cohort)


def test_shift_and_spread_of_a_site_are_taken_away_and_sex_is_kept(make_cohort_with_truth):
    # Three values of the same site: shift 0.05, spread about 1.1 and, at site3, doubled.
    cohort, truth = make_cohort_with_truth(n=80, p=3, seed=1)
    values = cohort.values.copy()
    three = (cohort.participants["site"] == "site3").to_numpy()
    values[three] = values[three].mean(axis=0) + 2.0 * (values[three] - values[three].mean(axis=0))
    loud = cohort.with_values(values)
    model = fitted(loud)
    z, out = model.zscores(loud), model.transform(loud)
    male = (cohort.participants["sex"] == "M").to_numpy()[~three]
    for site in ("site1", "site2", "site3"):
        here = (cohort.participants["site"] == site).to_numpy()
        # 80 Z-scores: SD 1 within four standard errors; the mean is fitted.
        assert np.abs(z[here].std(axis=0) - 1).max() < 4 / np.sqrt(160)
        assert np.abs(z[here].mean(axis=0)).max() < 0.1
    before, after = (np.mean(v[~three][male], axis=0) - np.mean(v[~three][~male], axis=0) for v in (truth, out))
    # A standard error of the site's shift, 0.03 / sqrt(80); mapped to one sex, all of the planted 0.01 would be lost.
    assert np.abs(after - before).max() < 0.0034
    assert np.corrcoef(out[~three].ravel(), truth[~three].ravel())[0, 1] > 0.97


def test_best_fold_is_that_of_the_lowest_error_outside(make_cohort):
    cohort = make_cohort(n=25, p=2)
    model = fitted(cohort, fit="best-fold")
    table = model.diagnostics()
    assert len(table) == 10 and set(table["fold"]) == {"1", "2", "3", "4", "5"}
    for _, rows in table.groupby("region"):
        assert rows.loc[rows["used"], "rmse"].tolist() == [
            rows.loc[rows["converged"] == rows["converged"].max(), "rmse"].min()
        ]
    held = model.held_out_zscores(cohort)
    assert np.isfinite(held).all()  # controls only
    # Out of the sample: wider than 1, since the model's uncertainty is added, but not by much.
    assert 0.95 < held.std() < 1.3


def test_patients_have_no_held_out_scores(make_cohort):
    cohort = make_cohort(n=20, p=1, patients=5)
    held = fitted(cohort, fit="best-fold").held_out_zscores(cohort)
    assert (np.isfinite(held[:, 0]) == cohort.is_control).all()
    assert np.isnan(fitted(cohort).held_out_zscores(cohort)).all()


def test_number_of_threads_and_other_regions_do_not_matter(make_cohort):
    cohort = make_cohort(n=20, p=4)
    one, two = fitted(cohort, threads=1), fitted(cohort, threads=3)
    assert (one.transform(cohort) == two.transform(cohort)).all()
    alone = cohort.select(columns=np.array([2]))
    assert (fitted(alone).transform(alone)[:, 0] == one.transform(cohort)[:, 2]).all()


def test_ages_outside_get_values_but_no_scores(make_cohort):
    cohort = make_cohort(n=20, p=2, patients=3)
    age = cohort.participants["age"].to_numpy().copy()
    age[-1] = 95.0
    old = replace(cohort, participants=cohort.participants.assign(age=age))
    model = fitted(old)
    assert np.isnan(model.zscores(old)[-1]).all() and np.isfinite(model.zscores(old)[:-1]).all()
    with pytest.warns(UserWarning, match=r"sub-0062 \(95\)"):
        assert np.isfinite(model.transform(old)).all()


def test_a_dozen_controls_are_harmonized_and_flagged(make_cohort):
    """More parameters than controls: exact fits, a posterior that no sampler explores. Said, and finite."""
    ages = {"site1": (20, 70), "site2": (20, 60), "site3": (15, 60)}
    cohort = make_cohort(n=3, p=2, ages=ages)
    model = fitted(cohort, options=SamplerOptions(chains=2, tune=100, draws=100), disjoint_ages="warn")
    assert np.isfinite(model.transform(cohort)).all()
    assert not model.diagnostics()["converged"].any()
    assert any("have not converged" in note and "BA1" in note for note in model.notes)


def test_further_covariates_and_unknown_engines_are_refused():
    with pytest.raises(InputError, match=r"protect = weight.*age and sex"):
        Hbr(protect=("age", "sex", "weight"))
    with pytest.raises(InputError, match=r"hbr_engine = stan.*native, pcntoolkit"):
        Hbr(engine="stan")
    with pytest.raises(InputError, match=r"hbr_fit = some.*best-fold, all"):
        Hbr(fit="some")


def test_without_pcntoolkit_the_sentence_says_how_to_install_it(monkeypatch):
    import importlib.util

    from harmoniq.harmonization.hbr.engines import check_installed

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setitem(__import__("sys").modules, "pcntoolkit", None)
    with pytest.raises(InputError, match=r"pcntoolkit.*is not installed.*harmoniq\[hbr\]"):
        check_installed("pcntoolkit")


def test_scores_are_of_the_sites_of_like_age(make_cohort):
    cohort = make_cohort(n=40, p=2, patients=20)
    assert model_sites(cohort, "MS") == ("site1", "site2")
    values = cohort.values.copy()
    patients = ~cohort.is_control
    values[patients] -= 0.06  # two SD of the noise
    scored = zscores(cohort.with_values(values), patient_group="MS", run=HbrRun(options=QUICK))
    assert scored.sites == {"R1": ("site1", "site2")}
    three = (cohort.participants["site"] == "site3").to_numpy()
    assert np.isnan(scored.values[three]).all() and np.isfinite(scored.values[~three]).all()
    controls = scored.values[cohort.is_control & ~three]
    # Ten parameters of the mean for 80 controls take 6 % of the SD; the standard error of the rest is another 6 %.
    assert abs(controls.mean()) < 0.05 and 0.8 < controls.std() < 1.12
    # The site's noise is a factor exp(0.1 +- 0.1) wider; 20 patients' mean has a standard error of 0.25.
    assert np.all(np.abs(scored.values[patients].mean(axis=0) + 1.8) < 0.9)
    assert any("site1, site2" in note for note in scored.notes)
    named = zscores(cohort, run=HbrRun(options=QUICK, zscore_sites=("site2",)))
    assert named.sites == {"R1": ("site2",)}
    assert np.isfinite(named.values[(cohort.participants["site"] == "site2").to_numpy()]).all()
    with pytest.raises(InputError, match=r"zscore_sites = Site2.*site1, site2, site3"):
        zscores(cohort, run=HbrRun(zscore_sites=("Site2",)))


def test_new_site_is_added_from_its_controls(make_cohort):
    cohort = make_cohort(n=60, p=3, seed=2)
    site = cohort.participants["site"].to_numpy()
    old, new = cohort.select(rows=site != "site2"), cohort.select(rows=site == "site2")
    model = fitted(old)
    grown, table = model.adapt(new, ["site2"])
    assert (grown.transform(old) == model.transform(old)).all()
    whole = fitted(cohort)
    noise = 0.03
    # Two estimates of the same shift from the same 60 controls, one of them with a share in the curves.
    difference = (grown.transform(new) - whole.transform(new)).mean(axis=0)
    assert np.abs(difference).max() < 3 * noise / np.sqrt(60)
    assert ((table["shift_se"] > 0.5 * noise / np.sqrt(60)) & (table["shift_se"] < 4 * noise / np.sqrt(60))).all()
    few, uncertain = model.adapt(new.select(rows=np.arange(10)), ["site2"])
    assert (uncertain["z_se"] > table["z_se"]).all() and few.sites == ("site1", "site3", "site2")
    with pytest.raises(InputError, match="site2"):
        model.transform(new)
