"""Options of quality control: of ``harmoniq qc``, and of the group level."""

import argparse
from pathlib import Path
from typing import Any


def add_qc(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``harmoniq qc``.

    Parameters
    ----------
    parser : ArgumentParser
        Parser or group to add to.
    """
    parser.add_argument("out_dir", metavar="OUT_DIR", type=Path, help="folder of results")
    parser.add_argument("--config", metavar="STUDY.toml", type=Path, help="names of the participants' columns")
    parser.add_argument("--qc-file", metavar="F", type=Path, help="ratings; default: OUT_DIR/participants_qc.tsv")


def add_rating_options(group: Any) -> None:
    """Add what the group level knows of ratings.

    Parameters
    ----------
    group : object
        Group of options to add to.
    """
    group.add_argument("--exclude-qc", choices=("fail", "warn"), help="leave out what was rated so, or worse")
    group.add_argument("--qc-file", metavar="F", type=Path, help="ratings; default: participants_qc.tsv")
