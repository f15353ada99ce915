"""Run a node in a worker and measure what it took: seconds, and the most memory of the worker and its children."""

import resource
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from nipype.pipeline.plugins.multiproc import run_node

#: Under this key the measures stand in the answer of a worker.
MEASURED: Final = "measured"
_EVERY: Final = 0.5


def run_measured(node: Any, updatehash: bool, taskid: int) -> dict[str, Any]:
    """Run a node as Nipype's MultiProc does; its answer says what it took as well.

    Parameters
    ----------
    node : Node
        What is run.
    updatehash : bool
        Whether the node is only to note its inputs anew.
    taskid : int
        Number of the task.

    Returns
    -------
    dict of str to object
        Nipype's answer, and under `MEASURED` the seconds and the largest memory in GB.
    """
    with Meter() as meter:
        answer: dict[str, Any] = run_node(node, updatehash, taskid)
    return {**answer, MEASURED: (meter.seconds, meter.peak_gb)}


class Meter:
    """Seconds and largest memory of what runs within.

    A worker runs many nodes. Linux lets a process set its own high-water mark back (``clear_refs``); elsewhere the mark
    is that of the worker so far. Programs that a node starts are looked at every half second.
    """

    def __init__(self) -> None:
        self.seconds = self.peak_gb = 0.0
        self._children = 0
        self._end = threading.Event()

    def __enter__(self) -> "Meter":
        """Begin."""
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        self._started = time.monotonic()
        self._look = threading.Thread(target=self._watch, daemon=True)
        self._look.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End, and keep the measures."""
        self._end.set()
        self._look.join()
        self.seconds = time.monotonic() - self._started
        self.peak_gb = max(own_peak(), self._children) / 1024**3

    def _watch(self) -> None:
        import psutil

        me = psutil.Process()
        while not self._end.wait(_EVERY):
            total = 0
            for process in (me, *me.children(recursive=True)):
                with suppress(psutil.Error):
                    total += process.memory_info().rss
            self._children = max(self._children, total)


def own_peak() -> int:
    """Return the largest resident memory of this process since the mark was set.

    Returns
    -------
    int
        In bytes.
    """
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
