"""FreeSurfer's ``recon-all`` in stages that can be resumed, on the background-suppressed uniform image of MP2RAGE.

The skull is not stripped by FreeSurfer, which the noise and the bright skull of MP2RAGE mislead, but by the brain mask
of this run: ``-autorecon1 -noskullstrip``, then ``brainmask.mgz`` out of ``T1.mgz`` and the mask, then the rest.
"""

import hashlib
import json
import os
import shutil
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harmoniq.data.errors import InputError
from harmoniq.data.files import write_json, write_text
from harmoniq.surface.freesurfer import FreeSurfer, run_freesurfer
from harmoniq.surface.is_running import clear_stale
from harmoniq.surface.subject import check_finished_subject

#: Below this edge of a voxel, in mm, ``hires = "auto"`` keeps the image's own resolution.
SUBMILLIMETER = 0.95
#: More inflation is needed by the finer surfaces of -hires (as sMRIPrep gives it).
_HIRES_OPTIONS = "mris_inflate -n 50\n"
#: The mask is grown by this, in mm: FreeSurfer can take a little too much, but not what is cut away.
MASK_MARGIN = 2.0


def state_file(folder: Path) -> Path:
    """Name the file in which the stages that are done are written down.

    Parameters
    ----------
    folder : path
        The subject's.

    Returns
    -------
    Path
        In ``logs`` beside it, since recon-all wants the subject's folder to itself.
    """
    return folder.parent / "logs" / f"{folder.name}-recon-all.json"


@dataclass(frozen=True)
class ReconOptions:
    """How recon-all is called.

    Parameters
    ----------
    hires : bool
        Keep the image's own resolution instead of 1 mm.
    mask : bool
        Strip the skull by this run's brain mask instead of by FreeSurfer.
    pial : {'T1', 'T2', 'FLAIR'}
        Contrast that refines the pial surface.
    threads : int
        Of FreeSurfer's programs.
    """

    hires: bool = False
    mask: bool = True
    pial: str = "T1"
    threads: int = 1


def is_submillimeter(affine: npt.ArrayLike) -> bool:
    """Tell whether voxels are so small that ``hires = "auto"`` keeps them.

    Parameters
    ----------
    affine : array_like, shape (4, 4)
        From voxels to mm.

    Returns
    -------
    bool
        Whether the shortest edge is below 0.95 mm.
    """
    sizes = np.linalg.norm(np.asarray(affine, dtype=np.float64)[:3, :3], axis=0)
    return bool(sizes.min() < SUBMILLIMETER)


def stages(version: int) -> tuple[str, ...]:
    """List recon-all's stages.

    Parameters
    ----------
    version : int
        FreeSurfer's major version.

    Returns
    -------
    tuple of str
        In their order, without the dash; from version 8 on the second is not split.
    """
    second = ("autorecon2-volonly", "autorecon2-perhemi") if version < 8 else ("autorecon2",)
    return ("autorecon1", *second, "autorecon3")


def stage_command(
    stage: str,
    subject: str,
    subjects_dir: Path,
    options: ReconOptions,
    *,
    image: Path,
    pial_image: Path | None = None,
    expert: Path | None = None,
) -> list[str]:
    """Make the command line of one stage.

    Parameters
    ----------
    stage : str
        One of `stages`.
    subject, subjects_dir : str, path
        The subject's name, and the folder that it is in.
    options : ReconOptions
        How recon-all is called.
    image : path
        T1-weighted; given with the first stage alone.
    pial_image : path, optional
        T2-weighted or FLAIR; with the last stage alone, since recon-all refines the pial surface wherever it is given.
    expert : path, optional
        File of expert options.

    Returns
    -------
    list of str
        The program's name and its arguments.
    """
    words = ["recon-all", "-s", subject, "-sd", str(subjects_dir), f"-{stage}", "-openmp", str(options.threads)]
    if stage == "autorecon1":
        words += ["-i", str(image)]
        words += ["-noskullstrip"] if options.mask else []
    # The linear registration to the atlas belongs to -autorecon2, and is left out of its first part.
    words += ["-gcareg"] if stage == "autorecon2-volonly" else []
    words += ["-hires"] if options.hires else []
    words += ["-expert", str(expert), "-xopts-overwrite"] if expert is not None else []
    if stage == "autorecon3" and pial_image is not None and options.pial != "T1":
        words += [f"-{options.pial}", str(pial_image), f"-{options.pial}pial"]
    return words


def reconstruct(
    freesurfer: FreeSurfer,
    subjects_dir: Path,
    subject: str,
    *,
    image: Path,
    options: ReconOptions,
    mask: Path | None = None,
    pial_image: Path | None = None,
) -> Path:
    """Run recon-all, or what of it is not done yet.

    Parameters
    ----------
    freesurfer : FreeSurfer
        Whose recon-all is run.
    subjects_dir : path
        Made when absent; ``fsaverage`` is linked into it.
    subject : str
        Name of the subject's folder.
    image : path
        The uniform image of MP2RAGE without its background.
    options : ReconOptions
        How recon-all is called.
    mask : path, optional
        Of the brain, on any grid of the image's space; needed with ``options.mask``.
    pial_image : path, optional
        For ``options.pial``.

    Returns
    -------
    Path
        The subject's folder.

    Raises
    ------
    InputError
        When recon-all is at work on the subject already, was begun with another image, other options, another version
        or by somebody else, or fails; and as `prepare_fsaverage` and `inject_mask`.
    """
    folder = subjects_dir / subject
    wanted = _identity(freesurfer, image, options)
    if (folder / "scripts" / "recon-all.done").is_file() and not state_file(folder).is_file():
        check_finished_subject(folder)
        return folder
    clear_stale(folder)
    prepare_fsaverage(freesurfer, subjects_dir)
    done = _resume(folder, wanted)
    expert = None
    if options.hires:
        expert = write_text(subjects_dir / f".{subject}-expert.opts", _HIRES_OPTIONS)
    log = subjects_dir / "logs" / f"{subject}-recon-all.log"
    for stage in stages(freesurfer.major):
        if stage not in done:
            command = stage_command(
                stage, subject, subjects_dir, options, image=image, pial_image=pial_image, expert=expert
            )
            run_freesurfer(command, freesurfer, subjects_dir=subjects_dir, log=log, threads=options.threads)
            done = [*done, stage]
            write_json(state_file(folder), {**wanted, "done": done})
        if stage == "autorecon1" and options.mask and mask is not None and "mask" not in done:
            inject_mask(folder, mask)
            done = [*done, "mask"]
            write_json(state_file(folder), {**wanted, "done": done})
    if expert is not None:
        expert.unlink(missing_ok=True)
    check_finished_subject(folder)
    return folder


def _identity(freesurfer: FreeSurfer, image: Path, options: ReconOptions) -> dict[str, Any]:
    """Return what a subject must have been begun with, for the rest to fit to it."""
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    called = {"hires": options.hires, "mask": options.mask, "pial": options.pial}
    return {"image": digest, "options": called, "version": freesurfer.version}


def _resume(folder: Path, wanted: Mapping[str, Any]) -> list[str]:
    """Return the stages that are done; refuse a subject that was begun otherwise."""
    state = state_file(folder)
    if not folder.is_dir():
        write_json(state, {**wanted, "done": []})
        return []
    if not state.is_file():
        raise InputError(
            "holds a subject that somebody else began and did not finish", file=folder,
            remedy="finish it with recon-all, or remove the folder",
        )  # fmt: skip
    found = json.loads(state.read_text(encoding="utf-8"))
    changed = [key for key in wanted if found.get(key) != wanted[key]]
    if changed:
        words = {"image": "another image", "options": "other options", "version": "another version of FreeSurfer"}
        raise InputError(
            f"recon-all was begun with {' and '.join(words[key] for key in changed)}", file=folder,
            remedy="remove the folder to begin anew, or go back",
        )  # fmt: skip
    if not found["done"]:
        # What an interrupted first stage left is worth minutes, and recon-all would take it for the image.
        shutil.rmtree(folder)
        write_json(state, {**wanted, "done": []})
    return list(found["done"])


def is_reconstructed(folder: Path) -> bool:
    """Tell whether `reconstruct` has come to its end with a subject.

    Parameters
    ----------
    folder : path
        The subject's.

    Returns
    -------
    bool
        False for a subject that somebody else made, too.
    """
    state = state_file(folder)
    return state.is_file() and "autorecon3" in json.loads(state.read_text(encoding="utf-8"))["done"]


def inject_mask(folder: Path, mask: Path, margin: float = MASK_MARGIN) -> None:
    """Write ``brainmask.auto.mgz`` and ``brainmask.mgz``: T1.mgz within a mask of the brain.

    Parameters
    ----------
    folder : path
        The subject's, after ``-autorecon1 -noskullstrip``.
    mask : path
        On any grid, in the scanner's space; 0 outside the brain.
    margin : float, optional
        The mask is grown by this, in mm.

    Raises
    ------
    InputError
        When the mask cannot be read, or leaves nothing of the image.
    """
    import nibabel as nib
    from scipy.ndimage import affine_transform, distance_transform_edt

    from harmoniq.data.images import load_image

    t1: Any = nib.load(folder / "mri" / "T1.mgz")  # type: ignore[attr-defined]
    image = load_image(mask, ndim=3)
    voxels = np.linalg.inv(image.affine) @ t1.affine
    inside = affine_transform(image.data, voxels[:3, :3], voxels[:3, 3], output_shape=t1.shape[:3], order=1) > 0.5
    if not inside.any():
        raise InputError("the brain mask does not lie on the image", file=mask, remedy="check the headers of both")
    sizes = np.linalg.norm(t1.affine[:3, :3], axis=0)
    inside = distance_transform_edt(~inside, sampling=sizes) <= margin
    data = np.where(inside, np.asarray(t1.dataobj).reshape(t1.shape[:3]), 0).astype(np.uint8)
    for name in ("brainmask.auto.mgz", "brainmask.mgz"):
        nib.freesurfer.MGHImage(data, t1.affine, t1.header).to_filename(folder / "mri" / name)


def prepare_fsaverage(freesurfer: FreeSurfer, subjects_dir: Path) -> Path:
    """Link FreeSurfer's fsaverage into a subjects directory, whoever comes first.

    A link is made in one step, so that jobs that start together cannot disturb one another as copies do, and nothing
    can be written through it by mistake where FreeSurfer's folder is read-only. A dead link is replaced.

    Parameters
    ----------
    freesurfer : FreeSurfer
        Whose average subject is wanted.
    subjects_dir : path
        Made when absent; an fsaverage that is in it is left as it is.

    Returns
    -------
    Path
        ``fsaverage`` in `subjects_dir`.

    Raises
    ------
    InputError
        When FreeSurfer has no fsaverage, or the folder cannot be written.
    """
    source, target = freesurfer.fsaverage, subjects_dir / "fsaverage"
    if (target / "surf" / "lh.sphere.reg").is_file():
        return target
    if not (source / "surf" / "lh.sphere.reg").is_file():
        raise InputError("is not complete", file=source, remedy="install FreeSurfer with its average subjects")
    subjects_dir.mkdir(parents=True, exist_ok=True)
    temporary = subjects_dir / f".fsaverage-{socket.gethostname()}-{os.getpid()}-{threading.get_ident()}"
    try:
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(source, target_is_directory=True)
        temporary.replace(target)
    except OSError as error:
        raise InputError(
            f"fsaverage cannot be linked here ({error.strerror})", file=target, remedy="remove what is in its place"
        ) from error
    return target
