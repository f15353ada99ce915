"""R1 by the reference engine: Marques' MP2RAGE scripts, the user's own copy, run in MATLAB or Octave.

Marques et al. 2010, NeuroImage 49:1271, doi:10.1016/j.neuroimage.2009.10.002 (``T1estimateMP2RAGE``); with a map of the
transmit field Marques and Gruetter 2013, PLoS ONE 8:e69294, doi:10.1371/journal.pone.0069294
(``T1B1correctpackageTFL``). The scripts are under GPL-3: they run in a process of their own.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.acquisitions import MP2RAGE, MP2RAGETiming
from harmoniq.data.errors import InputError
from harmoniq.data.images import save_image
from harmoniq.data.octave import (
    TOOLBOXES,
    Interpreter,
    check_toolbox,
    default_timeout,
    find_interpreter,
    find_toolbox,
    toolbox_version,
)
from harmoniq.data.octave_job import Job, new_folder, run_job
from harmoniq.data.octave_standins import MARQUES_OCTAVE

TITLE = TOOLBOXES["marques"].title
#: What the B1 correction of the scripts writes where it finds no T1, in s.
NO_T1 = 4.0
_INPUT, _OUTPUT = "input.mat", "t1.mat"
# Where decimal seconds that fill a gap exactly are over it by rounding, the scripts return nothing at all.
_NUDGE = 1e-8


@dataclass(frozen=True)
class MarquesFit:
    """What is known of a finished fit.

    Parameters
    ----------
    outside_fraction : float
        Fraction of the voxels to which the scripts gave no T1.
    interpreter : str
        For example ``octave 7.3.0``.
    toolbox : str
        Digest of the scripts (`harmoniq.data.octave.toolbox_version`).
    """

    outside_fraction: float
    interpreter: str
    toolbox: str


def fit_r1_marques(
    out: Path,
    acquisition: MP2RAGE,
    *,
    folder: Path,
    b1_map: Path | None = None,
    b1_scale: float | None = None,
    toolbox: Path | None = None,
    interpreter: Interpreter | None = None,
    timeout: float | None = None,
) -> MarquesFit:
    """Fit R1 with Marques' scripts and write the map.

    Parameters
    ----------
    out : path
        The R1 map, 1/s, float32, on the images' grid; 0 where the scripts give no T1 (0.25 with a B1+ map: `read_r1`).
    acquisition, b1_map, b1_scale
        As `harmoniq.mp2rage.volumes.fit_r1_files` takes them, and read in the same way.
    folder : path
        For the job alone: script, stand-ins, log and, until it has succeeded, the data.
    toolbox : path, optional
        Default: the folder that HARMONIQ_MP2RAGE_SCRIPTS names.
    interpreter : Interpreter, optional
        Default: `find_interpreter`.
    timeout : float, optional
        In s; default: `default_timeout`.

    Returns
    -------
    MarquesFit
        How many voxels have no T1, and with what the map was made.

    Raises
    ------
    InputError
        For images that cannot be read, an absent toolbox or interpreter, and when the scripts fail; the log is named.
    """
    from harmoniq.mp2rage.b1 import b1_on_grid
    from harmoniq.mp2rage.volumes import load_uniform

    toolbox = find_toolbox("marques") if toolbox is None else check_toolbox("marques", toolbox)
    interpreter = find_interpreter() if interpreter is None else interpreter
    timeout = default_timeout() if timeout is None else timeout
    uniform, like = load_uniform(acquisition)
    b1 = None if b1_map is None else b1_on_grid(b1_map, like, scale=b1_scale)
    job = marques_job(acquisition.timing, toolbox, b1=b1 is not None)
    write_input(new_folder(folder) / _INPUT, uniform, b1)
    version = run_job(job, folder, interpreter, timeout)
    r1, outside = read_r1(folder / _OUTPUT, uniform.shape, b1=b1 is not None)
    save_image(r1, like.affine, out)
    for name in (_INPUT, _OUTPUT):
        (folder / name).unlink()
    return MarquesFit(float(np.mean(outside)), version, toolbox_version("marques", toolbox))


def marques_job(timing: MP2RAGETiming, toolbox: Path, *, b1: bool) -> Job:
    """Make the job that reads ``input.mat`` and writes T1 in s to ``t1.mat``.

    Parameters
    ----------
    timing : MP2RAGETiming
        Of the sequence.
    toolbox : path
        Folder of the scripts.
    b1 : bool
        Whether ``input.mat`` has a map of the transmit field.

    Returns
    -------
    Job
        To be run in the folder of ``input.mat`` (`harmoniq.data.octave_job.run_job`).
    """
    call: tuple[str, ...]
    if b1:
        # Its T1 is in ms, to keep its digits when it is stored as an integer.
        call = (
            "harmoniq_b1.img = harmoniq_data.b1;",
            "harmoniq_map = T1B1correctpackageTFL (harmoniq_b1, harmoniq_uni, [], MP2RAGE, [], harmoniq_eff);",
            "t1 = harmoniq_map.img / 1000;",
        )
    else:
        call = (
            "harmoniq_map = T1estimateMP2RAGE (harmoniq_uni, MP2RAGE, harmoniq_eff);",
            "t1 = harmoniq_map.img;",
        )
    (ti1, ti2), (a1, a2), (before, after) = timing.inversion_times, timing.flip_angles, timing.shots
    body = (
        f"MP2RAGE.TR = {timing.repetition_time!r};",
        f"MP2RAGE.TRFLASH = {_echo_spacing(timing)!r};",
        f"MP2RAGE.TIs = [{ti1!r} {ti2!r}];",
        f"MP2RAGE.NZslices = [{before} {after}];",
        f"MP2RAGE.FlipDegrees = [{a1!r} {a2!r}];",
        f"harmoniq_eff = {timing.efficiency!r};",
        f"harmoniq_data = load ('{_INPUT}');",
        "harmoniq_uni.img = harmoniq_data.uni;",
        *call,
        f"save ('{_OUTPUT}', 't1', '-v6');",
    )
    return Job(TITLE, body, (toolbox / "func",), (_OUTPUT,), octave_standins=MARQUES_OCTAVE)


def _echo_spacing(timing: MP2RAGETiming) -> float:
    """Return the echo spacing, shortened by 1e-8 of it where the scripts' own comparisons fail by rounding alone."""
    spacing, (before, after), (ti1, ti2) = timing.echo_spacing, timing.shots, timing.inversion_times
    fits = (
        ti2 - ti1 >= (before + after) * spacing
        and ti1 >= before * spacing
        and ti2 <= timing.repetition_time - after * spacing
    )
    return spacing if fits else spacing * (1.0 - _NUDGE)


def write_input(path: Path, uniform: NDArray, b1: NDArray | None) -> None:
    """Write the uniform image as a scanner stores it, 0 to 4095, and the transmit field, in MATLAB's format.

    With a transmit field the second dimension is made even by repeating its last plane: the scripts look at the
    middle one. Both are float64. Where the uniform image is not a number it becomes its lowest value.

    Parameters
    ----------
    path : path
        The MATLAB file: ``uni`` and, where there is one, ``b1``.
    uniform : ndarray, shape (x, y, z)
        Uniform image, -0.5 to 0.5.
    b1 : ndarray, shape (x, y, z), or None
        Transmit field relative to nominal.
    """
    from scipy.io import savemat

    data = {"uni": (np.nan_to_num(uniform.astype(np.float64), nan=-0.5) + 0.5) * 4095.0}
    if b1 is not None:
        data["b1"] = b1.astype(np.float64)
        if uniform.shape[1] % 2:
            data = {name: np.concatenate([values, values[:, -1:]], axis=1) for name, values in data.items()}
    savemat(path, data)


def read_r1(path: Path, shape: tuple[int, ...], *, b1: bool) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read the T1 map of the scripts and return R1.

    Parameters
    ----------
    path : path
        MATLAB file with ``t1`` in s.
    shape : tuple of int
        Of the image.
    b1 : bool
        Whether it was corrected for the transmit field: then a T1 of exactly 4 s says that none was found.

    Returns
    -------
    r1 : ndarray of float32
        In 1/s; 0 where T1 is 0, infinite or not a number.
    outside : ndarray of bool
        Where the scripts found no T1. The 0.25 1/s that the B1 correction leaves there stay in the map.

    Raises
    ------
    InputError
        When the file is no map of this shape, or no voxel has a T1.
    """
    from scipy.io import loadmat

    padded = (shape[0], shape[1] + (shape[1] % 2 if b1 else 0), *shape[2:])
    t1 = np.asarray(loadmat(path).get("t1", ()), dtype=np.float64)
    if t1.size != np.prod(padded):
        raise InputError(f"{TITLE} returned a map of shape {t1.shape}, {padded} is wanted", file=path)
    # MATLAB drops dimensions of length 1 at the end.
    t1 = t1.reshape(padded, order="F")[:, : shape[1]]
    found = np.isfinite(t1) & (t1 > 0)
    r1 = np.divide(1.0, t1, out=np.zeros(shape), where=found).astype(np.float32)
    outside = ~found | (np.abs(t1 - NO_T1) < 1e-9) if b1 else ~found
    if outside.all():
        raise InputError(
            f"{TITLE} found no T1 in any voxel", file=path, remedy="check the timing and the uniform image"
        )
    return r1, outside
