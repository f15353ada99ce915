"""Diffusion images that QSIPrep or another tool has preprocessed, in a folder of derivatives."""

import os
import re
from pathlib import Path

from harmoniq.data.acquisitions import DWI
from harmoniq.data.derivatives import subject_folders
from harmoniq.data.errors import InputError

_NAME = re.compile(r"_desc-preproc_dwi\.nii(\.gz)?$")


def find_preprocessed(derivatives_dir: str | Path, sub: str, ses: str | None = None) -> DWI | None:
    """Find a session's preprocessed diffusion images, ``*_desc-preproc_dwi.nii.gz`` with ``bval`` and ``bvec``.

    Parameters
    ----------
    derivatives_dir : path
        A derivative dataset, or a folder of several.
    sub, ses : str
        Labels, with or without their prefixes; files without a session serve every session.

    Returns
    -------
    DWI or None
        None where there are none.

    Raises
    ------
    InputError
        When there are several, or one lacks its gradients.
    """
    subject = f"sub-{sub.removeprefix('sub-')}"
    session = None if ses is None else f"ses-{ses.removeprefix('ses-')}"
    found: list[Path] = []
    for folder in subject_folders(Path(derivatives_dir), subject):
        for here, _, names in os.walk(folder):
            found += [Path(here, name) for name in sorted(names) if _NAME.search(name) and _is_of(Path(here), session)]
    if len(found) > 1:
        raise InputError(
            f"{subject} has {len(found)} preprocessed diffusion images; another is {found[1]}", file=found[0],
            remedy="name the one dataset to use with --derivatives, and the session",
        )  # fmt: skip
    return _with_gradients(found[0]) if found else None


def _is_of(folder: Path, session: str | None) -> bool:
    own = next((part for part in reversed(folder.parts) if part.startswith("ses-")), None)
    return own is None or session is None or own == session


def _with_gradients(image: Path) -> DWI:
    stem = image.name.removesuffix(".gz").removesuffix(".nii")
    for bval, bvec in ((f"{stem}.bval", f"{stem}.bvec"), (f"{stem}.bvals", f"{stem}.bvecs")):
        if (image.parent / bval).is_file() and (image.parent / bvec).is_file():
            return DWI(image, image.parent / bval, image.parent / bvec, preprocessed=True)
    raise InputError("has no bval and bvec beside it", file=image)
