"""Existing maps as rates in 1/s, checked for their unit."""

from pathlib import Path

import numpy as np

from harmoniq.data.errors import InputError
from harmoniq.data.existing_maps import ExistingMap
from harmoniq.data.images import load_image, save_image

#: Share of a map's values other than 0 that must be plausible: tissue is a fifth of a head's image at least.
PLAUSIBLE_SHARE = 0.1


def write_rate(source: ExistingMap, out: str | Path, *, plausible: tuple[float, float]) -> Path:
    """Write an existing map as the rate in 1/s.

    Parameters
    ----------
    source : ExistingMap
        Where it lies, and in which unit.
    out : path
        Float32, on the map's own grid; 0 where there is no value.
    plausible : tuple of float
        Range of the metric, 1/s.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    InputError
        For an image that cannot be read or is not 3-D, and when hardly any value is plausible: its unit is another.
    """
    like = load_image(source.path, finite=False, ndim=3)
    values = like.data
    measured = np.isfinite(values) & (values != 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = source.factor / values if source.inverted else values * source.factor
    rate = np.where(measured & np.isfinite(rate), rate, 0.0).astype(np.float32)
    inside = (rate >= plausible[0]) & (rate <= plausible[1])
    if inside.sum() < PLAUSIBLE_SHARE * max(1, measured.sum()) or not inside.any():
        median = float(np.median(rate[measured])) if measured.any() else 0.0
        raise InputError(
            f"its median is {median:.3g} 1/s by its unit, and hardly any value lies within {plausible[0]:g} to "
            f"{plausible[1]:g} 1/s", file=source.path, key="Units", remedy="say its true unit in the sidecar",
        )  # fmt: skip
    return save_image(rate, like.affine, out, like=like)
