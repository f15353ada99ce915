"""``harmoniq slurm``: one array task per participant, then a group job for what is there."""

import argparse
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harmoniq.cli.bookkeeping import options_digest
from harmoniq.cli.folders import prepare_folder
from harmoniq.cli.validation import validate
from harmoniq.data.bids import check_dataset, find_participants, find_sessions
from harmoniq.data.errors import InputError
from harmoniq.data.files import write_text
from harmoniq.jobs.queue import ask_slurm
from harmoniq.jobs.record import queue_records
from harmoniq.jobs.scripts import Resources, array_range, directives, fill, read_template, time_seconds
from harmoniq.jobs.submission import Submission, read_submissions, submissions_dir, write_submission
from harmoniq.jobs.submit import array_limit, cancel, sbatch
from harmoniq.jobs.verdict import judge_all


def execute(args: argparse.Namespace) -> int:
    """Submit (or print) what is missing; return the exit code."""
    bids_dir, out_dir = args.bids_dir.absolute(), args.out_dir.absolute()
    check_dataset(bids_dir)
    tasks = _tasks(bids_dir, args.participant_label, args.per_session)
    digest = _digest(args, bids_dir, out_dir)
    resources, group = _resources(args)
    if "--skip-bids-validation" in args.run_options:
        args.run_options.remove("--skip-bids-validation")
    elif not args.dry_run:
        for line in validate(bids_dir):
            print(f"warning: {line}", file=sys.stderr)
    submits = args.scheduler == "slurm" and not args.dry_run
    if submits and shutil.which("sbatch") is None:
        raise InputError(
            "sbatch not found: this machine cannot submit to Slurm", key="--scheduler", value="slurm",
            remedy="run this on the cluster's login node, or look at the scripts with --dry-run",
        )  # fmt: skip
    wanted, busy = _missing(out_dir, tasks, digest, everything=args.all)
    done = len(tasks) - len(wanted) - len(busy)
    print(f"{len(tasks)} tasks: {done} done, {len(busy)} pending or running, {len(wanted)} to submit")
    if not args.dry_run:
        prepare_folder(out_dir, "OUT_DIR")
    stamp = submissions_dir(out_dir) / time.strftime("%Y%m%d-%H%M%S")
    chunks = _chunks(wanted, array_limit() if submits else 1000)
    scripts = [_participant_script(args, part, stamp.with_name(f"{stamp.name}-{i}"), resources)
               for i, part in enumerate(chunks, start=1)]  # fmt: skip
    make_group = bool(not args.no_group and (wanted or not (out_dir / "group" / "report.html").is_file()))
    if args.dry_run:
        for script in scripts:
            print(f"\n# {script.path}\n{script.text}")
        if make_group:
            print(f"\n# {stamp}-group/group.sh\n{_group_script(args, stamp, group, ['ARRAY_JOB']).text}")
        return 0
    if args.scheduler != "slurm":
        return _leave_to_user(args, scripts, stamp, group, make_group)
    return _submit(args, out_dir, scripts, digest, stamp, group, make_group)


@dataclass(frozen=True)
class Script:
    """A batch script that is to be written: its path, text and tasks."""

    path: Path
    text: str
    tasks: tuple[str, ...] = ()

    def write(self) -> None:
        """Write the script and its list of tasks."""
        if self.tasks:
            write_text(self.path.with_name("tasks.txt"), "\n".join(self.tasks) + "\n")
        write_text(self.path, self.text)


def _tasks(bids_dir: Path, wanted: Sequence[str] | None, per_session: bool) -> list[str]:
    labels = find_participants(bids_dir, wanted)
    if not per_session:
        return [f"sub-{label}" for label in labels]
    return [
        f"sub-{label}" + (f"_ses-{session}" if session else "")
        for label in labels
        for session in find_sessions(bids_dir, label)
    ]


def _digest(args: argparse.Namespace, bids_dir: Path, out_dir: Path) -> str:
    """Check the options of ``harmoniq run`` with its own parser, and return their digest."""
    from harmoniq.cli.parser import build_parser
    from harmoniq.cli.run import settings_from

    if "--participant-label" in args.run_options:
        raise InputError("belongs before --", key="--participant-label", remedy="harmoniq slurm picks the participants")
    words = ["run", str(bids_dir), str(out_dir), "participant", *args.run_options]
    run_args = build_parser().parse_args(words)
    return options_digest(run_args, settings_from(run_args))


def _resources(args: argparse.Namespace) -> tuple[Resources, Resources]:
    for key, value, least in (("--cpus", args.cpus, 1), ("--mem", args.mem, 1), ("--group-cpus", args.group_cpus, 1),
                              ("--group-mem", args.group_mem, 1), ("--warning", args.warning, 0)):  # fmt: skip
        if value < least:
            raise InputError(f"must be at least {least}", key=key, value=value)
    if args.at_most is not None and args.at_most < 1:
        raise InputError("must be at least 1", key="--at-most", value=args.at_most)
    if args.warning >= time_seconds(args.time):
        raise InputError("is not shorter than --time", key="--warning", value=args.warning)
    group = Resources(args.group_cpus, args.group_mem, args.group_time)
    group.fields()
    return Resources(args.cpus, args.mem, args.time), group


def _missing(out_dir: Path, tasks: list[str], digest: str, *, everything: bool) -> tuple[list[str], list[str]]:
    """Return the tasks that are to be submitted, and those that the cluster has already."""
    records = judge_all(out_dir)
    wanted, busy = [], []
    for task in tasks:
        mine = [record for label, record in records.items() if task in (label, record.participant_id)]
        if any(record.state == "running" or (record.state == "pending" and record.job) for record in mine):
            busy.append(task)
        elif everything or not mine or any(r.state != "done" or r.options != digest for r in mine):
            wanted.append(task)
    return wanted, busy


def _chunks(tasks: list[str], size: int) -> list[list[str]]:
    return [tasks[start : start + size] for start in range(0, len(tasks), size)]


def _participant_script(args: argparse.Namespace, tasks: list[str], folder: Path, resources: Resources) -> Script:
    fields = resources.fields() | {
        "array": array_range(len(tasks), args.at_most),
        "array_from_1": array_range(len(tasks), args.at_most, first=1),
        "folder": shlex.quote(str(folder)),
        "warning": str(args.warning),
        "directives": _directives(args),
        "setup": _setup(args.setup),
        "command": _command(args, "participant"),
    }
    name = f"{args.scheduler}-participant.sh"
    text = fill(read_template(args.scheduler, "participant", args.template_dir), fields, name=name)
    return Script(folder / "participant.sh", text, tuple(tasks))


def _group_script(args: argparse.Namespace, stamp: Path, resources: Resources, jobs: Sequence[str]) -> Script:
    folder = stamp.with_name(f"{stamp.name}-group")
    fields = resources.fields() | {
        "dependency": "afterany:" + ":".join(jobs) if jobs else "singleton",  # alone of its name: at once
        "after": ":".join(jobs),
        "folder": shlex.quote(str(folder)),
        "directives": _directives(args),
        "setup": _setup(args.setup),
        "command": _command(args, "group"),
    }
    text = fill(read_template(args.scheduler, "group", args.template_dir), fields, name=f"{args.scheduler}-group.sh")
    return Script(folder / "group.sh", text)


def _directives(args: argparse.Namespace) -> str:
    words = list(args.directive)
    if args.scheduler == "slurm":
        words = [f"--{name}={value}" for name in ("partition", "account") if (value := getattr(args, name))] + words
    return directives(args.scheduler, words)


def _setup(path: Path | None) -> str:
    if path is None:
        return ""
    if not path.is_file():
        raise InputError("file not found", file=path, key="--setup")
    return path.read_text(encoding="utf-8").strip()


def _command(args: argparse.Namespace, level: str) -> str:
    """Return the shell words that run one level: this very program, or a container."""
    bids_dir, out_dir = args.bids_dir.absolute(), args.out_dir.absolute()
    program = [sys.executable, "-P", "-m", "harmoniq", "run"]
    if args.container is not None:
        binds = dict.fromkeys([f"{bids_dir}:{bids_dir}:ro", f"{out_dir}:{out_dir}", *args.bind])
        program = ["apptainer", "run", "--cleanenv", "--containall"]
        program += [word for bind in binds for word in ("--bind", bind)] + [str(args.container.absolute())]
    words = [*program, str(bids_dir), str(out_dir), level, *args.run_options]
    if level == "participant":
        words += ["--work-dir", str((args.work_dir or out_dir / "work").absolute())]
        words += [] if args.keep_work_dir else ["--clean-work-dir"]
        words += ["--skip-bids-validation"]  # it reads the whole dataset: once, at submission
    return shlex.join(words)


def _submit(
    args: argparse.Namespace, out_dir: Path, scripts: list[Script], digest: str, stamp: Path, group: Resources,
    make_group: bool,
) -> int:  # fmt: skip
    jobs: list[str] = []
    for script in scripts:
        script.write()
        now = time.time()
        jobs.append(sbatch(script.path))
        write_submission(Submission(jobs[-1], script.tasks, str(script.path.parent)))
        labels = script.tasks if args.per_session else _sessions(args, script.tasks)
        queue_records(out_dir, labels, options=digest, since=now)
        print(f"submitted job {jobs[-1]}: {len(script.tasks)} tasks; scripts and logs in {script.path.parent}")
    if make_group:
        submissions, queue = read_submissions(out_dir), ask_slurm()
        # One group job for all: an earlier one that still waits would run before these tasks.
        cancel([submission.group_job for submission in submissions if submission.group_job])
        after = list(jobs)
        after += [s.job for s in submissions if s.job and s.job not in jobs and not queue.ended(s.job)]
        script = _group_script(args, stamp, group, after)
        script.write()
        number = sbatch(script.path)
        write_submission(Submission("", (), str(script.path.parent), group_job=number))
        print(f"submitted job {number}: the group level, once all tasks have ended; log {script.path.parent}/group.log")
    elif not jobs:
        print("Nothing to submit.")
    print(f"Next: harmoniq status {out_dir} --watch")
    return 0


def _sessions(args: argparse.Namespace, tasks: Sequence[str]) -> list[str]:
    bids_dir = args.bids_dir.absolute()
    return [
        task + (f"_ses-{session}" if session else "")
        for task in tasks
        for session in find_sessions(bids_dir, task.removeprefix("sub-"))
    ]


def _leave_to_user(
    args: argparse.Namespace, scripts: list[Script], stamp: Path, group: Resources, make_group: bool
) -> int:
    """Write the scripts for a scheduler that harmoniq does not talk to, and say how to submit them."""
    submit = "bsub <" if args.scheduler == "lsf" else "qsub"
    everything = [*scripts, *([_group_script(args, stamp, group, ["ARRAY_JOB"])] if make_group else [])]
    for script in everything:
        script.write()
        print(f"{submit} {shlex.quote(str(script.path))}")
    if make_group and args.scheduler == "pbs":
        print("Replace ARRAY_JOB in the group script by the number that qsub prints for the array.")
    return 0
