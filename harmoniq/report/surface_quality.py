"""Quality of surfaces that the embedded engine made: a table, and what in it wants a look."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from harmoniq.regions.surface_comparison import summarize_surfaces
from harmoniq.report.blocks import Notes, Section, Text, table_block

_SIDES = {"lh": "left", "rh": "right"}
_COLUMNS = {
    "vertices": "vertices",
    "thickness_mean": "mean thickness (mm)",
    "mid_cortex_in_gray_percent": "mid-cortex in gray matter (%)",
    "below_white_in_white_percent": "0.5 mm below white in white matter (%)",
    "white_distance_mm": "white surface to tissue boundary (mm)",
    "sulc_correlation": "folds against fsaverage (r)",
}
#: What a whole surface has: one piece without handles, and no face through another or inside out.
_WHOLE = {
    "white_euler": 2, "pial_euler": 2, "white_self_intersections": 0, "pial_self_intersections": 0,
    "sphere_folds": 0, "registered_folds": 0,
}  # fmt: skip
#: Below these a surface should be looked at; the real brain of the tests has 99.7, 99.6 and 0.79.
_LOW = {"mid_cortex_in_gray_percent": 90.0, "below_white_in_white_percent": 85.0, "sulc_correlation": 0.6}


def surface_section(
    quality: Mapping[str, Mapping[str, Any]], compared: Mapping[str, pd.DataFrame] | None = None
) -> Section:
    """Make the section on the embedded engine's surfaces.

    Parameters
    ----------
    quality : mapping
        Session's label to its figures, as ``*_desc-quality_surfaces.json`` holds them.
    compared : mapping, optional
        Session's label to the values beside those along an existing subject's surfaces, as
        ``*_desc-engines_surfaces.tsv`` holds them.

    Returns
    -------
    Section
        Empty where it made none.
    """
    if not quality:
        return Section("surfaces", "Surfaces", [])
    rows, warnings = [], []
    for session, figures in quality.items():
        for side, word in _SIDES.items():
            found = figures.get(side, {})
            rows.append({"session": session, "hemisphere": word, **{_COLUMNS[n]: found.get(n) for n in _COLUMNS}})
            warnings += [f"{session}, {word}: {problem}" for problem in problems(found)]
    engines = ", ".join(sorted({str(figures.get("engine", "catsurf")) for figures in quality.values()}))
    said = (
        f"<p>Made by {engines}. Tissue is that of the engine's own labels: these figures tell whether the surfaces "
        "follow them, not whether the labels are right. Look at the outlines.</p>"
    )
    blocks = [Text(said), Notes(warnings, "warning"), table_block(pd.DataFrame(rows), "Quality")]
    for session, table in (compared or {}).items():
        blocks += _comparison_blocks(session, table)
    return Section("surfaces", "Surfaces", blocks)


def _comparison_blocks(session: str, table: pd.DataFrame) -> list[object]:
    summary = summarize_surfaces(table).rename(
        columns={
            "embedded": "embedded engine (1/s)", "existing": "existing surfaces (1/s)", "bias": "difference, mean (%)",
            "median": "size of it, median (%)", "p90": "90 % of the areas within (%)",
        }
    )  # fmt: skip
    said = (
        "<p>The same maps along the surfaces of the existing FreeSurfer subject, which are not used otherwise: what "
        "the embedded engine's surfaces change in the areas' means.</p>"
    )
    return [
        Text(said),
        table_block(summary, f"Beside the existing surfaces ({session})"),
        table_block(table, f"Beside the existing surfaces, by area ({session})"),
    ]


def problems(figures: Mapping[str, Any]) -> list[str]:
    """Say which of a hemisphere's figures want a look.

    Parameters
    ----------
    figures : mapping of str to object
        Name of a figure to its value, as ``*_desc-quality_surfaces.json`` holds them; absent ones are passed over.

    Returns
    -------
    list of str
        A clause each.
    """
    found = [
        f"{name.replace('_', ' ')} is {figures[name]}, not {wanted}"
        for name, wanted in _WHOLE.items()
        if name in figures and figures[name] != wanted
    ]
    return found + [
        f"{_COLUMNS[name]} is {figures[name]:.3g}, below {least:g}"
        for name, least in _LOW.items()
        if name in figures and figures[name] < least
    ]
