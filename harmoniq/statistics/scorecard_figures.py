"""The figures of the scorecard, each out of the group level's tables."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from harmoniq.data.tables import flags

Tables = Mapping[str, pd.DataFrame]


class Found(NamedTuple):
    """A figure as computed here.

    Parameters
    ----------
    value : float
        In the published figure's unit; NaN where it was not computed.
    spread : str
        Its spread, or the regions that it is of.
    remark : str
        What differs from the paper.
    """

    value: float = np.nan
    spread: str = ""
    remark: str = ""


_ABSENT: Final = Found(remark="not computed in this run")


def _rows(tables: Tables, name: str, **where: str) -> pd.DataFrame:
    """Return the rows of a table that fit; ``all`` fits every one, an absent table has none."""
    frame = tables.get(name)
    if frame is None or frame.empty:
        return pd.DataFrame()
    keep = np.ones(len(frame), dtype=bool)
    for column, value in where.items():
        if value != "all":
            keep &= (frame[column].astype(str) == value).to_numpy()
    return frame[keep]


def _mean_over_regions(column: str) -> Callable[..., Found]:
    def figure(tables: Tables, metric: str, tissue: str, data: str, alpha: float) -> Found:
        rows = _rows(tables, "site_effects", metric=metric, tissue=tissue, data=data)
        values = rows[column].dropna().to_numpy(dtype=float) if len(rows) else np.empty(0)
        if not values.size:
            return _ABSENT
        spread = f"{values.std(ddof=1):.2g}" if values.size > 1 else ""
        boundary = column.replace("icc", "singular")
        singular = int(flags(rows[boundary]).sum()) if boundary in rows and boundary != column else 0
        return Found(
            values.mean(), spread, f"{singular} of {len(rows)} fits singular, counted as 0" if singular else ""
        )

    return figure


def _peak_age(tables: Tables, metric: str, tissue: str, data: str, alpha: float) -> Found:
    rows = _rows(tables, "peak_age_summary", metric=metric, tissue=tissue, data=data)
    if rows.empty:
        return _ABSENT
    row = rows.iloc[0]
    kept = 100 * row["n_kept"] / row["n_regions"] if row["n_regions"] else 0.0
    spread = f"{row['se']:.2f}" if pd.notna(row["se"]) else ""
    return Found(float(row["mean"]), spread, f"{kept:.1f} % of regions kept")


def _peak_shift(tables: Tables, metric: str, tissue: str, data: str, alpha: float) -> Found:
    rows = _rows(tables, "age_models", metric=metric, tissue=tissue)
    if rows.empty:
        return _ABSENT
    kept = rows[flags(rows["kept"])]
    keys = ["tissue", "region"]
    raw, other = (kept[kept["data"] == name].set_index(keys)["peak_age"] for name in ("raw", data))
    shift = (other - raw).dropna().abs()
    if shift.empty:
        return _ABSENT
    return Found(float(shift.mean()), f"largest {shift.max():.1f}", f"{len(shift)} regions kept under both")


def _rmse(tables: Tables, metric: str, tissue: str, data: str, alpha: float) -> Found:
    rows = _rows(tables, "rmse_change", metric=metric, tissue=tissue, data=data)
    if rows.empty:
        return _ABSENT
    row = rows.iloc[0]
    remark = "see the two readings: standardized or not" if metric == "R2star" else ""
    return Found(float(row["mean"]), f"{row['q25']:.1f} to {row['q75']:.1f}", remark)


def _significant(tables: Tables, metric: str, tissue: str, data: str, alpha: float) -> Found:
    rows = _rows(tables, "table3_group_differences", metric=metric, tissue=tissue, comparison=data)
    if rows.empty:
        return _ABSENT
    row = rows.iloc[0]
    said = f"of {int(row['n_regions'])}; HC>MS {int(row['n_hc_gt_ms'])}, HC<MS {int(row['n_hc_lt_ms'])}"
    return Found(float(row["n_significant"]), said, _stand_in(tables, data))


def _median_d(tables: Tables, metric: str, tissue: str, data: str, alpha: float) -> Found:
    rows = _rows(tables, "table3_group_differences", metric=metric, tissue=tissue, comparison=data)
    if rows.empty or pd.isna(rows.iloc[0]["d_median"]):
        return _ABSENT if rows.empty else Found(remark="no significant region")
    row = rows.iloc[0]
    return Found(float(row["d_median"]), f"{row['d_q25']:.2f} to {row['d_q75']:.2f}", _stand_in(tables, data))


def _largest_d(tables: Tables, metric: str, tissue: str, data: str, alpha: float) -> Found:
    rows = _rows(tables, "group_differences", metric=metric, tissue=tissue, comparison=data)
    rows = rows[rows["p_fdr"] < alpha] if len(rows) else rows
    if rows.empty:
        return _ABSENT
    row = rows.iloc[int(rows["d"].abs().argmax())]
    return Found(float(row["d"]), str(row["region"]), _stand_in(tables, data))


def _lowest_z(tables: Tables, metric: str, tissue: str, data: str, alpha: float) -> Found:
    rows = _rows(tables, "zscore_summary", metric=metric, tissue=tissue)
    rows = rows[rows["data"] != "raw"] if len(rows) else rows
    if rows.empty:
        return _ABSENT
    row = rows.iloc[int(rows["mean"].argmin())]
    return Found(float(row["mean"]), f"{row['sd']:.2f}", f"{row['region']}{_in_place(str(row['data']), data)}")


def _edss_count(tables: Tables, metric: str, tissue: str, data: str, alpha: float) -> Found:
    rows = _rows(tables, "edss", metric=metric, tissue=tissue)
    if rows.empty:
        return _ABSENT
    hits = rows[rows["p_fdr"] < alpha]
    return Found(float(len(hits)), ", ".join(hits["region"]), _z_stand_in(tables, data))


def _edss_beta(tables: Tables, metric: str, tissue: str, data: str, alpha: float) -> Found:
    rows = _rows(tables, "edss", metric=metric, tissue=tissue)
    if rows.empty:
        return _ABSENT
    hits = rows[rows["p_fdr"] < alpha]
    if hits.empty:
        return Found(remark="no significant region")
    row = hits.iloc[int(hits["beta"].abs().argmax())]
    return Found(float(row["beta"]), f"{row['region']}, FDR p {row['p_fdr']:.2g}", _z_stand_in(tables, data))


def _stand_in(tables: Tables, comparison: str) -> str:
    """Say so where the harmonized comparison is not on the paper's HBR scale."""
    return "on the scale of gam in place of hbr" if comparison == "harmonized" and _without_hbr(tables) else ""


def _z_stand_in(tables: Tables, data: str) -> str:
    summary = tables.get("zscore_summary")
    used = [] if summary is None else [name for name in summary["data"].unique() if name != "raw"]
    return _in_place(used[0], data).removeprefix(", ") if used else ""


def _in_place(used: str, wanted: str) -> str:
    return "" if used == wanted else f", Z-scores of {used} in place of {wanted}"


def _without_hbr(tables: Tables) -> bool:
    effects = tables.get("site_effects")
    return effects is not None and "hbr" not in set(effects["data"])


#: Quantity of the published table to the function that computes it.
FIGURES: Final[dict[str, Callable[[Tables, str, str, str, float], Found]]] = {
    "icc_unadjusted_mean": _mean_over_regions("icc_unadjusted"),
    "icc_adjusted_mean": _mean_over_regions("icc_adjusted"),
    "eta2_mean": _mean_over_regions("eta2"),
    "peak_age_mean": _peak_age,
    "peak_age_shift_mean": _peak_shift,
    "rmse_decrease_mean": _rmse,
    "significant_regions": _significant,
    "cohens_d_median": _median_d,
    "cohens_d_largest": _largest_d,
    "zscore_lowest_region": _lowest_z,
    "edss_significant_regions": _edss_count,
    "edss_largest_beta": _edss_beta,
}
