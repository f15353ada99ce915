"""The report's section on what is doubtful about the harmonization, and on the bias that it leaves."""

import numpy as np
import pandas as pd

from harmoniq.data.tables import flags
from harmoniq.report.blocks import Notes, Section, Text, table_block
from harmoniq.report.group_tables import GroupTables

_BIAS = (
    "<p>η² of harmonized values is nearly 0 in the sample that was fitted, whatever a method gets wrong. Beside it "
    "stand the held-out values (each fifth of the controls harmonized by a fit on the others) and simulated cohorts: "
    "the study's own participants, age curves, noise and site effects, in which the value without the site is known. "
    "Biases are root mean squares over regions, in SDs of the reference site.</p>"
)


def diagnostics_section(tables: GroupTables) -> Section:
    """Make the section of ``harmonization_diagnostics.tsv`` and ``held_out_bias.tsv``.

    Parameters
    ----------
    tables : GroupTables
        Of the group level, by name.

    Returns
    -------
    Section
        Without blocks where neither table was written or has rows.
    """
    blocks: list[object] = []
    checks = tables.get("harmonization_diagnostics")
    if checks is not None and len(checks):
        warns = flags(checks["flag"])
        counts = checks.assign(warns=warns).groupby("check", sort=False)["warns"].agg(checked="count", warnings="sum")
        blocks.append(table_block(counts.reset_index(), "What was checked"))
        if warns.any():
            blocks.append(table_block(checks[warns].drop(columns="flag"), "Warnings", folded=int(warns.sum()) > 30,
                                      source="harmonization_diagnostics.tsv"))  # fmt: skip
        else:
            blocks.append(Notes(["no check warns"]))
    bias = tables.get("held_out_bias")
    if bias is not None and len(bias):
        blocks += [Text(_BIAS), table_block(bias_summary(bias), "Bias that is left", source="held_out_bias.tsv")]
    return Section("diagnostics", "Diagnostics of the harmonization", blocks)


def bias_summary(bias: pd.DataFrame) -> pd.DataFrame:
    """Summarize what bias is left over regions, per metric, tissue, data and site.

    Parameters
    ----------
    bias : pandas.DataFrame
        As ``held_out_bias.tsv``.

    Returns
    -------
    DataFrame
        ``metric tissue data site``; root mean squares over regions ``bias_held_out bias_simulated``, 1/s;
        ``largest_bias_simulated``, without sign, 1/s; means ``eta2 eta2_held_out``.
    """
    parts = []
    for (metric, tissue, data, site), rows in bias.groupby(["metric", "tissue", "data", "site"], sort=False):
        part: dict[str, object] = {"metric": metric, "tissue": tissue, "data": data, "site": site}
        for name in ("bias_held_out", "bias_simulated"):
            part[name] = float(np.sqrt((rows[name].astype(float) ** 2).mean()))
        part["largest_bias_simulated"] = float(rows["bias_simulated"].astype(float).abs().max())
        part |= {name: rows[name].astype(float).mean() for name in ("eta2", "eta2_held_out")}
        parts.append(part)
    return pd.DataFrame(parts)
