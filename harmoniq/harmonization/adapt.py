"""A saved ComBat model taken to new sites, from their controls, and what is uncertain about it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError
from harmoniq.harmonization.base import FEATURE_KEYS, feature_positions, site_labels
from harmoniq.harmonization.empirical_bayes import shrink_site
from harmoniq.harmonization.location_scale import CONSTANT
from harmoniq.harmonization.site_model import SiteModel
from harmoniq.harmonization.training import MIN_CONTROLS

#: Share of a new site's controls that must lie within the ages of the fit, where alone the age curve was measured.
MIN_INSIDE: Final = 0.5

ADAPTATION_COLUMNS: Final[dict[str, str | dict[str, str]]] = {
    "metric": "R1 = 1/T1 or R2star = 1/T2*",
    "tissue": "cGM mid-cortex, sWM superficial white matter, WM bundle",
    "region": "Brodmann area (PALS-B12) or bundle",
    "data": "Method of harmonization",
    "site": "New site (batch)",
    "n": "Controls of the site with a value",
    "shift": {"Description": "What the site adds to the reference site's scale", "Units": "1/s"},
    "shift_se": {"Description": "Its standard error, SD of the site's residuals over the root of n (hbr: posterior "
                                "SD); an error of the shift moves all harmonized values of the site alike",
                 "Units": "1/s"},
    "scale": "Standard deviation of the site's residuals over the reference site's",
    "scale_se": "Its standard error",
    "z_se": "By how much the site's Z-scores may be off together: 1 over the root of n (hbr: posterior SD)",
    "n_outside": "Controls of the site beyond the ages of the fit",
}  # fmt: skip


def check_new_controls(cohort: Cohort, sites: Sequence[str], least: int) -> None:
    """Refuse new sites with too few controls.

    Parameters
    ----------
    cohort : Cohort
        Of one metric.
    sites : sequence of str
        New ones.
    least : int
        Controls with values that each needs.

    Raises
    ------
    InputError
        Naming the site and its number of controls.
    """
    labels = site_labels(cohort)
    useful = cohort.is_control & np.isfinite(cohort.values).any(axis=1)
    for site in sites:
        count = int((useful & (labels == site)).sum())
        if count < least:
            raise InputError(
                f"has {count or 'no'} controls ({cohort.control_group}) with values; adapting a model needs at least "
                f"{least}", key="site", value=site,
                remedy="add controls of the site, or leave it out" if count else
                "a site without controls cannot be harmonized: add some, or leave it out",
            )  # fmt: skip


def check_ages_inside(outside: np.ndarray, ages: tuple[float, float], site: str) -> None:
    """Refuse a new site most of whose controls lie outside the ages of the fit.

    Parameters
    ----------
    outside : numpy.ndarray of bool, shape (n_controls,)
        Which of the site's controls are younger or older than all of the fit.
    ages : tuple of float
        Lowest and highest age of the fit, years.
    site : str
        Its label, for errors.

    Raises
    ------
    InputError
        When less than `MIN_INSIDE` of the controls lie within.
    """
    if outside.mean() > 1 - MIN_INSIDE:
        raise InputError(
            f"{int(outside.sum())} of {len(outside)} controls lie outside the ages of the fit ({ages[0]:g} to "
            f"{ages[1]:g}), where the age curve was not measured", key="site", value=site,
            remedy="fit again with this site",
        )  # fmt: skip


def add_sites(model: SiteModel, cohort: Cohort, sites: Sequence[str]) -> tuple[SiteModel, pd.DataFrame]:
    """Return the model with the effects of new sites; what it holds of the others stays bit by bit.

    The age curve, the sex difference and the scale are the model's. The new site's residuals from them give a shift and
    a variance per region, shrunk over its regions as ComBat does (`shrink_site`). Regions of which the site has fewer
    than `MIN_CONTROLS` controls stay unharmonized there.

    Parameters
    ----------
    model : SiteModel
        The fitted model; it is not changed.
    cohort : Cohort
        Of one metric, with controls of the new sites.
    sites : sequence of str
        Labels that are not in the model.

    Returns
    -------
    SiteModel
        With the new sites behind the others.
    pandas.DataFrame
        Columns ``ADAPTATION_COLUMNS`` but ``data``; a row per new site and region.

    Raises
    ------
    InputError
        When most controls of a site lie outside the ages of the fit, or it has a region that the model has not.
    """
    labels = site_labels(cohort)
    tables = []
    for site in sites:
        controls = cohort.select(rows=(labels == site) & cohort.is_control)
        outside = _outside(model, controls, site)
        model, table = _add_site(model, controls, site)
        tables.append(table.assign(n_outside=outside))
    return model, pd.concat(tables, ignore_index=True)


def _outside(model: SiteModel, controls: Cohort, site: str) -> int:
    if "age" not in model.ranges:
        return 0
    low, high = model.ranges["age"]
    age = controls.participants["age"].to_numpy(dtype=float)
    outside = (age < low) | (age > high)
    check_ages_inside(outside, (low, high), site)
    return int(outside.sum())


def _add_site(model: SiteModel, controls: Cohort, site: str) -> tuple[SiteModel, pd.DataFrame]:
    position = feature_positions(controls, model.features)
    p = len(model.features)
    values = np.full((len(controls.participants), p), np.nan)
    values[:, position] = controls.values
    standardized = (values - model.center - model.covariate_mean(controls)) / model.scale
    finite = np.isfinite(standardized)
    count = finite.sum(axis=0)
    usable = np.flatnonzero((count >= MIN_CONTROLS) & np.isfinite(model.variance).any(axis=0) & ~model.as_is)
    part, n = standardized[:, usable], count[usable]
    mean = np.nanmean(part, axis=0) if len(usable) else np.empty(0)
    spread = np.nanvar(part, axis=0, ddof=1) if len(usable) else np.empty(0)
    shift, variance = np.full(p, np.nan), np.full(p, np.nan)
    notes = list(model.notes)
    if len(usable):
        shift[usable], found, _ = shrink_site(mean, spread, n)
        variance[usable] = np.where(found > CONSTANT**2, found, 1.0)
    notes.append(f"{site} was added from {len(controls.participants)} controls, with the age curve of the other sites")
    lost = np.flatnonzero((count < MIN_CONTROLS) & np.isfinite(model.variance).any(axis=0) & ~model.as_is)
    if len(lost):
        notes.append(f"{len(lost)} regions have fewer than {MIN_CONTROLS} controls at {site} and stay unharmonized")
    root = np.sqrt(variance[usable])
    frame = pd.DataFrame([model.features[region] for region in usable], columns=list(FEATURE_KEYS))
    frame["site"], frame["n"] = site, n
    frame["shift"] = shift[usable] * model.scale[usable]
    frame["shift_se"] = root / np.sqrt(n) * model.scale[usable]
    # Of a standard deviation of normal residuals.
    frame["scale"], frame["scale_se"] = root, root / np.sqrt(2.0 * (n - 1))
    frame["z_se"] = 1.0 / np.sqrt(n)
    grown = replace(
        model,
        sites=(*model.sites, site),
        shift=np.vstack([model.shift, shift]),
        variance=np.vstack([model.variance, variance]),
        count=np.vstack([model.count, np.where(np.isfinite(shift), count, 0)]),
        notes=notes,
    )
    return grown, frame
