"""How hierarchical Bayesian regression is run on a whole cohort, and what is reported of its fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harmoniq.harmonization.hbr.sampler import SamplerOptions

HBR_DIAGNOSTICS_COLUMNS: dict[str, Any] = {
    "metric": "R1 or R2star",
    "tissue": "cGM, sWM or WM",
    "region": "Brodmann area or bundle",
    "model": "What the fit is for: harmonization (with the sex where the sexes are apart), or zscores (the normative "
    "model)",
    "fold": "Fifth of the controls held out, 1 to 5; all: none",
    "rhat_max": "Largest rank-normalized split R-hat of all parameters; 1 is best, under 1.01 is asked for",
    "ess_min": "Smallest bulk effective sample size of all parameters; at least 100 per chain is asked for",
    "divergences": "Iterations whose energy went astray",
    "rmse": {
        "Description": "Root mean square error of the mean, in the held-out fifth; for all in the training controls",
        "Units": "1/s",
    },
    "converged": "Whether R-hat, effective sample size and divergences (these with the native engine) are as asked for",
    "refitted": "Whether this is a second try with safer settings",
    "used": "Whether values or Z-scores come from this fit: with folds the converged one of lowest rmse",
}


@dataclass(frozen=True)
class HbrRun:
    """How hierarchical Bayesian regression is run on a cohort.

    Parameters
    ----------
    engine : {"native", "pcntoolkit"}
        Who samples.
    fit : {"best-fold", "all"}
        Of the harmonization; Z-scores come from a fit to all controls of their sites.
    zscore_sites : tuple of str
        Labels of the sites whose controls make the normative model, or ``auto`` (`hbr.score.model_sites`).
    options : SamplerOptions, optional
        Settings of the sampler; default: those of `SamplerOptions`.
    threads : int, optional
        Nothing depends on it but the time.
    """

    engine: str = "native"
    fit: str = "best-fold"
    zscore_sites: tuple[str, ...] = ("auto",)
    options: SamplerOptions | None = None
    threads: int | None = None


def diagnostics_table(fits: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Set the diagnostics of several models one below the other.

    Parameters
    ----------
    fits : sequence of DataFrame
        Of `Hbr.diagnostics`, each with a column ``model``.

    Returns
    -------
    DataFrame
        Columns ``HBR_DIAGNOSTICS_COLUMNS``; without rows where there are none.
    """
    columns = list(HBR_DIAGNOSTICS_COLUMNS)
    filled = [frame for frame in fits if len(frame)]
    return pd.concat(filled, ignore_index=True)[columns] if filled else pd.DataFrame(columns=columns)
