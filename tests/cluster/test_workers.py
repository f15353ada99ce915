"""The workers that are forked off the main process: what they share, what they must not, and when there are none."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

FORK = """
import os, signal, sys, threading
from harmoniq.cli.main import main  # which keeps libraries from starting threads
try:
    main(["--version"])
except SystemExit:
    pass
from harmoniq.workflows.workers import fork_workers
"""
WORK = """
def look():
    import time
    handlers = [signal.getsignal(number) is signal.SIG_DFL for number in (signal.SIGTERM, signal.SIGUSR1)]
    return os.getpid(), "harmoniq.interfaces.maps" in sys.modules, all(handlers)

signal.signal(signal.SIGTERM, lambda number, frame: None)
signal.signal(signal.SIGUSR1, lambda number, frame: None)
pool = fork_workers(2)
thread = threading.Thread(target=threading.Event().wait, daemon=True)
thread.start()
print(*pool.submit(look).result(), flush=True)
print(fork_workers(2), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def main_process(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", FORK + WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        cwd=tmp_path, env=environment,
    )  # fmt: skip
    process.stdout.readline()  # the version
    yield process
    process.kill()
    process.communicate()


def test_forked_workers(main_process):
    number, imported, defaults = main_process.stdout.readline().split()
    assert imported == "True", "a worker imports by itself what the main process had"
    assert defaults == "True", "a worker that is told to end would keep the main process's books"
    assert main_process.stdout.readline() == "None\n", "forked although there were threads"
    family = psutil.Process(main_process.pid).children(recursive=True)
    assert int(number) in {process.pid for process in family} and len(family) == 2
    main_process.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive, "workers outlive a killed main process"
