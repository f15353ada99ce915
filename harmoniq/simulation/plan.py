"""What to simulate: all choices of one run of `harmoniq simulate`, checked."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harmoniq.data.errors import InputError
from harmoniq.data.files import read_json
from harmoniq.simulation.protocol import site_protocols

MODALITIES = ("mp2rage", "megre", "dwi", "flair", "b1", "sa2rage")
#: Where nothing else is asked for; ``sa2rage`` serves where there is no ``b1``.
DEFAULT_MODALITIES = MODALITIES[:-1]
#: Of images; tables alone follow the study's numbers.
SUBJECTS_PER_SITE = 2
PATIENTS = 2
#: Where the plan is kept, relative to the dataset.
PLAN_FILE = Path("sourcedata") / "truth" / "plan.json"


@dataclass(frozen=True)
class SimulationPlan:
    """One simulated dataset.

    Parameters
    ----------
    out : Path
        The BIDS folder.
    sites : int
        ``site1`` to ``siteN``; beyond the study's three, protocols are borrowed.
    subjects_per_site : int, optional
        Controls at each site; default: 2 with images, the study's numbers with tables only.
    patients : int, optional
        With MS, all at one site; default: 2 with images, the study's number with tables only.
    voxel_size : float, optional
        In mm: MP2RAGE, ME-GRE and FLAIR isotropic at it, diffusion at 1.8 times it. Default: each site's own.
    freesurfer, tractograms : bool
        Whether to write these derivatives too.
    tables_only : bool
        Regional tables and participants instead of images.
    modalities : tuple of str
        Among ``mp2rage megre dwi flair b1 sa2rage``; MP2RAGE is always made, SA2RAGE only when it is named.
    lesions : int, optional
        Of each patient; default: drawn, some 20.
    b1_inhomogeneity : float
        From 0 (B1+ is nominal everywhere) to 1, the default (as in life at 3 T: 1.1 at the center, 0.8 at the edge),
        where an R1 that is not corrected for B1+ is off by some 2 % and at most 6 % in a region.
    atlas : Path, optional
        Folder of the PALS-B12 labels; default: as the pipeline finds it.
    seed : int
        The same seed and options give the same files, byte by byte.

    Raises
    ------
    InputError
        For numbers out of range or an unknown modality.
    """

    out: Path
    sites: int = 3
    subjects_per_site: int | None = None
    patients: int | None = None
    voxel_size: float | None = None
    freesurfer: bool = False
    tractograms: bool = False
    tables_only: bool = False
    modalities: tuple[str, ...] = DEFAULT_MODALITIES
    lesions: int | None = None
    b1_inhomogeneity: float = 1.0
    atlas: Path | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        """Check every number, before hours are spent."""
        object.__setattr__(self, "out", Path(self.out))
        for key, value, least in (
            ("--sites", self.sites, 1),
            ("--subjects-per-site", self.subjects_per_site, 1),
            ("--patients", self.patients, 0),
            ("--lesions", self.lesions, 0),
            ("--seed", self.seed, 0),
        ):
            if value is not None and value < least:
                raise InputError(f"must be {least} or more", key=key, value=value)
        if not 0 <= self.b1_inhomogeneity <= 1:
            raise InputError("must be from 0 to 1", key="b1_inhomogeneity", value=self.b1_inhomogeneity)
        for name in self.modalities:
            if name not in MODALITIES:
                raise InputError(f"is not one of {' '.join(MODALITIES)}", key="modalities", value=name)
        site_protocols(self.sites, self.voxel_size)

    @property
    def controls(self) -> int:
        """Controls at each site that images are made of."""
        return SUBJECTS_PER_SITE if self.subjects_per_site is None else self.subjects_per_site

    @property
    def cases(self) -> int:
        """Patients that images are made of."""
        return PATIENTS if self.patients is None else self.patients

    def record(self) -> dict[str, Any]:
        """Write down what decides the dataset's content, for its record.

        Returns
        -------
        dict of str to object
            All fields but the folder and the atlas's place, with the numbers of people that images are made of.
        """
        content = asdict(self)
        if not self.tables_only:
            content |= {"subjects_per_site": self.controls, "patients": self.cases}
        del content["out"], content["atlas"]
        return content | {"modalities": [name for name in MODALITIES if name in self.modalities]}


def check_folder(plan: SimulationPlan) -> None:
    """Refuse a folder that holds anything but an unfinished or finished run of the same plan.

    Parameters
    ----------
    plan : SimulationPlan
        With the folder, and what is to be in it.

    Raises
    ------
    InputError
        When the folder holds other files, another plan's data, is a file, or cannot be written.
    """
    out = plan.out
    if out.exists() and not out.is_dir():
        raise InputError("is a file", file=out, remedy="name a folder")
    if out.is_dir() and any(out.iterdir()):
        if not (out / PLAN_FILE).is_file():
            raise InputError("the folder is not empty", file=out, remedy="name a new one, or empty it")
        if read_json(out / PLAN_FILE) != plan.record():
            raise InputError(
                "the folder holds a dataset that was simulated with other options", file=out,
                remedy="name a new one, or remove it",
            )  # fmt: skip
    parent = next(folder for folder in (out, *out.absolute().parents) if folder.is_dir())
    if not os.access(parent, os.W_OK):
        raise InputError("the folder cannot be written", file=parent, remedy="check its permissions")
