"""A whole cohort: several metrics, methods and tissues, put back where they belong."""

import json

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError
from harmoniq.harmonization.combat import Combat
from harmoniq.harmonization.harmonize import harmonize_cohort


@pytest.fixture
def cohort(make_cohort):
    """R1 at three sites, R2* at the first two and not of everybody; columns interleaved."""
    r1, r2 = make_cohort(patients=10), make_cohort(patients=10, seed=1, metric="R2star")
    missing = r2.values.copy()
    missing[(r2.participants["site"] == "site3").to_numpy()] = np.nan
    missing[::11] = np.nan
    features = pd.concat([r1.features, r2.features], ignore_index=True)
    both = Cohort(r1.participants, features, np.column_stack([r1.values, missing]))
    order = np.random.default_rng(0).permutation(len(features))
    return both.select(columns=order)


def test_each_metric_over_the_sites_that_measured_it(cohort):
    result = harmonize_cohort(cohort, ["raw", "gam", "combat"], reference_site="site1")
    assert list(result.values) == ["raw", "gam", "combat"]
    assert (result.values["raw"] == cohort.values).sum() == np.isfinite(cohort.values).sum()
    for method in ("combat", "gam"):
        assert (np.isnan(result.values[method]) == np.isnan(cohort.values)).all()
    for metric in ("R1", "R2star"):
        part = cohort.metric(metric)
        alone = Combat(reference_site="site1").fit(part).transform(part)
        columns = (cohort.features["metric"] == metric).to_numpy()
        rows = cohort.participants["participant_id"].isin(part.participants["participant_id"]).to_numpy()
        np.testing.assert_array_equal(result.values["combat"][np.ix_(rows, columns)], alone)
    assert result.of("gam").values is result.values["gam"]


def test_models_are_saved_per_method_and_metric(cohort, tmp_path):
    harmonize_cohort(cohort, ["combat", "gam"], reference_site="site1", models_dir=tmp_path)
    for method in ("combat", "gam"):
        content = json.loads((tmp_path / method / "R2star" / "model.json").read_text())
        assert content["sites"] == ["site1", "site2"] and content["method"] == method
        assert (tmp_path / method / "R1" / "parameters.npz").is_file()


def test_unknown_reference_site_and_one_that_lacks_a_metric(cohort):
    with pytest.raises(InputError, match=r"site9.*site1, site2, site3"):
        harmonize_cohort(cohort, ["combat"], reference_site="site9")
    with pytest.raises(InputError, match=r"site3.*has no R2star.*site1, site2"):
        harmonize_cohort(cohort, ["combat"], reference_site="site3")
    assert list(harmonize_cohort(cohort, ["raw"], reference_site="site9").values) == ["raw"]


def test_unknown_method_names_those_that_there_are(cohort):
    with pytest.raises(InputError, match=r"longcombat.*raw, combat, gam, hbr"):
        harmonize_cohort(cohort, ["raw", "longcombat"], reference_site="site1")


def test_metric_of_the_reference_site_alone_is_left_as_it_is(cohort):
    part = cohort.values.copy()
    elsewhere = (cohort.participants["site"] != "site1").to_numpy()
    columns = (cohort.features["metric"] == "R2star").to_numpy()
    part[np.ix_(elsewhere, columns)] = np.nan
    lone = cohort.with_values(part)
    result = harmonize_cohort(lone, ["combat"], reference_site="site1")
    np.testing.assert_array_equal(result.values["combat"][:, columns], part[:, columns])
    assert sum("measured at site1 alone" in note for note in result.notes) == 1
    with pytest.raises(InputError, match="only one site"):
        harmonize_cohort(lone.select(rows=~elsewhere), ["combat"], reference_site="site1")


def test_notes_name_metric_and_method_once_each(cohort):
    values = cohort.values.copy()
    values[:, 3] = 1.0
    result = harmonize_cohort(cohort.with_values(values), ["combat", "gam"], reference_site="site1")
    flat = [note for note in result.notes if "do not vary" in note]
    assert len(flat) == 2 and all(
        note.split(":")[0] in ("R1, combat", "R1, gam", "R2star, combat", "R2star, gam") for note in flat
    )
    assert len(set(result.notes)) == len(result.notes)


def test_refusals_name_metric_and_method(cohort):
    few = np.flatnonzero((cohort.participants["site"] == "site3").to_numpy())[2:]
    rest = cohort.select(rows=np.setdiff1d(np.arange(len(cohort.participants)), few))
    with pytest.raises(InputError, match=r"site3.*\(R1, combat\)"):
        harmonize_cohort(rest, ["combat"], reference_site="site1")


def test_repeated_participants_are_refused(cohort):
    twice = cohort.select(rows=np.array([0, 0, 1, 2]))
    with pytest.raises(InputError, match="stands in two rows"):
        harmonize_cohort(twice, ["combat"], reference_site="site1")


def test_the_reference_engine_can_be_chosen(cohort):
    pytest.importorskip("neuroHarmonize")
    ours = harmonize_cohort(cohort, ["combat"], reference_site="site1").values["combat"]
    theirs = harmonize_cohort(cohort, ["combat"], reference_site="site1", engine="neuroharmonize").values["combat"]
    r1 = (cohort.features["metric"] == "R1").to_numpy()
    np.testing.assert_allclose(theirs[:, r1], ours[:, r1], rtol=1e-7)
