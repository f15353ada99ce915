"""Lesions by SAMSEG, of the user's own FreeSurfer (7 or later).

Cerri et al. 2021, NeuroImage 225:117471, doi:10.1016/j.neuroimage.2020.117471. FreeSurfer's tools want a license of
their user: it is looked for before anything starts.
"""

import os
from pathlib import Path

from harmoniq.data.errors import InputError
from harmoniq.surface.freesurfer import FreeSurfer, find_license, installed_version, run_freesurfer

#: The first FreeSurfer whose run_samseg finds lesions.
FIRST_VERSION = 7
PROGRAM = "run_samseg"
_ELSE = "bring lesion masks with --derivatives"


def find_samseg(license_file: str | Path | None = None) -> FreeSurfer:
    """Find a FreeSurfer that can run SAMSEG.

    Parameters
    ----------
    license_file : path, optional
        Default: ``FS_LICENSE``, then ``license.txt`` and ``.license`` in ``FREESURFER_HOME``.

    Returns
    -------
    FreeSurfer
        That of ``FREESURFER_HOME``.

    Raises
    ------
    InputError
        When FreeSurfer is absent or older than 7, has no ``run_samseg``, or there is no license.
    """
    text = os.environ.get("FREESURFER_HOME")
    if not text:
        raise InputError(
            "SAMSEG needs FreeSurfer 7 or later", key="FREESURFER_HOME", value="not set",
            remedy=f"install FreeSurfer and set it, or {_ELSE}",
        )  # fmt: skip
    home = Path(text)
    version = installed_version(home)
    if version is None or int(version.split(".")[0]) < FIRST_VERSION:
        raise InputError(
            f"SAMSEG needs FreeSurfer 7 or later, this one is {version or 'of an unknown version'}", file=home,
            key="FREESURFER_HOME", remedy=f"install a newer one, or {_ELSE}",
        )  # fmt: skip
    if not os.access(home / "bin" / PROGRAM, os.X_OK):
        raise InputError("SAMSEG's program is not there", file=home / "bin" / PROGRAM, remedy="install it completely")
    found, trouble = find_license(home, license_file)
    if found is None:
        raise InputError(f"SAMSEG cannot run: {trouble}", file=home, key="FREESURFER_HOME", remedy=_ELSE)
    return FreeSurfer(home, version, found)


def samseg_arguments(t1: str | Path, flair: str | Path | None, out_dir: str | Path, *, threads: int = 1) -> list[str]:
    """Make the arguments of ``run_samseg`` for lesions.

    Parameters
    ----------
    t1 : path
        T1-weighted image: the uniform MP2RAGE image with its background suppressed.
    flair : path, optional
        On the grid of `t1`. Lesions are then wanted at least as bright in it as cortex.
    out_dir : path
        Gets ``seg.mgz`` and more.
    threads : int, optional
        Of SAMSEG.

    Returns
    -------
    list of str
        Without the program's name.
    """
    images = [str(t1), *([str(flair)] if flair is not None else [])]
    pattern = ["0", *(["1"] if flair is not None else [])]
    return [
        "--input", *images, "--output", str(out_dir), "--pallidum-separate", "--lesion",
        "--lesion-mask-pattern", *pattern, "--threads", str(threads),
    ]  # fmt: skip


def segment_lesions(freesurfer: FreeSurfer, t1: Path, flair: Path | None, out_dir: Path, *, threads: int = 1) -> Path:
    """Run SAMSEG for lesions.

    Parameters
    ----------
    freesurfer : FreeSurfer
        As `find_samseg` found it.
    t1, flair, out_dir, threads
        As `samseg_arguments` takes them; the folder also gets ``run_samseg.log``.

    Returns
    -------
    Path
        ``seg.mgz``: labels on the grid of `t1`.

    Raises
    ------
    InputError
        When it fails, with the path of its log, or leaves no segmentation.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    log = out_dir / f"{PROGRAM}.log"
    command = [PROGRAM, *samseg_arguments(t1, flair, out_dir, threads=threads)]
    run_freesurfer(command, freesurfer, subjects_dir=out_dir, log=log, threads=threads)
    found = out_dir / "seg.mgz"
    if not found.is_file():
        raise InputError("SAMSEG ended without a segmentation (seg.mgz)", file=log, remedy="read this log")
    return found
