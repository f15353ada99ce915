"""``harmoniq reproduce``: several datasets through the participant level, then the group level and the scorecard."""

import argparse
import copy
import dataclasses
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from harmoniq.cli.folders import prepare_folder
from harmoniq.cli.group import name_absent
from harmoniq.cli.group_tables import analyze_tables
from harmoniq.cli.quality import excluded_by_rating, update_reports
from harmoniq.cli.readings import OTHER_READINGS, Reading, compare_reading
from harmoniq.cli.reproduce_datasets import concerns, dataset_args
from harmoniq.cli.run import settings_from
from harmoniq.cli.words import option_words
from harmoniq.data.errors import InputError
from harmoniq.regions.studies import Dataset, gather, gather_profiles, labels_of_study, plan_datasets
from harmoniq.settings.schema import Settings


def execute(args: argparse.Namespace) -> int:
    """Reproduce a study.

    Parameters
    ----------
    args : Namespace
        Of ``harmoniq reproduce``.

    Returns
    -------
    int
        The group level's exit code, or 1 where that is 0 and a session failed; 0 once jobs are submitted.

    Raises
    ------
    InputError
        For options that belong to another level, and participants who are in no dataset.
    """
    settings = settings_from(args)
    if args.slurm_options and args.participant_level != "slurm":
        raise InputError("are options of harmoniq slurm", key="--", remedy="add --participant-level slurm before --")
    if args.rehearse:
        return _rehearse(args, settings)
    out = args.out_dir.absolute()
    datasets = plan_datasets(settings, args.config, out, overrides=_named(args.dataset))
    if args.participant_label and not any(concerns(args, dataset) for dataset in datasets):
        raise InputError("in no dataset", key="--participant-label", value=" ".join(args.participant_label))
    runs = [(settings, dataset) for dataset in datasets]
    others = _other_runs(settings, datasets, out) if args.alternatives else []
    if args.participant_level == "slurm":
        from harmoniq.cli.reproduce_slurm import submit_study

        return submit_study(args, [*runs, *others], out)
    if args.dry_run:
        for _, dataset in [*runs, *others]:
            print(f"{dataset.name}: {_said(args, dataset)}")
        return 0
    prepare_folder(out, "OUT_DIR")
    failed = False
    if args.participant_level == "local":
        codes = [run_here(args, *run) for run in runs if concerns(args, run[1])]
        failed = any(codes)
        for run in others:  # a reading that could not be tried does not make the study worse
            if concerns(args, run[1]):
                run_here(args, *run)
    # Sessions that could not be used are said, and do not make a study that was analyzed a wrong input.
    return analyze_study(args, settings, datasets, out) or int(failed)


def run_here(args: argparse.Namespace, settings: Settings, dataset: Dataset) -> int:
    """Run the participant level of a dataset on this machine.

    Parameters
    ----------
    args : Namespace
        Of ``harmoniq reproduce``.
    settings : Settings
        Of the study.
    dataset : Dataset
        With raw data.

    Returns
    -------
    int
        Exit code of `run_participants`.
    """
    from harmoniq.cli.participant import run_participants

    print(f"== {dataset.name}: participant level, to {dataset.results}", flush=True)
    return run_participants(dataset_args(args, dataset), dataset.settings(settings))


def analyze_study(args: argparse.Namespace, settings: Settings, datasets: Sequence[Dataset], out: Path) -> int:
    """Run the group level on what all datasets have.

    Parameters
    ----------
    args : Namespace
        Of ``harmoniq reproduce``.
    settings : Settings
        Of the study.
    datasets : sequence of Dataset
        With or without raw data.
    out : Path
        Gets the gathered tables, and the results in ``group``.

    Returns
    -------
    int
        Exit code of `analyze_tables`.
    """
    print("== All datasets: group level", flush=True)
    found = [dataset for dataset in datasets if dataset.results.is_dir()]
    rated = {dataset.name: excluded_by_rating(args, [dataset.results, out]) for dataset in found}
    absent = {dataset.name: name_absent(dataset.results, rated[dataset.name]) for dataset in found}
    regions, participants = gather(datasets, settings, out, left_out=absent)
    gone = {name: labels | set(rated[name]) for name, labels in absent.items()}
    changes = _alternatives(settings, datasets, out) if args.alternatives else []
    ours = dataclasses.replace(settings, columns={})  # the gathered table has our names already
    group = copy.copy(args)
    group.config = None  # methods that only a file names are given up, with a note, where the cohort is too small
    group.work_dir = args.work_dir and args.work_dir / "group"
    code = analyze_tables(
        group, ours, [regions], participants, out / "group", title=settings.study.name, alternatives=changes,
        left_out=labels_of_study(datasets, settings, rated),
        profiles=gather_profiles(datasets, settings, left_out=gone),
    )  # fmt: skip
    for dataset in found if code == 0 else ():
        update_reports(dataset.results, out / "group", dataset.settings(settings))
    return code


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
    words = option_words(dataset_args(args, dataset), "run", leave_out=("dry_run",))
    return shlex.join(["harmoniq", "run", str(dataset.bids), str(dataset.results), "participant", *words])


def _other_runs(settings: Settings, datasets: Sequence[Dataset], out: Path) -> list[tuple[Settings, Dataset]]:
    """Return the raw datasets as the other readings have them processed, in folders of their own."""
    return [
        (reading.applied(settings), dataset)
        for reading in OTHER_READINGS
        for dataset in _moved(datasets, _folder(out, reading))
    ]


def _folder(out: Path, reading: Reading) -> Path:
    return out / "alternatives" / reading.name


def _moved(datasets: Sequence[Dataset], folder: Path) -> list[Dataset]:
    return [dataset.moved(folder / dataset.name) for dataset in datasets if dataset.bids is not None]


def _alternatives(settings: Settings, datasets: Sequence[Dataset], out: Path) -> list[Path]:
    """Compare the values under the other readings with ours; return the tables that say what each changes."""
    tables = []
    for reading in OTHER_READINGS:
        folder = _folder(out, reading)
        there = _moved(datasets, folder)
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
    simulate(SimulationPlan(out=out / "simulated", tables_only=True, seed=args.seed), 1, quiet=args.quiet)
    tables = out / "simulated"
    ours = dataclasses.replace(settings, columns={})
    title = f"{settings.study.name}, rehearsal on simulated values"
    return analyze_tables(
        args, ours, [tables / "regions.tsv"], tables / "participants.tsv", out / "group", title=title,
        further_notes=["rehearsal: all values are simulated with the paper's effects planted; nothing is a finding"],
    )  # fmt: skip
