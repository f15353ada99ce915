"""A study of many participants on three nodes, with faults at random; HARMONIQ_TEST_SCALE says how many (1000)."""

import contextlib
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


def ended(out):
    """Return how many participants have their map of R1."""
    return len(list(out.glob("sub-*/anat/*_R1map.nii.gz")))


def lose_node(slurm, name):
    """Lose a node with all that runs there, tell Slurm so, and bring the node back."""
    slurm.kill_node(name)
    slurm.run("scontrol", "update", f"nodename={name}", "state=down", "reason=lost")
    slurm.start_node(name)
    slurm.run("scontrol", "update", f"nodename={name}", "state=resume", check=False)


def disturb(slurm, out, count):
    """Strike `count` times, at moments spread at random over the whole run: a SIGTERM, a SIGKILL, a lost node."""
    chance = random.Random(1)
    for index, moment in enumerate(sorted(chance.sample(range(int(0.9 * COUNT)), count))):
        slurm.wait(
            lambda moment=moment: (ended(out) >= moment and running_tasks(out)) or not slurm.unfinished(),
            f"a running task after {moment}", 60 + 40 * COUNT,
        )  # fmt: skip
        if not (tasks := running_tasks(out)):
            return
        if index % 3 == 2:
            lose_node(slurm, chance.choice(slurm.names))
        else:
            with contextlib.suppress(psutil.NoSuchProcess):
                chance.choice(tasks).send_signal((signal.SIGTERM, signal.SIGKILL)[index % 3])


def submit(slurm, study, out):
    """Submit the study; return what is told, and wait for nothing."""
    done = slurm.harmoniq(
        "slurm", study.root, out, *OPTIONS, "--", "--stages", "maps", cwd=out.parent, timeout=600
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def status(slurm, out):
    return json.loads(slurm.harmoniq("status", out, "--json", cwd=out.parent).stdout)


def starting(words, logs):
    return sum(line.startswith(words) for text in logs for line in text.splitlines())


def excluded(out):
    return {line.split("\t")[0] for line in (out / "excluded.tsv").read_text().splitlines()[1:]}


@pytest.mark.parametrize("slurm", [3], indirect=True)
def test_none_lost_and_none_double(slurm, study, tmp_path):
    out = tmp_path / "out"
    submit(slurm, study, out)
    disturb(slurm, out, max(3, COUNT // 50))
    slurm.wait_for_jobs(60 + 40 * COUNT)
    told = status(slurm, out)
    assert len(told["sessions"]) == COUNT
    assert told["counts"]["pending"] == told["counts"]["running"] == 0
    failed = {row["label"] for row in told["sessions"] if row["state"] == "failed"}
    assert excluded(out) == failed, "the group job did not account for everyone"
    assert failed, "no fault has struck"

    told = submit(slurm, study, out)
    assert f"{len(failed)} to submit" in told, told
    slurm.wait_for_jobs(60 + 40 * len(failed))
    assert status(slurm, out)["counts"] == {"pending": 0, "running": 0, "done": COUNT, "failed": 0}
    assert ended(out) == COUNT
    assert not excluded(out)
    tasks = [path.read_text() for path in out.glob("logs/slurm/*/*_*.log")]
    assert starting("1 of 1 sessions done", tasks) == COUNT, "somebody was processed twice"
    groups = [path.read_text() for path in out.glob("logs/slurm/*/group.log")]
    assert starting("No regional tables", groups) == len(groups) == 2, "a group job ran twice, or not at all"
