"""R2* from multi-echo images on disk: read, correct for field gradients, fit, write."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.errors import InputError
from harmoniq.data.images import Image, load_image, same_grid, save_image

if TYPE_CHECKING:
    from harmoniq.r2star.field import FieldGradients

FIELD_CORRECTIONS = ("auto", "off")


def fit_r2star_files(
    magnitudes: Sequence[str | Path],
    echo_times: Sequence[float],
    method: str,
    *,
    r2star_out: Path,
    s0_out: Path,
    phases: Sequence[str | Path] | None = None,
    field_correction: str = "auto",
    field_axes: Sequence[int] = (0, 1, 2),
    gradient_out: Path | None = None,
    warning_out: Path | None = None,
) -> dict[str, Any]:
    """Fit the decay to magnitude images and write R2* and S0.

    Parameters
    ----------
    magnitudes : sequence of path
        One image per echo, or a single 4-D image.
    echo_times : sequence of float
        In s.
    method : str
        As `harmoniq.r2star.fit.fit_r2star` takes it.
    r2star_out, s0_out : path
        The maps: 1/s, and the images' units; float32.
    phases : sequence of path, optional
        As `magnitudes`; in any of the kinds of `harmoniq.data.phase`.
    field_correction : str
        ``auto``: correct for field gradients where there is phase; ``off``: do not.
    field_axes : sequence of int
        Voxel axes along which a voxel is a box: the slice axis of a 2-D acquisition, none of a 3-D one. The others are
        encoded (`harmoniq.r2star.gradient_correction.attenuation`).
    gradient_out, warning_out : path, optional
        Size of the field's gradient (uT/m, float32) and the warning map (uint8,
        `harmoniq.r2star.gradient_report.WARNINGS`); written where there is phase and the correction is not off.

    Returns
    -------
    dict
        For the sidecar: ``FieldCorrection`` ("sinc", "voxel-spread" where no axis is a box, or "none"),
        ``FieldCorrectionNote``; where there is phase ``PhaseKind``, the axes, and the size of gradients and biases.

    Raises
    ------
    InputError
        For images that cannot be read or are not on one grid, and for unknown options; the file or key is named.
    """
    from harmoniq.r2star.fit import fit_r2star
    from harmoniq.r2star.noise import estimate_noise

    _check_options(field_correction, field_axes)
    signal, grid = load_series(magnitudes, len(echo_times))
    sizes = tuple(float(size) for size in grid.voxel_sizes)
    noise = estimate_noise(signal) if method == "rician" else None
    correction = None
    if field_correction == "off" or not phases:
        reason = "switched off" if field_correction == "off" else "no phase"
        facts = _uncorrected(reason, sizes, echo_times)
    else:
        correction = _Correction(signal, phases, echo_times, grid, field_axes)
        facts = correction.facts
    fit = fit_r2star(signal, echo_times, method, noise=noise)
    save_image(fit.r2star, grid.affine, r2star_out)
    save_image(fit.s0, grid.affine, s0_out)
    if correction is not None:
        facts |= correction.write(fit.r2star, gradient_out, warning_out)
    return facts


class _Correction:
    """Corrects a series in place, and writes what is known about its field."""

    def __init__(
        self,
        signal: NDArray[np.float32],
        phases: Sequence[str | Path],
        echo_times: Sequence[float],
        grid: Image,
        axes: Sequence[int],
    ) -> None:
        from harmoniq.r2star.gradient_correction import restore_decay
        from harmoniq.r2star.gradient_report import USABLE, tissue

        self.grid, self.times = grid, echo_times
        self.facts: dict[str, Any]
        self.sizes = tuple(float(size) for size in grid.voxel_sizes)
        self.inside = tissue(signal[..., 0])
        self.corrected = np.zeros(self.inside.shape, np.bool_)
        self.estimate, kind = _estimate(signal, phases, echo_times, grid)
        self.boxes = tuple(axis in axes for axis in range(3))
        share = float((self.estimate.trust[self.inside] > 0).mean()) if self.inside.any() else 0.0
        if share >= USABLE:
            gradients = self.estimate.gradients
            self.corrected = restore_decay(signal, echo_times, gradients, self.sizes, boxes=self.boxes, out=signal)[1]
            models = (("the attenuation of a box (sinc)", True), ("the voxel spread function of encoding", False))
            used = [
                f"along {', '.join('ijk'[axis] for axis in range(3) if self.boxes[axis] is box)} by {model}"
                for model, box in models
                if box in self.boxes
            ]
            note = f"corrected for field gradients {' and '.join(used)}"
            self.facts = {"FieldCorrection": "sinc" if axes else "voxel-spread", "FieldCorrectionNote": note}
        elif kind.startswith("unknown"):
            self.facts = _uncorrected(f"the phase is not recognized ({kind})", self.sizes, echo_times)
        else:
            reason = f"the phase is noise in {100 * (1 - share):.0f} % of the tissue"
            self.facts = _uncorrected(reason, self.sizes, echo_times)
        self.facts |= {"FieldCorrectionAxes": ["ijk"[axis] for axis in sorted(axes)], "PhaseKind": kind}

    def write(self, r2star: NDArray, gradient_out: Path | None, warning_out: Path | None) -> dict[str, Any]:
        """Write the maps that are asked for; return facts about them."""
        from harmoniq.r2star.gradient_report import report_gradients

        report = report_gradients(
            self.estimate, self.inside, self.corrected, r2star, self.times, self.sizes, self.boxes
        )
        if gradient_out is not None:
            save_image(np.sqrt(np.sum(self.estimate.gradients**2, axis=0)), self.grid.affine, gradient_out)
        if warning_out is not None:
            save_image(report.warnings, self.grid.affine, warning_out, dtype=np.uint8)
        return report.facts


def _uncorrected(reason: str, sizes: Sequence[float], echo_times: Sequence[float]) -> dict[str, Any]:
    from harmoniq.r2star.gradient_report import uncorrected_facts

    return uncorrected_facts(reason, sizes, echo_times)


def load_series(paths: Sequence[str | Path], count: int) -> tuple[NDArray[np.float32], Image]:
    """Read the images of all echoes; one echo is in memory twice at a time.

    Parameters
    ----------
    paths : sequence of path
        One image per echo, or a single 4-D image.
    count : int
        Of the echoes.

    Returns
    -------
    ndarray of float32, shape (x, y, z, count)
        Magnitudes, the echoes last.
    Image
        The first echo.

    Raises
    ------
    InputError
        When an image cannot be read, lies on another grid, or there are not `count` echoes.
    """
    first = load_image(paths[0])
    shape = first.shape if len(paths) == 1 else (*first.shape, len(paths))
    if len(shape) != 4 or shape[-1] != count:
        raise InputError(
            f"the images have shape {first.shape}, which does not make {count} echoes", file=first.path,
            key="EchoTime", remedy="give one 3-D image for each echo time, or a 4-D image with as many volumes",
        )  # fmt: skip
    if len(paths) == 1:
        return first.data, replace(first, data=first.data[..., 0])
    series = np.empty(shape, np.float32, order="F")
    for number, path in enumerate(paths):
        image = first if number == 0 else load_image(path)
        same_grid(first, image)
        series[..., number] = image.data
    return series, replace(first, data=series[..., 0])


def _estimate(
    signal: NDArray[np.float32], phases: Sequence[str | Path], echo_times: Sequence[float], grid: Image
) -> "tuple[FieldGradients, str]":
    """Return the field's gradients, and how the phases were stored; unknown phases give no gradient."""
    from harmoniq.data.phase import phase_kind
    from harmoniq.r2star.field import FieldGradients, estimate_field

    phase, first = load_series(phases, len(echo_times))
    same_grid(grid, first)
    if phase.shape != signal.shape:
        raise InputError(f"the phase has shape {phase.shape}, the magnitude {signal.shape}", file=first.path)
    low, high = float(phase.min()), float(phase.max())
    try:
        kind, factor = phase_kind(low, high)
    except InputError:
        shape = phase.shape[:3]
        none = FieldGradients(np.zeros((3, *shape), np.float32), np.zeros(shape, np.float32))
        return none, f"unknown: values from {low:g} to {high:g}"
    phase *= np.float32(factor)
    return estimate_field(phase, signal, echo_times, grid.voxel_sizes), kind


def _check_options(field_correction: str, axes: Sequence[int]) -> None:
    if field_correction not in FIELD_CORRECTIONS:
        wanted = " or ".join(FIELD_CORRECTIONS)
        raise InputError(f"must be {wanted}", key="r2star.field_correction", value=field_correction)
    if len(set(axes)) != len(axes) or not set(axes) <= {0, 1, 2}:
        raise InputError("must be different axes of 0, 1 and 2", key="r2star.field_axes", value=list(axes))
