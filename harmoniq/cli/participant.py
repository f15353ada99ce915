"""The participant level: discover, check, run, report, summarize."""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmoniq.cli.bookkeeping import (
    claimed,
    clean,
    count_nodes,
    mend_work_folder,
    note_event,
    note_outcome,
    options_digest,
    record_refused,
    stopped_by,
)
from harmoniq.cli.dataset import write_dataset_files
from harmoniq.cli.discover import Discovery, discover
from harmoniq.cli.ended import end_run, not_reported
from harmoniq.cli.folders import check_space, prepare_folder
from harmoniq.cli.memory_needs import fit_gb, voxel_bytes
from harmoniq.cli.nipype_options import foreign_plugin, write_graph
from harmoniq.cli.participant_words import exit_code, print_plan, print_refused, print_summary
from harmoniq.cli.resources import limit_threads, memory_gb, process_count
from harmoniq.cli.run_progress import RunProgress
from harmoniq.data.errors import InputError
from harmoniq.jobs.ledger import Ledger
from harmoniq.jobs.signals import Stopped, kill_children, stop_on_signals
from harmoniq.settings.schema import STAGES, Settings

if TYPE_CHECKING:
    from harmoniq.workflows.map_engines import MapEngines
    from harmoniq.workflows.study import RunSummary

#: What nearly every session's nodes need, and the report: loaded once, before the workers are forked.
_NEEDED_BY_NODES = ("harmoniq.mp2rage.interpolation", "harmoniq.report.pictures", "harmoniq.report.participant")


def run_participants(args: argparse.Namespace, settings: Settings) -> int:
    """Process participants.

    Parameters
    ----------
    args : Namespace
        Of ``harmoniq run ... participant``.
    settings : Settings
        Of the study, with the flags over it.

    Returns
    -------
    int
        Exit code: 0 done, 1 some failed, 2 none had usable input.

    Raises
    ------
    InputError
        For what concerns the whole dataset or run, such as results that would go into the raw dataset.
    SystemExit
        When a signal has ended the run: with 1 after Ctrl-C, `REQUEUE`, or 128 and the signal's number.
    """
    from harmoniq.workflows.map_engines import choose_map_engines

    license_file = args.fs_license_file and args.fs_license_file.absolute()
    engines = choose_map_engines(settings, license_file)
    nprocs, memory = process_count(args.nprocs), memory_gb(args.mem)
    limit_threads(args.omp_nthreads)
    found = discover(
        args.bids_dir.absolute(), settings,
        participants=args.participant_label, sessions=args.session_label, filter_file=args.bids_filter_file,
        database_dir=args.bids_database_dir, derivatives=[path.absolute() for path in args.derivatives],
        fs_subjects_dir=args.fs_subjects_dir and args.fs_subjects_dir.absolute(), stages=args.stages,
        built_subjects=args.out_dir.absolute() / "sourcedata" / "freesurfer", surface_engine=engines.surfaces,
        fs_license_file=args.fs_license_file and args.fs_license_file.absolute(),
        bundle_engine=engines.bundles,
    )  # fmt: skip
    print_refused(found)
    options = options_digest(args, settings)
    if not found.sessions:
        return _refuse_all(args, settings, engines, found, options)
    if args.dry_run:
        print_plan(found.sessions)
        return int(bool(found.refused))
    out_dir = prepare_folder(args.out_dir, "OUT_DIR")
    if out_dir == args.bids_dir.absolute():
        raise InputError("is the raw dataset itself", file=out_dir, key="OUT_DIR", remedy="choose another folder")
    work_dir = prepare_folder(args.work_dir or out_dir / "work", "--work-dir")
    check_space(work_dir, sum(voxel_bytes(inputs) for inputs in found.sessions[:nprocs]), "--work-dir")
    if not args.skip_bids_validation:
        _validate(args.bids_dir)
    print(f"R1: {engines.r1.label} ({engines.r1.reason})\nR2*: {engines.r2star.label} ({engines.r2star.reason})")
    without = [inputs for inputs in found.sessions if inputs.freesurfer is None]
    if "surfaces" in (args.stages or STAGES) and any(map(engines.surfaces.builds_for, without)):
        print(f"Surfaces: {engines.surfaces.name} {engines.surfaces.version} ({engines.surfaces.reason})")
    if any(inputs.dwi for inputs in found.sessions):
        print(f"Bundles: {engines.bundles.name} {engines.bundles.version} ({engines.bundles.reason})")
    if engines.tractometry is not None:
        print(f"Profiles along the bundles: {engines.tractometry.label} ({engines.tractometry.folder})")
    write_dataset_files(out_dir, args.bids_dir, settings, _options(args))
    with claimed(out_dir, found, options=options) as mine:
        print_refused(mine, known=found.refused)
        if not mine.sessions:  # another run has them all, and writes their reports
            return 1
        stop_on_signals()
        return _process(_Run(args, settings, engines, mine, out_dir, work_dir, nprocs, memory, options))


@dataclass(frozen=True)
class _Run:
    """What one run works on: sessions that it holds, where, and with how much."""

    args: argparse.Namespace
    settings: Settings
    engines: "MapEngines"
    found: Discovery
    out_dir: Path
    work_dir: Path
    nprocs: int
    memory: float
    options: str


def _process(run: _Run) -> int:
    """Run, report and clean up; return the exit code."""
    started = time.monotonic()
    try:
        summary = _run_nodes(run)
    except (Stopped, KeyboardInterrupt) as end:
        kill_children()
        end_run(run.out_dir, run.found, run.settings, run.engines, end)
    except Exception as error:  # not of a node: the reports say it, and so does Python
        _write_reports(run.out_dir, run.found, run.settings, run.engines, stopped_by(error, run.found))
        raise
    code = exit_code(run.found, summary)
    try:
        code = max(code, _write_reports(run.out_dir, run.found, run.settings, run.engines, summary))
    except (Stopped, KeyboardInterrupt) as end:
        labels = [inputs.label for inputs in run.found.sessions]
        not_reported(run.out_dir, [label for label in labels if label not in summary.failures], end)
        end_run(run.out_dir, run.found, run.settings, run.engines, end)
    if run.args.clean_work_dir:
        clean(run.work_dir, run.found, summary.failures)
    print_summary(run.found, summary, run.out_dir, time.monotonic() - started)
    return code


def _run_nodes(run: _Run) -> "RunSummary":
    from harmoniq.workflows.study import configure_nipype, init_study_wf, run_study
    from harmoniq.workflows.workers import fork_workers

    args, found, out_dir = run.args, run.found, run.out_dir
    configure_nipype(log_dir=out_dir / "logs", stop_on_first_crash=args.stop_on_first_crash, verbose=args.verbose)
    workflow = init_study_wf(
        sessions=found.sessions, settings=run.settings, engines=run.engines, out_dir=out_dir, work_dir=run.work_dir,
        stages=args.stages or STAGES, seed=args.seed, fs_license_file=args.fs_license_file,
        threads=args.omp_nthreads, mem_gb=lambda inputs: min(fit_gb(inputs), run.memory),
    )  # fmt: skip
    mend_work_folder(run.work_dir, found)
    if args.write_graph:
        write_graph(workflow, out_dir)
    plugin, plugin_args = foreign_plugin(args)
    workers = fork_workers(run.nprocs, _NEEDED_BY_NODES) if plugin is None else None
    nodes = count_nodes(workflow, found)
    with (
        RunProgress(nodes, quiet=args.quiet) as progress,
        Ledger(out_dir, nodes, options=run.options) as ledger,
    ):

        def on_node(label: str, stage: str, node: str, status: str) -> None:
            progress.node(label, stage, node, status)
            note_event(ledger, label, stage, node, status)

        summary = run_study(
            workflow, found.sessions, nprocs=run.nprocs, mem_gb=run.memory, plugin=plugin, plugin_args=plugin_args,
            on_node=on_node, workers=workers,
        )  # fmt: skip
        note_outcome(ledger, summary, cut_short=args.stop_on_first_crash and bool(summary.failures))
        return summary


def _validate(bids_dir: Path) -> None:
    """Say what the BIDS validator finds, where it is installed; harmoniq's own checks decide what can be processed."""
    from harmoniq.cli.validation import validate

    for line in validate(bids_dir):
        print(f"warning: {line}", file=sys.stderr)


def _options(args: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name, value in vars(args).items() if name != "execute"}


def _refuse_all(
    args: argparse.Namespace, settings: Settings, engines: "MapEngines", found: Discovery, options: str
) -> int:
    """Leave a report that says why no session can be processed; return the exit code."""
    from harmoniq.workflows.study import RunSummary

    out_dir = args.out_dir.absolute()
    if not args.dry_run and out_dir != args.bids_dir.absolute():
        prepare_folder(args.out_dir, "OUT_DIR")
        _write_reports(out_dir, found, settings, engines, RunSummary())
    record_refused(out_dir, found, options=options)
    return 2


def _write_reports(
    out_dir: Path, found: Discovery, settings: Settings, engines: "MapEngines", summary: "RunSummary"
) -> int:
    """Write the reports; return 1 when one could not be made whole, else 0."""
    from harmoniq.cli.participant_report import write_reports

    try:
        failed = write_reports(out_dir, found, settings, engines, summary)
    except InputError as error:  # a full disk, say: what failed before must still be told
        print(f"error: {error}", file=sys.stderr)
        return 1
    for participant, sentence in failed.items():
        print(f"error: sub-{participant}: {sentence}", file=sys.stderr)
    return int(bool(failed))
