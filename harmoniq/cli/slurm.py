"""``harmoniq slurm``: one array task per participant, then a group job for what is there."""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from harmoniq.cli.arrays import Arrays, Script, new_folder, one_submission, plan_arrays, submit_arrays, submits
from harmoniq.cli.folders import prepare_folder
from harmoniq.cli.job_words import job_directives, job_setup, run_command
from harmoniq.data.errors import InputError
from harmoniq.jobs.queue import ask_slurm
from harmoniq.jobs.scripts import Resources, fill, read_template
from harmoniq.jobs.submission import Submission, read_submissions, write_submission
from harmoniq.jobs.submit import cancel, sbatch


def execute(args: argparse.Namespace) -> int:
    """Submit (or print) what is missing.

    Parameters
    ----------
    args : Namespace
        Of ``harmoniq slurm``.

    Returns
    -------
    int
        Exit code 0; what fails later is seen by ``harmoniq status``.

    Raises
    ------
    InputError
        For options or a dataset that cannot be used, and when Slurm refuses.
    """
    out_dir = args.out_dir.absolute()
    submits(args)
    with one_submission(out_dir, dry_run=args.dry_run):
        return _hand_in(args, out_dir)


def _hand_in(args: argparse.Namespace, out_dir: Path) -> int:
    arrays = plan_arrays(args)
    command = run_command(args, "group")
    group_script(args, out_dir, [], command)  # what is wrong with its options is said before anything is submitted
    print(arrays.said)
    wanted = not args.no_group and bool(arrays.scripts or not (out_dir / "group" / "report.html").is_file())
    if args.dry_run:
        print_scripts([arrays], group_script(args, out_dir, ["ARRAY_JOB"], command) if wanted else None)
    elif not submits(args):
        _leave_to_user(arrays, group_script(args, out_dir, ["ARRAY_JOB"], command) if wanted else None)
    else:
        jobs = submit_arrays(arrays)
        if wanted:
            submit_group(args, out_dir, [out_dir], jobs, command)
        elif not jobs:
            print("Nothing to submit.")
        print(f"Next: harmoniq status {out_dir} --watch")
    return 0


def group_script(args: argparse.Namespace, out_dir: Path, jobs: Sequence[str], command: str) -> Script:
    """Make the script of the group job.

    Parameters
    ----------
    args : argparse.Namespace
        Of ``harmoniq slurm``.
    out_dir : path
        The script and its log lie below it.
    jobs : sequence of str
        Numbers of those that it waits for, whether they end well or badly.
    command : str
        What it runs, quoted for a shell.

    Returns
    -------
    Script
        It is not written.

    Raises
    ------
    InputError
        For resources or a template that cannot be used.
    """
    for key, value in (("--group-cpus", args.group_cpus), ("--group-mem", args.group_mem)):
        if value < 1:
            raise InputError("must be at least 1", key=key, value=value)
    folder = new_folder(out_dir, "group")
    fields = Resources(args.group_cpus, args.group_mem, args.group_time).fields() | {
        "dependency": "afterany:" + ":".join(jobs) if jobs else "singleton",  # alone of its name: at once
        "after": ":".join(jobs),
        "folder": shlex.quote(str(folder)),
        "directives": job_directives(args),
        "setup": job_setup(args.setup),
        "command": command,
    }
    text = fill(read_template(args.scheduler, "group", args.template_dir), fields, name=f"{args.scheduler}-group.sh")
    return Script(folder / "group.sh", text)


def submit_group(
    args: argparse.Namespace, out_dir: Path, results: Sequence[Path], jobs: Sequence[str], command: str
) -> None:
    """Submit the group job; it takes the place of an earlier one that still waits, and waits for all that is under way.

    Parameters
    ----------
    args : argparse.Namespace
        Of ``harmoniq slurm``.
    out_dir : path
        The script and its log lie below it.
    results : sequence of path
        Folders of the participant level whose arrays it waits for.
    jobs : sequence of str
        The arrays that were submitted just now.
    command : str
        What it runs, quoted for a shell.

    Raises
    ------
    InputError
        When the folder cannot be written, or Slurm refuses.
    """
    # One group job for all: an earlier one would run before these tasks.
    cancel([earlier.group_job for earlier in read_submissions(out_dir) if earlier.group_job])
    queue = ask_slurm()
    known = [submission.job for folder in results for submission in read_submissions(folder) if submission.job]
    after = [*jobs, *(job for job in known if job not in jobs and not queue.ended(job))]
    prepare_folder(out_dir, "OUT_DIR")
    script = group_script(args, out_dir, after, command)
    script.write()
    number = sbatch(script.path)
    write_submission(Submission("", (), str(script.path.parent), group_job=number))
    print(f"submitted job {number}: the group level, once all tasks have ended; log {script.path.parent}/group.log")


def print_scripts(arrays: Sequence[Arrays], group: Script | None) -> None:
    """Print what would be submitted.

    Parameters
    ----------
    arrays : sequence of Arrays
        Of `plan_arrays`.
    group : Script or None
        Of the group job; None: there is none.
    """
    for script in [*(script for one in arrays for script in one.scripts), *([group] if group else [])]:
        print(f"\n# {script.path}\n{script.text}")


def _leave_to_user(arrays: Arrays, group: Script | None) -> None:
    """Write the scripts for a scheduler that harmoniq does not talk to, and say how to submit them."""
    prepare_folder(arrays.out_dir, "OUT_DIR")
    scheduler = arrays.args.scheduler
    for script in [*arrays.scripts, *([group] if group else [])]:
        script.write()
        print(f"{'bsub <' if scheduler == 'lsf' else 'qsub'} {shlex.quote(str(script.path))}")
    if group is not None and scheduler == "pbs":
        print("Replace ARRAY_JOB in the group script by the number that qsub prints for the array.")
