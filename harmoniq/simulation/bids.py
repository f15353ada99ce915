"""The dataset around the images: description, participants, truth, and where each file goes."""

from pathlib import Path
from typing import Any

import pandas as pd

import harmoniq
from harmoniq.data.files import write_json, write_text
from harmoniq.data.names import REGION_COLUMNS
from harmoniq.data.tables import write_tsv
from harmoniq.simulation.demographics import PARTICIPANT_DESCRIPTIONS

BIDS_VERSION = "1.10.0"

TRUTH_DIR = Path("sourcedata") / "truth"
MAPS_DIR = TRUTH_DIR / "maps"
LESIONS_DIR = Path("derivatives") / "lesions"
FREESURFER_DIR = Path("derivatives") / "freesurfer"
TRACTOGRAMS_DIR = Path("derivatives") / "pyafq"

_DERIVATIVES = {
    LESIONS_DIR: ("Lesion masks", "True masks of focal lesions, in the space of UNIT1 and FLAIR"),
    FREESURFER_DIR: ("Cortical surfaces", "A FreeSurfer subjects directory with the true surfaces"),
    TRACTOGRAMS_DIR: ("Bundles", "Tractograms of the 18 bundles along their true center lines"),
}

_README = """\
# A simulated cohort

Digital heads with known R1 and R2*, measured by simulated scanners: MP2RAGE, multi-echo GRE, diffusion, FLAIR and B1+
maps of the sites of Chen et al. 2026 (doi:10.1162/IMAG.a.1140, Table 2). No person was scanned.

- `sourcedata/truth/regions.tsv` holds the true value of every region, `sourcedata/truth/maps` the true R1 and R2* of
  every voxel of UNIT1, and how the head had moved between the multi-echo GRE and MP2RAGE.
- `derivatives` holds what was asked for beside the raw data.
- `sourcedata/truth/plan.json` holds the options; the same options give the same files again.

Made by `harmoniq simulate`, version {version}, seed {seed}.
"""

TRUTH_COLUMNS: dict[str, Any] = {
    **{name: REGION_COLUMNS[name] for name in ("participant_id", "metric", "tissue", "region", "hemisphere")},
    "value": {
        "Description": "True value, as the site's scanner reads it: this is what the images hold",
        "Units": "1/s",
    },
    "biological": {"Description": "True value of the same person on the reference site's scanner", "Units": "1/s"},
}


def dataset_description(name: str, *, derivative: bool, seed: int) -> dict[str, Any]:
    """Make the content of ``dataset_description.json``.

    Parameters
    ----------
    name : str
        Title of the dataset.
    derivative : bool
        Whether it is a derivative dataset rather than a raw one.
    seed : int
        Of the run; it stands in ``GeneratedBy``.

    Returns
    -------
    dict of str to object
        As BIDS 1.10 wants it.
    """
    return {
        "Name": name,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative" if derivative else "raw",
        "License": "CC0",
        "Authors": ["harmoniq simulate"],
        "GeneratedBy": [
            {
                "Name": "harmoniq",
                "Version": harmoniq.__version__,
                "Description": f"harmoniq simulate, seed {seed}",
            }
        ],
    }


def write_dataset_files(
    out: Path, participants: pd.DataFrame, truth: pd.DataFrame, *, derivatives: list[Path], seed: int
) -> None:
    """Write everything that belongs to no single participant.

    Parameters
    ----------
    out : Path
        The dataset.
    participants : pandas.DataFrame
        As `harmoniq.simulation.demographics.simulate_participants` makes it.
    truth : pandas.DataFrame
        Columns of ``TRUTH_COLUMNS``.
    derivatives : list of Path
        Of ``LESIONS_DIR``, ``FREESURFER_DIR`` and ``TRACTOGRAMS_DIR``, those that will be filled.
    seed : int
        Of all that is random.
    """
    write_json(
        out / "dataset_description.json",
        dataset_description("Simulated qMRI cohort", derivative=False, seed=seed),
    )
    write_text(out / "README.md", _README.format(version=harmoniq.__version__, seed=seed))
    write_text(out / "CHANGES", f"{harmoniq.__version__} 2026-11-22\n  - Simulated with seed {seed}.\n")
    known = {name: PARTICIPANT_DESCRIPTIONS[name] for name in participants.columns}
    write_tsv(participants, out / "participants.tsv", columns=known)
    write_tsv(truth, out / TRUTH_DIR / "regions.tsv", columns=TRUTH_COLUMNS)
    for folder in derivatives:
        title, text = _DERIVATIVES[folder]
        content = dataset_description(f"{title} of the simulated cohort", derivative=True, seed=seed)
        write_json(out / folder / "dataset_description.json", content)
        write_text(out / folder / "README.md", f"# {title}\n\n{text}. Made by `harmoniq simulate`.\n")


def raw_path(root: Path, participant: str, folder: str, ending: str) -> Path:
    """Name a raw file.

    Parameters
    ----------
    root : path
        Dataset's folder.
    participant : str
        Label with its ``sub-``.
    folder : str
        ``anat``, ``dwi`` or ``fmap``.
    ending : str
        What follows the label in the file's name.

    Returns
    -------
    Path
        For example ``sub-A/anat/sub-A_UNIT1.nii.gz``.
    """
    return root / participant / folder / f"{participant}_{ending}"


def truth_map_path(root: Path, participant: str, ending: str) -> Path:
    """Name the file of a true map or transform.

    Parameters
    ----------
    root : path
        Dataset's folder.
    participant : str
        Label with its ``sub-``.
    ending : str
        What follows the label in the file's name.

    Returns
    -------
    Path
        For example ``sourcedata/truth/maps/sub-A_R1map.nii.gz``.
    """
    return root / MAPS_DIR / f"{participant}_{ending}"


def lesion_mask_path(root: Path, participant: str) -> Path:
    """Name the file of a patient's lesion mask.

    Parameters
    ----------
    root : path
        Dataset's folder.
    participant : str
        Label with its ``sub-``.

    Returns
    -------
    Path
        For example ``derivatives/lesions/sub-A/anat/sub-A_label-lesion_mask.nii.gz``.
    """
    return root / LESIONS_DIR / participant / "anat" / f"{participant}_label-lesion_mask.nii.gz"
