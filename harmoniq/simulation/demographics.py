"""Who takes part in the simulated cohort: site, age, sex, and the patients' disease."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.special import gammaincinv

from harmoniq.data.errors import InputError
from harmoniq.simulation.effects_random import checked_seed, named_generator, stratified_uniform

CONTROL_GROUP: Final = "HC"
PATIENT_GROUP: Final = "MS"

PARTICIPANT_DESCRIPTIONS: Final[dict[str, dict[str, object]]] = {
    "participant_id": {"Description": "Participant"},
    "site": {"Description": "Site of the scanner"},
    "group": {
        "Description": "Group",
        "Levels": {"HC": "healthy control", "MS": "person with multiple sclerosis"},
    },
    "age": {"Description": "Age", "Units": "year"},
    "sex": {"Description": "Sex", "Levels": {"F": "female", "M": "male"}},
    "phenotype": {
        "Description": "Phenotype of multiple sclerosis, n/a for controls",
        "Levels": {"RRMS": "relapsing-remitting", "PPMS": "primary progressive", "SPMS": "secondary progressive"},
    },
    "disease_duration": {"Description": "Time since the onset of the disease, n/a for controls", "Units": "year"},
    "edss": {"Description": "Expanded Disability Status Scale, 0 to 10, n/a for controls"},
    "megre": {"Description": "Whether multi-echo gradient-echo images, and so R2*, exist"},
}


@cache
def demographic_defaults() -> dict[str, Any]:
    """Read the published demographics.

    Returns
    -------
    dict of str to object
        As they stand in ``simulation/data/effects_demographics.toml``; shared between calls.
    """
    text = (files("harmoniq.simulation") / "data" / "effects_demographics.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def simulate_participants(
    *, sites: int = 3, subjects_per_site: int | None = None, patients: int | None = None, seed: int
) -> pd.DataFrame:
    """Draw the participants of a cohort that follows Table 1 of Chen et al. 2026.

    Parameters
    ----------
    sites : int
        ``site1`` to ``siteN``. The first three are the paper's; further ones mix the ages of the first two.
    subjects_per_site : int, optional
        Controls at each site; default: 293, 101, 136 as published, and 101 at each further one.
    patients : int, optional
        All at ``site2``, or at ``site1`` where it is the only one; default: 98, or `subjects_per_site` where given.
    seed : int
        The same seed gives the same cohort.

    Returns
    -------
    pandas.DataFrame
        Columns ``participant_id site group age sex phenotype disease_duration edss megre``; age and disease
        duration in years, phenotype and the two after it missing for controls. Labels are ``sub-S<site>C<number>``
        for controls and ``sub-S<site>P<number>`` for patients.

    Raises
    ------
    InputError
        For numbers out of range.
    """
    checked_seed(seed)
    limits = (("sites", sites, 1), ("subjects-per-site", subjects_per_site, 1), ("patients", patients, 0))
    for key, given, least in limits:
        if given is not None and given < least:
            raise InputError(f"must be {least} or above", key=key, value=given)
    defaults = demographic_defaults()
    parts = []
    for number in range(1, sites + 1):
        parts.append(_controls(number, subjects_per_site, seed))
        if number == min(2, sites):
            count = patients if patients is not None else subjects_per_site or defaults["MS"]["count"]
            parts.append(_patients(f"site{number}", f"sub-S{number}P", count, seed))
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def measures_r2star(participants: pd.DataFrame) -> np.ndarray:
    """Tell who has R2*.

    Parameters
    ----------
    participants : pandas.DataFrame
        The column ``megre`` says it, as a boolean or its text.

    Returns
    -------
    ndarray of bool, shape (participants,)
        True for everybody where the column is absent.
    """
    if "megre" not in participants:
        return np.ones(len(participants), dtype=bool)
    return (participants["megre"].astype(str).str.lower() == "true").to_numpy()


def edss_residual(participants: pd.DataFrame) -> tuple[np.ndarray, float]:
    """Compute the EDSS beyond what phenotype and disease duration explain.

    Parameters
    ----------
    participants : pandas.DataFrame
        Columns ``phenotype disease_duration edss``; absent ones count as missing.

    Returns
    -------
    residual : numpy.ndarray, shape (participants,)
        In EDSS points; NaN where one of the three is missing.
    sd : float
        SD of the residual over the default patients, a constant.
    """
    model = demographic_defaults()["MS"]["clinical"]["edss_model"]
    if not {"phenotype", "disease_duration", "edss"} <= set(participants.columns):
        return np.full(len(participants), np.nan), model["residual_sd"]
    level = participants["phenotype"].map(model["level"]).to_numpy(dtype=np.float64)
    duration = participants["disease_duration"].to_numpy(dtype=np.float64)
    residual = participants["edss"].to_numpy(dtype=np.float64) - level - model["per_year"] * duration
    return residual, model["residual_sd"]


def _controls(number: int, count: int | None, seed: int) -> pd.DataFrame:
    defaults = demographic_defaults()
    site = f"site{number}"
    if site in defaults:
        model = defaults[site][CONTROL_GROUP]
    else:
        model = _between(defaults["site1"][CONTROL_GROUP], defaults["site2"][CONTROL_GROUP])
    count = model["count"] if count is None else count
    frame = _people(site, CONTROL_GROUP, f"sub-S{number}C", count, model, seed)
    frame["phenotype"], frame["disease_duration"], frame["edss"] = None, np.nan, np.nan
    absent = round(model["without_r2star"] / model["count"] * count)
    frame["megre"] = True
    frame.loc[named_generator(seed, site, "megre").permutation(count)[:absent], "megre"] = False
    return frame


def _between(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Return the demographics of a site that has one control of the first for each of the second."""
    ages = [{**one, "count": one["count"] / model["count"]} for model in (first, second) for one in model["ages"]]
    female = (first["female"] / first["count"] + second["female"] / second["count"]) / 2 * second["count"]
    return {"count": second["count"], "female": female, "without_r2star": 0, "ages": ages}


def _people(site: str, group: str, prefix: str, count: int, model: dict[str, Any], seed: int) -> pd.DataFrame:
    width = max(3, len(str(count)))
    frame = pd.DataFrame({"participant_id": [f"{prefix}{index:0{width}d}" for index in range(1, count + 1)]})
    frame["site"], frame["group"] = site, group
    frame["age"] = _ages(model["ages"], count, named_generator(seed, site, group, "age"))
    generator = named_generator(seed, site, group, "sex")
    # Rounded up or down by chance, so that small sites have the published proportion on average.
    women = int(np.floor(round(model["female"] / model["count"] * count, 9) + generator.random()))
    sex = np.array(["F"] * women + ["M"] * (count - women), dtype=object)
    frame["sex"] = sex[generator.permutation(count)]
    return frame


def _ages(bins: list[dict[str, float]], count: int, generator: np.random.Generator) -> np.ndarray:
    """Return ages in years, one decimal: bins filled in their proportions, skewed within to the bin's mean."""
    share = np.array([one["count"] for one in bins], dtype=np.float64)
    edges = np.concatenate([[0.0], np.cumsum(share) / share.sum()])
    uniform = stratified_uniform(count, generator)
    index = np.clip(np.searchsorted(edges, uniform, side="right") - 1, 0, len(bins) - 1)
    within = (uniform - edges[index]) / np.diff(edges)[index]
    low, high, lean = (np.array([one[key] for one in bins])[index] for key in ("from", "to", "lean"))
    # u^k has the mean 1 / (k + 1).
    ages = low + (high - low) * within ** (1 / lean - 1)
    return np.floor(ages * 10) / 10


def _patients(site: str, prefix: str, count: int, seed: int) -> pd.DataFrame:
    model = demographic_defaults()[PATIENT_GROUP]
    frame = _people(site, PATIENT_GROUP, prefix, count, model, seed)
    clinical = model["clinical"]
    generator = named_generator(seed, site, PATIENT_GROUP, "clinical")
    age = (frame["age"].to_numpy() - 40.0) / 14.0
    phenotype = _phenotypes(age, clinical, generator)
    duration = _durations(frame["age"].to_numpy(), age, phenotype, clinical, generator)
    frame["phenotype"], frame["disease_duration"] = phenotype, duration
    frame["edss"] = _disabilities(phenotype, duration, clinical, generator)
    frame["megre"] = True
    return frame


def _phenotypes(age: np.ndarray, clinical: dict[str, Any], generator: np.random.Generator) -> np.ndarray:
    """Return phenotypes in the published proportions, the progressive ones older."""
    weight, names = clinical["progressive"], list(clinical["phenotypes"])
    score = weight["age"] * age + weight["chance"] * generator.standard_normal(len(age))
    shares = np.array([clinical["phenotypes"][name] for name in names], dtype=np.float64)
    edges = np.cumsum(shares / shares.sum())
    # Relapsing-remitting takes the low ranks; the two progressive forms share the high ones at random.
    uniform = _ranks(score, generator)
    progressive = uniform >= edges[0]
    chosen = np.flatnonzero(progressive)
    kinds = edges[0] + (1 - edges[0]) * stratified_uniform(len(chosen), generator)
    index = np.zeros(len(age), dtype=int)
    index[chosen] = np.clip(np.searchsorted(edges, kinds, side="right"), 1, len(names) - 1)
    return np.array(names, dtype=object)[index]


def _durations(
    years: np.ndarray, age: np.ndarray, phenotype: np.ndarray, clinical: dict[str, Any], generator: np.random.Generator
) -> np.ndarray:
    """Return years since onset: gamma of the published mean and SD, longer in older and SPMS patients."""
    weight = clinical["duration"]
    score = weight["age"] * age + weight["SPMS"] * (phenotype == "SPMS")
    score = score + weight["chance"] * generator.standard_normal(len(age))
    mean, sd = clinical["duration_mean"], clinical["duration_sd"]
    drawn = gammaincinv((mean / sd) ** 2, _ranks(score, generator)) * sd**2 / mean
    return np.round(np.minimum(drawn, years - 12.0), 1)


def _disabilities(
    phenotype: np.ndarray, duration: np.ndarray, clinical: dict[str, Any], generator: np.random.Generator
) -> np.ndarray:
    """Return EDSS of the published quartiles, higher in progressive and long disease; 0.5 is not on the scale."""
    weight = clinical["disability"]
    mean, sd = clinical["duration_mean"], clinical["duration_sd"]
    score = np.array([weight.get(name, 0.0) for name in phenotype]) + weight["duration"] * (duration - mean) / sd
    score = score + weight["chance"] * generator.standard_normal(len(duration))
    points = np.array(clinical["edss_quantiles"])
    edss = np.round(2 * np.interp(_ranks(score, generator), points[:, 0], points[:, 1])) / 2
    return np.where(edss == 0.5, 1.0, edss)


def _ranks(score: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return the ranks of scores as numbers in (0, 1), each somewhere in its stratum."""
    count = max(len(score), 1)
    return (np.argsort(np.argsort(score)) + generator.random(len(score))) / count
