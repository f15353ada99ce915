"""A small raw dataset for QSIPrep: one session's diffusion images and field maps, and MP2RAGE's image as T1w.

QSIPrep wants a T1-weighted image, and MP2RAGE has none by that name. With the uniform image in its place, its own space
is that of the maps, and the transform that QSIPrep writes leads there.
"""

import os
import shutil
from pathlib import Path

from harmoniq.data.errors import InputError
from harmoniq.data.files import write_json

#: What QSIPrep can use of ``fmap``.
_FIELD_MAPS = ("epi", "phasediff", "phase1", "phase2", "magnitude", "magnitude1", "magnitude2", "fieldmap")


def stage_dataset(bids_dir: Path, participant: str, session: str | None, t1w: Path, out: Path) -> Path:
    """Lay out a dataset with one session.

    Parameters
    ----------
    bids_dir : path
        The raw dataset.
    participant, session : str
        Labels without prefix.
    t1w : path
        The uniform MP2RAGE image, its background suppressed.
    out : path
        Where; what an earlier try left there is removed.

    Returns
    -------
    path
        `out`. Files are linked where they can be, else copied: a container does not follow a link out of the folder.

    Raises
    ------
    InputError
        When the session has no diffusion images.
    """
    parts = [f"sub-{participant}", *([f"ses-{session}"] if session else [])]
    raw, target = bids_dir.joinpath(*parts), out.joinpath(*parts)
    images = sorted((raw / "dwi").glob("*_dwi.nii*"))
    if not images:
        raise InputError("no diffusion images", file=raw / "dwi", remedy="QSIPrep needs *_dwi.nii.gz, .bval and .bvec")
    shutil.rmtree(out, ignore_errors=True)
    for file in sorted((raw / "dwi").iterdir()):
        if file.is_file():
            _place(file, target / "dwi" / file.name)
    for file in sorted((raw / "fmap").glob("*")):
        if file.name.split(".")[0].rpartition("_")[2] in _FIELD_MAPS:
            _place(file, target / "fmap" / file.name)
    # Sidecars that are inherited lie above the session.
    for above, below in ((bids_dir, out), (bids_dir / parts[0], out / parts[0])):
        for file in sorted(above.glob("*.*")):
            if file.is_file() and file.name.split(".")[0].rpartition("_")[2] in ("dwi", *_FIELD_MAPS):
                _place(file, below / file.name)
    stem = "_".join(parts)
    ending = ".nii.gz" if t1w.name.endswith(".gz") else ".nii"
    _place(t1w, target / "anat" / f"{stem}_T1w{ending}")
    write_json(target / "anat" / f"{stem}_T1w.json", {"Description": "UNIT1, background suppressed, by harmoniq"})
    write_json(out / "dataset_description.json", {"Name": f"{stem} for QSIPrep", "BIDSVersion": "1.8.0"})
    return out


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    real = source.resolve()
    try:
        os.link(real, target)
    except OSError:
        shutil.copyfile(real, target)
