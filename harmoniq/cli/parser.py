"""The argument parser: every command, its options and examples. Commands are imported only when they run."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import harmoniq
from harmoniq.cli import reproduce_options
from harmoniq.cli.cluster_options import add_slurm, add_status
from harmoniq.cli.looking_options import add_doctor, add_qc, add_rating_options
from harmoniq.settings import schema

_USAGE = {
    "run": "BIDS_DIR OUT_DIR {participant,group} ",
    "analyze": "REGIONS.tsv PARTICIPANTS.tsv OUT_DIR ",
    "reproduce": reproduce_options.USAGE,
    "simulate": "OUT_BIDS_DIR ",
    "demo": "OUT_DIR ",
    "slurm": "BIDS_DIR OUT_DIR [-- run options] ",
    "status": "OUT_DIR ",
    "qc": "OUT_DIR ",
    "doctor": "[STUDY.toml] [BIDS_DIR] ",
    "completion": "{bash,zsh,tcsh} ",
}
_EXAMPLES = {
    "run": """examples:
  harmoniq run bids derivatives participant --fs-subjects-dir freesurfer
  harmoniq run bids derivatives participant --participant-label 01 02
  harmoniq run bids derivatives participant --stages maps --nprocs 4
  harmoniq run bids derivatives group --reference-site site1""",
    "analyze": """examples:
  harmoniq analyze regions.tsv participants.tsv results
  harmoniq analyze regions.tsv participants.tsv results --methods raw gam
  harmoniq analyze new.tsv new_people.tsv new_results --apply-models results""",
    "reproduce": reproduce_options.EXAMPLES,
    "simulate": """examples:
  harmoniq simulate cohort --voxel-size 1 --freesurfer --tractograms
  harmoniq simulate cohort --sites 2 --subjects-per-site 1 --patients 1
  harmoniq simulate tables --tables-only""",
    "demo": """examples:
  harmoniq demo demo-out""",
    "slurm": """examples:
  harmoniq slurm bids derivatives --dry-run
  harmoniq slurm bids derivatives --partition normal --cpus 4 --time 06:00:00
  harmoniq slurm bids derivatives -- --stages maps --r2star-method arlo""",
    "status": """examples:
  harmoniq status derivatives
  harmoniq status derivatives --watch
  harmoniq status derivatives --json""",
    "qc": """examples:
  harmoniq qc derivatives
  harmoniq qc derivatives --qc-file ratings/participants_qc.tsv""",
    "doctor": """examples:
  harmoniq doctor
  harmoniq doctor study.toml
  harmoniq doctor study.toml bids --fs-subjects-dir freesurfer""",
    "completion": """examples:
  harmoniq completion bash""",
}


#: Commands whose words after ``--`` are another command's, and the name they are kept under.
_AFTER_DASHES = {"slurm": "run_options", "reproduce": "slurm_options"}


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one ``error:`` line, as all of harmoniq's."""

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Parse the words of a command line.

        In ``harmoniq slurm ... -- run options`` what follows ``--`` is kept as ``run_options``, in ``reproduce`` as
        ``slurm_options``.

        Parameters
        ----------
        args : sequence of str or None, optional
            The words of the command line; None: those of the process.
        namespace : object, optional
            Where argparse puts what it has read.

        Returns
        -------
        Namespace
            With ``execute``, which runs the command.
        """
        words = list(sys.argv[1:] if args is None else args)
        name = _AFTER_DASHES.get(words[0]) if words else None
        if name is None or "--" not in words:
            return super().parse_args(words, namespace)
        end = words.index("--")
        parsed = super().parse_args(words[:end], namespace)
        setattr(parsed, name, words[end + 1 :])
        return parsed

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with 2.

        Parameters
        ----------
        message : str
            What is wrong with the words.

        Raises
        ------
        SystemExit
            Always, with code 2.
        """
        print(f"error: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(2)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the whole command line.

    Returns
    -------
    ArgumentParser
        With a subparser per command.
    """
    parser = Parser(
        prog="harmoniq",
        description="Quantitative MRI across scanners: raw BIDS to harmonized R1 and R2*, and their statistics.",
        epilog="Each command has its own help: harmoniq run --help",
    )
    parser.add_argument("--version", action="version", version=f"harmoniq {harmoniq.__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    _add_run(_command(commands, "run", "process participants, or analyze the group (BIDS App)"))
    _add_analyze(_command(commands, "analyze", "the group level from tables alone"))
    reproduce = _command(commands, "reproduce", "several sites: participant level, group level, scorecard")
    reproduce_options.add_reproduce(reproduce)
    _add_run_options(reproduce, config=False)
    _add_simulate(_command(commands, "simulate", "make a raw BIDS cohort whose truth is known"))
    _add_demo(_command(commands, "demo", "simulate, process, analyze and report, in minutes"))
    add_slurm(_command(commands, "slurm", "process participants as an array job, then the group, on a cluster"))
    add_status(_command(commands, "status", "say who is pending, running, done or failed, and why"))
    add_qc(_command(commands, "qc", "write the page of quality control over all participants"))
    doctor = _command(commands, "doctor", "say what is installed, and what a dataset permits")
    add_doctor(doctor)
    completion = _command(commands, "completion", "print what makes a shell complete commands and options")
    completion.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="whose script to print")
    return parser


def command_parser(name: str) -> argparse.ArgumentParser:
    """Build the parser of one command.

    Parameters
    ----------
    name : str
        Of the command, such as ``run``.

    Returns
    -------
    ArgumentParser
        The subparser.
    """
    (commands,) = [action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction)]
    found: argparse.ArgumentParser = commands.choices[name]
    return found


def _command(commands: Any, name: str, summary: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        usage=f"harmoniq {name} {_USAGE[name]}[options]",
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=_EXAMPLES[name],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def execute(args: argparse.Namespace) -> int:
        return importlib.import_module(f"harmoniq.cli.{name}").execute(args)

    parser.set_defaults(execute=execute)
    parser.add_argument("--version", action="version", version=f"harmoniq {harmoniq.__version__}")
    return parser


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bids_dir", metavar="BIDS_DIR", type=Path, help="raw BIDS dataset")
    parser.add_argument("out_dir", metavar="OUT_DIR", type=Path, help="where the derivatives go")
    parser.add_argument("level", choices=("participant", "group"), help="which level to run")
    _add_run_options(parser)


def _add_run_options(parser: argparse.ArgumentParser, *, config: bool = True) -> None:
    select = parser.add_argument_group("what to process")
    select.add_argument("--participant-label", metavar="L", nargs="+", help="participants, with or without sub-")
    select.add_argument("--session-label", metavar="S", nargs="+", help="sessions, with or without ses-")
    select.add_argument("--bids-filter-file", metavar="F", type=Path, help="JSON of further entities per query")
    select.add_argument("--bids-database-dir", metavar="D", type=Path, help="PyBIDS database to make or reuse")
    select.add_argument(
        "--stages",
        metavar="STAGE",
        nargs="+",
        choices=schema.STAGES,
        help=f"{', '.join(schema.STAGES)}; default: all that the data permit",
    )
    select.add_argument("--skip-bids-validation", action="store_true", help="do not call the BIDS validator")
    engines = parser.add_argument_group("engines and existing results")
    if config:
        engines.add_argument(
            "--config", metavar="STUDY.toml", type=Path, help="study settings; default: the built-in chen2026"
        )
    engines.add_argument("--r1-engine", choices=schema.R1_ENGINES, help="engine of R1")
    engines.add_argument("--r2star-engine", choices=schema.R2STAR_ENGINES, help="engine of R2*")
    engines.add_argument(
        "--r2star-method",
        metavar="METHOD",
        choices=schema.R2STAR_METHODS,
        help=f"fit of the decay: {', '.join(schema.R2STAR_METHODS)}",
    )
    engines.add_argument("--field-correction", choices=("auto", "off"), help="of R2*, for gradients of the field")
    engines.add_argument("--b1-correction", choices=("auto", "off"), help="use a B1+ map where there is one")
    engines.add_argument("--surface-engine", choices=schema.SURFACE_ENGINES, help="engine of the surfaces")
    engines.add_argument("--bundle-engine", choices=schema.BUNDLE_ENGINES, help="engine of the bundles")
    engines.add_argument(
        "--tractometry-engine", choices=schema.TRACTOMETRY_ENGINES, help="engine of the profiles along the bundles"
    )
    engines.add_argument(
        "--derivatives",
        metavar="DIR",
        nargs="+",
        type=Path,
        default=[],
        help="existing results: maps, tractograms, lesion masks",
    )
    engines.add_argument("--fs-subjects-dir", metavar="DIR", type=Path, help="existing FreeSurfer subjects")
    engines.add_argument("--fs-license-file", metavar="F", type=Path, help="FreeSurfer license")
    _add_group_options(parser)
    _add_resources(parser)
    execution = parser.add_argument_group("execution")
    execution.add_argument("--nipype-plugin", metavar="NAME", help="a Nipype plugin instead of the built-in one")
    execution.add_argument("--nipype-plugin-file", metavar="F", type=Path, help="JSON with plugin and plugin_args")
    execution.add_argument("--stop-on-first-crash", action="store_true", help="stop when a node fails")
    execution.add_argument("--clean-work-dir", action="store_true", help="remove the work folder after success")
    execution.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    execution.add_argument("--write-graph", action="store_true", help="write the workflow's graph to OUT_DIR/logs")


def _add_group_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("group level")
    group.add_argument("--reference-site", metavar="S", help="site whose scale the others are brought to")
    group.add_argument(
        "--methods",
        metavar="METHOD",
        nargs="+",
        choices=schema.METHODS,
        help=f"harmonization methods: {', '.join(schema.METHODS)}",
    )
    group.add_argument("--combat-engine", choices=schema.COMBAT_ENGINES, help="engine of ComBat and ComBat-GAM")
    group.add_argument("--hbr-engine", choices=schema.HBR_ENGINES, help="engine of hierarchical Bayesian regression")
    group.add_argument("--hbr-fit", choices=schema.HBR_FITS, help="best of five folds, or one fit to all controls")
    group.add_argument("--bootstrap", metavar="N", type=int, help="resamples of the peak ages")
    group.add_argument("--allow-mixed-engines", action="store_true", help="pool values of different engines")
    add_rating_options(group)
    group.add_argument("--apply-models", metavar="DIR", type=Path, help="harmonize and score with saved models")
    group.add_argument("--adapt", action="store_true", help="extend them to new sites, from the controls there")


def _add_resources(parser: argparse.ArgumentParser) -> None:
    resources = parser.add_argument_group("resources")
    resources.add_argument(
        "-w",
        "--work-dir",
        metavar="DIR",
        type=Path,
        help="intermediate results; default: OUT_DIR/work, for the group a temporary folder",
    )
    resources.add_argument("--nprocs", metavar="N", type=int, help="processes; default: the cores of this job")
    resources.add_argument("--omp-nthreads", metavar="N", type=int, default=1, help="threads of each process (1)")
    resources.add_argument("--mem", metavar="GB", type=float, help="memory; default: that of this job or machine")
    resources.add_argument("--seed", metavar="N", type=int, default=0, help="of all that is random (0)")
    resources.add_argument("-v", "--verbose", action="count", default=0, help="say more; twice for debugging")
    resources.add_argument("-q", "--quiet", action="store_true", help="say nothing but what is wrong")


def _add_analyze(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("regions", metavar="REGIONS.tsv", type=Path, help="participant_id metric tissue region value")
    parser.add_argument("participants", metavar="PARTICIPANTS.tsv", type=Path, help="participant_id site group age sex")
    parser.add_argument("out_dir", metavar="OUT_DIR", type=Path, help="where tables, figures and report go")
    parser.add_argument(
        "--config", metavar="STUDY.toml", type=Path, help="study settings; default: the built-in chen2026"
    )
    _add_group_options(parser)
    _add_resources(parser)


def _add_simulate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out_dir", metavar="OUT_BIDS_DIR", type=Path, help="a new or empty folder")
    parser.add_argument("--sites", metavar="N", type=int, default=3, help="number of sites (3)")
    parser.add_argument(
        "--subjects-per-site", metavar="N", type=int, help="controls per site (images: 2; tables: as published)"
    )
    parser.add_argument("--patients", metavar="N", type=int, help="patients, at site 2 (images: 2; tables: 98)")
    parser.add_argument("--voxel-size", metavar="MM", type=float, help="isotropic; default: each site's own protocol")
    parser.add_argument(
        "--modalities",
        nargs="+",
        choices=("mp2rage", "megre", "dwi", "flair", "b1", "sa2rage"),
        metavar="M",
        help="of mp2rage, megre, dwi, flair, b1, sa2rage; default: all but sa2rage, another way to B1+",
    )
    parser.add_argument("--lesions", metavar="N", type=int, help="of each patient; default: drawn, some 20")
    parser.add_argument("--freesurfer", action="store_true", help="write FreeSurfer subjects as well")
    parser.add_argument("--tractograms", action="store_true", help="write the bundles' tractograms as well")
    parser.add_argument("--tables-only", action="store_true", help="regional tables of a whole cohort, no images")
    parser.add_argument("--nprocs", metavar="N", type=int, help="processes; default: the cores of this job")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of all that is random (0)")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but what is wrong")


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out_dir", metavar="OUT_DIR", type=Path, help="a new folder, or that of an earlier demo")
    parser.add_argument("--voxel-size", metavar="MM", type=float, default=1.0, help="of the simulated images (1)")
    parser.add_argument(
        "--subjects-per-site", metavar="N", type=int, default=2, help="controls with images per site (2)"
    )
    parser.add_argument("--patients", metavar="N", type=int, default=2, help="patients with images (2)")
    parser.add_argument("--bootstrap", metavar="N", type=int, help="resamples of the peak ages")
    _add_resources(parser)
