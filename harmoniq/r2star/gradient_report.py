"""What is to be said about field gradients: the warning map, the facts for the sidecar, and the note."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.r2star.field import FieldGradients
from harmoniq.r2star.gradient_correction import ALL_BOXES, LARGEST_BIAS, expected_bias

#: Values of the warning map.
FINE, CORRECTED, BIASED, UNKNOWN = 0, 1, 2, 3
WARNINGS = {
    "0": "bias of R2* expected below 5 %, or no signal",
    "1": "bias above 5 % without correction, corrected",
    "2": "bias above 5 %, not corrected: the signal is gone too soon, or the gradient is not plausible",
    "3": "signal, but the phase gives no gradient: not corrected",
}
#: A phase that gives a gradient in less than this part of the tissue is not used at all.
USABLE = 0.5
# Tissue is what has this part of the top of the first echo.
_TISSUE = 0.1
_EXAMPLE_GRADIENT, _EXAMPLE_RATE = 100.0, 20.0


@dataclass(frozen=True, eq=False)
class GradientReport:
    """What is to be said about one acquisition.

    Parameters
    ----------
    warnings : ndarray of uint8, shape (x, y, z)
        One of `WARNINGS` in each voxel.
    facts : dict
        For the sidecar: size of the gradients in tissue (uT/m), and fractions of the tissue by warning.
    """

    warnings: NDArray[np.uint8]
    facts: dict[str, Any]


def tissue(first_echo: NDArray) -> NDArray[np.bool_]:
    """Tell tissue from air by the first echo.

    Parameters
    ----------
    first_echo : ndarray, any shape
        Magnitudes.

    Returns
    -------
    ndarray of bool, of that shape
        Where it has a tenth of the image's top (the 99th percentile above 0) or more.
    """
    values = first_echo[first_echo > 0]
    return first_echo >= _TISSUE * float(np.quantile(values, 0.99)) if values.size else np.zeros(first_echo.shape, bool)


def report_gradients(
    estimate: FieldGradients,
    inside: NDArray[np.bool_],
    corrected: NDArray[np.bool_],
    r2star: ArrayLike,
    echo_times: ArrayLike,
    voxel_sizes: ArrayLike,
    boxes: Sequence[bool] = ALL_BOXES,
) -> GradientReport:
    """Say where R2* would be biased, and what was done about it.

    Parameters
    ----------
    estimate : FieldGradients
        Gradients along the voxel axes.
    inside, corrected : ndarray of bool, shape (x, y, z)
        Tissue; where the decay was corrected.
    r2star : array_like, shape (x, y, z)
        Fitted, in 1/s.
    echo_times : array_like, shape (n_echo,)
        In s.
    voxel_sizes : array_like, shape (3,)
        In mm.
    boxes : sequence of three bool, optional
        As `harmoniq.r2star.gradient_correction.attenuation` takes them.

    Returns
    -------
    GradientReport
        Warning map and facts.
    """
    bias = np.zeros(inside.shape, np.float32)
    known = inside & (estimate.trust > 0)
    rates = np.asarray(r2star)[known]
    bias[known] = expected_bias(estimate.gradients[:, known], voxel_sizes, echo_times, rates, boxes=boxes)
    warnings = np.where(bias > LARGEST_BIAS, np.where(corrected, CORRECTED, BIASED), FINE).astype(np.uint8)
    warnings[inside & ~known] = UNKNOWN
    count = max(int(inside.sum()), 1)
    size = np.sqrt(np.sum(estimate.gradients[:, known].astype(np.float64) ** 2, axis=0)) if known.any() else np.zeros(1)
    facts = {
        "FieldGradientMedian": round(float(np.median(size)), 2),
        "FieldGradient95thPercentile": round(float(np.quantile(size, 0.95)), 2),
        "FieldGradientUnits": "uT/m",
        "FractionBiasedWithoutCorrection": round(float(np.isin(warnings, (CORRECTED, BIASED)).sum()) / count, 5),
        "FractionBiasedNotCorrected": round(float((warnings == BIASED).sum()) / count, 5),
        "FractionWithoutGradient": round(float((warnings == UNKNOWN).sum()) / count, 5),
    }
    return GradientReport(warnings, facts)


def uncorrected_facts(reason: str, voxel_sizes: Sequence[float], echo_times: Sequence[float]) -> dict[str, Any]:
    """Return the facts of maps that are not corrected.

    Parameters
    ----------
    reason : str
        Why, in a few words ("no phase").
    voxel_sizes, echo_times : sequence of float
        In mm and s: the note says what a gradient of 100 uT/m along the longest edge does.

    Returns
    -------
    dict
        ``FieldCorrection`` is "none", ``FieldCorrectionNote`` a sentence.
    """
    edge = float(max(voxel_sizes))
    bias = float(expected_bias([_EXAMPLE_GRADIENT, 0.0, 0.0], [edge, 1.0, 1.0], echo_times, _EXAMPLE_RATE))
    note = (
        f"{reason}: R2* is not corrected for field gradients; with {edge:g} mm voxels {_EXAMPLE_GRADIENT:g} uT/m turns "
        f"{_EXAMPLE_RATE:g} into {_EXAMPLE_RATE * (1 + bias):.1f} 1/s"
    )
    return {"FieldCorrection": "none", "FieldCorrectionNote": note}
