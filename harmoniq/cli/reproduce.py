"""``harmoniq reproduce``: several datasets through the participant level, then the group level and the scorecard."""

import argparse
import copy
import dataclasses
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from harmoniq.cli.folders import prepare_folder
from harmoniq.cli.group import analyze_tables, name_absent
from harmoniq.cli.quality import excluded_by_rating
from harmoniq.cli.run import settings_from
from harmoniq.data.errors import InputError
from harmoniq.regions.studies import Dataset, gather, plan_datasets
from harmoniq.settings.schema import Settings

#: Runs the participant level of a dataset and returns its exit code: here, or wherever somebody else lets it run.
ParticipantLevel = Callable[[argparse.Namespace, Settings, Dataset], int]


def execute(args: argparse.Namespace) -> int:
    """Reproduce a study; return the worst exit code of its steps."""
    settings = settings_from(args)
    if args.rehearse:
        return _rehearse(args, settings)
    out = args.out_dir.absolute()
    datasets = plan_datasets(settings, args.config, out, overrides=_named(args.dataset))
    if args.dry_run:
        for dataset in datasets:
            print(f"{dataset.name}: {_said(args, dataset)}")
        return 0
    prepare_folder(out, "OUT_DIR")
    return reproduce(args, settings, datasets, out, run_here if args.participant_level == "local" else None)


def reproduce(
    args: argparse.Namespace, settings: Settings, datasets: Sequence[Dataset], out: Path, level: ParticipantLevel | None
) -> int:
    """Run the participant level of each dataset (or none), then the group level on all of them.

    Parameters
    ----------
    args : argparse.Namespace
        Of ``reproduce``.
    settings : Settings
        Of the study.
    datasets : sequence of Dataset
    out : path
    level : callable or None
        None takes what is there.

    Returns
    -------
    int
        The worst of the participant levels' and the group level's exit codes; 2 where there is nothing to analyze.
    """
    codes = [0]
    for dataset in datasets:
        if level is not None and dataset.bids is not None:
            print(f"== {dataset.name}: participant level", flush=True)
            codes.append(level(args, settings, dataset))
    print("== All datasets: group level", flush=True)
    found = [dataset for dataset in datasets if dataset.results.is_dir()]
    rated = {dataset.name: excluded_by_rating(args, [dataset.results, out]) for dataset in found}
    absent = {dataset.name: name_absent(dataset.results, rated[dataset.name]) for dataset in found}
    regions, participants = gather(datasets, settings, out, left_out=absent)
    changes = _alternatives(args, settings, datasets, out) if args.alternatives else []
    ours = dataclasses.replace(settings, columns={})  # the gathered table has our names already
    group = copy.copy(args)
    group.config = None  # methods that only a file names are given up, with a note, where the cohort is too small
    group.work_dir = args.work_dir and args.work_dir / "group"
    codes.append(
        analyze_tables(
            group,
            ours,
            [regions],
            participants,
            out / "group",
            title=settings.study.name,
            alternatives=changes,
            left_out={label: reason for reasons in rated.values() for label, reason in reasons.items()},
        )
    )
    # Sessions that could not be used are said, and do not make a study that was analyzed a wrong input.
    return codes[-1] or min(max(codes), 1)


def run_here(args: argparse.Namespace, settings: Settings, dataset: Dataset) -> int:
    """Run the participant level of a dataset on this machine."""
    from harmoniq.cli.participant import run_participants

    mine = copy.copy(args)
    mine.level, mine.bids_dir, mine.out_dir = "participant", dataset.bids, dataset.results
    mine.derivatives = [*args.derivatives, *dataset.derivatives]
    mine.fs_subjects_dir = dataset.fs_subjects_dir or args.fs_subjects_dir
    mine.work_dir = (args.work_dir or dataset.results.parent / "work") / dataset.name
    mine.participant_label = _those_of(dataset, args.participant_label)
    if args.participant_label and not mine.participant_label:
        return 0
    return run_participants(mine, dataset.settings(settings))


def _those_of(dataset: Dataset, labels: Sequence[str] | None) -> list[str] | None:
    if not labels:
        return None
    assert dataset.bids is not None
    return [label for label in labels if (dataset.bids / f"sub-{label.removeprefix('sub-')}").is_dir()]


def _named(words: Sequence[str]) -> dict[str, Path]:
    out = {}
    for word in words:
        name, equal, folder = word.partition("=")
        if not (name and equal and folder):
            raise InputError("must be NAME=DIR", key="--dataset", value=word)
        out[name] = Path(folder).absolute()
    return out


def _said(args: argparse.Namespace, dataset: Dataset) -> str:
    if dataset.bids is None:
        return f"regional tables of {dataset.results}"
    words = ["harmoniq", "run", str(dataset.bids), str(dataset.results), "participant", "--config", str(args.config)]
    words += ["--derivatives", *map(str, dataset.derivatives)] if dataset.derivatives else []
    words += ["--fs-subjects-dir", str(dataset.fs_subjects_dir)] if dataset.fs_subjects_dir else []
    return shlex.join(words)


def _alternatives(args: argparse.Namespace, settings: Settings, datasets: Sequence[Dataset], out: Path) -> list[Path]:
    """Run the participant level under the other readings; return what each changes."""
    from harmoniq.cli.readings import OTHER_READINGS, compare_reading

    tables = []
    for reading in OTHER_READINGS:
        folder = out / "alternatives" / reading.name
        there = [dataset.moved(folder / dataset.name) for dataset in datasets if dataset.bids is not None]
        for dataset in there:
            print(f"== {dataset.name}: participant level, {reading.said(settings)}", flush=True)
            run_here(args, reading.applied(settings), dataset)
        try:
            tables += [compare_reading(reading, settings, there, out / "regions.tsv", folder)] if there else []
        except InputError as error:  # the study itself is not worse for it
            print(f"note: {reading.said(settings)} is not compared: {error}", file=sys.stderr)
    return tables


def _rehearse(args: argparse.Namespace, settings: Settings) -> int:
    """Analyze a simulated cohort with the paper's demographics and effects, and say so loudly."""
    from harmoniq.cli.simulate import simulate
    from harmoniq.simulation.plan import SimulationPlan

    out = prepare_folder(args.out_dir, "OUT_DIR")
    print("Rehearsal: the values are simulated with the paper's effects; nothing here is a finding.", flush=True)
    simulate(SimulationPlan(out=out / "simulated", tables_only=True, seed=args.seed), 1)
    tables = out / "simulated"
    ours = dataclasses.replace(settings, columns={})
    title = f"{settings.study.name}, rehearsal on simulated values"
    return analyze_tables(
        args, ours, [tables / "regions.tsv"], tables / "participants.tsv", out / "group", title=title,
        further_notes=["rehearsal: all values are simulated with the paper's effects planted; nothing is a finding"],
    )  # fmt: skip
