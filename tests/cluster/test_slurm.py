"""``harmoniq slurm`` and ``harmoniq status`` on a real Slurm."""

import json

import pytest

pytestmark = pytest.mark.slow
SMALL = ("--cpus", 1, "--mem", 1.5, "--group-cpus", 1, "--group-mem", 1.5, "--time", "20:00")


@pytest.fixture
def study(tmp_path, make_tiny):
    dataset = make_tiny(tmp_path / "bids")
    for label in ("01", "02", "03"):
        dataset.add(label)
    return dataset


def states(slurm, out, cwd):
    done = slurm.harmoniq("status", out, "--json", cwd=cwd)
    assert done.stdout, done.stderr
    return {row["label"]: row for row in json.loads(done.stdout)["sessions"]}


def submit(slurm, study, out, *words, run=("--stages", "maps")):
    done = slurm.harmoniq("slurm", study.root, out, *SMALL, *words, "--", *run, cwd=out.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_array_group_failure_and_resume(slurm, cohort, tmp_path):
    """The whole path on simulated images: one participant fails, the group names it, a second submission mends it."""
    import shutil

    bids = tmp_path / "bids"
    shutil.copytree(cohort, bids, symlinks=True)
    (broken,) = bids.glob("sub-S2C001/anat/*_echo-2_part-mag_MEGRE.nii*")
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "out"
    done = slurm.harmoniq("slurm", bids, out, *SMALL, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "3 to submit" in done.stdout
    slurm.wait_for_jobs(500)
    told = states(slurm, out, tmp_path)
    assert {label: row["state"] for label, row in told.items()} == {
        "sub-S1C001": "done", "sub-S2C001": "failed", "sub-S2P001": "done",
    }  # fmt: skip
    excluded = (out / "excluded.tsv").read_text().splitlines()
    assert len(excluded) == 2 and excluded[1].startswith("sub-S2C001\tn/a\tfailed\tinput\t")
    assert "MEGRE" in excluded[1]
    assert (out / "group" / "report.html").is_file(), slurm.logs()
    kept = {path: path.stat().st_mtime_ns for path in out.glob("sub-S1C001/**/*.nii.gz")}
    assert not list((out / "work").glob("*/sub_S1C001_wf")), "the work folder of a participant that is done stays"

    broken.write_bytes(whole)
    again = slurm.harmoniq("slurm", bids, out, *SMALL, cwd=tmp_path)
    assert "2 done, 0 pending or running, 1 to submit" in again.stdout
    slurm.wait_for_jobs(500)
    assert {row["state"] for row in states(slurm, out, tmp_path).values()} == {"done"}
    assert len((out / "excluded.tsv").read_text().splitlines()) == 1
    assert kept == {path: path.stat().st_mtime_ns for path in kept}
    people = {line.split("\t")[0] for line in (out / "group" / "regions_harmonized.tsv").read_text().splitlines()[1:]}
    assert people == {"sub-S1C001", "sub-S2C001", "sub-S2P001"}
    assert "Nothing to submit" in slurm.harmoniq("slurm", bids, out, *SMALL, cwd=tmp_path).stdout
    other = slurm.harmoniq("slurm", bids, out, *SMALL, "--dry-run", "--", "--r2star-method", "arlo", cwd=tmp_path)
    assert "3 to submit" in other.stdout, "other options are another study"


@pytest.mark.nightly
def test_resubmitting_while_others_run(slurm, study, tmp_path):
    out = tmp_path / "out"
    submit(slurm, study, out, "--at-most", 1, "--no-group")
    slurm.wait(lambda: "RUNNING" in slurm.jobs().values(), "a running task", 120)
    study.add("04")
    assert "1 to submit" in submit(slurm, study, out, "--no-group")
    slurm.wait_for_jobs(400)
    told = states(slurm, out, tmp_path)
    assert {row["state"] for row in told.values()} == {"done"} and len(told) == 4
    assert {row["attempt"] for row in told.values()} == {1}, "somebody was processed twice"


def test_cancelled_and_never_started(slurm, study, tmp_path):
    out = tmp_path / "out"
    text = submit(slurm, study, out, "--at-most", 1)
    array = text.split("submitted job ")[1].split(":")[0]
    slurm.wait(lambda: states(slurm, out, tmp_path)["sub-01"]["state"] == "running", "the first task", 120)
    slurm.run("scancel", array)
    slurm.wait_for_jobs(120)
    told = states(slurm, out, tmp_path)
    assert {label: (row["state"], row["cause"]) for label, row in told.items()} == {
        f"sub-0{i}": ("failed", "cancelled") for i in (1, 2, 3)
    }
    excluded = (out / "excluded.tsv").read_text()
    assert excluded.count("\tcancelled\t") == 3, "the group job did not account for them"


def test_killed_for_memory(slurm, study, tmp_path):
    """The kernel ends the task for want of memory: its control group is given less than the program needs."""
    out, setup = tmp_path / "out", tmp_path / "setup.sh"
    setup.write_text(
        "group=/sys/fs/cgroup/memory$(awk -F: '$2 == \"memory\" {print $3}' /proc/self/cgroup)\n"
        'echo 160000000 > "$group/memory.limit_in_bytes" || exit 99\n'
    )
    submit(slurm, study, out, "--participant-label", "01", "--no-group", "--setup", setup)
    slurm.wait_for_jobs(200)
    log = next(out.glob("logs/slurm/*/*_0.log")).read_text()
    if "memory.limit_in_bytes" in log:
        pytest.skip("the memory of a control group cannot be set here")
    told = states(slurm, out, tmp_path)["sub-01"]
    assert (told["state"], told["cause"]) == ("failed", "out_of_memory"), (told, log)
    assert "--mem" in told["remedy"]
    assert "1 to submit" in submit(slurm, study, out, "--participant-label", "01", "--no-group")
    slurm.wait_for_jobs(200)
    assert states(slurm, out, tmp_path)["sub-01"]["state"] == "done"


def test_lost_node(slurm, study, tmp_path):
    out = tmp_path / "out"
    slurm.run("scontrol", "update", "nodename=n1", "state=drain", "reason=test")
    submit(slurm, study, out, "--participant-label", "01", "--directive=--no-requeue")
    slurm.wait(lambda: states(slurm, out, tmp_path)["sub-01"]["state"] == "running", "the task", 120)
    slurm.run("scontrol", "update", "nodename=n1", "state=resume")
    try:
        slurm.kill_node("n2")
        slurm.run("scontrol", "update", "nodename=n2", "state=down", "reason=lost")
        slurm.wait_for_jobs(120)
        told = states(slurm, out, tmp_path)["sub-01"]
        assert (told["state"], told["cause"]) == ("failed", "node_lost"), told
        assert "\tnode_lost\t" in (out / "excluded.tsv").read_text()
    finally:
        slurm.start_node("n2")
        slurm.run("scontrol", "update", "nodename=n2", "state=resume", check=False)
        slurm.wait(lambda: slurm.idle() == 2, "the node", 60)
    assert "1 to submit" in submit(slurm, study, out, "--participant-label", "01", "--no-group")
    slurm.wait_for_jobs(200)
    assert states(slurm, out, tmp_path)["sub-01"]["state"] == "done"


@pytest.mark.nightly
def test_time_limit_near(slurm, study, tmp_path):
    """The warning before the limit: the task is put back into the queue, and goes on. Slurm waits two minutes.

    The signal that --signal asks Slurm for is sent to the same process by hand, since Slurm's is up to a minute early.
    """
    out = tmp_path / "out"
    text = submit(slurm, study, out, "--participant-label", "01", "--no-group")
    array = text.split("submitted job ")[1].split(":")[0]
    record = out / "logs" / "status" / "sub-01.json"
    slurm.wait(lambda: json.loads(record.read_text())["nodes_done"] > 2, "three nodes", 200)
    slurm.run("scancel", "--batch", "--signal=USR1", f"{array}_0")
    slurm.wait(lambda: states(slurm, out, tmp_path)["sub-01"]["state"] == "pending", "the task's return", 60)
    slurm.wait_for_jobs(400)
    told = states(slurm, out, tmp_path)["sub-01"]
    assert (told["state"], told["attempt"]) == ("done", 2), told
    (log,) = out.glob("logs/slurm/*/*.log")
    assert "stopped by SIGUSR1" in log.read_text() and " 0 reused" not in log.read_text()


@pytest.mark.nightly
def test_over_the_time_limit(slurm, study, tmp_path):
    """A task that ignores the warning is ended by Slurm, and status says so."""
    out, setup = tmp_path / "out", tmp_path / "setup.sh"
    setup.write_text("sleep 1000\n")
    submit(slurm, study, out, "--participant-label", "01", "--no-group", "--setup", setup, "--warning", 1)
    slurm.wait(lambda: "RUNNING" in slurm.jobs().values(), "the task", 60)
    job = next(name for name, state in slurm.jobs().items() if state == "RUNNING")
    slurm.run("scontrol", "update", f"jobid={job}", "timelimit=0:01", check=False)
    slurm.run("scontrol", "update", f"jobid={job}", "timelimit=1")
    slurm.wait_for_jobs(240)
    told = states(slurm, out, tmp_path)["sub-01"]
    assert (told["state"], told["cause"]) == ("failed", "time_limit"), told


def test_refusals(slurm, study, tmp_path):
    out = tmp_path / "out"
    for words, expected in (
        (("--directive=--qos=no:such",), "Slurm refused it"),
        (("--partition", "nowhere"), "Slurm refused it"),
        (("--time", "soon"), "is not a time"),
        (("--cpus", 0), "must be at least 1"),
        (("--participant-label", "99"), "unknown participant"),
        (("--setup", tmp_path / "none.sh"), "file not found"),
    ):
        done = slurm.harmoniq("slurm", study.root, out, *words, cwd=tmp_path)
        assert done.returncode == 2 and expected in done.stderr, (words, done.stderr)
        assert "Traceback" not in done.stderr
    done = slurm.harmoniq("slurm", study.root, out, "--", "--r1-engine", "none", cwd=tmp_path)
    assert done.returncode == 2 and "--r1-engine" in done.stderr


def test_directives_of_pbs(slurm, study, tmp_path):
    """No PBS is at hand, but Slurm's sbatch reads its directives: the array, cores, memory, times and dependency."""
    out = tmp_path / "out"
    submit(slurm, study, out, "--scheduler", "pbs", "--cpus", 2, "--time", "1:30:00")
    (array,), (group,) = (list(out.glob(f"logs/slurm/*/{level}.sh")) for level in ("participant", "group"))
    number = slurm.run("sbatch", "--hold", str(array)).split()[-1]
    group.write_text(group.read_text().replace("ARRAY_JOB", number))
    waiting = slurm.run("sbatch", str(group)).split()[-1]
    told = slurm.run("scontrol", "show", "job", number), slurm.run("scontrol", "show", "job", waiting)
    slurm.run("scancel", number, waiting)
    for words in ("ArrayTaskId=0-2 JobName=harmoniq", "MinCPUsNode=2 MinMemoryNode=1.50G", "TimeLimit=01:30:00"):
        assert words in told[0], told[0]
    assert f"Dependency=afterany:{number}" in told[1] and "TimeLimit=04:00:00" in told[1], told[1]


def test_dry_run_writes_nothing(slurm, study, tmp_path):
    out = tmp_path / "out"
    done = slurm.harmoniq("slurm", study.root, out, "--dry-run", "--account", "lab", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "#SBATCH --array=0-2" in done.stdout and "#SBATCH --account=lab" in done.stdout
    assert "afterany:" in done.stdout and not out.exists()
