"""Status files, locks, scripts and verdicts without a cluster."""

import dataclasses
import os
import socket
import subprocess
import sys
import time

import psutil
import pytest

from harmoniq.data.errors import InputError
from harmoniq.jobs.claim import Claim
from harmoniq.jobs.exclusions import write_exclusions
from harmoniq.jobs.queue import Queue, trace_in_log
from harmoniq.jobs.record import Record, read_records, status_dir, write_record
from harmoniq.jobs.scripts import Resources, array_range, directives, fill, read_template, time_seconds
from harmoniq.jobs.submission import Submission
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
    "array": array_range(3, 2), "array_from_1": array_range(3, 2, first=1), "folder": "/out", "warning": "60",
    "directives": "", "setup": "", "command": "harmoniq run a b participant", "dependency": "afterany:1", "after": "1",
}  # fmt: skip


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


def test_units_of_the_schedulers():
    assert (FIELDS["mem_mb"], FIELDS["mem_mb_per_cpu"], FIELDS["time"]) == ("8192", "2048", "12:00:00")
    assert Resources(1, 1.5, "1-1:30").fields()["time_hours_minutes"] == "25:30"
    assert (FIELDS["array"], FIELDS["array_from_1"]) == ("0-2%2", "1-3%2")
    assert directives("pbs", ["-q long"]) == "#PBS -q long"
