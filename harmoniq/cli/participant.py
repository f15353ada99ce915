"""The participant level: discover, check, run, report, summarize."""

import argparse
import shutil
import sys
import time
from collections.abc import Container
from contextlib import suppress
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
from harmoniq.cli.discover import Discovery, describe, discover, print_notes
from harmoniq.cli.ended import end_run, not_reported
from harmoniq.cli.folders import check_space, prepare_folder
from harmoniq.cli.resources import limit_threads, memory_gb, process_count
from harmoniq.cli.run_progress import RunProgress
from harmoniq.data.errors import InputError
from harmoniq.data.inputs import SessionInputs
from harmoniq.jobs.ledger import Ledger, Stopped, kill_children, stop_on_signals
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
        Exit code: 0 done, 1 some failed, 2 none had usable input; `REQUEUE`, or 128 and the number of the signal, when
        the run was stopped.

    Raises
    ------
    InputError
        For what concerns the whole dataset or run, such as results that would go into the raw dataset.
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
    _print_refused(found)
    options = options_digest(args, settings)
    if not found.sessions:
        return _refuse_all(args, settings, engines, found, options)
    if args.dry_run:
        _print_plan(found.sessions)
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
        _print_refused(mine, known=found.refused)
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
        return end_run(run.out_dir, run.found, run.settings, run.engines, end)
    except Exception as error:  # not of a node: the reports say it, and so does Python
        _write_reports(run.out_dir, run.found, run.settings, run.engines, stopped_by(error, run.found))
        raise
    code = _exit_code(run.found, summary)
    try:
        code = max(code, _write_reports(run.out_dir, run.found, run.settings, run.engines, summary))
    except (Stopped, KeyboardInterrupt) as end:
        labels = [inputs.label for inputs in run.found.sessions]
        not_reported(run.out_dir, [label for label in labels if label not in summary.failures], end)
        return end_run(run.out_dir, run.found, run.settings, run.engines, end)
    if run.args.clean_work_dir:
        clean(run.work_dir, run.found, summary.failures)
    _print_summary(run.found, summary, run.out_dir, time.monotonic() - started)
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
        _write_graph(workflow, out_dir)
    plugin, plugin_args = _foreign_plugin(args)
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


def _write_graph(workflow: Any, out_dir: Path) -> None:
    """Write ``logs/graph.dot``, and its picture where Graphviz is installed."""
    target = out_dir / "logs" / "graph.dot"
    if shutil.which("dot") is not None:
        workflow.write_graph(dotfilename=str(target), graph2use="colored", format="svg")
        return
    with suppress(OSError):  # Nipype writes the text first, and then fails for want of `dot`
        workflow.write_graph(dotfilename=str(target), graph2use="colored", format="svg")
    print(f"note: Graphviz (dot) is not installed: {target} alone is written", file=sys.stderr)


def _foreign_plugin(args: argparse.Namespace) -> tuple[str | None, dict[str, Any]]:
    from harmoniq.data.files import read_json

    content = read_json(args.nipype_plugin_file) if args.nipype_plugin_file else {}
    if not isinstance(content, dict):
        raise InputError("must be a JSON object", file=args.nipype_plugin_file, key="--nipype-plugin-file")
    plugin = args.nipype_plugin or content.get("plugin")
    if plugin is not None:
        import nipype.pipeline.plugins as plugins

        if not hasattr(plugins, f"{plugin}Plugin"):
            raise InputError(
                "Nipype has no such plugin", key="--nipype-plugin", value=plugin, remedy="try MultiProc or SLURM"
            )
    return plugin, dict(content.get("plugin_args", {}))


def fit_gb(inputs: SessionInputs) -> float:
    """Estimate the memory of a session's largest fit: float32 echoes, stacked once, and the maps.

    Parameters
    ----------
    inputs : SessionInputs
        What the session has.

    Returns
    -------
    float
        GB (1024³ bytes), at least 0.5.
    """
    return max(0.5, 3 * voxel_bytes(inputs) / 1024**3)


def voxel_bytes(inputs: SessionInputs) -> int:
    """Compute the size of a session's MP2RAGE and ME-GRE images, and of its existing maps, as float32.

    Parameters
    ----------
    inputs : SessionInputs
        What the session has.

    Returns
    -------
    int
        Bytes, by the header of the first image of each kind.
    """
    from math import prod

    from harmoniq.data.images import load_grid

    groups = [group.files for group in (inputs.mp2rage, inputs.megre) if group is not None]
    groups += [(existing.path,) for existing in inputs.maps.values()]
    return sum(4 * prod(load_grid(files[0])[0]) * len(files) for files in groups)


def _validate(bids_dir: Path) -> None:
    """Say what the BIDS validator finds, where it is installed; harmoniq's own checks decide what can be processed."""
    from harmoniq.cli.validation import validate

    for line in validate(bids_dir):
        print(f"warning: {line}", file=sys.stderr)


def _options(args: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name, value in vars(args).items() if name != "execute"}


def _print_refused(found: Discovery, known: Container[str] = ()) -> None:
    for label, error in found.refused.items():
        if label not in known:
            print(f"error: {label}: {error}", file=sys.stderr)


def _print_plan(sessions: tuple[SessionInputs, ...]) -> None:
    for inputs in sessions:
        print(inputs.label + ": " + "; ".join(f"{name} {value}" for name, value in describe(inputs).items()))
        for note in inputs.notes:
            print(f"  note: {note}")


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


def _exit_code(found: Discovery, summary: "RunSummary") -> int:
    failed = len(found.refused) + len(summary.failures)
    if failed == 0:
        return 0
    total = len(found.sessions) + len(found.refused)
    return 2 if failed == total and all(failure.bad_input for failure in summary.failures.values()) else 1


def _print_summary(found: Discovery, summary: "RunSummary", out_dir: Path, seconds: float) -> None:
    total = len(found.sessions) + len(found.refused)
    failed = len(found.refused) + len(summary.failures)
    for label, failure in sorted(summary.failures.items()):
        crash = f" (crash file: {failure.crash_file})" if failure.crash_file else ""
        print(f"error: {label}: {failure.sentence}{crash}", file=sys.stderr)
    nodes = f"{summary.computed} nodes computed, {summary.reused} reused"
    print(f"{total - failed} of {total} sessions done in {seconds:.0f} s; {nodes}.")
    print_notes([inputs for inputs in found.sessions if inputs.label not in summary.failures])
    made = {
        "R1": "anat/*_R1map.nii.gz", "R2*": "anat/*_R2starmap.nii.gz", "cortex": "anat/*_hemi-L_desc-cGM_R*.gii",
        "bundles": "dwi/*_profiles.tsv", "regional tables": "*_regions.tsv",
    }  # fmt: skip
    folders = [out_dir.joinpath(*inputs.label.split("_")) for inputs in found.sessions]
    counts = {name: sum(any(folder.glob(pattern)) for folder in folders) for name, pattern in made.items()}
    print("  " + ", ".join(f"{name}: {count}" for name, count in counts.items() if count))
    print(f"Results: {out_dir}\nReports: {out_dir}/sub-*.html")
    if failed:
        labels = sorted([*found.refused, *summary.failures])
        print(
            f"Failed: {', '.join(labels[:10])}{', ...' if failed > 10 else ''}; why stands above and in their reports."
        )
        print("Mend what the errors name and run the same command again: what is done is not done twice.")
    else:
        print(f"Next: harmoniq run BIDS_DIR {out_dir} group")
