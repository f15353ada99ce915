"""Progress: a display on a terminal, plain lines in a log, nothing when it is not wanted."""

import os
import pty
import re
import subprocess
import sys

import pytest

SCRIPT = """
import time
from harmoniq.cli.run_progress import RunProgress
with RunProgress({"sub-01": 6, "sub-02": 6}, quiet=%s, every=0.0) as progress:
    for k in range(6):
        for label in ("sub-01", "sub-02"):
            progress.node(label, "r1", f"fit_{k}", "start")
            time.sleep(0.05)
            bad = label == "sub-02" and k == 2
            if not (label == "sub-02" and k > 2):
                progress.node(label, "r1", f"fit_{k}", "exception" if bad else "end")
    time.sleep(0.7)
"""


def run(tmp_path, *, terminal, quiet=False, env=None):
    """Return what the display writes to standard error: of a terminal, or of a pipe."""
    command = [sys.executable, "-P", "-c", SCRIPT % quiet]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **(env or {})}
    environment = {name: value for name, value in environment.items() if value is not None}
    if not terminal:
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=True)
        return done.stderr
    main, side = pty.openpty()
    process = subprocess.Popen(command, stdin=side, stdout=side, stderr=side, cwd=tmp_path, env=environment)
    os.close(side)
    content = b""
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        content += part
    assert process.wait(60) == 0, content
    os.close(main)
    return content.decode()


def test_plain_lines_in_a_log(tmp_path):
    text = run(tmp_path, terminal=False)
    assert "\x1b" not in text and "\r" not in text
    lines = text.splitlines()
    assert all(re.match(r"\[\d\d:\d\d:\d\d\] ", line) for line in lines)
    assert "2 sessions, 12 steps" in lines[0]
    assert any(re.search(r"about \d+ s left; sub-0\d at R1 \(fit_\d\)", line) for line in lines)
    assert any("sub-02: R1 FAILED (fit_2)" in line for line in lines)
    assert "1 of 2 sessions done, 1 failed" in lines[-1]


def test_live_on_a_terminal(tmp_path):
    text = run(tmp_path, terminal=True, env={"NO_COLOR": None})
    assert "\x1b[" in text and "sub-01" in text and "steps" in text and "left" in text and "1 failed" in text
    assert re.search(r"\x1b\[[\d;]*3\dm|\x1b\[38;", text), "colors on a terminal"


@pytest.mark.parametrize("name", ["NO_COLOR", "TERM"])
def test_no_colors_where_they_are_not_wanted(tmp_path, name):
    text = run(tmp_path, terminal=True, env={name: "dumb" if name == "TERM" else "1"})
    assert not re.search(r"\x1b\[[\d;]*3\dm|\x1b\[38;", text)
    assert "steps" in text


def test_quiet_is_silent(tmp_path):
    assert run(tmp_path, terminal=False, quiet=True) == ""
    assert run(tmp_path, terminal=True, quiet=True) == ""


def test_time_left_is_that_of_the_rate(monkeypatch):
    from harmoniq.cli import run_progress

    clock = [0.0]
    monkeypatch.setattr(run_progress.time, "monotonic", lambda: clock[0])
    progress = run_progress.RunProgress({"sub-01": 40}, live=False, quiet=True)
    for step in range(10):
        assert progress.seconds_left() is None or step >= 5
        progress.node("sub-01", "r1", f"n{step}", "start")
        clock[0] += 3.0
        progress.node("sub-01", "r1", f"n{step}", "end")
    assert progress.seconds_left() == pytest.approx(90.0)  # 30 steps of 3 s


def test_quiet_run_says_nothing_but_errors(harmoniq, tiny, tmp_path):
    tiny.add("01")
    tiny.add("02")
    next(tiny.root.rglob("sub-02_UNIT1.nii.gz")).write_bytes(b"")
    words = ("run", tiny.root, "out", "participant", "--stages", "maps", "--skip-bids-validation", "--quiet")
    done = harmoniq(*words)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr and all(line.startswith("error: sub-02") for line in done.stderr.splitlines()), done.stderr
