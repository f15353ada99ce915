"""The group level on tables: their check, the workflow, and its results put in place, all or none."""

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from harmoniq.cli.folders import prepare_folder
from harmoniq.cli.group_methods import choose_methods, further_covariates, published_from
from harmoniq.cli.progress import Progress
from harmoniq.cli.rerun import rerun_command
from harmoniq.cli.resources import limit_threads, memory_gb, process_count
from harmoniq.data.errors import InputError
from harmoniq.data.files import copy_whole
from harmoniq.jobs.signals import stop_on_signals, workers_end_first
from harmoniq.settings.schema import Settings


def analyze_tables(
    args: argparse.Namespace,
    settings: Settings,
    regions: Sequence[Path],
    participants: Path,
    out_dir: Path,
    *,
    title: str,
    alternatives: Sequence[Path] = (),
    profiles: Mapping[Path, str] = MappingProxyType({}),
    further_notes: Sequence[str] = (),
    left_out: Mapping[str, str] | None = None,
) -> int:
    """Run the group workflow on tables and put its results at `out_dir`, all or none.

    Parameters
    ----------
    args : Namespace
        Of ``harmoniq analyze``, ``run`` or ``reproduce``.
    settings : Settings
        Of the study, with the flags over it.
    regions : sequence of Path
        Regional tables: one of many participants, or one per session.
    participants : Path
        ``participants.tsv``.
    out_dir : Path
        Folder of the results.
    title : str
        Of the report.
    alternatives : sequence of Path, optional
        Tables of what other readings at the participant level change.
    profiles : mapping of Path to str, optional
        Profiles along the bundles to their participant.
    further_notes : sequence of str, optional
        For the report, before its own.
    left_out : mapping of str to str or None, optional
        Participants and sessions that are not analyzed for their rating, and why.

    Returns
    -------
    int
        Exit code: 0 done, 1 a step failed.

    Raises
    ------
    InputError
        For wrong input, and where models are to be extended that were not given.
    """
    from harmoniq.regions.cohort import cohort_from_files
    from harmoniq.workflows.group import group_inputs

    if args.apply_models is not None:
        from harmoniq.cli.apply import apply_tables

        limit_threads(args.omp_nthreads)
        return apply_tables(args, settings, regions, participants, out_dir, left_out or {})
    if args.adapt:
        raise InputError("extends saved models, which are not given", key="--adapt", remedy="add --apply-models DIR")
    nprocs, memory = process_count(args.nprocs), memory_gb(args.mem)
    limit_threads(args.omp_nthreads)
    # What is wrong with the input is said before anything is written.
    cohort, _ = cohort_from_files(
        regions, participants, columns=settings.columns, control_group=settings.study.control_group,
        covariates=further_covariates(settings), allow_mixed=args.allow_mixed_engines, left_out=left_out or {},
    )  # fmt: skip
    settings = published_from(settings)
    by_default = args.methods is None and args.config is None
    settings, methods, notes = choose_methods(settings, cohort if by_default else None)
    notes = [*further_notes, *notes]
    out_dir = prepare_folder(out_dir, "OUT_DIR")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="harmoniq-") as temporary, workers_end_first():
        work_dir = prepare_folder(args.work_dir, "--work-dir") if args.work_dir else Path(temporary)
        inputs = group_inputs(regions, participants, alternatives, profiles)
        folder = _run(args, settings, methods, notes, inputs, work_dir, nprocs, memory, title, left_out)
        if folder is None:
            return 1
        publish(folder, out_dir)
    print(f"Group level done in {time.monotonic() - started:.0f} s: {', '.join(methods)}.")
    for note in notes:
        print(f"  note: {note}")
    print(f"Results: {out_dir}\nNext: open {out_dir / 'report.html'}")
    return 0


def node_memory_gb(inputs: Mapping[str, object]) -> float:
    """Estimate what a node of the group level takes.

    Measured with 20,000 participants, 455 MB of tables: 2.4 GB.

    Parameters
    ----------
    inputs : mapping of str to object
        Of the workflow: ``regions`` is the list of regional tables.

    Returns
    -------
    float
        GB, by the size of the tables.
    """
    regions = inputs["regions"]
    assert isinstance(regions, list)
    return 0.3 + 6 * sum(Path(file).stat().st_size for file in regions) / 1e9


def _run(
    args: argparse.Namespace, settings: Settings, methods: list[str], notes: list[str], inputs: Mapping[str, object],
    work_dir: Path, nprocs: int, memory: float, title: str, left_out: Mapping[str, str] | None,
) -> Path | None:  # fmt: skip
    from harmoniq.workflows.group import init_group_wf
    from harmoniq.workflows.study import configure_nipype, explain, run_nodes
    from harmoniq.workflows.workers import fork_workers

    configure_nipype(log_dir=work_dir / "logs", stop_on_first_crash=True, verbose=args.verbose)
    workflow = init_group_wf(
        settings=settings, methods=methods, notes=notes, allow_mixed_engines=args.allow_mixed_engines,
        seed=args.seed, title=title, command=rerun_command(args), nprocs=nprocs,
        mem_gb=min(node_memory_gb(inputs), memory), left_out=left_out,
    )  # fmt: skip
    workflow.base_dir = str(work_dir)
    for name, value in inputs.items():
        setattr(workflow.inputs.inputnode, name, value)
    stop_on_signals()
    workers = fork_workers(nprocs)
    with Progress("group", len(workflow.list_node_names()), quiet=args.quiet) as progress:
        failures = run_nodes(
            workflow,
            nprocs=nprocs,
            mem_gb=memory,
            on_node=lambda node, status: progress.node(node.name, status),
            workers=workers,
        ).failures
    for failure in map(explain, failures):
        if failure.bad_input:
            raise InputError(failure.sentence)
        print(f"error: {failure.sentence}\n{failure.traceback}", file=sys.stderr)
    if failures:
        return None
    return work_dir / workflow.name / "report" / "group"


def publish(source: Path, target: Path) -> None:
    """Copy a folder's files to `target`, each whole, leaving equal ones alone.

    Parameters
    ----------
    source : Path
        Folder to read, with those below it.
    target : Path
        Folder to write to; other files in it stay.
    """
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        copy_whole(file, target / file.relative_to(source))
