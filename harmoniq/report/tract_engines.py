"""Profiles of two engines side by side: by how much the bundles' central means differ, and where along them."""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from harmoniq.data.tables import flags, read_tsv, write_tsv
from harmoniq.report.style import OKABE_ITO, styled
from harmoniq.report.tract_profiles import bundle_panels, legend_below, shade_central, share_scale

#: Columns of the table, with their BIDS descriptions.
COLUMNS: Final[dict[str, dict[str, object]]] = {
    "bundle": {"Description": "Bundle, in the names of AFQ"},
    "n_native": {"Description": "Streamlines that the native engine used"},
    "n_reference": {"Description": "Streamlines that the reference engine used"},
    "native": {"Description": "Mean of the central nodes by the native engine", "Units": "1/s"},
    "reference": {"Description": "Mean of the central nodes by the reference engine", "Units": "1/s"},
    "difference_percent": {"Description": "Native minus reference, of the reference", "Units": "percent"},
    "node_median_percent": {
        "Description": "Median over the central nodes of the absolute difference, of the reference", "Units": "percent"
    },
    "ends_native_percent": {
        "Description": "What the native engine's mean would change by if all nodes entered it", "Units": "percent"
    },
    "ends_reference_percent": {
        "Description": "What the reference engine's mean would change by if all nodes entered it", "Units": "percent"
    },
}  # fmt: skip
#: With coarse voxels many of SCILPY's labels have no voxel: what stands alone is seen by its marker.
_LINES: Final = ((OKABE_ITO["blue"], "-", ""), (OKABE_ITO["orange"], "--", "."))


def profile_engine_table(native: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Compare the profiles of two engines.

    Parameters
    ----------
    native, reference : pandas.DataFrame
        ``bundle node value central n_streamlines`` of ``*_profiles.tsv``.

    Returns
    -------
    pandas.DataFrame
        A row per bundle that both have, columns of `COLUMNS`. Means are over the nodes that both engines have.
    """
    rows = []
    for bundle in [name for name in dict.fromkeys(native["bundle"]) if name in set(reference["bundle"])]:
        first, second = (t[t["bundle"] == bundle].sort_values("node").set_index("node") for t in (native, reference))
        both = first["value"].notna() & second["value"].notna()
        central = both & flags(first["central"])
        means = [float(table.loc[central, "value"].mean()) for table in (first, second)]
        whole = [float(table.loc[both, "value"].mean()) for table in (first, second)]
        apart = 100 * (first["value"] / second["value"] - 1).abs()
        rows.append({
            "bundle": bundle,
            "n_native": int(first["n_streamlines"].iloc[0]),
            "n_reference": int(second["n_streamlines"].iloc[0]),
            "native": means[0],
            "reference": means[1],
            "difference_percent": 100 * (means[0] / means[1] - 1),
            "node_median_percent": float(apart[central].median()),
            "ends_native_percent": 100 * (whole[0] / means[0] - 1),
            "ends_reference_percent": 100 * (whole[1] / means[1] - 1),
        })  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


@styled
def figure_profile_engines(
    native: pd.DataFrame, reference: pd.DataFrame, metric: str, names: tuple[str, str], title: str = ""
) -> Figure:
    """Draw the profiles of two engines over each other, a panel per bundle, with the difference of the central means.

    Parameters
    ----------
    native, reference : pandas.DataFrame
        As `profile_engine_table` takes them.
    metric : {'R1', 'R2star'}
        What the map holds.
    names : tuple of str
        What the engines are called.
    title : str
        Of the figure.

    Returns
    -------
    Figure
        The figure.
    """
    apart = profile_engine_table(native, reference).set_index("bundle")["difference_percent"]
    figure, panels = bundle_panels(list(apart.index), metric, title)
    for bundle, ax in panels.items():
        for table, name, (color, line, marker) in zip((native, reference), names, _LINES, strict=True):
            rows = table[table["bundle"] == bundle].sort_values("node")
            ax.plot(rows["node"], rows["value"], color=color, ls=line, marker=marker, ms=3, label=name)
            shade_central(ax, rows)
        said = f" ({apart[bundle]:+.2f} %)" if np.isfinite(apart[bundle]) else ""
        ax.set_title(f"{bundle}{said}")
    share_scale(panels, pd.concat([native["value"], reference["value"]]))
    legend_below(figure, panels, 2)
    return figure


def compare_profile_files(
    native: Path, reference: Path, *, metric: str, names: tuple[str, str], title: str, figure_out: Path, table_out: Path
) -> None:
    """Compare profiles on disk: a PNG of both, and the table with its sidecar.

    Parameters
    ----------
    native, reference : path
        ``*_profiles.tsv``.
    metric, names, title
        As `figure_profile_engines` takes them.
    figure_out, table_out : path
        PNG and TSV.
    """
    from harmoniq.data.files import write_bytes
    from harmoniq.report.images import figure_bytes

    first, second = (read_tsv(path) for path in (native, reference))
    write_tsv(profile_engine_table(first, second), table_out, columns=COLUMNS, digits=6)
    write_bytes(figure_out, figure_bytes(figure_profile_engines(first, second, metric, names, title)))
