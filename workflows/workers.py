"""The processes in which nodes run, forked off the main one where that is safe."""

import gc
import importlib
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from harmoniq.interfaces.worker import begin_worker


def fork_workers(count: int, modules: Iterable[str] = ()) -> ProcessPoolExecutor | None:
    """Start workers that share what this process has imported.

    A worker that starts as an interpreter of its own spends some 2 s on importing, which is most of the time that a
    small participant takes. To be called before any thread is started.

    Parameters
    ----------
    count : int
        Workers.
    modules : iterable of str
        Imported first: what the nodes will need.

    Returns
    -------
    ProcessPoolExecutor or None
        None where this process must not be forked: workers are then started otherwise.
    """
    for name in ("harmoniq.interfaces.preload", *modules):
        importlib.import_module(name)
    gc.freeze()  # Nipype collects garbage before every node, and would look at all of it each time
    if not _may_fork():
        return None
    pool = ProcessPoolExecutor(
        count, mp_context=get_context("fork"), initializer=begin_worker, initargs=(str(Path.cwd()),)
    )
    pool.submit(os.getpid)  # the processes are started with the first task: now, not when there are threads
    return pool


def _may_fork() -> bool:
    """Return whether this process has one thread, and compiled code has started none: a copy of others' locks hangs."""
    tasks = Path("/proc/self/task")
    if not tasks.is_dir() or len(list(tasks.iterdir())) > 1:
        return False
    numba = sys.modules.get("numba")
    if numba is None:
        return True
    try:
        numba.threading_layer()
    except ValueError:  # not in use so far
        return True
    return False
