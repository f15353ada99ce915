"""A signal that meets a node in the main process ends the run: Nipype would take it for that node's failure."""

import os
import signal
import subprocess
import sys

import pytest

RUN = """
import signal, sys
from contextlib import suppress
from pathlib import Path
from nipype.interfaces.utility import Function
from nipype.pipeline.engine import Node, Workflow
from harmoniq.jobs.signals import Stopped, stop_on_signals
from harmoniq.workflows.plugins import make_plugin
from harmoniq.workflows.study import configure_nipype, run_nodes

SEND = "def send(name):\\n    import os, signal\\n    os.kill(os.getpid(), getattr(signal, name))\\n    return name\\n"

name, told = sys.argv[1:]
configure_nipype(log_dir=Path("logs"), stop_on_first_crash=False, verbose=0)
workflow = Workflow("run_wf", base_dir="work")
node = Node(Function(["name"], ["name"], function=SEND, imports=[]), name="send", run_without_submitting=True)
workflow.add_nodes([node])
workflow.get_node("send").inputs.name = name
stop_on_signals()  # of an earlier stage of the same process
stop_on_signals()
try:
    if told == "told":
        done = run_nodes(workflow, nprocs=1, mem_gb=1, on_node=lambda *_: None)
    else:
        done = make_plugin(nprocs=1, mem_gb=1, callback=lambda *_: None)
        with suppress(RuntimeError, Stopped):  # Nipype raises the first node's error at the end
            workflow.run(plugin=done)
except (Stopped, KeyboardInterrupt) as end:
    print("ended:", type(end).__name__, end)
else:
    print("went on:", [failure.node for failure in done.failures])
"""


def heed_ctrl_c():
    """As in a terminal: what a script starts in the background, these tests perhaps, ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("name", "told", "said"),
    [
        ("SIGTERM", "told", "ended: Stopped SIGTERM"),
        ("SIGUSR1", "told", "ended: Stopped SIGUSR1"),
        ("SIGINT", "told", "ended: KeyboardInterrupt"),
        # What Nipype does by itself, and why it has to be told.
        ("SIGTERM", "not", "went on: ['send']"),
    ],
)
def test_signal_in_a_node_of_the_main_process(tmp_path, name, told, said):
    done = subprocess.run(
        [sys.executable, "-P", "-c", RUN, name, told], capture_output=True, text=True, check=True, cwd=tmp_path,
        env={**os.environ, "NO_ET": "1"}, preexec_fn=heed_ctrl_c,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1].strip() == said
