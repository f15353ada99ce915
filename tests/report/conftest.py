"""Small tables in the columns of the contract, with made-up numbers: the reports show, they do not compute."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

METRICS = {"R1": 0.9, "R2star": 19.0}
REGIONS = {"cGM": ["BA1", "BA4", "BA10"], "sWM": ["BA1", "BA4", "BA10"], "WM": ["FA", "ARC_R", "CST_L"]}
METHODS = ("raw", "combat", "gam")


@pytest.fixture(scope="session")
def people() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    sites = np.repeat(["site1", "site2", "site3"], [30, 40, 20])
    groups = np.where((sites == "site2") & (np.arange(90) % 2 == 0), "MS", "HC")
    return pd.DataFrame(
        {
            "participant_id": [f"sub-{i:03d}" for i in range(90)],
            "site": sites,
            "group": groups,
            "age": np.round(rng.uniform(18, 75, 90), 1),
            "sex": rng.choice(["F", "M"], 90),
        }
    )


def make_tables(people: pd.DataFrame) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(11)
    keys = [(m, t, r) for m in METRICS for t, names in REGIONS.items() for r in names]
    tables: dict[str, list[dict]] = {
        name: [] for name in ("regions_harmonized", "site_effects", "age_models", "group_differences")
    }
    shift = people["site"].map({"site1": 0.0, "site2": 0.05, "site3": -0.04}).to_numpy()
    for metric, tissue, region in keys:
        base = METRICS[metric] * (
            1 - 0.0001 * (people["age"].to_numpy() - 50) ** 2 + 0.03 * rng.normal(size=len(people))
        )
        values = {"raw": base * (1 + shift), "combat": base * (1 + 0.5 * shift), "gam": base}
        key = {"metric": metric, "tissue": tissue, "region": region}
        measured = ~((metric == "R2star") & (people["site"] == "site3").to_numpy())
        for i in np.flatnonzero(measured):
            row = {"participant_id": people["participant_id"][i], **key}
            tables["regions_harmonized"].append({**row, **{m: v[i] for m, v in values.items()}})
        for k, method in enumerate(METHODS):
            left = 1 / (1 + 3 * k)
            tables["site_effects"].append(
                {
                    **key,
                    "data": method,
                    "n": 80,
                    "icc_unadjusted": 0.6 * left,
                    "icc_adjusted": 0.5 * left * rng.random(),
                    "singular_unadjusted": False,
                    "singular_adjusted": k == 2,
                    "eta2": 0.2 * left,
                    "partial_eta2": 0.3 * left,
                }
            )
            peak = np.nan if region == "BA10" else 45 + 8 * rng.random()
            tables["age_models"].append(
                {
                    **key,
                    "data": method,
                    "n": 80,
                    "b_age": 0.01,
                    "b_age2": -1e-4,
                    "lrt_p": 1e-9,
                    "peak_age": peak,
                    "se_peak": 1.2,
                    "se_peak_boot": 1.3,
                    "kept": bool(np.isfinite(peak)),
                    "rmse": 0.03,
                }
            )
        for comparison in ("cross_site", "within_site", "harmonized"):
            d = rng.normal(0.5, 0.4)
            tables["group_differences"].append(
                {
                    **key,
                    "comparison": comparison,
                    "n_controls": 30,
                    "n_patients": 20,
                    "d": d,
                    "ci_low": d - 0.3,
                    "ci_high": d + 0.3,
                    "p": 0.01,
                    "p_fdr": 0.2 if d < 0.3 else 0.01,
                    "direction": "HC>MS" if d > 0 else "HC<MS",
                }
            )
    frames = {name: pd.DataFrame(rows) for name, rows in tables.items()}
    frames["participants"] = people
    frames["pca"], frames["pca_summary"] = _pca(people, rng)
    blocks = frames["age_models"].groupby(["metric", "tissue", "data"], sort=False)
    frames["peak_age_summary"] = (
        blocks["peak_age"].agg(mean="mean", se="sem", n_kept="count", n_regions="size").reset_index()
    )
    frames["rmse_change"] = pd.DataFrame(
        [
            {"metric": m, "tissue": t, "data": d, "mean": 8.0, "q25": 5.0, "q75": 11.0}
            for m in METRICS
            for t in REGIONS
            for d in METHODS[1:]
        ]
    )
    frames["peak_age_correlation"] = pd.DataFrame(
        [
            {"metric": m, "tissue": t, "data_x": "raw", "data_y": "gam", "n": 2, "rho": 0.9, "p": 0.01}
            for m in METRICS
            for t in REGIONS
        ]
    )
    frames["table1_demographics"] = pd.DataFrame(
        {"description": ["participants, n"], "site1_HC": ["30"], "total_HC": ["70"]}
    )
    return frames


def _pca(people: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    scores, summary = [], []
    controls = people[people["group"] == "HC"]
    for metric in METRICS:
        for tissue in REGIONS:
            for method in METHODS:
                n = len(controls)
                scores.append(
                    pd.DataFrame(
                        {
                            "metric": metric,
                            "tissue": tissue,
                            "data": method,
                            "participant_id": controls["participant_id"],
                            "site": controls["site"],
                            "PC1": rng.normal(size=n),
                            "PC2": rng.normal(size=n),
                        }
                    )
                )
                summary.append(
                    {
                        "metric": metric,
                        "tissue": tissue,
                        "data": method,
                        "variance_PC1": 0.6,
                        "variance_PC2": 0.1,
                        "eta2_PC1": 0.4,
                        "eta2_PC2": 0.05,
                    }
                )
    return pd.concat(scores, ignore_index=True), pd.DataFrame(summary)


def study_tables(seed: int = 4) -> dict[str, pd.DataFrame]:
    """Tables about the patients and the study: few regions, one association, one figure that is not computed."""
    rng = np.random.default_rng(seed)
    regions = [(m, t, r) for m in METRICS for t, names in REGIONS.items() for r in names]
    keys = pd.DataFrame(regions, columns=["metric", "tissue", "region"])
    n = len(keys)
    summary = [keys.assign(data=data, n=20, mean=rng.normal(-0.5, 0.4, n), sd=1.0) for data in ("gam", "raw")]
    edss = keys.assign(n=20, beta=rng.normal(0, 0.2, n), se=0.2, p=0.5, p_fdr=0.8, adj_r2=0.3, selected=True)
    edss.loc[0, ["beta", "p_fdr"]] = 0.5, 0.01
    partial = keys.iloc[[0]].merge(pd.DataFrame({"participant_id": [f"sub-{k:02d}" for k in range(20)]}), how="cross")
    partial = partial.assign(z=rng.normal(size=20), edss_adjusted=rng.normal(3, 1, 20))
    card = pd.DataFrame({
        "quantity": ["cohens_d_median", "cohens_d_median", "eta2_mean", "edss_largest_beta"], "metric": "R1",
        "tissue": "cGM", "data": ["cross_site", "harmonized", "gam", "hbr"],
        "paper": ["-0.56", "0.21", "<0.01", "0.53"],
        "here": [-0.4, -0.1, 0.001, np.nan], "difference": [0.16, -0.31, 0.0, np.nan],
        "within_spread": [True, False, True, None], "paper_spread": ["-0.65 to 0.10", "0.03 to 0.27", None, None],
        "n_controls": 60, "n_patients": 20, "paper_n_controls": 530, "paper_n_patients": 98, "unit": "1",
        "remark": [None, "on the scale of gam in place of hbr", None, "not computed in this run"], "where": "table 3",
    })  # fmt: skip
    other = pd.DataFrame({
        "setting": "statistics.peak_sign", "unclear": "equation 5", "chosen": "minus", "other": "printed",
        "quantity": "mean peak age (years)", "metric": "R1", "tissue": "cGM", "data": ["raw", "gam"],
        "value_chosen": [50.0, 51.0], "value_other": [-50.0, -51.0], "change": [-100.0, -102.0],
    })  # fmt: skip
    excluded = pd.DataFrame({"participant_id": ["sub-77"], "reason": ["no regional values"]})
    return {
        "zscore_summary": pd.concat(summary, ignore_index=True), "edss": edss, "edss_partial": partial,
        "scorecard": card, "alternatives": other, "excluded": excluded,
    }  # fmt: skip


def write_tables(folder: Path, frames: dict[str, pd.DataFrame]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        frame.to_csv(folder / f"{name}.tsv", sep="\t", index=False, na_rep="n/a")
    return folder


@pytest.fixture(scope="session")
def group_folder(tmp_path_factory: pytest.TempPathFactory, tables: dict[str, pd.DataFrame]) -> Path:
    """Return a folder with every table; nobody may change it."""
    return write_tables(tmp_path_factory.mktemp("group"), tables)


@pytest.fixture
def folder_of(tmp_path: Path):
    """Return a function that writes some tables to a folder of its own."""
    return lambda frames: write_tables(tmp_path / "some", frames)


@pytest.fixture(scope="session")
def tables(people: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {**make_tables(people), **study_tables()}


@pytest.fixture(scope="session")
def recovery() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    rows = []
    for who in ("sub-01", "sub-02", "sub-03"):
        for metric, level in METRICS.items():
            for tissue, names in REGIONS.items():
                for region in names:
                    true = level * rng.uniform(0.8, 1.2)
                    rows.append((who, metric, tissue, region, true, true * (1 + 0.01 * rng.normal())))
    return pd.DataFrame(rows, columns=["participant_id", "metric", "tissue", "region", "true", "recovered"])
