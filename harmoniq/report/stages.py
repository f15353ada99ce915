"""What the steps of a session are called in a report, and what each took."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd

#: Name of a part of a session's workflow to words for readers.
STAGES: Final = {
    "r1": "R1",
    "b1": "B1+",
    "r2star": "R2*",
    "coregistration": "registration of ME-GRE to MP2RAGE",
    "surfaces": "surfaces",
    "recon_all": "surfaces (recon-all)",
    "catsurf": "surfaces (catsurf)",
    "r1_cortex": "R1 along the cortex",
    "r2star_cortex": "R2* along the cortex",
    "r1_bundles": "R1 along the bundles",
    "r2star_bundles": "R2* along the bundles",
    "qsiprep": "bundles (QSIPrep)",
    "lesions": "lesions",
    "report": "this report",
    "session": "tables, figures and files",
}


def stage_words(stage: str, node: str = "") -> str:
    """Say what a step is called: a part of the workflow, or a node that stands by itself.

    Parameters
    ----------
    stage : str
        Name of a part of the workflow; ``session`` is the session's own nodes.
    node : str, optional
        Name of the node.

    Returns
    -------
    str
        Words for readers; an unknown name with spaces.
    """
    if stage == "session" and node:
        if node in ("regional_table", "merge_rows") or node.startswith("ds_regions"):
            return "the regional table"
        if node.startswith("figure_"):
            return "the figures"
        words = {"track_bundles": "bundles (tracking)", "place_bundles": "placement of the bundles"}
        return "files of results" if node.startswith("ds_") else words.get(node, node.replace("_", " "))
    return STAGES.get(stage, stage.replace("_", " "))


def stage_table(measures: Iterable[tuple[str, str, float, float]]) -> "pd.DataFrame":
    """Return seconds and memory per stage.

    Parameters
    ----------
    measures : iterable of tuple
        Stage, node, seconds and largest memory in GB, of `harmoniq.jobs.timings.read_timings`.

    Returns
    -------
    pandas.DataFrame
        ``stage nodes seconds memory_gb``, the longest first; memory is the largest of the stage's nodes.
    """
    import pandas as pd

    frame = pd.DataFrame(list(measures), columns=["stage", "node", "seconds", "memory_gb"])
    frame["stage"] = [stage_words(stage, node) for stage, node in zip(frame["stage"], frame["node"])]
    table = frame.groupby("stage", sort=False).agg(
        nodes=("node", "size"), seconds=("seconds", "sum"), memory_gb=("memory_gb", "max")
    )
    return table.reset_index().sort_values("seconds", ascending=False, kind="stable", ignore_index=True)
