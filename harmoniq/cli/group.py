"""The group level, on the participant level's derivatives or on tables alone."""

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from harmoniq.cli.folders import prepare_folder
from harmoniq.cli.progress import Progress
from harmoniq.cli.quality import excluded_by_rating, ratings_file, update_reports, write_quality
from harmoniq.cli.rerun import rerun_command
from harmoniq.cli.resources import limit_threads, memory_gb, process_count
from harmoniq.data.cohort import PARTICIPANT_COLUMNS, Cohort
from harmoniq.data.errors import InputError
from harmoniq.data.files import copy_whole
from harmoniq.jobs.exclusions import write_exclusions
from harmoniq.jobs.verdict import judge_all
from harmoniq.settings.schema import Settings

#: Methods that this version has.
AVAILABLE = ("raw", "combat", "gam", "hbr")


def run_group(args: argparse.Namespace, settings: Settings) -> int:
    """Analyze the regional tables below OUT_DIR; write ``OUT_DIR/group``.

    Parameters
    ----------
    args : Namespace
        The command line's arguments, parsed.
    settings : Settings
        The run's settings.

    Returns
    -------
    int
        Exit code: 0 done, 1 something failed, 2 wrong input.

    Raises
    ------
    InputError
        Where the folder, its regional tables or ``participants.tsv`` are not there.
    """
    from harmoniq.regions.collect import find_regions, profiles_beside

    out_dir = args.out_dir.absolute()
    if not out_dir.is_dir():
        raise InputError("folder not found", file=out_dir, key="OUT_DIR", remedy="run the participant level first")
    rated = excluded_by_rating(args, [out_dir, out_dir / "group", args.bids_dir.absolute()])
    excluded = name_absent(out_dir, rated)
    tables = [path for path in find_regions(out_dir) if path.name.removesuffix("_regions.tsv") not in excluded]
    if not tables:
        raise InputError("has no *_regions.tsv", file=out_dir, key="OUT_DIR", remedy="run the participant level first")
    tables = _chosen(tables, args.participant_label, args.session_label)
    page, _ = write_quality(out_dir, settings, ratings_file(args, [out_dir, out_dir / "group"]))
    print(f"Quality control: {page}")
    beside = [folder / "participants.tsv" for folder in (out_dir, args.bids_dir.absolute())]
    participants = next((path for path in beside if path.is_file()), None)
    if participants is None:
        raise InputError("file not found", file=beside[0], remedy="the group level needs site, group, age and sex")
    ours = [table for table in tables if table.name.removesuffix("_regions.tsv") not in rated]
    code = analyze_tables(
        args, settings, tables, participants, out_dir / "group", title="Group report", left_out=rated,
        profiles=profiles_beside(ours),
    )  # fmt: skip
    if code == 0 and (count := update_reports(out_dir, out_dir / "group", settings)):
        print(f"{count} participants' reports show their values among the group's")
    return code


def name_absent(out_dir: Path, rated: Mapping[str, str] | None = None) -> set[str]:
    """Write ``excluded.tsv`` where a run or a cluster has left status files; return the labels that are left out.

    Parameters
    ----------
    out_dir : Path
        Folder of the results.
    rated : mapping of str to str or None, optional
        Ratings that leave sessions out.

    Returns
    -------
    set of str
        The labels that are left out.
    """
    records = judge_all(out_dir)
    if not records and not rated:
        return set()
    count = write_exclusions(out_dir / "excluded.tsv", records, rated)
    if count:
        print(f"{count} of {len(records)} sessions are left out; {out_dir / 'excluded.tsv'} says why")
    return {label for label, record in records.items() if record.state != "done"}


def _chosen(tables: Sequence[Path], participants: Sequence[str] | None, sessions: Sequence[str] | None) -> list[Path]:
    chosen = list(tables)
    for labels, prefix, key in ((participants, "sub-", "--participant-label"), (sessions, "ses-", "--session-label")):
        if labels:
            wanted = {prefix + label.removeprefix(prefix) for label in labels}
            chosen = [path for path in chosen if wanted & set(path.name.split("_"))]
            if not chosen:
                raise InputError("no regional table fits", key=key, value=" ".join(labels))
    return chosen


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
        The command line's arguments, parsed.
    settings : Settings
        The run's settings.
    regions : sequence of Path
        Regional tables, or values per region.
    participants : Path
        Participants.tsv.
    out_dir : Path
        Folder of the results.
    title : str
        Title.
    alternatives : sequence of Path, optional
        Participant levels that were run with another reading.
    profiles : mapping of Path to str, optional
        Profile tables of the participants.
    further_notes : sequence of str, optional
        Notes to add.
    left_out : mapping of str to str or None, optional
        Labels that are left out.

    Returns
    -------
    int
        Exit code: 0, or 2 when the input is refused, or 1 when a step failed.

    Raises
    ------
    InputError
        Where models are to be extended that were not given.
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
    with tempfile.TemporaryDirectory(prefix="harmoniq-") as temporary:
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


def published_from(settings: Settings) -> Settings:
    """Return the settings with the table of published figures found and checked: nodes run in folders of their own.

    Parameters
    ----------
    settings : Settings
        The run's settings.

    Returns
    -------
    Settings
        The settings with the table of published figures found and checked: nodes run in folders of their
        own.
    """
    from harmoniq.statistics.summaries import read_published

    where = settings.study.published
    read_published(where)
    if where in ("builtin", "none"):
        return settings
    return replace(settings, study=replace(settings.study, published=str(Path(where).absolute())))


def further_covariates(settings: Settings) -> list[str]:
    """Return the protected covariates that every cohort does not have anyway.

    Parameters
    ----------
    settings : Settings
        The run's settings.

    Returns
    -------
    list of str
        The protected covariates that every cohort does not have anyway.
    """
    return [name for name in settings.harmonization.protect if name not in PARTICIPANT_COLUMNS]


def choose_methods(settings: Settings, cohort: Cohort | None = None) -> tuple[Settings, list[str], list[str]]:
    """Return the settings, the methods that are run, and what has to be said about those that are not.

    Parameters
    ----------
    settings : Settings
        Of the study.
    cohort : Cohort, optional
        Given when nobody named the methods: a cohort that is too small to be harmonized is then analyzed raw.

    Returns
    -------
    tuple (Settings, list of str, list of str)
        The settings, the methods that are run, and what has to be said about those that are not.

    Raises
    ------
    InputError
        For a method that this version does not have, when it is asked for by name.
    """
    from harmoniq.harmonization.hbr.engines import check_installed

    missing = [method for method in settings.study.methods if method not in AVAILABLE]
    if missing:
        raise InputError(
            f"not part of this version, which has {', '.join(AVAILABLE)}", key="--methods", value=missing[0],
            remedy="leave it out: what needs it uses gam",
        )  # fmt: skip
    methods = list(dict.fromkeys(("raw", *settings.study.methods)))
    if "hbr" in methods:
        check_installed(settings.statistics.hbr_engine)
    notes = []
    if cohort is not None and (small := _too_few_controls(cohort)):
        methods = ["raw"]
        notes.append(f"not harmonized, raw values alone: {small}")
    wanted = settings.statistics.harmonized_method
    if wanted not in methods:
        instead = "no harmonized comparison, no harmonized Z-scores and no EDSS"
        if "gam" in methods:
            instead = "the harmonized comparison uses gam; Z-scores and EDSS too"
        notes.append(f"{wanted} was not run: {instead}")
    return replace(settings, study=replace(settings.study, methods=tuple(methods))), methods, notes


def _too_few_controls(cohort: Cohort) -> str:
    """Name the sites with too few controls to be harmonized, with their number."""
    from harmoniq.harmonization.training import MIN_CONTROLS

    people = cohort.participants
    counts = {site: int((cohort.is_control & (people["site"] == site)).sum()) for site in cohort.sites}
    small = ", ".join(f"{site} has {n} controls" for site, n in counts.items() if n < MIN_CONTROLS)
    return small and f"{small}; at least {MIN_CONTROLS} per site are needed"


def node_memory_gb(inputs: Mapping[str, object]) -> float:
    """Return what a node of the group level takes, from the size of the regional tables.

    Measured with 20,000 participants, 455 MB of tables: 2.4 GB.

    Parameters
    ----------
    inputs : mapping of str to object
        What the session has.

    Returns
    -------
    float
        What a node of the group level takes, from the size of the regional tables.
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
        File or folder to read.
    target : Path
        Where to write.
    """
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        copy_whole(file, target / file.relative_to(source))
