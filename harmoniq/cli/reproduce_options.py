"""The options of ``harmoniq reproduce``."""

import argparse
from pathlib import Path

USAGE = "STUDY.toml OUT_DIR "
EXAMPLES = """examples:
  harmoniq reproduce study.toml results
  harmoniq reproduce study.toml results --dry-run
  harmoniq reproduce study.toml results --participant-level skip
  harmoniq reproduce study.toml results --participant-level slurm -- --mem 8
  harmoniq reproduce study.toml results --rehearse"""


def add_reproduce(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that only ``reproduce`` has.

    Parameters
    ----------
    parser : ArgumentParser
        Of ``harmoniq reproduce``.
    """
    parser.add_argument("config", metavar="STUDY.toml", type=Path, help="the study, with its [datasets]")
    parser.add_argument("out_dir", metavar="OUT_DIR", type=Path, help="where everything goes")
    study = parser.add_argument_group("the study")
    study.add_argument(
        "--dataset",
        metavar="NAME=DIR",
        nargs="+",
        default=[],
        help="raw BIDS datasets by name, over those of [datasets]",
    )
    study.add_argument(
        "--participant-level",
        choices=("local", "slurm", "skip"),
        default="local",
        help="run it here; submit it with the group level after it, options of harmoniq slurm following --; or take "
        "what OUT_DIR/NAME holds already",
    )
    study.add_argument(
        "--alternatives",
        action="store_true",
        help="run the participant level again with the other meaning of mid-cortex and another fit of R2*",
    )
    study.add_argument(
        "--rehearse", action="store_true", help="no data: simulate regional tables with the paper's effects instead"
    )
    parser.set_defaults(slurm_options=[])
