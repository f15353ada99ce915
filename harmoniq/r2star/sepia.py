"""R2* by the reference engine: SEPIA, the user's own copy, run in MATLAB or Octave.

Chan and Marques 2021, NeuroImage 227:117611, doi:10.1016/j.neuroimage.2020.117611; checked with version 1.2.2.4.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.acquisitions import MEGRE
from harmoniq.data.errors import InputError
from harmoniq.data.images import Image, load_image, same_grid, save_image
from harmoniq.data.octave import (
    TOOLBOXES,
    Interpreter,
    check_toolbox,
    default_timeout,
    find_interpreter,
    find_toolbox,
    quote,
    toolbox_version,
)
from harmoniq.data.octave_job import Job, new_folder, run_job
from harmoniq.data.octave_standins import SEPIA_ALWAYS, SEPIA_OCTAVE
from harmoniq.r2star.field import GYROMAGNETIC_RATIO
from harmoniq.r2star.volumes import load_series

TITLE = TOOLBOXES["sepia"].title
_MAGNITUDE, _HEADER, _MASK, _RESULTS = "mag4D.nii", "header.mat", "mask.nii", "results"

# SEPIA wants a field strength; its R2* does not depend on it.
_FIELD = 3.0
# Relative difference of echo spacings that still counts as even.
_EVEN = 1e-3


@dataclass(frozen=True)
class SepiaMethod:
    """A method of SEPIA and what is to be known of it.

    Parameters
    ----------
    name : str
        SEPIA's name of it.
    caveat : str
        For the sidecar; empty where there is none.
    echoes : int
        Fewest echoes that it takes.
    even : bool
        Whether it wants echoes at an even spacing.
    positive : bool
        Whether it takes logarithms, and so wants signals above 0.
    packages : tuple of str
        Octave's packages that it needs.
    """

    name: str
    caveat: str = ""
    echoes: int = 2
    even: bool = False
    positive: bool = False
    packages: tuple[str, ...] = ()


#: Our names of the methods that SEPIA has, and SEPIA's.
METHODS = {
    "trapezoidal": SepiaMethod("Trapezoidal"),
    "arlo": SepiaMethod(
        "ARLO",
        "SEPIA's ARLO differs from Pei et al. 2015: without noise and at an echo spacing of 4 ms it reads 2.6 % too "
        "low at 20 1/s and 9.6 % at 80 1/s",
        echoes=3, even=True,
    ),
    "loglinear": SepiaMethod("Linear regression", positive=True),
    "nlls": SepiaMethod(
        "Non-linear least square",
        "SEPIA's NLLS calls a function that SEPIA lacks, for which ours stands in, and fits voxel by voxel: more than "
        "a day for a whole head in Octave",
        packages=("optim",),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class SepiaFit:
    """What is known of a finished fit.

    Parameters
    ----------
    interpreter : str
        For example ``octave 7.3.0``.
    toolbox : str
        SEPIA's version, for example ``1.2.2.4``.
    caveat : str
        What is to be known of the method; empty for the trapezoidal one.
    """

    interpreter: str
    toolbox: str
    caveat: str


def sepia_method(method: str, echo_times: Sequence[float]) -> SepiaMethod:
    """Return SEPIA's method, checked against the echo times.

    Parameters
    ----------
    method : str
        ``trapezoidal``, ``arlo``, ``loglinear`` or ``nlls``.
    echo_times : sequence of float
        In s.

    Returns
    -------
    SepiaMethod
        One of `METHODS`.

    Raises
    ------
    InputError
        When SEPIA has no such method, or the echoes are too few or unevenly spaced for it.
    """
    if method not in METHODS:
        raise InputError(
            f"SEPIA has {', '.join(METHODS)} only", key="r2star-method", value=method,
            remedy="choose one of them, or --r2star-engine native",
        )  # fmt: skip
    found, times = METHODS[method], [float(time) for time in echo_times]
    if len(times) < found.echoes:
        raise InputError(
            f"SEPIA's {found.name} needs at least {found.echoes} echoes", key="EchoTime", value=times,
            remedy="use trapezoidal",
        )  # fmt: skip
    steps = np.diff(times)
    if found.even and np.ptp(steps) > _EVEN * steps.mean():
        raise InputError(
            f"SEPIA's {found.name} takes the first echo spacing for all, but these differ", key="EchoTime",
            value=times, remedy="use trapezoidal, or --r2star-engine native",
        )  # fmt: skip
    return found


def fit_r2star_sepia(
    magnitudes: Sequence[str | Path],
    echo_times: Sequence[float],
    method: str = "trapezoidal",
    *,
    r2star_out: Path,
    s0_out: Path,
    folder: Path,
    mask: Path | None = None,
    toolbox: Path | None = None,
    interpreter: Interpreter | None = None,
    timeout: float | None = None,
) -> SepiaFit:
    """Fit R2* with SEPIA and write R2* and S0.

    Parameters
    ----------
    magnitudes : sequence of path
        One image per echo, or a single 4-D image.
    echo_times : sequence of float
        In s.
    method : str
        ``trapezoidal``, ``arlo``, ``loglinear`` or ``nlls``.
    r2star_out, s0_out : path
        The maps: 1/s, clipped by SEPIA to 1 / (20 TE) of the last echo and 20 / TE of the first, and 0 where there is
        no signal; and the images' units; float32.
    folder : path
        For the job alone: script, stand-ins, logs and, until it has succeeded, the data.
    mask : path, optional
        Where to fit, on the images' grid; default: everywhere.
    toolbox : path, optional
        Default: the folder that HARMONIQ_SEPIA names.
    interpreter : Interpreter, optional
        Default: `find_interpreter`.
    timeout : float, optional
        In s; default: `default_timeout`.

    Returns
    -------
    SepiaFit
        With what the maps were made.

    Raises
    ------
    InputError
        For images or echo times that do not fit, an absent toolbox or interpreter, and when SEPIA fails; the log is
        named.
    """
    toolbox = find_toolbox("sepia") if toolbox is None else check_toolbox("sepia", toolbox)
    interpreter = find_interpreter() if interpreter is None else interpreter
    timeout = default_timeout() if timeout is None else timeout
    times = MEGRE(tuple(Path(path) for path in magnitudes), tuple(echo_times)).echo_times
    found = sepia_method(method, times)
    signal, like = load_series(magnitudes, len(times))
    wanted = fittable(signal, found, like, mask)
    signal = np.where(wanted[..., np.newaxis], signal, np.float32(1.0 if found.positive else 0.0))
    new_folder(folder)
    save_image(signal, like.affine, folder / _MAGNITUDE)
    # SEPIA compares the mask's shape without a third dimension of length 1: such images go without.
    masked = signal.shape[2] > 1
    if masked:
        save_image(wanted, like.affine, folder / _MASK, dtype=np.uint8)
    write_header(folder / _HEADER, times, like)
    version = run_job(sepia_job(folder, found, toolbox, masked=masked), folder, interpreter, timeout)
    for name, out in (("R2starmap", r2star_out), ("S0map", s0_out)):
        save_image(read_result(folder / _RESULTS / f"Sepia_{name}.nii.gz", wanted), like.affine, out)
    _clean(folder)
    return SepiaFit(version, toolbox_version("sepia", toolbox), found.caveat)


def fittable(signal: NDArray, method: SepiaMethod, like: Image, mask: Path | None) -> NDArray[np.bool_]:
    """Tell where there is a signal to fit.

    Parameters
    ----------
    signal : ndarray, shape (x, y, z, n_echo)
        Magnitudes.
    method : SepiaMethod
        For one that takes logarithms the signal must be above 0 at every echo, otherwise not 0 at one.
    like : Image
        On the grid of the signal; named in errors.
    mask : path or None
        Image on the same grid, 0 where nothing is to be fitted.

    Returns
    -------
    ndarray of bool, shape (x, y, z)
        True where there is, and `mask` lets it.

    Raises
    ------
    InputError
        When no voxel has a signal, or the mask cannot be read or lies on another grid.
    """
    wanted: NDArray[np.bool_] = np.all(signal > 0, axis=-1) if method.positive else np.any(signal != 0, axis=-1)
    if mask is not None:
        image = load_image(mask, ndim=3)
        same_grid(like, image)
        wanted = wanted & (image.data != 0)
    if not wanted.any():
        raise InputError(
            "there is no voxel with a signal to fit", file=like.path, remedy="check the image and the mask"
        )
    return wanted


def write_header(path: Path, echo_times: Sequence[float], like: Image) -> None:
    """Write SEPIA's header: echo times in s, matrix, voxel size in mm, the field's direction in the image's axes.

    Parameters
    ----------
    path : path
        The MATLAB file.
    echo_times : sequence of float
        In s; two or more.
    like : Image
        Its shape and affine are written.
    """
    from scipy.io import savemat

    times = np.asarray(echo_times, dtype=np.float64)
    sizes = like.voxel_sizes
    direction = np.linalg.inv(like.affine[:3, :3] / sizes) @ [0.0, 0.0, 1.0]
    savemat(
        path,
        {
            "TE": times[np.newaxis],
            "delta_TE": times[1] - times[0],
            "B0": _FIELD,
            "CF": _FIELD * GYROMAGNETIC_RATIO * 1e6,
            "B0_dir": (direction / np.linalg.norm(direction))[:, np.newaxis],
            "matrixSize": np.array([like.shape[:3]], dtype=np.float64),
            "voxelSize": sizes[np.newaxis],
        },
    )


def sepia_job(folder: Path, method: SepiaMethod, toolbox: Path, *, masked: bool) -> Job:
    """Make the job that fits ``mag4D.nii`` with ``header.mat`` into the folder ``results``.

    Parameters
    ----------
    folder : path
        Where these files are, and the results will be.
    method : SepiaMethod
        One of `METHODS`.
    toolbox : path
        SEPIA's own folder.
    masked : bool
        Whether ``mask.nii`` says where to fit.

    Returns
    -------
    Job
        To be run in the same folder (`harmoniq.data.octave_job.run_job`).
    """
    here = folder.absolute()
    mask = quote(here / _MASK) if masked else "''"
    body = (
        "sepia_addpath;",
        f"input = struct ('name', {{'', {quote(here / _MAGNITUDE)}, '', {quote(here / _HEADER)}}});",
        f"algorParam.r2s.method = {quote(method.name)};",
        "algorParam.r2s.s0mode = '1st echo';",
        *(("algorParam.r2s.isParallel = false;",) if method.positive or method.packages else ()),
        f"sepiaIO (input, {quote(here / _RESULTS / 'Sepia')}, {mask}, algorParam);",
    )
    outputs = tuple(f"{_RESULTS}/Sepia_{name}.nii.gz" for name in ("R2starmap", "S0map"))
    return Job(
        TITLE, body, (toolbox,), outputs,
        octave_standins=SEPIA_OCTAVE, standins=SEPIA_ALWAYS, packages=method.packages,
    )  # fmt: skip


def read_result(path: Path, wanted: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Read a map of SEPIA.

    Parameters
    ----------
    path : path
        NIfTI file.
    wanted : ndarray of bool, shape (x, y, z)
        Where a fit was asked for.

    Returns
    -------
    ndarray of float32, shape (x, y, z)
        In the map's own unit; 0 where nothing was fitted, and where SEPIA's value is not finite.

    Raises
    ------
    InputError
        When it cannot be read, or has another shape.
    """
    # SEPIA drops a third dimension of length 1.
    data = load_image(path, finite=False, ndim=(2, 3)).data
    data = data.reshape(data.shape + (1,) * (wanted.ndim - data.ndim))
    if data.shape != wanted.shape:
        raise InputError(f"SEPIA returned a map of shape {data.shape}, {wanted.shape} is wanted", file=path)
    return np.where(wanted & np.isfinite(data), data, np.float32(0.0))


def _clean(folder: Path) -> None:
    """Remove the data of a job that has succeeded; its script, header and logs stay."""
    for file in (folder / _MAGNITUDE, folder / _MASK, *(folder / _RESULTS).glob("*.nii.gz")):
        file.unlink(missing_ok=True)
