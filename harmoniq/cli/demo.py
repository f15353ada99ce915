"""``harmoniq demo``: simulate three sites, process them, analyze them, and set what came out beside the truth."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from harmoniq.cli.folders import check_space, prepare_folder
from harmoniq.cli.resources import process_count

if TYPE_CHECKING:
    import pandas as pd

#: Diffusion images are not needed: the demo takes the simulated tractograms.
_MODALITIES = ("mp2rage", "megre", "flair", "b1")


def execute(args: argparse.Namespace) -> int:
    """Run the demo.

    Parameters
    ----------
    args : Namespace
        Of ``harmoniq demo``.

    Returns
    -------
    int
        The worst exit code of its steps.
    """
    out = prepare_folder(args.out_dir, "OUT_DIR")
    check_space(out, 4_000_000_000 if args.voxel_size <= 1 else 1_000_000_000, "OUT_DIR")
    started = time.monotonic()
    timings: dict[str, float] = {}
    codes: list[int] = []

    def timed(title: str, step: Callable[[], int]) -> None:
        print(f"== {title}", flush=True)
        begin = time.monotonic()
        codes.append(step())
        timings[title] = time.monotonic() - begin

    timed("Simulate raw images of three sites", lambda: _simulate_images(args, out))
    timed("Participant level", lambda: _participants(args, out))
    timed("Group level on these participants", lambda: _group(args, out))
    timed("Simulate the tables of 628 participants", lambda: _simulate_tables(args, out))
    timed("Group level on the 628", lambda: _cohort(args, out))
    recovery = _write_recovery(out)
    _report(out, recovery, timings)
    _summarize(out, recovery, time.monotonic() - started)
    return max(codes)


def _simulate_images(args: argparse.Namespace, out: Path) -> int:
    from harmoniq.cli.simulate import simulate
    from harmoniq.simulation.plan import SimulationPlan

    plan = SimulationPlan(
        out=out / "bids",
        sites=3,
        subjects_per_site=args.subjects_per_site,
        patients=args.patients,
        voxel_size=args.voxel_size,
        freesurfer=True,
        tractograms=True,
        modalities=_MODALITIES,
        seed=args.seed,
    )
    simulate(plan, process_count(args.nprocs), quiet=args.quiet)
    return 0


def _command(args: argparse.Namespace, *words: str) -> int:
    """Run one of harmoniq's own commands with the demo's resources."""
    from harmoniq.cli.parser import build_parser

    options = ["--nprocs", str(process_count(args.nprocs)), "--seed", str(args.seed)]
    options += ["--omp-nthreads", str(args.omp_nthreads), *["-v"] * args.verbose]
    options += ["--quiet"] if args.quiet else []
    options += ["--mem", str(args.mem)] if args.mem else []
    options += ["--bootstrap", str(args.bootstrap)] if args.bootstrap else []
    parsed = build_parser().parse_args([*words, *options])
    return int(parsed.execute(parsed))


def _participants(args: argparse.Namespace, out: Path) -> int:
    bids = out / "bids"
    return _command(
        args, "run", str(bids), str(out / "derivatives"), "participant",
        "--fs-subjects-dir", str(bids / "derivatives" / "freesurfer"),
        "--derivatives", str(bids / "derivatives" / "pyafq"),
        "--work-dir", str(args.work_dir or out / "work"), "--skip-bids-validation",
    )  # fmt: skip


def _group(args: argparse.Namespace, out: Path) -> int:
    return _command(args, "run", str(out / "bids"), str(out / "derivatives"), "group")


def _simulate_tables(args: argparse.Namespace, out: Path) -> int:
    from harmoniq.cli.simulate import simulate
    from harmoniq.simulation.plan import SimulationPlan

    simulate(SimulationPlan(out=out / "cohort" / "simulated", tables_only=True, seed=args.seed), 1, quiet=args.quiet)
    return 0


def _cohort(args: argparse.Namespace, out: Path) -> int:
    tables = out / "cohort" / "simulated"
    return _command(args, "analyze", str(tables / "regions.tsv"), str(tables / "participants.tsv"), str(out / "cohort"),
                    "--hbr-fit", "all")  # fmt: skip


def _write_recovery(out: Path) -> "pd.DataFrame":
    from harmoniq.data.tables import write_tsv
    from harmoniq.simulation.recovery import RECOVERY_COLUMNS, recovery_table

    table = recovery_table(out / "derivatives", out / "bids" / "sourcedata" / "truth" / "regions.tsv")
    write_tsv(table, out / "recovery.tsv", columns=RECOVERY_COLUMNS)
    return table


def _report(out: Path, recovery: "pd.DataFrame", timings: dict[str, float]) -> None:
    from harmoniq.data.provenance import versions
    from harmoniq.report.demo import write_demo_report

    pages = sorted((out / "derivatives").glob("sub-*.html"))
    group = out / "derivatives" / "group" / "report.html"
    write_demo_report(
        out / "report.html",
        recovery=recovery,
        cohort_report="cohort/report.html",
        group_report="derivatives/group/report.html" if group.is_file() else None,
        participants={page.stem: f"derivatives/{page.name}" for page in pages},
        timings=timings,
        versions=versions(),
        figures=out / "figures",
    )


def _summarize(out: Path, recovery: "pd.DataFrame", seconds: float) -> None:
    from harmoniq.report.recovery import recovery_summary

    print(f"\nDemo done in {seconds:.0f} s. Recovered against true regional values:")
    print(recovery_summary(recovery).round(3).to_string(index=False))
    print(f"\nOpen {out / 'report.html'}", file=sys.stdout)
