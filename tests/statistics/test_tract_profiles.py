"""Groups' profiles along the bundles: marginal means of statsmodels, planted site effects, and what is too little."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import ols

from harmoniq.data.names import BUNDLES
from harmoniq.statistics.tract_profiles import (
    TRACT_PROFILES_COLUMNS,
    Profiles,
    age_groups,
    group_profiles,
    read_profiles,
)

NODES = 20


def people(n=60, sites=("a", "b", "c"), seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "participant_id": [f"sub-{i:02}" for i in range(n)],
        "site": rng.choice(sites, n),
        "group": rng.choice(["HC", "HC", "MS"], n),
        "age": rng.uniform(20, 80, n),
        "sex": rng.choice(["F", "M"], n),
    })  # fmt: skip
    return frame, rng


def profiles(frame, rng):
    """Sites differ by much more than the groups, and by the same along the bundle."""
    values = 1.0 + 0.02 * rng.standard_normal((len(frame), len(BUNDLES), NODES))
    values += frame["site"].map({"a": 0.0, "b": 0.3, "c": -0.2}).to_numpy()[:, None, None]
    values -= 0.1 * (frame["group"] == "MS").to_numpy()[:, None, None]
    central = np.zeros(NODES, bool)
    central[3:17] = True
    return Profiles(tuple(frame["participant_id"]), values, central)


def marginal(fit, by, level):
    """The mean and interval at average covariates, by a contrast in statsmodels."""
    row = fit.model.exog.mean(axis=0)
    for column, name in enumerate(fit.model.exog_names):
        if name.startswith(f"{by}[T."):
            row[column] = name == f"{by}[T.{level}]"
    test = fit.t_test(row)
    return np.array([test.effect[0], *test.conf_int()[0]])


def test_marginal_means_are_those_of_statsmodels():
    frame, rng = people()
    one = profiles(frame, rng)
    one.values[5:9, 2, 7] = np.nan  # a node that some lack
    table = group_profiles({"R1": one}, frame, control_group="HC")
    assert list(table.columns) == list(TRACT_PROFILES_COLUMNS)
    assert set(table["adjusted_for"]) == {"site, sex, age, age squared", "site, sex"}
    controls = frame[frame["group"] == "HC"].reset_index(drop=True)
    controls["third"] = age_groups(controls["age"]).astype(str)
    found = table.set_index(["comparison", "level", "bundle", "node"])[["mean", "ci_low", "ci_high"]]
    for bundle, node in (("FA", 3), ("ARC_L", 7)):
        values = pd.Series(one.values[:, BUNDLES.index(bundle), node], index=frame["participant_id"])
        every = frame.assign(y=values.to_numpy()).dropna()
        fit = ols("y ~ group + site + sex + age + I(age ** 2)", every).fit()
        for level in ("HC", "MS"):
            got = found.loc[("diagnosis", level, bundle, node)]
            np.testing.assert_allclose(got, marginal(fit, "group", level), rtol=1e-8)
        own = controls.assign(y=values[controls["participant_id"]].to_numpy()).dropna()
        fit = ols("y ~ third + site + sex", own).fit()
        for level in own["third"].unique():
            np.testing.assert_allclose(
                found.loc[("age", level, bundle, node)], marginal(fit, "third", level), rtol=1e-8
            )
    counts = table[(table["comparison"] == "diagnosis") & (table["level"] == "HC")].set_index(["bundle", "node"])["n"]
    assert counts[("FA", 3)] - counts[("ARC_L", 7)] == (frame["group"][5:9] == "HC").sum()


def test_site_effects_do_not_pass_for_disease():
    """All patients at the site with the highest values: plain means would turn the difference round."""
    frame, rng = people(n=120)
    frame["site"] = np.where(frame["group"] == "MS", "b", frame["site"])
    table = group_profiles({"R1": profiles(frame, rng)}, frame, control_group="HC")
    mean = table[table["comparison"] == "diagnosis"].groupby("level")["mean"].mean()
    assert mean["MS"] - mean["HC"] == pytest.approx(-0.1, abs=0.01)
    assert list(dict.fromkeys(table["level"]))[:2] == ["HC", "MS"]
    assert not table.loc[table["node"] == 2, "central"].any() and table.loc[table["node"] == 3, "central"].all()


def test_what_cannot_be_adjusted_is_plain_and_says_so():
    """Patients at a site of their own, or three participants."""
    frame, rng = people()
    frame["site"] = np.where(frame["group"] == "MS", "b", "a")
    table = group_profiles({"R2star": profiles(frame, rng)}, frame, control_group="HC")
    assert set(table.loc[table["comparison"] == "diagnosis", "adjusted_for"]) == {"none"}
    few = frame.iloc[[0, 1, 2]].assign(group=["HC", "HC", "MS"], site=["a", "b", "b"])
    one = profiles(few, rng)
    table = group_profiles({"R1": one}, few, control_group="HC")
    assert set(table["comparison"]) == {"diagnosis"}
    plain = table[(table["level"] == "HC") & (table["bundle"] == "FP")]["mean"]
    np.testing.assert_allclose(plain, one.values[:2, 1].mean(axis=0))
    assert table["ci_low"].notna().all()  # two controls give one degree of freedom
    alone = group_profiles({"R1": one}, few.iloc[:1], control_group="HC")
    assert alone.empty and list(alone.columns) == list(TRACT_PROFILES_COLUMNS)


def write(folder, participant, session, value, *, nodes=NODES, bundles=("FA", "CST_L"), metric="R1"):
    rows = pd.DataFrame({"bundle": np.repeat(bundles, nodes), "node": np.tile(np.arange(nodes), len(bundles))})
    rows["value"], rows["central"] = value, rows["node"].between(3, nodes - 4)
    path = folder / f"{participant}_{session}_desc-central70_{metric}map_profiles.tsv"
    rows.to_csv(path, sep="\t", index=False, na_rep="n/a")
    return path


def test_tables_are_read_and_sessions_averaged(tmp_path):
    paths = {
        write(tmp_path, "sub-1", "ses-1", 1.0): "sub-1",
        write(tmp_path, "sub-1", "ses-2", 2.0, bundles=("FA",)): "sub-1",
        write(tmp_path, "sub-2", "ses-1", 4.0): "sub-x2",
        write(tmp_path, "sub-3", "ses-1", 9.0, nodes=50): "sub-3",
        write(tmp_path, "sub-2", "ses-1", 20.0, metric="R2star"): "sub-x2",
    }
    found, notes = read_profiles(paths)
    assert list(found) == ["R1", "R2star"]
    assert found["R1"].participants == ("sub-1", "sub-x2")
    np.testing.assert_allclose(found["R1"].values[0, BUNDLES.index("FA")], 1.5)
    np.testing.assert_allclose(found["R1"].values[0, BUNDLES.index("CST_L")], 1.0)
    assert np.isnan(found["R1"].values[:, BUNDLES.index("FP")]).all()
    assert found["R1"].central.sum() == NODES - 6
    assert notes == [
        "1 of 4 profiles of R1 have other nodes or another central part than most, and are not in the groups' profiles"
    ]


def test_ages_are_parted_in_thirds():
    found = age_groups(pd.Series([20.0, 70, 30, 50, 40, 60], index=list("abcdef")))
    assert list(found.cat.categories) == ["20 to 30 years", "40 to 50 years", "60 to 70 years"]
    assert found["a"] == found["c"] == "20 to 30 years"
