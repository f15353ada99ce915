"""The regional tables of a simulated cohort, written without images: for the group level and its tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from harmoniq.data.names import REGION_COLUMNS
from harmoniq.data.tables import write_tsv
from harmoniq.simulation.demographics import PARTICIPANT_DESCRIPTIONS, PATIENT_GROUP, simulate_participants
from harmoniq.simulation.effects import planted_effects
from harmoniq.simulation.effects_random import named_generator
from harmoniq.simulation.truth import simulate_values

ENGINE: Final = "simulated"
_DIGITS: Final = 10
#: Nodes in the central 70 of 100 of a bundle.
_BUNDLE_NODES: Final = 70
#: Spread within a region as a fraction of its mean, and how much it varies.
_WITHIN_REGION: Final = {"cGM": 0.11, "sWM": 0.08, "WM": 0.045}

EFFECT_DESCRIPTIONS: Final[dict[str, dict[str, object]]] = {
    "metric": {"Description": "R1 = 1/T1 or R2star = 1/T2*"},
    "tissue": {"Description": "cGM mid-cortex, sWM superficial white matter, WM bundle"},
    "region": {"Description": "Brodmann area (PALS-B12) or bundle"},
    "baseline": {"Description": "Value of women at the peak age, scanner of site1", "Units": "1/s"},
    "peak_age": {"Description": "Age at which the value is highest", "Units": "year"},
    "b_age2": {"Description": "Coefficient of (age - peak_age) squared", "Units": "1/s per year^2"},
    "b_sex": {"Description": "Men minus women", "Units": "1/s"},
    "sd_noise": {"Description": "Standard deviation between controls of one age and sex at site1", "Units": "1/s"},
    "d_ms": {"Description": "Cohen's d, controls minus patients, for groups of equal size"},
    "ms_shift": {"Description": "Patients minus controls", "Units": "1/s"},
    "ms_noise_ratio": {"Description": "Standard deviation between patients over that between controls"},
    "edss_beta": {
        "Description": "Slope of EDSS on the region's Z among patients, given phenotype, duration and sex",
        "Units": "EDSS per Z",
    },
    "asymmetry": {"Description": "(left - right) / mean; 0 in bundles"},
}


@dataclass(frozen=True)
class CohortTables:
    """A simulated cohort and the files that hold it.

    Parameters
    ----------
    regions_file, participants_file, truth_file : path
        Tables in BIDS's TSV, each with a JSON sidecar.
    regions, participants, effects : pandas.DataFrame
        What stands in them, before rounding to 10 digits.
    """

    regions_file: Path
    participants_file: Path
    truth_file: Path
    regions: pd.DataFrame
    participants: pd.DataFrame
    effects: pd.DataFrame


def write_cohort_tables(
    out: str | Path,
    *,
    sites: int = 3,
    subjects_per_site: int | None = None,
    patients: int | None = None,
    seed: int = 0,
) -> CohortTables:
    """Write ``regions.tsv``, ``participants.tsv`` and ``truth.tsv`` of a simulated cohort.

    Parameters
    ----------
    out : path
        Folder, made where it is absent.
    sites, subjects_per_site, patients, seed
        As in `harmoniq.simulation.demographics.simulate_participants`; the defaults are the cohort of Chen et al.
        2026, 530 controls at three sites and 98 patients at the second.

    Returns
    -------
    CohortTables
        The files, and what stands in them.

    Raises
    ------
    InputError
        For numbers out of range, and where the folder cannot be written.
    """
    people = simulate_participants(sites=sites, subjects_per_site=subjects_per_site, patients=patients, seed=seed)
    effects = planted_effects(seed, sites=sites)
    regions = region_rows(simulate_values(people, effects, seed, hemispheres=True), people, seed)
    folder = Path(out)
    return CohortTables(
        regions_file=write_tsv(regions, folder / "regions.tsv", columns=REGION_COLUMNS, digits=_DIGITS),
        participants_file=write_participants(people, folder),
        truth_file=write_effects(effects, folder / "truth.tsv"),
        regions=regions,
        participants=people,
        effects=effects,
    )


def region_rows(values: pd.DataFrame, participants: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Make the regional table of simulated values, with plausible counts and spreads within the regions.

    Parameters
    ----------
    values : pandas.DataFrame
        As `harmoniq.simulation.truth.simulate_values` makes it.
    participants : pandas.DataFrame
        ``participant_id group`` of everybody in `values`.
    seed : int
        Of the counts; they depend on it, on the participant and on the region, not on the order.

    Returns
    -------
    pandas.DataFrame
        The columns of ``*_regions.tsv``, one row per value.
    """
    spots = _spots(values, seed)
    patient = set(participants.loc[participants["group"] == PATIENT_GROUP, "participant_id"])
    chance = _chance(values, seed)
    tissue = values["tissue"].to_numpy(dtype=object)
    # Lesions lie in white matter and reach the cortex seldom.
    lesioned = values["participant_id"].isin(patient).to_numpy() & (tissue != "cGM")
    share = np.where(lesioned, 0.25 * chance[:, 1] ** 4, 0.0)
    excluded = np.floor(share * spots).astype(int)
    spread = np.array([_WITHIN_REGION[name] for name in tissue])
    frame = values[["participant_id", "metric", "tissue", "region", "hemisphere", "value"]].copy()
    frame["sd"] = values["value"].to_numpy() * spread * (0.8 + 0.4 * chance[:, 0])
    frame["n"], frame["n_excluded"] = spots - excluded, excluded
    frame["session_id"], frame["engine"] = "n/a", ENGINE
    return frame[list(REGION_COLUMNS)]


def write_participants(participants: pd.DataFrame, folder: str | Path) -> Path:
    """Write ``participants.tsv`` and its sidecar as BIDS has them.

    Parameters
    ----------
    participants : pandas.DataFrame
        As `harmoniq.simulation.demographics.simulate_participants` makes it.
    folder : path
        The dataset's.

    Returns
    -------
    Path
        Of the table.
    """
    return write_tsv(participants, Path(folder) / "participants.tsv", columns=PARTICIPANT_DESCRIPTIONS, digits=_DIGITS)


def write_effects(effects: pd.DataFrame, path: str | Path) -> Path:
    """Write the planted effects and their sidecar.

    Parameters
    ----------
    effects : pandas.DataFrame
        As `harmoniq.simulation.effects.planted_effects` makes it.
    path : path
        Of the table.

    Returns
    -------
    Path
        `path`.
    """
    return write_tsv(effects, path, columns={**EFFECT_DESCRIPTIONS, **_site_descriptions(effects)}, digits=_DIGITS)


def _site_descriptions(effects: pd.DataFrame) -> Mapping[str, dict[str, object]]:
    out: dict[str, dict[str, object]] = {}
    for name in effects.columns:
        kind, _, site = name.partition("_")
        if kind == "additive":
            out[name] = {"Description": f"What the scanner of {site} adds", "Units": "1/s"}
        elif kind == "multiplicative":
            out[name] = {"Description": f"Scale, at {site}, of everything that deviates from the healthy expectation"}
    return out


def _spots(values: pd.DataFrame, seed: int) -> np.ndarray:
    """Return how many vertices or nodes each value has: an area's size is the same for everybody and every metric."""
    out = np.full(len(values), _BUNDLE_NODES)
    cortex = (values["tissue"] != "WM").to_numpy()
    names = (values["region"].astype(str) + values["hemisphere"].astype(str)).to_numpy(dtype=object)[cortex]
    codes, unique = pd.factorize(names)
    sizes = [int(np.exp(named_generator(seed, "size", name).normal(7.3, 0.8))) + 100 for name in unique]
    out[cortex] = np.array(sizes, dtype=int)[codes] if len(sizes) else out[cortex]
    return out


def _chance(values: pd.DataFrame, seed: int) -> np.ndarray:
    """Return two uniform numbers per value, by participant and region, (values, 2); both metrics share the second."""
    people, labels = pd.factorize(values["participant_id"])
    metric, metrics = pd.factorize(values["metric"], sort=True)
    places = values["tissue"].astype(str) + values["region"].astype(str) + values["hemisphere"].astype(str)
    place, names = pd.factorize(places, sort=True)
    out = np.empty((len(labels), len(metrics) + 1, len(names)))
    for row, label in enumerate(labels):
        out[row] = named_generator(seed, "within", str(label)).random(out.shape[1:])
    return np.column_stack([out[people, metric, place], out[people, -1, place]])
