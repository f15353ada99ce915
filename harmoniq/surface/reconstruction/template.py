"""fsaverage's brain and its segmentation: what a subject's hemispheres, ventricles and deep nuclei are found by."""

import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harmoniq.data.errors import InputError

#: FreeSurfer's codes (FreeSurferColorLUT.txt) of what belongs to each hemisphere's cerebrum.
LEFT = (2, 3, 4, 5, 10, 11, 12, 13, 17, 18, 26, 28, 30, 31)
RIGHT = (41, 42, 43, 44, 49, 50, 51, 52, 53, 54, 58, 60, 62, 63)
CORTEX = (3, 42)
WHITE = (2, 41)
#: Cerebellum, brainstem and fourth ventricle, which no cortical surface encloses.
HINDBRAIN = (7, 8, 15, 16, 46, 47)
#: Ventricles, deep nuclei, callosum: filled with white matter, so that the surface closes over the midline.
FILLED = (4, 5, 10, 11, 12, 13, 14, 26, 28, 30, 31, 43, 44, 49, 50, 51, 52, 58, 60, 62, 63, 77, 251, 252, 253, 254, 255)

_PACKAGE = "smriprep_freesurfer732"
_FILES = ("brain.mgz", "aseg.mgz")
_REMEDY = "pip install 'harmoniq[surfaces]', or set FREESURFER_HOME"


@dataclass(frozen=True)
class Template:
    """fsaverage's volumes, on one grid.

    Parameters
    ----------
    brain : path
        ``brain.mgz``, without its skull.
    aseg : path
        ``aseg.mgz``, its segmentation.
    """

    brain: Path
    aseg: Path


def find_template(freesurfer_home: str | Path | None = None) -> Template:
    """Find fsaverage's volumes: those of the package of the extra ``surfaces``, or of FreeSurfer.

    The package comes first, so that two machines give the same surfaces.

    Parameters
    ----------
    freesurfer_home : path, optional
        FreeSurfer's folder; by default the environment's ``FREESURFER_HOME``.

    Returns
    -------
    Template
        Files that exist.

    Raises
    ------
    InputError
        When neither is there; the places searched are named.
    """
    folders = list(_places(freesurfer_home or os.environ.get("FREESURFER_HOME")))
    for folder in folders:
        if all((folder / name).is_file() for name in _FILES):
            return Template(*(folder / name for name in _FILES))
    searched = ", ".join(map(str, folders)) or "no package with fsaverage and no FreeSurfer are installed"
    raise InputError(f"fsaverage's brain and aseg were not found (searched: {searched})", remedy=_REMEDY)


def _places(home: str | Path | None) -> Iterator[Path]:
    # The package holds files only: asking for its place does not import it.
    spec = importlib.util.find_spec(_PACKAGE)
    for location in (spec.submodule_search_locations or ()) if spec is not None else ():
        yield Path(location) / "freesurfer" / "subjects" / "fsaverage" / "mri"
    if home:
        yield Path(home) / "subjects" / "fsaverage" / "mri"
