"""What the options of ``harmoniq reproduce`` mean for ``harmoniq run`` on one of its datasets."""

import argparse
import copy
from collections.abc import Sequence

from harmoniq.regions.studies import Dataset


def dataset_args(args: argparse.Namespace, dataset: Dataset) -> argparse.Namespace:
    """Turn the options of ``harmoniq reproduce`` into those of ``harmoniq run`` for a dataset.

    Parameters
    ----------
    args : Namespace
        Of ``harmoniq reproduce``; they are not changed.
    dataset : Dataset
        With raw data.

    Returns
    -------
    Namespace
        For the participant level.
    """
    mine = copy.copy(args)
    mine.command, mine.level, mine.bids_dir, mine.out_dir = "run", "participant", dataset.bids, dataset.results
    mine.derivatives = [*args.derivatives, *dataset.derivatives]
    mine.fs_subjects_dir = dataset.fs_subjects_dir or args.fs_subjects_dir
    mine.work_dir = (args.work_dir or dataset.results.parent / "work") / dataset.name
    mine.participant_label = _those_of(dataset, args.participant_label)
    return mine


def concerns(args: argparse.Namespace, dataset: Dataset) -> bool:
    """Find out whether a dataset has raw data of anyone who was asked for.

    Parameters
    ----------
    args : Namespace
        Of ``harmoniq reproduce``.
    dataset : Dataset
        With or without raw data.

    Returns
    -------
    bool
    """
    return dataset.bids is not None and not (args.participant_label and not _those_of(dataset, args.participant_label))


def _those_of(dataset: Dataset, labels: Sequence[str] | None) -> list[str] | None:
    if not labels:
        return None
    assert dataset.bids is not None
    return [label for label in labels if (dataset.bids / f"sub-{label.removeprefix('sub-')}").is_dir()]
