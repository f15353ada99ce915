"""A hierarchical model taken to a new site, against planted site effects and a fit that had the site."""

from dataclasses import replace

import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.harmonization.hbr.harmonizer import Hbr
from harmoniq.harmonization.registry import load_harmonizer

AGES = {"site1": (18, 79), "site2": (20, 70), "site3": (25, 65)}


def study(make_cohort_with_truth, n=80, seed=3):
    cohort, truth = make_cohort_with_truth(n=n, p=6, seed=seed, ages=AGES)
    return cohort, truth, (cohort.participants["site"] == "site3").to_numpy()


def test_the_new_site_is_brought_to_the_reference(make_cohort_with_truth, tmp_path):
    cohort, truth, third = study(make_cohort_with_truth)
    fitted = Hbr(reference_site="site1", fit="all").fit(cohort.select(rows=~third))
    grown, table = fitted.adapt(cohort, ["site3"])
    assert grown.sites == ("site1", "site2", "site3") and fitted.sites == ("site1", "site2")
    out, whole = grown.transform(cohort), Hbr(reference_site="site1", fit="all").fit(cohort).transform(cohort)
    # The stated error covers what is wrong: the mean of the site against the truth, region by region.
    off = (out - truth)[third].mean(axis=0) / table["shift_se"].to_numpy()
    assert np.sqrt((off**2).mean()) < 1.8
    # A fit that had the site from the start agrees within the noise of 0.03 1/s over 80 controls.
    assert np.abs((out - whole)[third].mean(axis=0)).max() < 0.01
    assert np.sqrt(((out - whole)[third] ** 2).mean()) < 0.012
    # Z-scores of the site: mean 0 and SD 1, as far as its own controls can say.
    z = grown.zscores(cohort)[third]
    assert np.nanmean(z) == pytest.approx(0, abs=0.1) and np.nanstd(z) == pytest.approx(1, abs=0.1)
    # What the model knows of the other sites has not moved, and it is saved and loaded as it is.
    np.testing.assert_array_equal(out[~third], fitted.transform(cohort.select(rows=~third)))
    grown.save(tmp_path)
    np.testing.assert_array_equal(load_harmonizer(tmp_path).transform(cohort), out)
    assert (fitted.adapt(cohort, ["site3"])[0].transform(cohort) == out).all()


def test_fewer_controls_cost_certainty(make_cohort_with_truth):
    cohort, _, third = study(make_cohort_with_truth)
    fitted = Hbr(reference_site="site1", fit="all").fit(cohort.select(rows=~third))
    errors = []
    for count in (10, 40):
        rows = np.concatenate([np.flatnonzero(~third), np.flatnonzero(third)[:count]])
        _, table = fitted.adapt(cohort.select(rows=rows), ["site3"])
        assert (table["n"] == count).all()
        errors.append(table[["shift_se", "scale_se", "z_se"]].mean())
        # 1 / sqrt(n) standard deviations, and what the curve's own uncertainty adds.
        assert table["z_se"].mean() == pytest.approx(1 / np.sqrt(count), rel=0.35)
    # The reference site's own uncertainty is a part of shift and scale, and stays.
    ratio = errors[0] / errors[1]
    assert ratio["z_se"] > 1.6 and ratio["shift_se"] > 1.3 and ratio["scale_se"] > 1.1


def test_ages_beyond_the_fit_are_refused(make_cohort_with_truth):
    cohort, _, third = study(make_cohort_with_truth, n=40)
    fitted = Hbr(reference_site="site1", fit="all").fit(cohort.select(rows=~third))
    people = cohort.participants.assign(age=cohort.participants["age"].where(~third, 95.0))
    with pytest.raises(InputError, match="site = site3: 40 of 40 controls lie outside the ages of the fit"):
        fitted.adapt(replace(cohort, participants=people), ["site3"])
