"""The true regional values of simulated participants, and what their site's scanner reads."""

from functools import cache

import numpy as np
import pandas as pd

from harmoniq.data.errors import InputError
from harmoniq.data.names import BRODMANN_AREAS, HEMISPHERES, METRICS, TISSUES
from harmoniq.simulation.demographics import PATIENT_GROUP, edss_residual, measures_r2star
from harmoniq.simulation.effects import effect_defaults, tissue_regions
from harmoniq.simulation.effects_random import named_generator


def simulate_values(
    participants: pd.DataFrame, effects: pd.DataFrame, seed: int, *, hemispheres: bool = False
) -> pd.DataFrame:
    """Draw the regional values of participants.

    Parameters
    ----------
    participants : pandas.DataFrame
        As `harmoniq.simulation.demographics.simulate_participants` makes it: ``participant_id site group age sex``
        and, for patients, ``phenotype disease_duration edss``; ``megre`` says who has R2*.
    effects : pandas.DataFrame
        As `harmoniq.simulation.effects.planted_effects` makes it, for at least the participants' sites.
    seed : int
        A participant's values depend on the seed, the label and the row alone: subsets and other orders give the same.
    hemispheres : bool
        Two rows, ``L`` and ``R``, per cortical area; their mean is the regional value.

    Returns
    -------
    pandas.DataFrame
        Columns ``participant_id metric tissue region hemisphere value biological``, participants in their order and
        regions in the study's. ``value`` is what the site's scanner reads, ``biological`` the same person on the
        reference site's; both in 1/s. Without R2* at the site, or for a participant without it, there is no row.

    Raises
    ------
    InputError
        For a site that `effects` does not have.

    Notes
    -----
    With the healthy expectation m (baseline, age, sex) and the deviation e (subject, disease, disability):
    biological = m + e; value = m + additive + multiplicative e, the model of ComBat (Johnson et al. 2007,
    doi:10.1093/biostatistics/kxj037, equation 2).
    """
    noise, asymmetry = _latent_noise(participants, effects, seed)
    expected = _expected(participants, effects)
    deviation = _deviation(participants, effects, noise)
    additive, scale = (_of_site(participants, effects, kind) for kind in ("additive", "multiplicative"))
    value, biological = expected + additive + scale * deviation, expected + deviation
    measured = np.isfinite(value)
    measured &= measures_r2star(participants)[:, None] | (effects["metric"] != "R2star").to_numpy()
    if not hemispheres:
        row, column = np.nonzero(measured)
        return _rows(participants, effects, row, column, "n/a", value[row, column], biological[row, column])
    half = 0.5 * biological * (effects["asymmetry"].to_numpy() + asymmetry)
    two_sided = (effects["tissue"] != "WM").to_numpy()
    # Sides of one area follow each other: the third axis is L, R; a bundle takes only the first.
    sides = np.stack([measured, measured & two_sided], axis=-1)
    sign = np.where(two_sided[:, None], [1.0, -1.0], 0.0)
    row, column, side = np.nonzero(sides)
    shift = half[row, column] * sign[column, side]
    labels = np.where(two_sided[column], np.array(HEMISPHERES, dtype=object)[side], "n/a")
    read, true = value[row, column] + shift, biological[row, column] + shift
    return _rows(participants, effects, row, column, labels, read, true)


def tissue_arrays(values_of_one: pd.DataFrame, *, column: str = "value") -> dict[tuple[str, str], np.ndarray]:
    """Put one participant's values into arrays in the study's order, for the images.

    Parameters
    ----------
    values_of_one : pandas.DataFrame
        Rows of `simulate_values` of a single participant, with or without hemispheres.
    column : {"value", "biological"}
        Which of the two to take.

    Returns
    -------
    dict
        ``(metric, tissue)`` to an array in 1/s: shape (2, 41) for cGM and sWM (left, right; the order of
        ``BRODMANN_AREAS``), (18,) for WM (the order of ``BUNDLES``). A region that was not measured takes the
        population's default, since an image has to have some value there.

    Raises
    ------
    InputError
        For rows of several participants.
    """
    people = values_of_one["participant_id"].unique()
    if len(people) > 1:
        raise InputError("one participant at a time", key="participant_id", value=", ".join(map(str, people[:3])))
    out = {}
    for metric in METRICS:
        for tissue in TISSUES:
            part = values_of_one[(values_of_one["metric"] == metric) & (values_of_one["tissue"] == tissue)]
            out[metric, tissue] = _array(part, metric, tissue, column)
    return out


def _array(part: pd.DataFrame, metric: str, tissue: str, column: str) -> np.ndarray:
    default = effect_defaults()[metric][tissue]["baseline"][0]
    regions = tissue_regions(tissue)
    if tissue == "WM":
        bundles = part.set_index("region")[column].reindex(regions)
        return bundles.fillna(default).to_numpy(dtype=np.float64)
    out = np.full((len(HEMISPHERES), len(BRODMANN_AREAS)), default, dtype=np.float64)
    for index, side in enumerate(HEMISPHERES):
        own = part[part["hemisphere"].isin([side, "n/a"]) | part["hemisphere"].isna()]
        found = own.set_index("region")[column].reindex(regions).to_numpy(dtype=np.float64)
        out[index] = np.where(np.isfinite(found), found, default)
    return out


def _rows(
    participants: pd.DataFrame,
    effects: pd.DataFrame,
    row: np.ndarray,
    column: np.ndarray,
    hemisphere: str | np.ndarray,
    value: np.ndarray,
    biological: np.ndarray,
) -> pd.DataFrame:
    frame = pd.DataFrame({"participant_id": participants["participant_id"].to_numpy(dtype=object)[row]})
    for name in ("metric", "tissue", "region"):
        frame[name] = effects[name].to_numpy(dtype=object)[column]
    frame["hemisphere"] = hemisphere
    frame["value"], frame["biological"] = value, biological
    return frame


def _latent_noise(participants: pd.DataFrame, effects: pd.DataFrame, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return unit-variance noise correlated over regions, and asymmetry noise, each (participants, effects)."""
    defaults = effect_defaults()
    position, loadings = _layout()
    # Everybody draws for all features of the study, so that a part of `effects` gives the same values as the whole.
    keys = zip(effects["metric"], effects["tissue"], effects["region"])
    wanted = np.array([position[key] for key in keys], dtype=int)
    count, factors = len(position), int(loadings.max()) + 1
    draws = np.empty((len(participants), factors + 2 * count))
    for row, label in enumerate(participants["participant_id"]):
        draws[row] = named_generator(seed, "participant", str(label)).standard_normal(draws.shape[1])
    shares = defaults["noise"]
    noise = np.sqrt(shares["residual"]) * draws[:, factors + wanted]
    for name, index in zip(("everything", "metric", "tissue", "region"), loadings):
        noise += np.sqrt(shares[name]) * draws[:, index[wanted]]
    return noise, defaults["asymmetry"]["between_subjects"] * draws[:, factors + count + wanted]


@cache
def _layout() -> tuple[dict[tuple[str, str, str], int], np.ndarray]:
    """Return each feature's place among all, and the column of each of its four shared factors, (4, features)."""
    kinds = [(metric, tissue) for metric in METRICS for tissue in TISSUES]
    features = [(metric, tissue, region) for metric, tissue in kinds for region in tissue_regions(tissue)]
    frame = pd.DataFrame(features, columns=["metric", "tissue", "region"])
    loadings = [np.zeros(len(frame), dtype=int)]
    for keys in (["metric"], ["metric", "tissue"], ["metric", "region"]):
        loadings.append(frame.groupby(keys, sort=False).ngroup().to_numpy() + loadings[-1].max() + 1)
    return {feature: place for place, feature in enumerate(features)}, np.stack(loadings)


def _expected(participants: pd.DataFrame, effects: pd.DataFrame) -> np.ndarray:
    """Return the healthy expectation, (participants, effects): equation 4 around its turning point."""
    age = participants["age"].to_numpy(dtype=np.float64)[:, None]
    man = (participants["sex"] == "M").to_numpy()[:, None]
    column = {name: effects[name].to_numpy() for name in ("baseline", "b_age2", "peak_age", "b_sex")}
    return column["baseline"] + column["b_age2"] * (age - column["peak_age"]) ** 2 + column["b_sex"] * man


def _deviation(participants: pd.DataFrame, effects: pd.DataFrame, noise: np.ndarray) -> np.ndarray:
    """Return what sets each participant apart from the expectation, in 1/s: noise, disease, disability."""
    patient = (participants["group"] == PATIENT_GROUP).to_numpy()[:, None]
    ratio = effects["ms_noise_ratio"].to_numpy()
    sd = effects["sd_noise"].to_numpy() * np.where(patient, ratio, 1.0)
    residual, residual_sd = edss_residual(participants)
    # A slope of EDSS on Z (Z has SD `ratio` in patients) is a correlation of slope * ratio / SD of EDSS.
    correlation = np.where(patient, effects["edss_beta"].to_numpy() * ratio / residual_sd, 0.0)
    known = np.isfinite(residual)[:, None]
    correlation = np.where(known, correlation, 0.0)
    disability = correlation * np.where(known[:, 0], residual, 0.0)[:, None] / residual_sd
    shift = np.where(patient, effects["ms_shift"].to_numpy(), 0.0)
    return sd * (np.sqrt(1 - correlation**2) * noise + disability) + shift


def _of_site(participants: pd.DataFrame, effects: pd.DataFrame, kind: str) -> np.ndarray:
    """Return a site effect per participant, (participants, effects)."""
    sites, index = np.unique(participants["site"].to_numpy(dtype=str), return_inverse=True)
    for site in sites:
        if f"{kind}_{site}" not in effects:
            names = [str(name) for name in effects.columns]
            known = [name.removeprefix("additive_") for name in names if name.startswith("additive_")]
            raise InputError(f"has no planted effects (known: {', '.join(known)})", key="site", value=site)
    return np.stack([effects[f"{kind}_{site}"].to_numpy(dtype=np.float64) for site in sites])[index]
