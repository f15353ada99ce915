"""Site effects: closed forms, and input at the edge of what can be estimated."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError
from harmoniq.data.tables import read_tsv, write_tsv
from harmoniq.statistics.design import age_design, independent_columns, site_indicators
from harmoniq.statistics.pca import PCA_COLUMNS, PCA_SUMMARY_COLUMNS, pca
from harmoniq.statistics.random_intercept import intraclass_correlation, site_spectrum
from harmoniq.statistics.site_effects import SITE_EFFECTS_COLUMNS, site_effects

pytestmark = pytest.mark.filterwarnings("error")


def test_two_sites_have_a_closed_form() -> None:
    """With one eigenvalue the REML ratio is (F - 1) / lambda, F the F-statistic of site; singular where F <= 1."""
    rng = np.random.default_rng(0)
    site = np.repeat(["a", "b"], [40, 25])
    age, sex = rng.uniform(18, 80, 65), np.where(rng.uniform(size=65) < 0.5, "F", "M")
    values = rng.normal(size=(65, 200)) + (site == "b")[:, None] * np.linspace(0, 1, 200)
    spectrum = site_spectrum(age_design(age, sex).matrix, site_indicators(site), values)
    f = spectrum.between[0] / (spectrum.within / (spectrum.dof - 1))
    ratio = np.maximum(f - 1, 0) / spectrum.eigenvalues[0]
    icc, singular = intraclass_correlation(spectrum)
    np.testing.assert_allclose(icc, ratio / (1 + ratio), rtol=1e-9, atol=1e-12)
    assert (singular == (f <= 1)).all() and 5 < singular.sum() < 150


def test_balanced_sites_give_the_anova_estimator() -> None:
    """Without covariates and with equal sites, REML is (MSB - MSW) / (MSB + (m - 1) MSW)."""
    rng = np.random.default_rng(1)
    site, m = np.repeat(np.array(list("abcde")), 20), 20
    values = rng.normal(size=(100, 50)) + rng.normal(0, 0.4, (5, 50))[np.repeat(np.arange(5), 20)]
    groups = values.reshape(5, m, 50)
    msb = m * groups.mean(axis=1).var(axis=0, ddof=1)
    msw = groups.var(axis=1, ddof=1).mean(axis=0)
    icc, _ = intraclass_correlation(site_spectrum(np.ones((100, 1)), site_indicators(site), values))
    np.testing.assert_allclose(icc, np.maximum((msb - msw) / (msb + (m - 1) * msw), 0), rtol=1e-9, atol=1e-12)


def test_units_do_not_matter(small: tuple) -> None:
    cohort, values = small
    plain = site_effects(cohort, values)
    scaled = site_effects(cohort, {name: 1e6 * array + 1e7 for name, array in values.items()})
    for name in ("icc_unadjusted", "icc_adjusted", "eta2", "partial_eta2"):
        np.testing.assert_allclose(plain[name], scaled[name], rtol=1e-7, atol=1e-12)


def test_order_of_rows_does_not_matter(small: tuple) -> None:
    cohort, values = small
    order = np.random.default_rng(3).permutation(len(cohort.participants))
    shuffled = site_effects(cohort.select(rows=order), {name: array[order] for name, array in values.items()})
    pd.testing.assert_frame_equal(site_effects(cohort, values), shuffled, rtol=1e-9)


def test_missing_values_of_one_region_harm_no_other(small: tuple) -> None:
    cohort, values = small
    holed = {name: array.copy() for name, array in values.items()}
    holed["raw"][::7, 0] = np.nan
    before, after = site_effects(cohort, values), site_effects(cohort, holed)
    touched = (before["region"] == "BA1") & (before["metric"] == "R1") & (before["data"] == "raw")
    pd.testing.assert_frame_equal(before[~touched], after[~touched])
    assert after.loc[touched, "n"].item() == 60 - len(range(0, 60, 7))


def with_people(cohort: Cohort, **columns: object) -> Cohort:
    return replace(cohort, participants=cohort.participants.assign(**columns))


def test_one_site_gives_no_estimate(small: tuple) -> None:
    cohort, values = small
    found = site_effects(with_people(cohort, site="a"), values)
    assert found[["icc_unadjusted", "icc_adjusted", "singular_adjusted", "eta2"]].isna().all().all()
    assert (found["n"] == 60).all()


def test_constant_and_absent_regions(small: tuple) -> None:
    cohort, values = small
    raw = values["raw"].copy()
    raw[:, 0], raw[:, 1] = 0.3, np.nan
    found = site_effects(cohort, {"raw": raw})
    assert found.loc[:1, ["icc_unadjusted", "eta2", "singular_unadjusted"]].isna().all().all()
    assert found.loc[2:, "eta2"].notna().all()
    assert found["n"].tolist() == [60, 0, 60, 60]


def test_one_sex_only(small: tuple) -> None:
    cohort, values = small
    assert site_effects(with_people(cohort, sex="F"), values)["icc_adjusted"].notna().all()


def test_sex_that_tells_the_site(small: tuple) -> None:
    cohort, values = small
    found = site_effects(with_people(cohort, sex=np.where(cohort.participants["site"] == "a", "F", "M")), values)
    assert found["icc_adjusted"].isna().all() and found["eta2"].isna().all() and found["icc_unadjusted"].notna().all()


@pytest.mark.parametrize("sizes", [(2, 2), (1, 1), (3, 1), (2, 20)])
def test_few_controls(small: tuple, sizes: tuple[int, int]) -> None:
    cohort, values = small
    rows = np.r_[np.arange(sizes[0]), 30 + np.arange(sizes[1])]
    found = site_effects(cohort.select(rows=rows), {name: array[rows] for name, array in values.items()})
    assert found["partial_eta2"].notna().all() == (sum(sizes) > 6)


def test_no_controls_is_a_sentence(small: tuple) -> None:
    cohort, values = small
    for function in (site_effects, pca):
        with pytest.raises(InputError, match=r"control_group = CTRL.*found: HC, MS"):
            function(replace(cohort, control_group="CTRL"), values)


def test_missing_age_is_a_sentence(small: tuple) -> None:
    cohort, values = small
    ages = cohort.participants["age"].where(cohort.participants.index != 3)
    with pytest.raises(InputError, match="sub-03"):
        site_effects(with_people(cohort, age=ages), values)


def test_aliased_columns_are_dropped_in_order() -> None:
    x = np.arange(6.0)
    assert independent_columns(np.column_stack([np.ones(6), x, 2 * x + 3, x**2])).tolist() == [True, True, False, True]


def test_written_flags_are_true_false_or_missing(small: tuple, tmp_path) -> None:
    cohort, values = small
    raw = values["raw"].copy()
    raw[:, 0] = 1.0
    write_tsv(site_effects(cohort, {"raw": raw}), tmp_path / "t.tsv", columns=SITE_EFFECTS_COLUMNS)
    lines = [line.split("\t") for line in (tmp_path / "t.tsv").read_text().splitlines()]
    flags = {line[lines[0].index("singular_adjusted")] for line in lines[1:]}
    assert "n/a" in flags and flags <= {"n/a", "true", "false"}
    assert list(read_tsv(tmp_path / "t.tsv").columns) == list(SITE_EFFECTS_COLUMNS)


def test_pca_recovers_a_plane_and_its_sites(small: tuple) -> None:
    cohort, _ = small
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=(2, 80))
    first[(cohort.participants["site"] == "b").to_numpy()] += 50
    features = pd.DataFrame({"metric": "R1", "tissue": "WM", "region": [f"r{k}" for k in range(6)]})
    values = np.outer(first, [1, 2, 3, -1, 0, 0]) + np.outer(second, [0, 0, 0, 0, 5, 6]) + 100
    wide = Cohort(cohort.participants, features, values)
    scores, summary = pca(wide, {"raw": values})
    assert list(scores.columns) == list(PCA_COLUMNS) and list(summary.columns) == list(PCA_SUMMARY_COLUMNS)
    row = summary.iloc[0]
    # Rank two after standardizing: the two shares are all there is; the first holds the sites.
    assert row["variance_PC1"] + row["variance_PC2"] == pytest.approx(1, abs=1e-12)
    assert row["eta2_PC1"] > 0.95 and row["eta2_PC2"] < 0.2
    again, _ = pca(wide, {"raw": -values})
    np.testing.assert_allclose(np.abs(again["PC1"]), np.abs(scores["PC1"]), rtol=1e-9)


def test_pca_without_complete_controls(small: tuple) -> None:
    cohort, values = small
    raw = values["raw"].copy()
    raw[::2, 0], raw[1::2, 1] = np.nan, np.nan
    scores, summary = pca(cohort, {"raw": raw})
    assert set(scores["metric"]) == {"R2star"}
    assert summary.loc[summary["metric"] == "R1", "variance_PC1"].isna().all()
