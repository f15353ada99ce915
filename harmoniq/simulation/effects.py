"""What is planted in the simulated cohort: per metric, tissue and region, its baseline, age curve and effects."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.special import ndtri

from harmoniq.data.errors import InputError
from harmoniq.data.names import BRODMANN_AREAS, BUNDLES, METRICS, TISSUES
from harmoniq.simulation.effects_random import named_generator, spread_ranks

#: Sites of Chen et al. 2026 that measured no R2* (Table 1).
SITES_WITHOUT_R2STAR: Final = ("site3",)

_QUANTILES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
_CURVATURE_YEARS: Final = 30.0


@cache
def effect_defaults() -> dict[str, Any]:
    """Read the hyper-parameters of the truth.

    Returns
    -------
    dict of str to object
        As they stand in ``simulation/data/effects.toml``; shared between calls.
    """
    text = (files("harmoniq.simulation") / "data" / "effects.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def tissue_regions(tissue: str) -> tuple[str, ...]:
    """List the regions of a tissue.

    Parameters
    ----------
    tissue : {'cGM', 'sWM', 'WM'}
        Cortex, the white matter beneath it, or bundles.

    Returns
    -------
    tuple of str
        41 areas or 18 bundles, in the study's order.
    """
    return BUNDLES if tissue == "WM" else BRODMANN_AREAS


def planted_effects(seed: int, *, sites: int = 3) -> pd.DataFrame:
    """Draw what is planted, one row per metric, tissue and region.

    Parameters
    ----------
    seed : int
        The same seed gives the same table; more sites leave the columns of the first ones as they were.
    sites : int
        Sites are ``site1`` (the reference: nothing added, scale 1), ``site2``, ``site3``, and further ones whose
        scanners lie between those of the first two.

    Returns
    -------
    pandas.DataFrame
        200 rows (R1 and R2* in 41 areas of cGM and of sWM and in 18 bundles) in the study's order. Columns:
        ``metric tissue region``; ``baseline`` (1/s, women at the peak age, as site1 reads it); ``peak_age`` (years);
        ``b_age2`` (1/s per year²); ``b_sex`` (1/s, men minus women); ``sd_noise`` (1/s, between controls);
        ``d_ms`` (Cohen's d, controls minus patients, for groups of equal size); ``ms_shift`` (1/s, the same as a
        difference); ``ms_noise_ratio`` (SD of patients over controls); ``edss_beta`` (EDSS per Z);
        ``asymmetry`` (left minus right over the mean, 0 in bundles); and per site ``additive_<site>`` (1/s) and
        ``multiplicative_<site>``, missing for a metric that the site does not measure.

    Raises
    ------
    InputError
        For fewer than one site or a seed below 0.

    Notes
    -----
    The healthy expectation is ``baseline + b_age2 (age - peak_age)² + b_sex [man]``, equation 4 of Chen et al. 2026
    written around its turning point.
    """
    if sites < 1:
        raise InputError("must be 1 or above", key="sites", value=sites)
    parts = [_tissue_effects(seed, metric, tissue, sites) for metric in METRICS for tissue in TISSUES]
    return pd.concat(parts, ignore_index=True)


def _tissue_effects(seed: int, metric: str, tissue: str, sites: int) -> pd.DataFrame:
    defaults = effect_defaults()
    own = defaults[metric][tissue]
    regions = tissue_regions(tissue)
    count = len(regions)

    def ranks(what: str) -> np.ndarray:
        return spread_ranks(count, named_generator(seed, metric, tissue, what))

    def normal(what: str) -> np.ndarray:
        mean, sd = own[what]
        return mean + sd * ndtri(ranks(what))

    mean, fraction = own["baseline"]
    baseline = mean * (1 + fraction * ndtri(_baseline_ranks(seed, metric, tissue)))
    sd_noise = own["noise"]["fraction"] * baseline
    ratio = own["noise"]["ratio_ms"]
    d_ms = _group_differences(seed, metric, tissue)
    edss = defaults["edss"].get(metric, {}).get(tissue, {})
    frame = pd.DataFrame({"metric": metric, "tissue": tissue, "region": regions})
    frame["baseline"] = baseline
    frame["peak_age"] = normal("peak_age")
    curvature = np.interp(ranks("curvature"), _QUANTILES, own["curvature"])
    frame["b_age2"] = -curvature * sd_noise / _CURVATURE_YEARS**2
    frame["b_sex"] = normal("sex") * sd_noise
    frame["sd_noise"] = sd_noise
    frame["d_ms"] = d_ms
    frame["ms_shift"] = -d_ms * sd_noise * np.sqrt((1 + ratio**2) / 2)
    frame["ms_noise_ratio"] = ratio
    frame["edss_beta"] = [edss.get(region, 0.0) for region in regions]
    spread = defaults["asymmetry"]["between_regions"] * (tissue != "WM")
    frame["asymmetry"] = spread * ndtri(ranks("asymmetry"))
    for number in range(1, sites + 1):
        additive, multiplicative = _site_effects(seed, metric, tissue, number)
        frame[f"additive_site{number}"] = additive * sd_noise
        frame[f"multiplicative_site{number}"] = multiplicative
    return frame


def _baseline_ranks(seed: int, metric: str, tissue: str) -> np.ndarray:
    """Return mid-ranks of the baselines: primary areas high, temporal and limbic ones low, cGM and sWM alike."""
    order = effect_defaults()["baseline_order"]
    regions = tissue_regions(tissue)
    # One draw for cortex and the white matter below it, a smaller one for each, so that the two go together.
    shared = named_generator(seed, metric, "cortex" if tissue != "WM" else "bundles", "baseline")
    score = 0.7 * shared.standard_normal(len(regions))
    score += 0.25 * named_generator(seed, metric, tissue, "baseline").standard_normal(len(regions))
    score += [2.0 * (region in order["high"]) - 2.0 * (region in order["low"]) for region in regions]
    return (np.argsort(np.argsort(score)) + 0.5) / len(regions)


def _group_differences(seed: int, metric: str, tissue: str) -> np.ndarray:
    """Return Cohen's d per region; the published largest is the largest here."""
    own = effect_defaults()[metric][tissue]["d_ms"]
    regions = tissue_regions(tissue)
    values = np.interp(
        spread_ranks(len(regions), named_generator(seed, metric, tissue, "d_ms")), _QUANTILES, own["quantiles"]
    )
    # Regions with a planted EDSS slope must differ between the groups, since only such regions are tested.
    above = [*effect_defaults()["edss"].get(metric, {}).get(tissue, {}), own["largest"]]
    for region in above:
        here = regions.index(region)
        if values[here] < np.median(values):
            there = _highest_free(values, [regions.index(name) for name in above])
            values[here], values[there] = values[there], values[here]
    here, there = regions.index(own["largest"]), int(np.argmax(values))
    values[here], values[there] = values[there], values[here]
    values[here] = own["quantiles"][-1]
    return values


def _highest_free(values: np.ndarray, taken: list[int]) -> int:
    free = np.setdiff1d(np.arange(len(values)), taken)
    return int(free[np.argmax(values[free])])


def _site_effects(seed: int, metric: str, tissue: str, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what a site adds, in noise SDs, and its scale, each of shape (regions,)."""
    own = effect_defaults()[metric][tissue]
    count, site = len(tissue_regions(tissue)), f"site{number}"
    if number == 1:
        return np.zeros(count), np.ones(count)
    if metric == "R2star" and site in SITES_WITHOUT_R2STAR:
        return np.full(count, np.nan), np.full(count, np.nan)
    model = site if site in own["additive"] else "site2"
    # A further site's protocol lies between those of the first two, the same way for all its metrics and tissues.
    share = 1.0 if number <= 3 else named_generator(seed, site, "share").uniform(0.2, 1.0)
    ranks = spread_ranks(count, named_generator(seed, metric, tissue, site, "additive"))
    additive = share * np.interp(ranks, _QUANTILES, own["additive"][model])
    mean, sd = own["multiplicative"][model]
    scale = mean + sd * ndtri(spread_ranks(count, named_generator(seed, metric, tissue, site, "multiplicative")))
    return additive, 1 + share * (scale - 1)
