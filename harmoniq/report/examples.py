"""Values of a few example regions under every method, and their quadratic age curves: the data of figure 2."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from harmoniq.data.names import METRICS
from harmoniq.report.style import METHOD_TITLES

#: The regions of the paper's figure 2: the primary motor cortex and the right arcuate.
EXAMPLE_REGIONS: Final = (("cGM", "BA4"), ("sWM", "BA4"), ("WM", "ARC_R"))


def example_values(
    regions: pd.DataFrame,
    participants: pd.DataFrame,
    *,
    control_group: str = "HC",
    examples: Sequence[tuple[str, str]] = EXAMPLE_REGIONS,
) -> pd.DataFrame:
    """Return the controls' values of the example regions, one row per value.

    Parameters
    ----------
    regions : pandas.DataFrame
        ``participant_id metric tissue region`` and a column per method (``regions_harmonized.tsv``).
    participants : pandas.DataFrame
        ``participant_id site group age sex``.
    control_group : str
        Patients are left out.
    examples : sequence of (tissue, region)
        Where the table lacks a region, the first one of its tissue is taken.

    Returns
    -------
    pandas.DataFrame
        ``participant_id site age sex metric tissue region data value``.
    """
    methods = [name for name in METHOD_TITLES if name in regions]
    people = participants.loc[participants["group"] == control_group, ["participant_id", "site", "age", "sex"]]
    parts = []
    for metric in METRICS:
        for tissue, region in examples:
            rows = regions[(regions["metric"] == metric) & (regions["tissue"] == tissue)]
            if rows.empty:
                continue
            chosen = region if (rows["region"] == region).any() else rows["region"].iloc[0]
            parts.append(rows[rows["region"] == chosen])
    keys = ["participant_id", "metric", "tissue", "region"]
    if not parts:
        return pd.DataFrame(columns=["participant_id", "site", "age", "sex", *keys[1:], "data", "value"])
    wide = people.merge(pd.concat(parts)[[*keys, *methods]], on="participant_id")
    long = wide.melt(id_vars=["participant_id", "site", "age", "sex", *keys[1:]], value_vars=methods,
                     var_name="data", value_name="value")  # fmt: skip
    return long.dropna(subset=["value", "age"]).reset_index(drop=True)


def example_curves(values: pd.DataFrame) -> pd.DataFrame:
    """Fit value ~ age + age² + sex within each site, region and method (Chen et al. 2026, equation 4).

    Parameters
    ----------
    values : pandas.DataFrame
        From `example_values`.

    Returns
    -------
    pandas.DataFrame
        ``site metric tissue region data n age_low age_high b0 b_age b_age2``; the intercept lies midway between the
        sexes. Sites with fewer than six values, or a single age, have no curve.
    """
    keys = ["site", "metric", "tissue", "region", "data"]
    found = []
    for labels, rows in values.groupby(keys, sort=False):
        age = rows["age"].to_numpy(dtype=float)
        if len(rows) < 6 or np.unique(age).size < 4:
            continue
        # Centering keeps age and age² apart numerically; the coefficients are carried back afterwards.
        center = age.mean()
        half = np.where(rows["sex"].to_numpy() == "F", 0.5, -0.5)
        design = [np.ones_like(age), age - center, (age - center) ** 2]
        if np.ptp(half) > 0:
            design.append(half)
        c0, c1, c2 = np.linalg.lstsq(np.column_stack(design), rows["value"].to_numpy(dtype=float), rcond=None)[0][:3]
        b0, b1 = c0 - c1 * center + c2 * center**2, c1 - 2 * c2 * center
        found.append((*labels, len(rows), age.min(), age.max(), b0, b1, c2))
    return pd.DataFrame(found, columns=[*keys, "n", "age_low", "age_high", "b0", "b_age", "b_age2"])
