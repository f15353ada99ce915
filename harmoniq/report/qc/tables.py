"""Metrics out of tables: sizes of areas and bundles, medians, and the motion of diffusion images."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from harmoniq.data.files import read_json


def region_metrics(
    regions: pd.DataFrame, profiles: pd.DataFrame | None = None
) -> tuple[dict[str, float], dict[str, str]]:
    """Return what a session's regional values say of its quality.

    Parameters
    ----------
    regions : pandas.DataFrame
        ``metric tissue region value`` and, where they are known, ``hemisphere n n_excluded``; of one session.
    profiles : pandas.DataFrame, optional
        ``bundle n_streamlines`` (and more), a row per node.

    Returns
    -------
    dict of str to float
        By the names of `harmoniq.report.qc.metrics.QC_METRICS`.
    dict of str to str
        Of which area or bundle the least is.
    """
    known = regions[pd.to_numeric(regions["value"], errors="coerce").notna()]
    medians = known.groupby(["metric", "tissue"], as_index=False)["value"].median()
    names = medians["metric"].astype(str) + "_" + medians["tissue"].astype(str)
    metrics = {name: float(value) for name, value in zip(names, medians["value"])}
    where: dict[str, str] = {}
    cortex = known[known["tissue"] == "cGM"]
    key = ["region", "hemisphere"] if "hemisphere" in known else ["region"]
    if len(cortex):
        metrics["areas"] = float(len(cortex.drop_duplicates(key)))
        if "n" in cortex:
            counts = cortex.groupby(key, dropna=False)["n"].max()
            metrics |= {"vertices_min": float(counts.min()), "vertices_median": float(counts.median())}
            least: object = counts.idxmin()
            where["vertices_min"] = " ".join(map(str, least)) if isinstance(least, tuple) else str(least)
    bundles = known[known["tissue"] == "WM"]
    if len(bundles):
        metrics["bundles"] = float(bundles["region"].nunique())
    if {"n", "n_excluded"} <= set(regions):
        left_out, used = regions["n_excluded"].sum(), regions["n"].sum()
        metrics |= {"excluded_percent": 100 * float(left_out / (left_out + used))} if left_out + used > 0 else {}
    if profiles is not None and "n_streamlines" in profiles:
        counts = profiles.groupby("bundle")["n_streamlines"].max()
        metrics |= {"streamlines_min": float(counts.min()), "streamlines_median": float(counts.median())}
        where["streamlines_min"] = str(counts.idxmin())
    return metrics, where


def motion_of_sidecar(folder: Path, label: str, images: Sequence[Path]) -> dict[str, float]:
    """Read the largest motion of a session's diffusion images.

    Parameters
    ----------
    folder : path
        ``dwi`` of the session's derivatives, where tractograms of the embedded engine have sidecars.
    label : str
        Of the session.
    images : sequence of path
        Diffusion images that were used; beside QSIPrep's lie tables of confounds.

    Returns
    -------
    dict of str to float
        ``dwi_motion_mm``, mm; empty where no file tells.
    """
    for path in sorted(folder.glob(f"{label}_*_tractography.json")):
        facts = read_json(path).get("Facts", {})
        if any("motion" in str(step) for step in facts.get("preprocessing", ())):
            return {"dwi_motion_mm": float(facts["largest_motion_mm"])}
    found = [motion for image in images for motion in _of_confounds(image.parent)]
    return {"dwi_motion_mm": max(found)} if found else {}


def _of_confounds(folder: Path) -> list[float]:
    """Return the largest framewise displacement, in mm, of each table of confounds in a folder."""
    found = []
    for path in sorted([*folder.glob("*confounds*.tsv"), *folder.glob("*_confounds.tsv")]):
        table = pd.read_csv(path, sep="\t", na_values=["n/a"])
        name = next((c for c in table if str(c).lower() == "framewise_displacement"), None)
        if name is not None and table[name].notna().any():
            found.append(float(table[name].max()))
    return found
