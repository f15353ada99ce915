"""Averages per area and bundle against pandas, and what is left out."""

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.names import BRODMANN_AREAS, BRODMANN_NUMBERS
from harmoniq.regions.aggregate import bundle_rows, cortical_rows, engine_label
from harmoniq.tract.profile import Profile, central_nodes

WHAT = {
    "metric": "R1", "tissue": "cGM", "hemisphere": "L", "engine": "native 0.1.0 + freesurfer 7.3.2",
    "plausible": (0.1, 3.0),
}  # fmt: skip


def test_agrees_with_pandas():
    rng = np.random.default_rng(0)
    labels = rng.choice((-1, 0, *BRODMANN_NUMBERS), 20000)
    values = rng.normal(0.7, 0.05, labels.size)
    inside = rng.random(labels.size) > 0.1
    lesion = rng.random(labels.size) > 0.9
    rows = pd.DataFrame(cortical_rows(values, labels, inside, excluded=lesion, **WHAT)).set_index("region")
    frame = pd.DataFrame({"area": labels, "value": values, "keep": inside & ~lesion})
    wanted = frame[frame.keep].groupby("area")["value"].agg(["mean", "std", "count"])
    for number in BRODMANN_NUMBERS:
        row = rows.loc[f"BA{number}"]
        np.testing.assert_allclose([row.value, row.sd], wanted.loc[number, ["mean", "std"]], rtol=1e-12)
        assert row.n == wanted.loc[number, "count"]
        assert row.n + row.n_excluded == np.count_nonzero(labels == number)
    assert list(rows.index) == list(BRODMANN_AREAS)
    assert set(rows.columns) >= {"metric", "tissue", "hemisphere", "engine"}


def test_implausible_and_missing_values_are_left_out():
    labels = np.array([1, 1, 1, 1, 1, 2, 2, 3])
    values = np.array([0.6, 0.8, np.nan, 9.0, 0.01, np.nan, np.inf, 0.7])
    rows = {row["region"]: row for row in cortical_rows(values, labels, **WHAT)}
    assert (rows["BA1"]["value"], rows["BA1"]["n"], rows["BA1"]["n_excluded"]) == (pytest.approx(0.7), 2, 3)
    assert rows["BA1"]["sd"] == pytest.approx(np.sqrt(0.02))
    assert np.isnan(rows["BA2"]["value"])
    assert rows["BA2"]["n_excluded"] == 2
    assert rows["BA3"]["n"] == 1
    assert np.isnan(rows["BA3"]["sd"])
    assert rows["BA4"]["n"] == rows["BA4"]["n_excluded"] == 0
    narrow = cortical_rows(values, labels, **{**WHAT, "plausible": (0.75, 0.85)})[0]
    assert (narrow["value"], narrow["n"]) == (0.8, 1)


def _profile(mean):
    used = np.isfinite(mean)
    return Profile(mean, np.zeros(100), used, central_nodes(), 30, 3000, 0, np.zeros(100, int), 500.0)


def test_bundle_rows_average_the_central_nodes():
    mean = np.linspace(0, 0.99, 100)
    holed = mean.copy()
    holed[[10, 20, 21]] = np.nan
    rows = bundle_rows({"SLF_L": _profile(holed), "FA": _profile(mean)}, metric="R1", engine=engine_label("a 1", "b 2"))
    assert [row["region"] for row in rows] == ["FA", "SLF_L"]
    assert rows[0]["value"] == pytest.approx(np.mean(mean[15:85]))
    assert rows[0]["sd"] == pytest.approx(np.std(mean[15:85], ddof=1))
    assert (rows[0]["n"], rows[0]["n_excluded"]) == (70, 0)
    assert (rows[1]["n"], rows[1]["n_excluded"]) == (68, 2)
    assert rows[0]["hemisphere"] is None
    assert rows[0]["engine"] == "a 1 + b 2"
