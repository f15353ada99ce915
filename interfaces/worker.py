"""What a worker does before its first node: it sees to it that it ends with the run that it works for."""

import multiprocessing
import os
import signal
import threading
from contextlib import suppress
from multiprocessing.connection import wait

from nipype.pipeline.plugins.multiproc import process_initializer


def begin_worker(folder: str) -> None:
    """Go to the run's folder, and end when its main process does.

    Nothing else tells a worker that the main process was killed: it would go on to hold memory, and write into a folder
    that the next run works in.

    Parameters
    ----------
    folder : str
        Where the run was started.
    """
    for number in (signal.SIGTERM, signal.SIGUSR1):  # a forked one has the main process's, which keep its books
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to workers too: the main process ends them
    process_initializer(folder)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    import psutil

    wait([sentinel])
    for process in psutil.Process().children(recursive=True):  # the tools that the node has started
        with suppress(psutil.NoSuchProcess):
            process.kill()
    os._exit(1)
