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
COMMAND = [sys.executable, "-P", "-m", "harmoniq", *WORDS]


def heed_ctrl_c():
    """As in a terminal: what a script starts in the background, these tests perhaps, ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def run(tiny, tmp_path):
    """A run of two participants, with a process group of its own as a terminal gives it, and some steps done."""
    for label in ("01", "02"):
        tiny.add(label)
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            COMMAND, cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, env=os.environ,
            preexec_fn=heed_ctrl_c,
        )  # fmt: skip
    end = time.monotonic() + 120
    while sum(record["nodes_done"] for record in records(tmp_path)) < 4:
        assert process.poll() is None and time.monotonic() < end, (tmp_path / "log").read_text()
        time.sleep(0.02)
    yield process
    if process.poll() is None:
        process.kill()


def records(folder):
    """Return the status files, which are replaced whole."""
    return [json.loads(path.read_text()) for path in (folder / "out" / "logs" / "status").glob("sub-*.json")]


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
