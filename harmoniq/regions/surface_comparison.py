"""Regional values along the embedded engine's surfaces beside those along an existing subject's, of the same maps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from harmoniq.data.files import read_json
from harmoniq.data.tables import write_tsv

_KEYS: Final = ["metric", "tissue", "region", "hemisphere"]
#: Columns of the table, with their BIDS descriptions.
COLUMNS: Final[dict[str, Any]] = {
    "metric": {"Description": "R1 or R2star"},
    "tissue": {"Description": "cGM or sWM"},
    "region": {"Description": "Area of the atlas"},
    "hemisphere": {"Description": "L or R"},
    "embedded": {"Description": "Mean along the embedded engine's surfaces", "Units": "1/s"},
    "existing": {"Description": "Mean along the existing FreeSurfer subject's surfaces", "Units": "1/s"},
    "difference": {"Description": "Embedded minus existing, of the latter", "Units": "percent"},
    "n_embedded": {"Description": "Vertices used of the embedded engine's surfaces"},
    "n_existing": {"Description": "Vertices used of the existing subject's"},
}


def compare_surface_rows(embedded: pd.DataFrame, existing: pd.DataFrame) -> pd.DataFrame:
    """Set rows of the regional table side by side.

    Parameters
    ----------
    embedded, existing : pandas.DataFrame
        Columns metric, tissue, region, hemisphere, value and n: the cortex only.

    Returns
    -------
    pandas.DataFrame
        A row for each area that both have, columns of `COLUMNS`, in the order of `embedded`.
    """
    columns = [*_KEYS, "value", "n"]
    table = embedded[columns].merge(existing[columns], on=_KEYS, suffixes=("_embedded", "_existing"))
    table = table.rename(columns={"value_embedded": "embedded", "value_existing": "existing"})
    table["difference"] = 100 * (table["embedded"] / table["existing"] - 1)
    return table[list(COLUMNS)]


def summarize_surfaces(table: pd.DataFrame) -> pd.DataFrame:
    """Average over the areas, and say how far they are apart.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `compare_surface_rows`.

    Returns
    -------
    pandas.DataFrame
        A row per metric and tissue: ``areas`` (both hemispheres of an area are two), ``embedded`` and ``existing``
        (1/s), ``bias``, ``median`` and ``p90`` (percent: the mean difference, and the median and 90th percentile of its
        absolute value).
    """
    rows = []
    for (metric, tissue), part in table.dropna(subset=["difference"]).groupby(["metric", "tissue"], sort=False):
        off = part["difference"].abs()
        rows.append(
            {
                "metric": metric, "tissue": tissue, "areas": len(part), "embedded": part["embedded"].mean(),
                "existing": part["existing"].mean(), "bias": part["difference"].mean(), "median": off.median(),
                "p90": off.quantile(0.9),
            }
        )  # fmt: skip
    return pd.DataFrame(rows, columns=["metric", "tissue", "areas", "embedded", "existing", "bias", "median", "p90"])


def write_surface_comparison(out: Path, embedded: Sequence[str | Path], existing: Sequence[str | Path]) -> None:
    """Write the table, and its sidecar beside it.

    Parameters
    ----------
    out : path
        TSV.
    embedded, existing : sequence of path
        JSON with rows, as `harmoniq.regions.cortex.sample_cortex` writes them.
    """
    first, second = (
        pd.DataFrame([row for path in paths for row in read_json(path)["rows"]]) for paths in (embedded, existing)
    )
    write_tsv(compare_surface_rows(first, second), out, columns=COLUMNS, digits=6)
