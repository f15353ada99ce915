"""Depths of the cortex as the study's settings name them: ``projfrac:0.25``, ``projdist:-1``, ``midpoint:0.75``."""

import re
from typing import get_args

from harmoniq.data.errors import InputError
from harmoniq.surface.geometry import DepthKind

Depth = tuple[DepthKind, float]
_LIMIT_MM = 10.0


def parse_depth(text: str) -> Depth:
    """Read a depth.

    Parameters
    ----------
    text : str
        ``projfrac:F`` or ``midpoint:F`` with F a fraction from -1 to 2, ``projdist:D`` with D in mm from -10 to 10.

    Returns
    -------
    kind : {'projfrac', 'projdist', 'midpoint'}
        As `harmoniq.surface.geometry.points_at` takes it.
    value : float
        Fraction of the thickness, or mm.

    Raises
    ------
    InputError
        For anything else.
    """
    found = re.fullmatch(rf"({'|'.join(get_args(DepthKind))})[:=]\s*([-+]?\d+(?:\.\d*)?)", text.strip())
    if found is not None:
        kind, value = found[1], float(found[2])
        if (abs(value) <= _LIMIT_MM) if kind == "projdist" else (-1 <= value <= 2):
            return kind, value  # type: ignore[return-value]
    raise InputError(
        "is not a depth", key="surfaces.depths", value=text,
        remedy="write projfrac:0.25, midpoint:0.25 or projdist:-1 (mm)",
    )  # fmt: skip


def depth_label(depth: Depth) -> str:
    """Write a depth in letters and digits, for names of files.

    Parameters
    ----------
    depth : tuple (str, float)
        As `parse_depth` returns it.

    Returns
    -------
    str
        Fractions in hundredths, distances in micrometers into or out of the white surface.

    Examples
    --------
    >>> depth_label(("projfrac", 0.25)), depth_label(("projdist", -1.0))
    ('projfrac025', 'projdistIn1000um')
    """
    kind, value = depth
    if kind == "projdist":
        return f"projdist{'In' if value < 0 else 'Out'}{round(1000 * abs(value))}um"
    return f"{kind}{'' if value >= 0 else 'minus'}{round(100 * abs(value)):03d}"
