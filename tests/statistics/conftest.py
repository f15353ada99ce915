"""A seeded cohort with the difficulties of real ones, and the way it is held against R."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.cohort import Cohort, build_cohort, read_participants
from harmoniq.data.tables import read_tsv

DATA = Path(__file__).parent / "data"
AGES = {"site1": (18, 79), "site2": (18, 68), "site3": (8, 25)}
REGIONS = {"cGM": ["BA1", "BA2", "BA3", "BA4", "BA5", "BA6"], "WM": ["FA", "FP", "CST_L", "CST_R"]}


def add_disease(people: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Give the patients a phenotype, a disease duration and EDSS; one lacks EDSS, one the duration."""
    rng = np.random.default_rng([seed, 7])
    patient = (people["group"] == "MS").to_numpy()
    n = int(patient.sum())
    out = people.assign(phenotype=None, disease_duration=np.nan, edss=np.nan)
    kinds = rng.choice(["RRMS", "SPMS", "PPMS"], n, p=[0.7, 0.2, 0.1])
    duration = np.round(rng.gamma(1.2, 7, n), 1)
    edss = np.clip(np.round(2 * (1.5 + 2 * (kinds != "RRMS") + 0.04 * duration + rng.normal(0, 1, n))) / 2, 0, 9)
    edss[0], duration[1] = np.nan, np.nan
    out.loc[patient, "phenotype"], out.loc[patient, "disease_duration"], out.loc[patient, "edss"] = (
        kinds,
        duration,
        edss,
    )
    return out


def make_tables(seed: int, sizes: dict[str, int], n_patients: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Participants and long values (raw, gam): quadratic in age, sex, sites, patients, missing values.

    BA1 has no site effect (singular fits), BA2 a huge one; BA3 and FP miss values at random, BA4 all of site3; BA5 has
    no curvature; R2star is not measured at site3; site3 is young and nine in ten are women.
    """
    rng = np.random.default_rng(seed)
    rows = [(site, "HC") for site, n in sizes.items() for _ in range(n)] + [("site2", "MS")] * n_patients
    rows += [("site1", "OND")] * 3
    people = pd.DataFrame(rows, columns=["site", "group"])
    people.insert(0, "participant_id", [f"sub-{i:03d}" for i in range(1, len(people) + 1)])
    limits = np.array([AGES[site] if group != "MS" else (18, 75) for site, group in rows], dtype=float)
    people["age"] = np.round(limits[:, 0] + rng.uniform(size=len(people)) * np.ptp(limits, axis=1), 2)
    women = np.where(people["site"] == "site3", 0.9, 0.55)
    people["sex"] = np.where(rng.uniform(size=len(people)) < women, "F", "M")
    people = add_disease(people, seed)
    values = []
    age, patient = people["age"].to_numpy(), (people["group"] == "MS").to_numpy()
    for metric, unit in (("R1", 1.0), ("R2star", 20.0)):
        for tissue, regions in REGIONS.items():
            for region in regions:
                peak, curve = rng.uniform(30, 60), 0.0 if region == "BA5" else rng.uniform(2e-5, 1e-4)
                strength = {"BA1": 0.0, "BA2": 0.4}.get(region, 0.03)
                shift = dict(zip(AGES, rng.normal(0, strength, 3)))
                value = 0.8 - curve * (age - peak) ** 2 + 0.01 * (people["sex"] == "M") - 0.03 * patient
                value += people["site"].map(shift) + rng.normal(0, 0.04, len(people))
                if region in ("BA3", "FP"):
                    value[rng.uniform(size=len(people)) < 0.1] = np.nan
                gone = metric == "R2star" or region == "BA4"
                value[gone & (people["site"] == "site3")] = np.nan
                gam = value - 0.97 * people["site"].map(shift)
                frame = pd.DataFrame({"participant_id": people["participant_id"], "metric": metric, "tissue": tissue})
                values.append(frame.assign(region=region, raw=unit * value, gam=unit * gam))
    long = pd.concat(values, ignore_index=True).dropna()
    long[["raw", "gam"]] = long[["raw", "gam"]].map(lambda x: float(f"{x:.8g}"))
    return people, long


def write_tables(folder: Path, people: pd.DataFrame, long: pd.DataFrame) -> None:
    for name, table in (("participants", people), ("values", long)):
        table.to_csv(folder / f"{name}.tsv", sep="\t", index=False, na_rep="n/a", float_format="%.10g")


def load(folder: Path) -> tuple[Cohort, dict[str, np.ndarray]]:
    """The cohort that R read, and its values by method."""
    people = read_participants(read_tsv(folder / "participants.tsv"), file="participants.tsv")
    long = read_tsv(folder / "values.tsv")
    values = {}
    for name in ("raw", "gam"):
        table = long.rename(columns={name: "value"})
        cohort, _ = build_cohort(table, people, regions_file="values.tsv", participants_file="participants.tsv")
        values[name] = cohort.values
    return cohort.with_values(values["raw"]), values


@pytest.fixture(scope="session")
def committed() -> tuple[Cohort, dict[str, np.ndarray], Path]:
    """The committed cohort and the folder of R's outputs."""
    return *load(DATA), DATA


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> tuple[Cohort, dict[str, np.ndarray], Path]:
    """A cohort that the code was not written against, run through R now."""
    if shutil.which("Rscript") is None:
        pytest.skip("no Rscript")
    folder = tmp_path_factory.mktemp("r")
    write_tables(folder, *make_tables(20261122, {"site1": 70, "site2": 24, "site3": 33}, 21))
    command = ["Rscript", str(DATA / "r_reference.R"), "participants.tsv", "values.tsv", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"R could not run (lme4, car): {done.stderr[-300:]}")
    return *load(folder), folder


@pytest.fixture
def small() -> tuple[Cohort, dict[str, np.ndarray]]:
    """A cohort of 60 controls at two sites and 20 patients, two regions of R1 and two of R2star, complete."""
    rng = np.random.default_rng(5)
    site = np.array(["a"] * 30 + ["b"] * 50)
    group = np.array(["HC"] * 60 + ["MS"] * 20)
    age = np.round(rng.uniform(18, 75, 80), 1)
    people = pd.DataFrame({"participant_id": [f"sub-{i:02d}" for i in range(80)], "site": site, "group": group})
    people = people.assign(age=age, sex=np.where(rng.uniform(size=80) < 0.5, "F", "M"))
    people = people.assign(phenotype=None, disease_duration=np.nan, edss=np.nan)
    features = pd.DataFrame(
        [("R1", "cGM", "BA1"), ("R1", "cGM", "BA2"), ("R2star", "cGM", "BA1"), ("R2star", "cGM", "BA2")],
        columns=["metric", "tissue", "region"],
    )
    base = 0.8 - 6e-5 * (age - 45) ** 2 + 0.02 * (site == "b") - 0.03 * (group == "MS")
    values = (base[:, None] + rng.normal(0, 0.03, (80, 4))) * np.array([1, 1, 20, 20])
    cohort = Cohort(people, features, values)
    return cohort, {"raw": values, "gam": values - 0.02 * (site == "b")[:, None] * np.array([1, 1, 20, 20])}


@pytest.fixture(scope="session")
def options() -> dict[str, object]:
    """The group level's settings that the patients' part needs, as the built-in study has them."""
    return {
        "reference_site": "site1", "patient_group": "MS", "harmonized_method": "hbr", "overlap_only": True,
        "alpha": 0.05, "edss_family": "all", "standardize_r2star": True, "peak_sign": "minus",
        "peak_error": "covariance",
    }  # fmt: skip


@pytest.fixture(scope="session")
def simulated() -> Callable[[int], tuple[Cohort, dict[str, np.ndarray], np.ndarray]]:
    """Of a seed: a cohort with the paper's effects, raw and ComBat-GAM values, and the planted slopes of EDSS."""
    from harmoniq.harmonization.harmonize import harmonize_cohort
    from harmoniq.simulation.demographics import simulate_participants
    from harmoniq.simulation.effects import planted_effects
    from harmoniq.simulation.truth import simulate_values

    def make(seed: int) -> tuple[Cohort, dict[str, np.ndarray], np.ndarray]:
        people, effects = simulate_participants(seed=seed), planted_effects(seed)
        cohort, _ = build_cohort(
            simulate_values(people, effects, seed), read_participants(people, file="p"), regions_file="r",
            participants_file="p",
        )  # fmt: skip
        done = harmonize_cohort(cohort, ["raw", "gam"], reference_site="site1")
        return cohort, done.values, cohort.features.merge(effects, how="left")["edss_beta"].to_numpy()

    return make
