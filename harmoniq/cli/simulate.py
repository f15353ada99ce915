"""``harmoniq simulate``: a raw BIDS cohort, or its tables, with known truth."""

import argparse

from harmoniq.cli.progress import Progress
from harmoniq.cli.resources import process_count
from harmoniq.jobs.signals import stop_on_signals


def execute(args: argparse.Namespace) -> int:
    """Simulate a cohort.

    Parameters
    ----------
    args : Namespace
        Of ``harmoniq simulate``.

    Returns
    -------
    int
        Exit code 0.
    """
    from harmoniq.simulation.plan import DEFAULT_MODALITIES, SimulationPlan

    plan = SimulationPlan(
        out=args.out_dir.absolute(),
        sites=args.sites,
        subjects_per_site=args.subjects_per_site,
        patients=args.patients,
        voxel_size=args.voxel_size,
        freesurfer=args.freesurfer,
        tractograms=args.tractograms,
        tables_only=args.tables_only,
        modalities=tuple(args.modalities or DEFAULT_MODALITIES),
        lesions=args.lesions,
        seed=args.seed,
    )
    made = simulate(plan, process_count(args.nprocs), quiet=args.quiet)
    print(f"Simulated {made} participants: {plan.out}")
    if plan.tables_only:
        print(f"Next: harmoniq analyze {plan.out}/regions.tsv {plan.out}/participants.tsv RESULTS")
    else:
        print(f"Truth: {plan.out / 'sourcedata' / 'truth'}\nNext: harmoniq run {plan.out} DERIVATIVES participant")
    return 0


def simulate(plan, nprocs: int, *, quiet: bool = False) -> int:  # type: ignore[no-untyped-def]
    """Carry out a simulation plan with a progress display.

    Parameters
    ----------
    plan : SimulationPlan
        What to simulate.
    nprocs : int
        Processes.
    quiet : bool
        Show no progress.

    Returns
    -------
    int
        Number of participants.
    """
    from harmoniq.simulation.cohort import simulate_cohort

    stop_on_signals()
    with Progress("simulate", quiet=quiet) as progress:
        summary = simulate_cohort(plan, nprocs=nprocs, progress=progress.show)
    return len(summary["participants"])
