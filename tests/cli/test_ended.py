"""A run that a signal ends: status, pages and words say so, and the same command goes on; the signals are real."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest

WORDS = ("run", "bids", "out", "participant", "--stages", "maps", "regions", "--skip-bids-validation", "--nprocs", "2")
COMMAND = [sys.executable, "-P", "-m", "harmoniq"]


def heed_ctrl_c():
    """As in a terminal: what a script starts in the background, these tests perhaps, ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(folder, *words):
    """Start a command with a process group of its own as a terminal gives it; it writes to ``log``."""
    (folder / "tmp").mkdir()
    with (folder / "log").open("w") as log:
        return subprocess.Popen(
            [*COMMAND, *map(str, words)], cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "TMPDIR": str(folder / "tmp")}, preexec_fn=heed_ctrl_c,
        )  # fmt: skip


def wait(folder, process, condition):
    end = time.monotonic() + 120
    while not condition():
        assert process.poll() is None and time.monotonic() < end, (folder / "log").read_text()
        time.sleep(0.02)


@pytest.fixture
def run(tiny, tmp_path):
    """A run of two participants, with some steps done."""
    for label in ("01", "02"):
        tiny.add(label)
    process = start(tmp_path, *WORDS)
    wait(tmp_path, process, lambda: sum(record["nodes_done"] for record in records(tmp_path)) >= 4)
    yield process
    if process.poll() is None:
        process.kill()


def records(folder, out="out"):
    """Return the status files, which are replaced whole."""
    return [json.loads(path.read_text()) for path in (folder / out / "logs" / "status").glob("sub-*.json")]


def check(folder, family, name):
    """Hold that nothing goes on, and that status files, pages and the terminal tell what happened."""
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive, "workers go on"
    said = (folder / "log").read_text()
    assert f"stopped by {name}" in said and "Traceback" not in said
    ended = [record for record in records(folder) if record["state"] != "done"]
    assert ended, "the run was over before the signal came"
    for record in ended:
        assert (record["state"], record["cause"]) == ("failed", "cancelled")
        assert f"ended by {name}" in record["message"]
        assert f"{record['nodes_done']} of its {record['nodes_total']} steps were done" in record["message"]
        page = (folder / "out" / f"{record['label']}.html").read_text()
        section = re.search(r'<section id="errors".*?</section>', page, re.DOTALL)[0]
        assert record["message"] in section and "Run the same command again" in section


def test_sigterm_and_again(harmoniq, run, tmp_path):
    family = psutil.Process(run.pid).children(recursive=True)
    run.terminate()
    assert run.wait(60) == 128 + signal.SIGTERM
    check(tmp_path, family, "SIGTERM")
    told = harmoniq("status", "out")
    assert told.returncode == 1
    assert "cancelled; the run was ended by SIGTERM" in told.stdout and "run the same command again" in told.stdout
    again = harmoniq(*WORDS)
    assert again.returncode == 0, again.stderr
    assert " 0 reused" not in again.stdout
    for label in ("sub-01", "sub-02"):
        page = (tmp_path / "out" / f"{label}.html").read_text()
        assert "What went wrong" not in page and "was ended before" not in page and "<img" in page


def test_ctrl_c(run, tmp_path):
    """A terminal sends it to the workers, too."""
    family = psutil.Process(run.pid).children(recursive=True)
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait(60) == 1
    check(tmp_path, family, "Ctrl-C")


@pytest.mark.parametrize(("name", "code", "said"), [("SIGTERM", 143, "SIGTERM"), ("SIGINT", 1, "Ctrl-C (SIGINT)")])
def test_group_level(harmoniq, tmp_path, name, code, said):
    """Its workers end, its temporary folder goes, its folder of results has nothing, and it says so in a sentence."""
    made = harmoniq("simulate", "tables", "--tables-only", "--subjects-per-site", 12, "--patients", 12)
    assert made.returncode == 0, made.stderr
    tables = ("tables/regions.tsv", "tables/participants.tsv")
    process = start(tmp_path, "analyze", *tables, "out", "--methods", "raw", "--bootstrap", 100000, "--nprocs", 2)
    wait(tmp_path, process, lambda: len(list(tmp_path.glob("tmp/harmoniq-*/group_wf/*"))) > 3)
    family = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.Signals[name]) if name == "SIGINT" else process.terminate()
    assert process.wait(60) == code
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive, "workers go on"
    told = (tmp_path / "log").read_text()
    assert told.endswith(f"stopped by {said}: run the same command again\n") and "Traceback" not in told, told
    assert not list(tmp_path.glob("tmp/harmoniq-*")), "its temporary folder stays"
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 1), ("SIGKILL", -9)])
def test_simulation(tmp_path, name, code):
    """Its workers end with it, however it ends, and nobody waits for the participants that they are at."""
    process = start(tmp_path, "simulate", "made", "--voxel-size", 4, "--modalities", "mp2rage", "--nprocs", 2)
    wait(tmp_path, process, lambda: len(list(tmp_path.glob("made/.staging-*"))) == 2)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 2
    os.killpg(process.pid, signal.SIGINT) if name == "SIGINT" else process.send_signal(signal.Signals[name])
    assert process.wait(60) == code
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive, "workers go on"
    told = (tmp_path / "log").read_text()
    assert "Traceback" not in told
    assert (": run the same command again" in told) == (name != "SIGKILL")
    assert not list(tmp_path.glob("made/sub-*/anat/*UNIT1.nii.gz")), "it has waited for a participant"


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 1)])
def test_reproduce_does_not_go_on(tiny, tmp_path, name, code):
    """Who ends the participant level of one dataset wants neither the next one nor the group level."""
    tiny.add("01")
    (tmp_path / "study.toml").write_text("".join(f'[datasets.{site}]\nbids = "bids"\n' for site in ("one", "two")))
    process = start(tmp_path, "reproduce", "study.toml", "out", "--skip-bids-validation", "--nprocs", 2)
    wait(tmp_path, process, lambda: any(record["nodes_done"] > 1 for record in records(tmp_path, "out/one")))
    os.killpg(process.pid, signal.SIGINT) if name == "SIGINT" else process.terminate()
    assert process.wait(60) == code
    told = (tmp_path / "log").read_text()
    assert "== one: participant level" in told and "== two" not in told and told.count("stopped by") == 1
    assert "Traceback" not in told and "error:" not in told, told
    assert not (tmp_path / "out" / "two").exists() and not (tmp_path / "out" / "group").exists()
