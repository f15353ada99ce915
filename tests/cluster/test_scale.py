"""A study of many participants on three nodes, with faults at random; HARMONIQ_TEST_SCALE says how many (1000)."""

import json
import os
import random
import signal

import psutil
import pytest

pytestmark = pytest.mark.nightly
COUNT = int(os.environ.get("HARMONIQ_TEST_SCALE", "1000"))
OPTIONS = ("--cpus", 1, "--mem", 1.5, "--group-cpus", 1, "--group-mem", 1.5, "--time", "30:00")


@pytest.fixture
def study(tmp_path, make_tiny):
    """Return a dataset whose images are hard links to those of one participant."""
    dataset = make_tiny(tmp_path / "bids")
    dataset.add("0001")
    for number in range(2, COUNT + 1):
        folder = dataset.root / f"sub-{number:04d}" / "anat"
        folder.mkdir(parents=True)
        for file in (dataset.root / "sub-0001" / "anat").iterdir():
            os.link(file, folder / file.name.replace("0001", f"{number:04d}"))
        dataset.people.append(f"{number:04d}")
    dataset.participants()
    return dataset


def running_tasks(out):
    """Return the main processes of the tasks that run now."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(out) in (words := process.info["cmdline"] or []) and "participant" in words
    ]


@pytest.mark.parametrize("slurm", [3], indirect=True)
def test_none_lost_and_none_double(slurm, study, tmp_path):
    chance, out = random.Random(1), tmp_path / "out"
    faults = max(3, COUNT // 50)
    done = slurm.harmoniq("slurm", study.root, out, *OPTIONS, "--", "--stages", "maps", cwd=tmp_path, timeout=600)
    assert done.returncode == 0, done.stderr
    for index in range(faults):
        slurm.wait(lambda: running_tasks(out) or not slurm.unfinished(), "a running task", 600)
        tasks = running_tasks(out)
        if not tasks:
            break
        victim = chance.choice(tasks)
        if index % 3 == 2:
            name = chance.choice(slurm.names)
            slurm.kill_node(name)
            slurm.run("scontrol", "update", f"nodename={name}", "state=down", "reason=lost")
            slurm.start_node(name)
            slurm.run("scontrol", "update", f"nodename={name}", "state=resume", check=False)
        elif index % 3 == 1:
            victim.send_signal(signal.SIGKILL)
        else:
            victim.send_signal(signal.SIGTERM)
    slurm.wait_for_jobs(60 + 40 * COUNT)
    told = json.loads(slurm.harmoniq("status", out, "--json", cwd=tmp_path).stdout)
    assert len(told["sessions"]) == COUNT
    assert told["counts"]["pending"] == told["counts"]["running"] == 0
    failed = {row["label"] for row in told["sessions"] if row["state"] == "failed"}
    excluded = {line.split("\t")[0] for line in (out / "excluded.tsv").read_text().splitlines()[1:]}
    assert excluded == failed, "the group job did not account for everyone"
    assert failed, "no fault has struck"

    done = slurm.harmoniq("slurm", study.root, out, *OPTIONS, "--", "--stages", "maps", cwd=tmp_path, timeout=600)
    assert f"{len(failed)} to submit" in done.stdout, done.stdout
    slurm.wait_for_jobs(60 + 40 * len(failed))
    told = json.loads(slurm.harmoniq("status", out, "--json", cwd=tmp_path).stdout)
    assert told["counts"] == {"pending": 0, "running": 0, "done": COUNT, "failed": 0}
    assert len(list(out.glob("sub-*/anat/*_R1map.nii.gz"))) == COUNT
    assert not (out / "excluded.tsv").read_text().splitlines()[1:]
    logs = [path.read_text() for path in out.glob("logs/slurm/*/*.log")]
    finished = [line for text in logs for line in text.splitlines() if line.startswith("1 of 1 sessions done")]
    assert len(finished) == COUNT, "somebody was processed twice"
