"""The options of ``harmoniq reproduce``, and what follows from them for ``harmoniq run`` on one of its datasets."""

import argparse
import copy
from collections.abc import Sequence
from pathlib import Path

from harmoniq.regions.studies import Dataset

USAGE = "STUDY.toml OUT_DIR "
EXAMPLES = """examples:
  harmoniq reproduce study.toml results
  harmoniq reproduce study.toml results --dry-run
  harmoniq reproduce study.toml results --participant-level skip
  harmoniq reproduce study.toml results --participant-level slurm -- --partition normal --mem 8
  harmoniq reproduce study.toml results --rehearse"""


def add_reproduce(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that only ``reproduce`` has."""
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


def dataset_args(args: argparse.Namespace, dataset: Dataset) -> argparse.Namespace:
    """Return the options of ``harmoniq run`` for the participant level of a raw dataset."""
    mine = copy.copy(args)
    mine.command, mine.level, mine.bids_dir, mine.out_dir = "run", "participant", dataset.bids, dataset.results
    mine.derivatives = [*args.derivatives, *dataset.derivatives]
    mine.fs_subjects_dir = dataset.fs_subjects_dir or args.fs_subjects_dir
    mine.work_dir = (args.work_dir or dataset.results.parent / "work") / dataset.name
    mine.participant_label = _those_of(dataset, args.participant_label)
    return mine


def concerns(args: argparse.Namespace, dataset: Dataset) -> bool:
    """Return whether a dataset has raw data of anyone who was asked for."""
    return dataset.bids is not None and not (args.participant_label and not _those_of(dataset, args.participant_label))


def _those_of(dataset: Dataset, labels: Sequence[str] | None) -> list[str] | None:
    if not labels:
        return None
    assert dataset.bids is not None
    return [label for label in labels if (dataset.bids / f"sub-{label.removeprefix('sub-')}").is_dir()]
