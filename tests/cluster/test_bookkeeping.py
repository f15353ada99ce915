"""Status files, locks, scripts and verdicts without a cluster."""

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from harmoniq.cli.arrays import new_folder
from harmoniq.data.errors import InputError
from harmoniq.jobs.claim import Claim
from harmoniq.jobs.exclusions import write_exclusions
from harmoniq.jobs.queue import Queue, trace_in_log
from harmoniq.jobs.record import Record, read_records, status_dir, write_record
from harmoniq.jobs.scripts import Resources, array_range, directives, fill, read_template, time_seconds
from harmoniq.jobs.submission import Submission, newest_with
from harmoniq.jobs.verdict import judge

HERE = {"host": socket.gethostname(), "pid": os.getpid(), "boot": psutil.Process().create_time()}
RUNNING = Record("sub-01", "running", started=time.time(), updated=time.time(), node="fit_r1", **HERE)
JOB = Submission("12", ("sub-01", "sub-02"), "/nowhere")


def test_records_survive_what_is_not_one(tmp_path):
    write_record(tmp_path, RUNNING)
    (status_dir(tmp_path) / "sub-02.json").write_text('{"label": "sub-02", "sta')
    (status_dir(tmp_path) / "sub-03.json").write_text('{"label": "sub-03", "state": "done", "of_a_later_version": 1}')
    records = read_records(tmp_path)
    assert list(records) == ["sub-01", "sub-03"]
    assert dataclasses.replace(records["sub-01"], updated=0) == dataclasses.replace(RUNNING, updated=0)


def test_names_of_sessions():
    assert (RUNNING.participant_id, RUNNING.session_id) == ("sub-01", "n/a")
    other = Record("sub-01_ses-two", "done")
    assert (other.participant_id, other.session_id) == ("sub-01", "ses-two")


def test_a_claim_ends_with_its_process(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from harmoniq.jobs.claim import Claim\n"
        f"with Claim(Path({str(tmp_path)!r}), 'sub-01'):\n    print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-P", "-c", code], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(InputError, match=f"is being processed by process {holder.pid} on {socket.gethostname()}"):
        with Claim(tmp_path, "sub-01"):
            pass
    with Claim(tmp_path, "sub-02"):
        pass
    holder.kill()
    holder.wait()
    with Claim(tmp_path, "sub-01"):
        pass


@pytest.mark.parametrize(
    ("queue", "expected"),
    [
        ({"12_0": "RUNNING"}, ("running", "")),
        ({"12_0": "COMPLETING"}, ("running", "")),
        ({"12_0": "PENDING"}, ("pending", "")),
        ({"12_0": "OUT_OF_MEMORY"}, ("failed", "out_of_memory")),
        ({"12_0": "TIMEOUT"}, ("failed", "time_limit")),
        ({"12_0": "NODE_FAIL"}, ("failed", "node_lost")),
        ({"12_0": "CANCELLED"}, ("failed", "cancelled")),
        ({"12_0": "FAILED"}, ("failed", "killed")),
        ({}, ("failed", "killed")),
    ],
)
def test_a_running_record_is_held_against_the_scheduler(queue, expected):
    told = judge(dataclasses.replace(RUNNING, job="12_0"), JOB, Queue(queue, known=True))
    assert (told.state, told.cause) == expected


def test_without_a_scheduler_the_process_decides():
    assert judge(RUNNING, None, Queue()).state == "running"
    dead = dataclasses.replace(RUNNING, boot=RUNNING.boot - 100)  # its number belongs to another process now
    assert judge(dead, None, Queue()).cause == "killed"
    elsewhere = dataclasses.replace(RUNNING, host="elsewhere")
    assert judge(elsewhere, None, Queue()).state == "running"
    assert judge(dataclasses.replace(elsewhere, updated=time.time() - 3600), None, Queue()).cause == "node_lost"


def test_a_task_that_slurm_has_forgotten(tmp_path):
    waiting = Record("sub-02", "pending", queued=time.time())
    job = dataclasses.replace(JOB, folder=str(tmp_path))
    assert judge(waiting, job, Queue({}, known=True)).cause == "cancelled"
    log = tmp_path / "12_1.log"
    log.write_text("slurmstepd: error: *** JOB 14 ON n1 CANCELLED AT 2026-11-22T10:00:00 DUE TO TIME LIMIT ***\n")
    assert judge(waiting, job, Queue({}, known=True)).cause == "time_limit"
    log.write_text("error: /data/bids: folder not found\n")
    told = judge(waiting, job, Queue({}, known=True))
    assert (told.cause, told.message) == ("input", "/data/bids: folder not found")
    assert told.log == str(log)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("slurmstepd: error: Detected 1 oom-kill event(s) in StepId=3.batch.", "out_of_memory"),
        ("slurmstepd: error: Detected 1 oom_kill event in StepId=3.batch.", "out_of_memory"),
        ("slurmstepd: error: *** JOB 3 ON n1 CANCELLED AT 2026-11-22T10:00:00 DUE TO NODE FAILURE ***", "node_lost"),
        ("slurmstepd: error: *** JOB 3 ON n1 CANCELLED AT 2026-11-22T10:00:00 ***", "cancelled"),
        ("all is well", ""),
    ],
)
def test_what_slurm_writes_into_logs(tmp_path, text, cause):
    (tmp_path / "log").write_text(text)
    assert trace_in_log(tmp_path / "log")[0] == cause


def test_exclusions_name_each_that_is_not_done(tmp_path):
    records = {
        "sub-01": RUNNING,
        "sub-02": Record("sub-02", "done"),
        "sub-03_ses-1": Record("sub-03_ses-1", "failed", cause="out_of_memory", message="two\nlines\tand a tab"),
    }
    assert write_exclusions(tmp_path / "excluded.tsv", records) == 2
    lines = [line.split("\t") for line in (tmp_path / "excluded.tsv").read_text().splitlines()]
    assert [line[:4] for line in lines[1:]] == [
        ["sub-01", "n/a", "running", "n/a"],
        ["sub-03", "ses-1", "failed", "out_of_memory"],
    ]
    assert lines[2][4] == "two lines and a tab" and "--mem" in lines[2][5]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 1800), ("1:30", 90), ("2:00:00", 7200), ("1-0", 86400), ("1-12:30", 131400), ("0-00:00:05", 5)],
)
def test_times_as_slurm_writes_them(text, seconds):
    assert time_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "1:2:3:4", "0", "-5"])
def test_what_is_no_time(text):
    with pytest.raises(InputError, match="--time"):
        time_seconds(text)


FIELDS = Resources(4, 8, "12:00:00").fields() | {
    "array": array_range(3, 2), "array_of_two": array_range(3, 2),
    "array_from_1": array_range(3, 2, first=1), "folder": "/out", "warning": "60",
    "directives": "", "setup": "", "command": "harmoniq run a b participant", "dependency": "afterany:1", "after": "1",
}  # fmt: skip


INDEX = {"slurm": ("SLURM_ARRAY_TASK_ID", 1), "pbs": ("PBS_ARRAY_INDEX", 1), "sge": ("SGE_TASK_ID", 2),
         "lsf": ("LSB_JOBINDEX", 2)}  # fmt: skip


def run_script(tmp_path, scheduler, **variables):
    """Run a participant's script as its scheduler would; the command prints its words and the environment."""
    command = tmp_path / "command.sh"
    command.write_text('echo "words: $*"; env')
    (tmp_path / "tasks.txt").write_text("sub-01\nsub-02_ses-b\n")
    fields = FIELDS | {"folder": str(tmp_path), "command": f"bash {command}"}
    script = tmp_path / "script.sh"
    script.write_text(fill(read_template(scheduler, "participant"), fields, name=scheduler))
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "APPTAINER"))}
    return subprocess.run(["bash", script], env=clean | variables, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("scheduler", ["slurm", "pbs", "sge", "lsf"])
def test_a_task_takes_its_session(tmp_path, scheduler):
    name, index = INDEX[scheduler]
    variables = {"SLURM_ARRAY_JOB_ID": "12"} if scheduler == "slurm" else {}
    done = run_script(tmp_path, scheduler, **variables, **{name: str(index)})
    assert done.returncode == 0, done.stderr
    assert "words: --participant-label sub-02 --session-label b" in done.stdout
    beyond = run_script(tmp_path, scheduler, **variables, **{name: str(index + 1)})
    # PBS takes no array of one task: its second one finds nothing to do.
    assert beyond.returncode == (0 if scheduler == "pbs" else 2) and "words:" not in beyond.stdout


def test_a_container_keeps_the_allocation(tmp_path):
    allocation = {"SLURM_CPUS_PER_TASK": "3", "SLURM_MEM_PER_NODE": "2048", "SLURM_ARRAY_JOB_ID": "12"}
    text = run_script(tmp_path, "slurm", SLURM_ARRAY_TASK_ID="0", **allocation).stdout
    for name, value in allocation.items():
        assert f"APPTAINERENV_{name}={value}\n" in text  # what Apptainer sets inside, in spite of --cleanenv


@pytest.mark.parametrize("scheduler", ["slurm", "pbs", "sge", "lsf"])
@pytest.mark.parametrize("level", ["participant", "group"])
def test_templates_are_valid_shell(tmp_path, scheduler, level):
    text = fill(read_template(scheduler, level), FIELDS, name=scheduler)
    script = tmp_path / "script.sh"
    script.write_text(text)
    subprocess.run(["bash", "-n", script], check=True)
    assert "harmoniq run a b participant" in text


def test_a_template_of_ones_own(tmp_path):
    (tmp_path / "slurm-group.sh").write_text("@command@ @cpus@\n")
    assert fill(read_template("slurm", "group", tmp_path), FIELDS, name="x") == "harmoniq run a b participant 4\n"
    assert "#SBATCH --array" in read_template("slurm", "participant", tmp_path)
    with pytest.raises(InputError, match="@cores@"):
        fill("@cores@", FIELDS, name="x")


def test_one_submission_at_a_time(tmp_path, make_tiny):
    dataset, out = make_tiny(tmp_path / "bids"), tmp_path / "out"
    dataset.add("01")
    words = ("slurm", dataset.root, out, "--scheduler", "pbs", "--skip-bids-validation")
    command = [sys.executable, "-P", "-m", "harmoniq", *map(str, words[:-1]), "--", words[-1]]
    with Claim(out, "submission"):
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2 and f"is being processed by process {os.getpid()}" in done.stderr
    assert not list(out.glob("logs/slurm/*"))
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (script,) = out.glob("logs/slurm/*/participant.sh")
    assert "#PBS -J 0-1\n" in script.read_text(), "PBS refuses an array of one task"
    assert new_folder(out, 1) != script.parent, "two submissions of one second share their task lists"


def test_a_large_study_is_judged_quickly():
    """No loop over all labels for each label: 200,000 would take hours."""
    labels = tuple(f"sub-{number:06d}" for number in range(200_000))
    large = Submission("12", labels, "/nowhere")
    assert [large.task_of(label) for label in labels[-3:]] == ["12_199997", "12_199998", "12_199999"]
    found = [newest_with([large], f"{label}_ses-1") for label in labels]
    assert all(submission is large for submission in found)


def test_units_of_the_schedulers():
    assert (FIELDS["mem_mb"], FIELDS["mem_mb_per_cpu"], FIELDS["time"]) == ("8192", "2048", "12:00:00")
    assert Resources(1, 1.5, "1-1:30").fields()["time_hours_minutes"] == "25:30"
    assert (FIELDS["array"], FIELDS["array_from_1"]) == ("0-2%2", "1-3%2")
    assert directives("pbs", ["-q long"]) == "#PBS -q long"


def test_ctrl_c_leaves_the_watch(tmp_path):
    """It is how one leaves it, and nothing that has to be run again: the states are printed as they are."""
    write_record(tmp_path, RUNNING)
    command = [sys.executable, "-P", "-m", "harmoniq", "status", tmp_path, "--watch", "--every", "30"]
    watching = subprocess.Popen(
        command, text=True, cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert "1 running" in watching.stderr.readline()
    time.sleep(0.2)  # until it sleeps
    watching.send_signal(signal.SIGINT)
    out, said = watching.communicate(timeout=30)
    assert watching.returncode == 0 and not said, said
    assert "1 running" in out
