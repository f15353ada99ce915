"""``harmoniq reproduce --participant-level slurm``: an array job per dataset, and one job for all that follows."""

import argparse
import copy
import hashlib
import shlex
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from harmoniq.cli.arrays import Arrays, one_submission, plan_arrays, submit_arrays, submits
from harmoniq.cli.job_words import program
from harmoniq.cli.reproduce_datasets import concerns, dataset_args
from harmoniq.cli.slurm import group_script, print_scripts, submit_group
from harmoniq.cli.words import option_words
from harmoniq.data.errors import InputError
from harmoniq.data.files import write_text
from harmoniq.jobs.submission import submissions_dir
from harmoniq.regions.studies import Dataset
from harmoniq.settings.dump import to_toml
from harmoniq.settings.load import as_dict
from harmoniq.settings.schema import Settings

#: Options of ``reproduce`` that each task of the participant level gets; settings reach it in a file.
_OF_A_TASK = (
    "session_label", "stages", "bids_filter_file", "bids_database_dir", "derivatives", "fs_subjects_dir",
    "fs_license_file", "skip_bids_validation", "omp_nthreads", "nipype_plugin", "nipype_plugin_file",
    "stop_on_first_crash", "seed", "verbose",
)  # fmt: skip
#: What a task or the group job gets from the cluster, or must not get.
_OF_THIS_MACHINE = ("participant_level", "nprocs", "mem", "dry_run", "write_graph", "clean_work_dir")


def submit_study(args: argparse.Namespace, runs: Sequence[tuple[Settings, Dataset]], out: Path) -> int:
    """Submit (or print) the participant level of raw datasets, and the group level after it.

    Parameters
    ----------
    args : argparse.Namespace
        Of ``reproduce``; its ``slurm_options`` are those of ``harmoniq slurm``.
    runs : sequence of (Settings, Dataset)
        What is processed, and how; datasets that bring results only are passed over.
    out : path
        OUT_DIR.

    Returns
    -------
    int
        0; what failed is seen by ``harmoniq status``.

    Raises
    ------
    InputError
        For options of ``harmoniq slurm`` that cannot be used, and when Slurm refuses.
    """
    args = _absolute(args)
    cluster = _cluster(args, Path("BIDS_DIR"), out)
    held = dict.fromkeys(dataset.results for _, dataset in runs if concerns(args, dataset))
    with ExitStack() as stack:
        for folder in held:
            stack.enter_context(one_submission(folder, dry_run=not submits(cluster)))
        return _hand_in(args, cluster, runs, out)


def _hand_in(
    args: argparse.Namespace, cluster: argparse.Namespace, runs: Sequence[tuple[Settings, Dataset]], out: Path
) -> int:
    """Submit or print what is missing."""
    planned = [_plan(args, settings, dataset) for settings, dataset in runs if concerns(args, dataset)]
    command = _group_command(args, cluster, [dataset for _, dataset in runs], out)
    group_script(cluster, out, [], command)
    for arrays, _ in planned:
        print(f"{arrays.args.bids_dir}: {arrays.said}")
    wanted = not cluster.no_group
    if not submits(cluster):
        print_scripts(
            [arrays for arrays, _ in planned], group_script(cluster, out, ["ARRAY_JOBS"], command) if wanted else None
        )
        return 0
    jobs = []
    for arrays, settings_text in planned:
        write_text(_settings_file(arrays.out_dir, settings_text), settings_text)
        jobs += submit_arrays(arrays)
    results = [arrays.out_dir for arrays, _ in planned]
    if wanted:
        submit_group(cluster, out, results, jobs, command)
    for folder in results:
        print(f"Next: harmoniq status {shlex.quote(str(folder))} --watch")
    return 0


def _absolute(args: argparse.Namespace) -> argparse.Namespace:
    """Return the options with absolute paths: a container starts in another folder."""
    out = copy.copy(args)
    for name, value in vars(args).items():
        if isinstance(value, Path):
            setattr(out, name, value.absolute())
        elif isinstance(value, list) and value and all(isinstance(item, Path) for item in value):
            setattr(out, name, [item.absolute() for item in value])
    pairs = (word.partition("=") for word in args.dataset)
    out.dataset = [f"{name}={Path(folder).absolute()}" for name, _, folder in pairs]
    return out


def _plan(args: argparse.Namespace, settings: Settings, dataset: Dataset) -> tuple[Arrays, str]:
    """Return a dataset's arrays, and the settings that its tasks read."""
    mine = dataset_args(args, dataset)
    text = to_toml(as_dict(dataset.settings(settings)))
    file = _settings_file(dataset.results, text)
    cluster = _cluster(args, mine.bids_dir, dataset.results)
    words = option_words(mine, "run", leave_out=set(vars(mine)) - set(_OF_A_TASK))
    cluster.run_options = ["--config", str(file), *words]
    cluster.participant_label = mine.participant_label
    cluster.work_dir = cluster.work_dir / dataset.name if cluster.work_dir else mine.work_dir
    needed = [*mine.derivatives, mine.fs_subjects_dir, mine.fs_license_file, mine.bids_filter_file, cluster.work_dir]
    cluster.bind = [*cluster.bind, *(f"{path}:{path}" for path in needed if path is not None)]
    return plan_arrays(cluster, dataset.settings(settings)), text


def _cluster(args: argparse.Namespace, bids_dir: Path, out_dir: Path) -> argparse.Namespace:
    """Return the options of ``harmoniq slurm`` for a dataset, from the words after ``--``."""
    from harmoniq.cli.parser import build_parser

    cluster: argparse.Namespace = build_parser().parse_args(["slurm", str(bids_dir), str(out_dir), *args.slurm_options])
    if cluster.participant_label:
        raise InputError("belongs before --", key="--participant-label")
    if cluster.scheduler != "slurm":
        raise InputError(
            "reproduce submits to Slurm alone", key="--scheduler", value=cluster.scheduler,
            remedy="run harmoniq slurm for each dataset, then reproduce with --participant-level skip",
        )  # fmt: skip
    cluster.dry_run = cluster.dry_run or args.dry_run
    return cluster


def _settings_file(results: Path, text: str) -> Path:
    """Return where a dataset's settings lie: other settings have another name, so that waiting tasks keep theirs."""
    return submissions_dir(results) / f"settings-{hashlib.sha256(text.encode()).hexdigest()[:12]}.toml"


def _group_command(
    args: argparse.Namespace, cluster: argparse.Namespace, datasets: Sequence[Dataset], out: Path
) -> str:
    """Return the shell words that analyze what is there."""
    folders = {args.config.parent, *(folder for one in datasets for folder in (one.participants.parent, one.results))}
    binds = [f"{out}:{out}", *sorted(f"{folder}:{folder}" for folder in folders if not folder.is_relative_to(out))]
    words = [str(args.config), str(out), "--participant-level", "skip"]
    words += option_words(args, "reproduce", leave_out=_OF_THIS_MACHINE)
    return shlex.join([*program(cluster, "reproduce", binds), *words])
