"""Tables 1 to 3 and the supplement's S.3.1 to S.3.6, laid out as in the paper, out of the group level's tables."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import pandas as pd

from harmoniq.statistics.columns import FEATURE_COLUMNS, ColumnDescriptions
from harmoniq.statistics.comparisons import COMPARISONS

_KEYS: Final = ["metric", "tissue", "region"]
_METHODS: Final = ("raw", "combat", "gam", "hbr")


class PaperTable(NamedTuple):
    """A table for a manuscript.

    Parameters
    ----------
    name : str
        Of the files, without suffix.
    caption : str
        One sentence.
    frame : pandas.DataFrame
        Content, under heads for print.
    columns : dict of str to str or dict
        What its columns mean.
    """

    name: str
    caption: str
    frame: pd.DataFrame
    columns: ColumnDescriptions


def paper_tables(tables: Mapping[str, pd.DataFrame]) -> list[PaperTable]:
    """Lay out every table of the paper whose numbers are there.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        The group level's tables by name.

    Returns
    -------
    list of PaperTable
        ``table1_demographics table2_acquisition table3_group_differences`` and ``tableS3.1_...`` to ``tableS3.6_...``.
    """
    out = []
    for name, caption in (
        ("table1_demographics", "Table 1. Participant demographics."),
        ("table2_acquisition", "Table 2. MRI acquisition parameters."),
    ):
        if (frame := tables.get(name)) is not None and len(frame):
            out.append(PaperTable(name, caption, frame, {str(c): str(c) for c in frame.columns}))
    if (frame := tables.get("table3_group_differences")) is not None and len(frame):
        out.append(_table3(frame))
    if (effects := tables.get("site_effects")) is not None:
        out += [_icc(effects), _after(effects)]
    if (models := tables.get("age_models")) is not None:
        out.append(_ages(models))
    if (correlation := tables.get("peak_age_correlation")) is not None:
        out.append(_correlation(correlation))
    if models is not None:
        out.append(_rmse(models))
    if (differences := tables.get("group_differences")) is not None and len(differences):
        out.append(_differences(differences))
    return out


def _table3(frame: pd.DataFrame) -> PaperTable:
    rows = []
    for (metric, tissue), block in frame.groupby(["metric", "tissue"], sort=False):
        row = {"metric": metric, "tissue": tissue}
        for comparison in COMPARISONS:
            part = block[block["comparison"] == comparison]
            for key, text in zip(("regions", "d", "direction"), _cells(part)):
                row[f"{comparison} {key}"] = text
        rows.append(row)
    columns: ColumnDescriptions = {name: FEATURE_COLUMNS[name] for name in ("metric", "tissue")}
    for comparison in COMPARISONS:
        columns[f"{comparison} regions"] = "Significant regions of all"
        columns[f"{comparison} d"] = "Median and quartiles of Cohen's d over the significant regions"
        columns[f"{comparison} direction"] = "Which group is higher; of harmonized, also whether p FDR fell or rose"
    caption = "Table 3. Group differences in the cross-site, within-site and harmonized comparisons."
    return PaperTable("table3_group_differences", caption, pd.DataFrame(rows), columns)


def _cells(part: pd.DataFrame) -> tuple[str, str, str]:
    if part.empty:
        return "n/a", "n/a", "n/a"
    row = part.iloc[0]
    n = int(row["n_significant"])
    if not n:
        return f"0/{int(row['n_regions'])}", "-", "-"
    d = f"{row['d_median']:.2f} [{row['d_q25']:.2f}, {row['d_q75']:.2f}]"
    counts = (("HC>MS", int(row["n_hc_gt_ms"])), ("HC<MS", int(row["n_hc_lt_ms"])))
    named = [(label, count) for label, count in counts if count]
    direction = named[0][0] if len(named) == 1 else ", ".join(f"{label} ({count})" for label, count in named)
    arrow = {"down": " (↓)", "up": " (↑)"}.get(str(row["p_trend"]), "")
    return f"{n}/{int(row['n_regions'])}", d, direction + arrow


def _wide(frame: pd.DataFrame, values: list[str], data: str = "data") -> pd.DataFrame:
    """Return one row per region, a column ``method value`` for each method and value."""
    methods = [name for name in _METHODS if name in set(frame[data])]
    order = frame[_KEYS].drop_duplicates()
    out = order
    for method in methods:
        part = frame.loc[frame[data] == method, [*_KEYS, *values]]
        out = out.merge(part.rename(columns={value: f"{method} {value}" for value in values}), on=_KEYS, how="left")
    return out


def _described(frame: pd.DataFrame, meanings: Mapping[str, str]) -> ColumnDescriptions:
    out: ColumnDescriptions = {name: FEATURE_COLUMNS[name] for name in _KEYS if name in frame}
    for name in [str(name) for name in frame.columns if name not in out]:
        method, _, value = name.partition(" ")
        out[name] = f"{meanings.get(value, meanings.get(name, value))}" + (f", {method}" if value else "")
    return out


def _icc(effects: pd.DataFrame) -> PaperTable:
    raw = effects[effects["data"] == "raw"]
    names = ["n", "icc_unadjusted", "singular_unadjusted", "icc_adjusted", "singular_adjusted"]
    frame = raw[[*_KEYS, *names]].reset_index(drop=True)
    meanings = {
        "n": "Controls", "icc_unadjusted": "ICC without covariates", "icc_adjusted": "ICC given age, age² and sex",
        "singular_unadjusted": "Fit at the boundary", "singular_adjusted": "Fit at the boundary",
    }  # fmt: skip
    caption = "Table S.3.1. Intra-class correlation of the raw values before and after adjusting for age and sex."
    return PaperTable("tableS3.1_icc", caption, frame, _described(frame, meanings))


def _after(effects: pd.DataFrame) -> PaperTable:
    frame = _wide(effects, ["eta2", "icc_adjusted", "singular_adjusted"])
    meanings = {"eta2": "η² of site", "icc_adjusted": "Adjusted ICC", "singular_adjusted": "Fit at the boundary"}
    caption = "Table S.3.2. Site effects that are left under each method."
    return PaperTable("tableS3.2_site_effects", caption, frame, _described(frame, meanings))


def _ages(models: pd.DataFrame) -> PaperTable:
    names = ["peak_age", "se_peak", "se_peak_boot", "ci_low", "ci_high", "lrt_p", "kept"]
    frame = _wide(models, names)
    meanings = {
        "peak_age": "Peak age, years", "se_peak": "Its standard error", "se_peak_boot": "Its bootstrap standard error",
        "ci_low": "Lower end of its 95 % interval", "ci_high": "Upper end", "lrt_p": "p of age²",
        "kept": "Kept by the interquartile filter",
    }  # fmt: skip
    caption = "Table S.3.3. Peak ages of the quadratic age models under each method."
    return PaperTable("tableS3.3_peak_ages", caption, frame, _described(frame, meanings))


def _correlation(frame: pd.DataFrame) -> PaperTable:
    names = {
        "metric": "R1 or R2star", "tissue": "cGM, sWM or WM", "data_x": "One method", "data_y": "The other",
        "n": "Regions kept with both", "rho": "Spearman's rank correlation", "p": "Its p-value",
    }  # fmt: skip
    columns: ColumnDescriptions = dict(names)
    caption = "Table S.3.4. Correlation of the peak ages between methods."
    return PaperTable("tableS3.4_correlation", caption, frame[list(names)].reset_index(drop=True), columns)


def _rmse(models: pd.DataFrame) -> PaperTable:
    frame = _wide(models, ["rmse"])
    for name in [name for name in _METHODS[1:] if f"{name} rmse" in frame and "raw rmse" in frame]:
        raw = frame["raw rmse"].where(frame["raw rmse"] > 0)
        frame[f"{name} decrease"] = 100 * (raw - frame[f"{name} rmse"]) / raw
    meanings = {"rmse": "RMSE of the age model", "decrease": "Decrease of the RMSE from raw, percent"}
    caption = "Table S.3.5. Error of the age models before and after harmonization."
    return PaperTable("tableS3.5_rmse", caption, frame, _described(frame, meanings))


def _differences(differences: pd.DataFrame) -> PaperTable:
    order = differences[_KEYS].drop_duplicates()
    frame = order
    names = ["d", "p_fdr", "direction"]
    for comparison in COMPARISONS:
        part = differences.loc[differences["comparison"] == comparison, [*_KEYS, *names]]
        if len(part):
            frame = frame.merge(part.rename(columns={n: f"{comparison} {n}" for n in names}), on=_KEYS, how="left")
    meanings = {"d": "Cohen's d", "p_fdr": "p FDR", "direction": "Which group is higher"}
    caption = "Table S.3.6. Group differences of every region in the three comparisons."
    return PaperTable("tableS3.6_group_differences", caption, frame.reset_index(drop=True), _described(frame, meanings))
