"""Options of ``harmoniq slurm`` and ``harmoniq status``."""

import argparse
from pathlib import Path

from harmoniq.jobs.scripts import SCHEDULERS


def add_slurm(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``harmoniq slurm``; what follows ``--`` goes to ``harmoniq run``.

    Parameters
    ----------
    parser : ArgumentParser
        Of the command.
    """
    parser.add_argument("bids_dir", metavar="BIDS_DIR", type=Path, help="raw BIDS dataset")
    parser.add_argument("out_dir", metavar="OUT_DIR", type=Path, help="where the derivatives go")
    parser.add_argument("--participant-label", metavar="L", nargs="+", help="participants, with or without sub-")
    parser.add_argument("--per-session", action="store_true", help="one task per session rather than per participant")
    parser.add_argument("--all", action="store_true", help="submit also what is done")
    parser.add_argument("--no-group", action="store_true", help="submit no group job")
    parser.add_argument("--dry-run", action="store_true", help="print the scripts, and submit nothing")
    jobs = parser.add_argument_group("what each task may use")
    jobs.add_argument("--cpus", metavar="N", type=int, default=4, help="cores of a task (4)")
    jobs.add_argument("--mem", metavar="GB", type=float, default=8.0, help="memory of a task (8)")
    jobs.add_argument("--time", metavar="T", default="12:00:00", help="time limit of a task (12:00:00)")
    jobs.add_argument("--at-most", metavar="N", type=int, help="tasks that may run at a time")
    jobs.add_argument("--warning", metavar="S", type=int, default=120, help="seconds before the limit to stop at (120)")
    jobs.add_argument("--group-cpus", metavar="N", type=int, default=2, help="cores of the group job (2)")
    jobs.add_argument("--group-mem", metavar="GB", type=float, default=8.0, help="memory of the group job (8)")
    jobs.add_argument("--group-time", metavar="T", default="04:00:00", help="time limit of the group job (04:00:00)")
    where = parser.add_argument_group("the cluster")
    where.add_argument("--scheduler", choices=SCHEDULERS, default="slurm", help="slurm; for the others scripts alone")
    where.add_argument("--partition", metavar="P", help="partition (queue)")
    where.add_argument("--account", metavar="A", help="account")
    where.add_argument(
        "--directive",
        metavar="D",
        action="append",
        default=[],
        help="further option: --directive=--qos=long",
    )
    where.add_argument("--setup", metavar="F", type=Path, help="shell lines to run first, such as module load")
    where.add_argument("--template-dir", metavar="DIR", type=Path, help="templates of your own, under our names")
    where.add_argument("--container", metavar="SIF", type=Path, help="run this Apptainer image instead of this program")
    where.add_argument("--bind", metavar="DIR", nargs="+", default=[], help="further folders the container needs")
    where.add_argument("-w", "--work-dir", metavar="DIR", type=Path, help="intermediate results; default: OUT_DIR/work")
    where.add_argument("--keep-work-dir", action="store_true", help="keep a participant's intermediate results")
    parser.set_defaults(run_options=[])


def add_status(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``harmoniq status``.

    Parameters
    ----------
    parser : ArgumentParser
        Of the command.
    """
    parser.add_argument("out_dir", metavar="OUT_DIR", type=Path, help="folder of results")
    parser.add_argument("--watch", action="store_true", help="go on until nothing is pending or running")
    parser.add_argument("--every", metavar="S", type=float, default=10.0, help="seconds between two looks (10)")
    parser.add_argument("--json", action="store_true", help="print one JSON object for scripts")
    parser.add_argument("--all", action="store_true", help="list also every session that is done or pending")
