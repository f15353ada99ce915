"""A dataset's participants as array jobs: who is missing, the batch scripts, and their submission."""

import argparse
import shlex
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harmoniq.cli.bookkeeping import options_digest
from harmoniq.cli.folders import prepare_folder
from harmoniq.cli.job_words import job_directives, job_setup, run_command
from harmoniq.cli.validation import validate
from harmoniq.data.bids import check_dataset, find_participants, session_labels
from harmoniq.data.errors import InputError
from harmoniq.data.files import write_text
from harmoniq.jobs.claim import Claim
from harmoniq.jobs.record import Record, queue_records
from harmoniq.jobs.scripts import Resources, array_range, fill, read_template, time_seconds
from harmoniq.jobs.submission import Submission, submissions_dir, write_submission
from harmoniq.jobs.submit import array_limit, sbatch
from harmoniq.jobs.verdict import judge_all
from harmoniq.settings.schema import Settings


@dataclass(frozen=True)
class Script:
    """A batch script that is to be written.

    Parameters
    ----------
    path : path
        In a folder of its own.
    text : str
        All of it.
    tasks : tuple of str
        Label of each task of the array; none for a single job.
    """

    path: Path
    text: str
    tasks: tuple[str, ...] = ()

    def write(self) -> None:
        """Write the script, and ``tasks.txt`` with a task a line beside it."""
        if self.tasks:
            write_text(self.path.with_name("tasks.txt"), "\n".join(self.tasks) + "\n")
        write_text(self.path, self.text)


@dataclass(frozen=True)
class Arrays:
    """The array jobs of one dataset, planned.

    Parameters
    ----------
    args : argparse.Namespace
        Of ``harmoniq slurm``.
    scripts : tuple of Script
        One per array; none where nothing is missing.
    digest : str
        Of the options, which the status files keep.
    said : str
        How many tasks there are, and how far they are.
    """

    args: argparse.Namespace
    scripts: tuple[Script, ...]
    digest: str
    said: str

    @property
    def out_dir(self) -> Path:
        """Folder of the results."""
        return Path(self.args.out_dir).absolute()


def submits(args: argparse.Namespace) -> bool:
    """Say whether jobs go to Slurm now.

    Parameters
    ----------
    args : Namespace
        Of ``harmoniq slurm``.

    Returns
    -------
    bool
        False for another scheduler and for ``--dry-run``.

    Raises
    ------
    InputError
        When they would go, and this machine has no ``sbatch``.
    """
    if args.scheduler != "slurm" or args.dry_run:
        return False
    if shutil.which("sbatch") is None:
        raise InputError(
            "sbatch not found: this machine cannot submit to Slurm", key="--scheduler", value="slurm",
            remedy="run this on the cluster's login node, or look at the scripts with --dry-run",
        )  # fmt: skip
    return True


@contextmanager
def one_submission(out_dir: Path, *, dry_run: bool) -> Iterator[None]:
    """Hold a folder of results while what is missing is found and submitted: two at once would submit the same twice.

    Parameters
    ----------
    out_dir : path
        Folder of the results.
    dry_run : bool
        Hold nothing, and make no folder.

    Yields
    ------
    None
        Inside, the folder is held.

    Raises
    ------
    InputError
        When another process holds it, or it cannot be written.
    """
    if dry_run:
        yield
        return
    prepare_folder(out_dir, "OUT_DIR")
    with Claim(out_dir, "submission"):
        yield


def new_folder(out_dir: Path, suffix: object) -> Path:
    """Name the folder of a submission of this second, which no earlier one has.

    Parameters
    ----------
    out_dir : Path
        Folder of the results.
    suffix : object
        End of its name, such as the number of the array or ``group``.

    Returns
    -------
    Path
        It is not made.
    """
    while (folder := submissions_dir(out_dir) / f"{time.strftime('%Y%m%d-%H%M%S')}-{suffix}").exists():
        time.sleep(0.1)
    return folder


def plan_arrays(args: argparse.Namespace, settings: Settings | None = None) -> Arrays:
    """Find what is missing, and make its scripts; nothing is written.

    Parameters
    ----------
    args : argparse.Namespace
        Of ``harmoniq slurm``.
    settings : Settings, optional
        That the tasks will read; by default those that ``run_options`` name now.

    Returns
    -------
    Arrays
        As many scripts as arrays are needed for all tasks.

    Raises
    ------
    InputError
        For a dataset, an option of ``harmoniq run``, a resource or a template that cannot be used.
    """
    bids_dir, out_dir = args.bids_dir.absolute(), args.out_dir.absolute()
    check_dataset(bids_dir)
    tasks = _tasks(bids_dir, args.participant_label, args.per_session)
    digest = _digest(args, bids_dir, out_dir, settings)
    resources = _resources(args)
    if not args.dry_run and "--skip-bids-validation" not in args.run_options:
        for line in validate(bids_dir):
            print(f"warning: {line}", file=sys.stderr)
    wanted, busy = _missing(out_dir, tasks, digest, everything=args.all)
    size = array_limit() if submits(args) else 1000
    chunks = [wanted[start : start + size] for start in range(0, len(wanted), size)]
    scripts = [_script(args, part, new_folder(out_dir, i), resources) for i, part in enumerate(chunks, start=1)]
    done = len(tasks) - len(wanted) - len(busy)
    said = f"{len(tasks)} tasks: {done} done, {len(busy)} pending or running, {len(wanted)} to submit"
    return Arrays(args, tuple(scripts), digest, said)


def submit_arrays(arrays: Arrays) -> list[str]:
    """Write and submit the scripts.

    Parameters
    ----------
    arrays : Arrays
        Of `plan_arrays`.

    Returns
    -------
    list of str
        The jobs' numbers.

    Raises
    ------
    InputError
        When the folder cannot be written, or Slurm refuses.
    """
    prepare_folder(arrays.out_dir, "OUT_DIR")
    jobs: list[str] = []
    for script in arrays.scripts:
        script.write()
        now = time.time()
        jobs.append(sbatch(script.path))
        write_submission(Submission(jobs[-1], script.tasks, str(script.path.parent)))
        labels = script.tasks if arrays.args.per_session else _sessions(arrays.args, script.tasks)
        queue_records(arrays.out_dir, labels, options=arrays.digest, since=now)
        print(f"submitted job {jobs[-1]}: {len(script.tasks)} tasks; scripts and logs in {script.path.parent}")
    return jobs


def _tasks(bids_dir: Path, wanted: Sequence[str] | None, per_session: bool) -> list[str]:
    labels = find_participants(bids_dir, wanted)
    if not per_session:
        return [f"sub-{label}" for label in labels]
    return [task for label in labels for task in session_labels(bids_dir, label)]


def _digest(args: argparse.Namespace, bids_dir: Path, out_dir: Path, settings: Settings | None) -> str:
    """Check the options of ``harmoniq run`` with its own parser, and return their digest."""
    from harmoniq.cli.parser import build_parser
    from harmoniq.cli.run import settings_from

    if "--participant-label" in args.run_options:
        raise InputError("belongs before --", key="--participant-label", remedy="harmoniq slurm picks the participants")
    words = ["run", str(bids_dir), str(out_dir), "participant", *args.run_options]
    run_args = build_parser().parse_args(words)
    return options_digest(run_args, settings or settings_from(run_args))


def _resources(args: argparse.Namespace) -> Resources:
    for key, value, least in (("--cpus", args.cpus, 1), ("--mem", args.mem, 1), ("--warning", args.warning, 0)):
        if value < least:
            raise InputError(f"must be at least {least}", key=key, value=value)
    if args.at_most is not None and args.at_most < 1:
        raise InputError("must be at least 1", key="--at-most", value=args.at_most)
    if args.warning >= time_seconds(args.time):
        raise InputError("is not shorter than --time", key="--warning", value=args.warning)
    return Resources(args.cpus, args.mem, args.time)


def _missing(out_dir: Path, tasks: list[str], digest: str, *, everything: bool) -> tuple[list[str], list[str]]:
    """Return the tasks that are to be submitted, and those that the cluster has already."""
    records = judge_all(out_dir)
    of_task: dict[str, list[Record]] = {task: [] for task in tasks}
    for label, record in records.items():
        for task in {label, record.participant_id} & of_task.keys():
            of_task[task].append(record)
    wanted, busy = [], []
    for task, mine in of_task.items():
        if any(record.state == "running" or (record.state == "pending" and record.job) for record in mine):
            busy.append(task)
        elif everything or not mine or any(r.state != "done" or r.options != digest for r in mine):
            wanted.append(task)
    return wanted, busy


def _script(args: argparse.Namespace, tasks: list[str], folder: Path, resources: Resources) -> Script:
    fields = resources.fields() | {
        "array": array_range(len(tasks), args.at_most),
        "array_of_two": array_range(max(2, len(tasks)), args.at_most),
        "array_from_1": array_range(len(tasks), args.at_most, first=1),
        "folder": shlex.quote(str(folder)),
        "warning": str(args.warning),
        "directives": job_directives(args),
        "setup": job_setup(args.setup),
        "command": run_command(args, "participant"),
    }
    name = f"{args.scheduler}-participant.sh"
    text = fill(read_template(args.scheduler, "participant", args.template_dir), fields, name=name)
    return Script(folder / "participant.sh", text, tuple(tasks))


def _sessions(args: argparse.Namespace, tasks: Sequence[str]) -> list[str]:
    return [label for task in tasks for label in session_labels(args.bids_dir, task.removeprefix("sub-"))]
