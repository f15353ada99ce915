"""What the options of ``harmoniq reproduce`` mean for ``harmoniq run`` on one of its datasets."""

import argparse
import copy
from collections.abc import Sequence

from harmoniq.regions.studies import Dataset


def dataset_args(args: argparse.Namespace, dataset: Dataset) -> argparse.Namespace:
    """Return the options of ``harmoniq run`` for the participant level of a raw dataset.

    Parameters
    ----------
    args : Namespace
        The command line's arguments, parsed.
    dataset : Dataset
        Dataset of the study.

    Returns
    -------
    Namespace
        The options of ``harmoniq run`` for the participant level of a raw dataset.
    """
    mine = copy.copy(args)
    mine.command, mine.level, mine.bids_dir, mine.out_dir = "run", "participant", dataset.bids, dataset.results
    mine.derivatives = [*args.derivatives, *dataset.derivatives]
    mine.fs_subjects_dir = dataset.fs_subjects_dir or args.fs_subjects_dir
    mine.work_dir = (args.work_dir or dataset.results.parent / "work") / dataset.name
    mine.participant_label = _those_of(dataset, args.participant_label)
    return mine


def concerns(args: argparse.Namespace, dataset: Dataset) -> bool:
    """Return whether a dataset has raw data of anyone who was asked for.

    Parameters
    ----------
    args : Namespace
        The command line's arguments, parsed.
    dataset : Dataset
        Dataset of the study.

    Returns
    -------
    bool
        Whether a dataset has raw data of anyone who was asked for.
    """
    return dataset.bids is not None and not (args.participant_label and not _those_of(dataset, args.participant_label))


def _those_of(dataset: Dataset, labels: Sequence[str] | None) -> list[str] | None:
    if not labels:
        return None
    assert dataset.bids is not None
    return [label for label in labels if (dataset.bids / f"sub-{label.removeprefix('sub-')}").is_dir()]
