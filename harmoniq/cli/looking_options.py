"""Options of looking before and after: of ``harmoniq doctor`` and ``harmoniq qc``, and ratings at the group level."""

import argparse
from pathlib import Path
from typing import Any


def add_qc(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``harmoniq qc``.

    Parameters
    ----------
    parser : ArgumentParser
        Of the command.
    """
    parser.add_argument("out_dir", metavar="OUT_DIR", type=Path, help="folder of results")
    parser.add_argument("--config", metavar="STUDY.toml", type=Path, help="names of the participants' columns")
    parser.add_argument("--qc-file", metavar="F", type=Path, help="ratings; default: OUT_DIR/participants_qc.tsv")


def add_rating_options(group: Any) -> None:
    """Add what the group level knows of ratings.

    Parameters
    ----------
    group : argument group
        Group of options to add to.
    """
    group.add_argument("--exclude-qc", choices=("fail", "warn"), help="leave out what was rated so, or worse")
    group.add_argument("--qc-file", metavar="F", type=Path, help="ratings; default: participants_qc.tsv")


def add_doctor(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``harmoniq doctor``.

    Parameters
    ----------
    parser : ArgumentParser
        Of the command.
    """
    parser.add_argument(
        "given", metavar="STUDY.toml BIDS_DIR", nargs="*", type=Path,
        help="a study's config, and a dataset to be looked at participant by participant",
    )  # fmt: skip
    dataset = parser.add_argument_group("the dataset")
    dataset.add_argument("--participant-label", metavar="L", nargs="+", help="participants, with or without sub-")
    dataset.add_argument("--bids-filter-file", metavar="F", type=Path, help="JSON of further entities per query")
    dataset.add_argument("--derivatives", metavar="DIR", nargs="+", type=Path, default=[], help="existing results")
    dataset.add_argument("--fs-subjects-dir", metavar="DIR", type=Path, help="existing FreeSurfer subjects")
    dataset.add_argument("--fs-license-file", metavar="F", type=Path, help="FreeSurfer license")
