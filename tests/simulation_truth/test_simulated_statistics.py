"""The raw default cohort shows about the statistics that Chen et al. 2026 publish (read from its text and Table 3).

Written with NumPy alone, apart from the project's own statistics. Averaged over seeds, since the subjects of one
cohort share latent factors that move all regions of a tissue together (SD of a median d over seeds: about 0.1).
"""

import numpy as np
import pandas as pd
import pytest

from harmoniq.simulation.demographics import simulate_participants
from harmoniq.simulation.effects import planted_effects
from harmoniq.simulation.truth import simulate_values

SEEDS = range(5)
PARTS = [(metric, tissue) for metric in ("R1", "R2star") for tissue in ("cGM", "sWM", "WM")]
REGIONS = {"cGM": 41, "sWM": 41, "WM": 18}


def residuals(x, y):
    q = np.linalg.qr(x)[0]
    return y - q @ (q.T @ y)


def design(people, *, quadratic=True, site=False):
    columns = [np.ones(len(people)), people["age"] / 40, people["sex"] == "M"]
    if quadratic:
        columns.append((people["age"] / 40) ** 2)
    if site:
        columns += [people["site"] == label for label in sorted(people["site"].unique())[1:]]
    return np.column_stack([np.asarray(column, dtype=float) for column in columns])


def icc(x, site, y):
    """REML of a random intercept on a grid of variance ratios; within 0.01 of statsmodels' MixedLM."""
    ratios = np.concatenate([[0.0], np.geomspace(1e-3, 60, 100)])
    both, p = np.column_stack([x, y - y.mean(axis=0)]), x.shape[1]
    counts = np.array([(site == label).sum() for label in np.unique(site)])
    sums = np.array([both[site == label].sum(axis=0) for label in np.unique(site)])
    products, likelihood = both.T @ both, []
    for ratio in ratios:
        # The inverse of I + ratio J, for n ones in J, is I - ratio / (1 + n ratio) J.
        weighted = products - np.einsum("s,si,sj->ij", ratio / (1 + counts * ratio), sums, sums)
        xx, xy, yy = weighted[:p, :p], weighted[:p, p:], np.diag(weighted)[p:]
        rss = yy - (xy * np.linalg.solve(xx, xy)).sum(axis=0)
        log_det = np.log1p(counts * ratio).sum() + np.linalg.slogdet(xx)[1]
        likelihood.append(-(len(x) - p) * np.log(rss) - log_det)
    best = ratios[np.argmax(likelihood, axis=0)]
    return best / (1 + best)


def cohens_d(people, y):
    rest = residuals(design(people, quadratic=False), y)
    control = (people["group"] == "HC").to_numpy()
    n1, n2 = control.sum(), (~control).sum()
    v1, v2 = rest[control].var(axis=0, ddof=1), rest[~control].var(axis=0, ddof=1)
    pooled = np.sqrt(((n1 - 1) * v1 + (n2 - 1) * v2) / (n1 + n2 - 2))
    return (rest[control].mean(axis=0) - rest[~control].mean(axis=0)) / pooled


def peaks(metric, people, y):
    """Return the turning points and whether the quadratic term is significant; R2* standardised within each site."""
    z = y.copy()
    if metric == "R2star":
        for label in people["site"].unique():
            here = (people["site"] == label).to_numpy()
            z[here] = (z[here] - z[here].mean(axis=0)) / z[here].std(axis=0, ddof=1)
    x = design(people)
    b = np.linalg.lstsq(x, z, rcond=None)[0]
    without = (residuals(design(people, quadratic=False), z) ** 2).sum(axis=0)
    chi2 = len(z) * np.log(without / (residuals(x, z) ** 2).sum(axis=0))
    return -b[1] / (2 * b[3]) * 40, chi2 > 3.841  # the 95 % point of chi-square with one degree of freedom


def statistics(seed, metric, tissue, people, values):
    mine = values[(values["metric"] == metric) & (values["tissue"] == tissue)]
    raw, true = (mine.pivot(index="participant_id", columns="region", values=name) for name in ("value", "biological"))
    who = people.set_index("participant_id").loc[raw.index]
    raw, true = raw.to_numpy(), true.to_numpy()
    control, second = (who["group"] == "HC").to_numpy(), (who["site"] == "site2").to_numpy()
    healthy, y, x = who[control], raw[control], design(who[control])
    explained = (residuals(x, y) ** 2).sum(axis=0) - (residuals(design(healthy, site=True), y) ** 2).sum(axis=0)
    age, significant = peaks(metric, healthy, y)
    cross, without_3 = (who["site"] == "site1").to_numpy() | ~control, (who["site"] != "site3").to_numpy()
    d = {"cross": cohens_d(who[cross], raw[cross]), "within": cohens_d(who[second], raw[second])}
    d["harmonized"] = cohens_d(who[without_3], true[without_3])
    return {
        "seed": seed, "metric": metric, "tissue": tissue,
        "icc": icc(x, healthy["site"].to_numpy(), y).mean(),
        "eta2": (explained / ((y - y.mean(axis=0)) ** 2).sum(axis=0)).mean(),
        "peak": np.median(age[significant]), "significant": significant.mean(),
        "cross": np.median(d["cross"]), "within": np.median(d["within"]), "harmonized": np.median(d["harmonized"]),
        "cross_negative": (d["cross"] < -0.25).mean(), "cross_positive": (d["cross"] > 0.25).mean(),
    }  # fmt: skip


@pytest.fixture(scope="module")
def found():
    rows = []
    for seed in SEEDS:
        people = simulate_participants(seed=seed)
        values = simulate_values(people, planted_effects(seed), seed)
        rows += [statistics(seed, metric, tissue, people, values) for metric, tissue in PARTS]
    return pd.DataFrame(rows).groupby(["metric", "tissue"], sort=False).mean().drop(columns="seed")


@pytest.mark.parametrize(
    ("part", "published"), list(zip(PARTS, (0.71, 0.28, 0.14, 0.38, 0.23, 0.20)))
)  # fmt: skip
def test_adjusted_icc(found, part, published):
    assert found.loc[part, "icc"] == pytest.approx(published, abs=0.10)


@pytest.mark.parametrize(("metric", "published"), [("R1", 0.11), ("R2star", 0.15)])
def test_eta2_over_all_regions(found, metric, published):
    weights = [REGIONS[tissue] for tissue in REGIONS]
    assert np.average(found.loc[metric, "eta2"], weights=weights) == pytest.approx(published, abs=0.05)


@pytest.mark.parametrize(("part", "published"), list(zip(PARTS, (55.62, 39.94, 37.10, 57.65, 51.28, 45.08))))
def test_peak_ages(found, part, published):
    # The raw curves of R1 carry the site effects of a site that is younger than the others.
    assert found.loc[part, "peak"] == pytest.approx(published, abs=2.0)
    assert found.loc[part, "significant"] > 0.85


@pytest.mark.parametrize(
    ("part", "within", "harmonized"),
    # Within-site R1 cGM is not printed: no region was significant.
    list(zip(PARTS, (None, 0.68, 0.76, 0.50, 0.64, 0.81), (0.21, 0.59, 0.63, 0.34, 0.54, 0.78))),
)
def test_group_differences(found, part, within, harmonized):
    assert found.loc[part, "harmonized"] == pytest.approx(harmonized, abs=0.12)
    if within is not None:
        assert found.loc[part, "within"] == pytest.approx(within, abs=0.15)


def test_cross_site_comparison_misleads(found):
    """Table 3: most significant cGM regions read higher in patients, bundles lower, R2* of sWM both ways."""
    assert found.loc[("R1", "cGM"), "cross_negative"] > 2 * found.loc[("R1", "cGM"), "cross_positive"]
    assert found.loc[("R2star", "cGM"), "cross_negative"] == pytest.approx(19 / 41, abs=0.15)
    assert found.loc[("R2star", "cGM"), "cross_positive"] == pytest.approx(11 / 41, abs=0.15)
    assert found.loc[("R2star", "sWM"), "cross_positive"] == pytest.approx(24 / 41, abs=0.15)
    assert found.loc[("R2star", "sWM"), "cross_negative"] == pytest.approx(14 / 41, abs=0.15)
    assert found.loc[("R1", "WM"), "cross"] == pytest.approx(0.55, abs=0.15)
    assert found.loc[("R2star", "WM"), "cross"] == pytest.approx(1.16, abs=0.25)
