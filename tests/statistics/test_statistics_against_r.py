"""Every number of the contract's group level against R's lme4, car and base functions.

R prints 12 digits. Least squares agree to rounding (1e-8 leaves room for R's unscaled age^2). lme4's default optimizer
stops at about 1e-4 of the ICC (1e-5 absolute near the boundary, where the likelihood is flat); bobyqa with a final
radius of 1e-12 at about 1e-6, which is what the likelihood's rounding allows.
"""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.tables import read_tsv
from harmoniq.statistics.age_models import age_models
from harmoniq.statistics.group_differences import group_differences
from harmoniq.statistics.pca import pca
from harmoniq.statistics.site_effects import site_effects

EXACT = 1e-8
FEATURE = ["metric", "tissue", "region"]


@pytest.fixture(params=["committed", pytest.param("live", marks=pytest.mark.slow)])
def case(request: pytest.FixtureRequest) -> tuple:
    return request.getfixturevalue(request.param)


def paired(ours: pd.DataFrame, folder: Path, name: str, keys: list[str]) -> pd.DataFrame:
    theirs = read_tsv(folder / name)
    both = ours.merge(theirs, on=keys, suffixes=("", "_r"), how="outer", indicator=True)
    assert (both["_merge"] == "both").all(), both.loc[both["_merge"] != "both", keys]
    assert len(both) == len(theirs) == len(ours)
    return both


def close(both: pd.DataFrame, name: str, rtol: float = EXACT, atol: float = 1e-12) -> None:
    ours = both[name].to_numpy(dtype=float)
    theirs = pd.to_numeric(both[f"{name}_r"]).to_numpy(dtype=float)
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol, equal_nan=True, err_msg=name)


def test_site_effects(case: tuple) -> None:
    cohort, values, folder = case
    both = paired(site_effects(cohort, values), folder, "r_site_effects.tsv", [*FEATURE, "data"])
    for name in ("n", "eta2", "partial_eta2"):
        close(both, name)
    for kind in ("unadjusted", "adjusted"):
        close(both, f"icc_{kind}", rtol=1e-3, atol=3e-5)
        both[f"icc_{kind}_r"] = both[f"icc_{kind}_tight"]
        close(both, f"icc_{kind}", rtol=1e-5, atol=1e-7)
        ours, theirs = (
            both[f"singular_{kind}"].astype(bool),
            both[f"singular_{kind}_r"].astype(str).str.upper() == "TRUE",
        )
        pd.testing.assert_series_equal(ours, theirs, check_names=False)
        assert (both.loc[ours, f"icc_{kind}"] == 0).all()
    assert both["singular_adjusted"].any() and not both["singular_adjusted"].all()


def test_age_models(case: tuple) -> None:
    cohort, values, folder = case
    both = paired(age_models(cohort, values, n_bootstrap=10), folder, "r_age_models.tsv", [*FEATURE, "data"])
    for name in ("n", "b0", "b_age", "b_age2", "b_sex", "peak_age", "se_peak", "se_peak_paper", "rmse"):
        close(both, name)
    # The statistic is a difference of two log-likelihoods of some hundred: R's own rounding is 1e-13 of those.
    close(both, "lrt_chi2", rtol=1e-8, atol=1e-9)
    close(both, "lrt_p", rtol=1e-7)
    assert both["peak_age"].isna().any() and both["peak_age"].notna().any()


def test_group_differences(case: tuple) -> None:
    cohort, values, folder = case
    found, notes = group_differences(cohort, values, reference_site="site1")
    both = paired(found, folder, "r_group_differences.tsv", [*FEATURE, "comparison"])
    for name in ("n_controls", "n_patients", "d", "p", "p_fdr"):
        close(both, name, atol=1e-300 if name.startswith("p") else 1e-12)
    # R's pt() is an approximation beyond a noncentrality of 37.62; below, its quantiles are good to 1e-8 or so.
    unit = np.sqrt(1 / both["n_controls"] + 1 / both["n_patients"])
    near = both[(both[["ci_low_r", "ci_high_r"]].abs().max(axis=1) / unit) < 37]
    assert len(near) >= len(both) - 2
    for name in ("ci_low", "ci_high"):
        close(near, name, rtol=1e-6, atol=1e-7)
    assert any("R1: site3 left out" in note for note in notes) and any("gam" in note for note in notes)


def test_pca(case: tuple) -> None:
    cohort, values, folder = case
    scores, summary = pca(cohort, values)
    both = paired(summary, folder, "r_pca.tsv", ["metric", "tissue", "data"])
    for name in ("variance_PC1", "variance_PC2", "eta2_PC1", "eta2_PC2"):
        close(both, name)
    grouped = scores.groupby(["metric", "tissue", "data"])["PC1"]
    theirs = both.set_index(["metric", "tissue", "data"])
    np.testing.assert_allclose(
        grouped.apply(lambda s: s.abs().mean()).loc[theirs.index], theirs["mean_abs_PC1"], rtol=EXACT
    )
    assert (grouped.size().loc[theirs.index] == theirs["n"]).all()


@pytest.mark.slow
def test_committed_numbers_are_what_the_script_prints(committed: tuple, tmp_path: Path) -> None:
    if shutil.which("Rscript") is None:
        pytest.skip("no Rscript")
    folder = committed[2]
    command = ["Rscript", "r_reference.R", "participants.tsv", "values.tsv", str(tmp_path)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"R could not run (lme4, car): {done.stderr[-300:]}")
    for file in sorted(folder.glob("r_*.tsv")):
        now, then = read_tsv(tmp_path / file.name), read_tsv(file)
        # Another version of R, of lme4 or of the BLAS may differ in the last of the printed digits.
        pd.testing.assert_frame_equal(now, then, rtol=1e-4, atol=1e-6, check_dtype=False)
