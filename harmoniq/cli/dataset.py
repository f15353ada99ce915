"""The files that make a folder of results a BIDS derivative dataset."""

from pathlib import Path
from typing import Any

import harmoniq
from harmoniq.data.files import copy_whole, write_json, write_text
from harmoniq.data.provenance import versions
from harmoniq.settings.load import as_dict
from harmoniq.settings.schema import Settings

#: What is ours and not BIDS's in the derivatives. The validator takes names of folders without a slash only.
IGNORED = (
    "work",
    "logs",
    "group",
    "figures",
    "excluded.*",
    "qc_metrics.*",
    "participants_qc.*",
    "*_qc.json",
    "*.html",
    "*_regions.tsv",
    "*_regions.json",
    "*_profiles.*",
    "*_xfm.*",
    "*_hemi-*",
    "*_space-fsaverage_*",
    "*_tractography.*",
    "*_desc-cGM_*",
    "*_desc-sWM_*",
    "*_desc-quality_surfaces.json",
)


def write_dataset_files(out_dir: Path, bids_dir: Path, settings: Settings, options: dict[str, Any]) -> None:
    """Write what makes a folder of results a BIDS derivative dataset, and the settings of this run.

    ``dataset_description.json``, ``.bidsignore``, ``participants.tsv`` with its sidecar, and ``logs/settings.json``.

    Parameters
    ----------
    out_dir : path
        Root of the derivatives.
    bids_dir : path
        Raw dataset, whose ``participants.tsv`` is copied: the group level reads derivatives alone.
    settings : Settings
        Of the study, with the flags over it.
    options : dict of str to object
        Options of the command line by name, for the log.
    """
    write_json(out_dir / "dataset_description.json", {
        "Name": "harmoniq: quantitative MRI derivatives",
        "BIDSVersion": "1.10.0",
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "harmoniq", "Version": harmoniq.__version__}],
        "SourceDatasets": [{"URL": bids_dir.absolute().as_uri()}],
    })  # fmt: skip
    write_text(out_dir / ".bidsignore", "\n".join(IGNORED) + "\n")
    for name in ("participants.tsv", "participants.json"):
        if (bids_dir / name).is_file():
            copy_whole(bids_dir / name, out_dir / name)
    run = {"versions": versions(), "options": options, "settings": as_dict(settings)}
    write_json(out_dir / "logs" / "settings.json", run)
