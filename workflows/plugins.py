"""Nipype's MultiProc, made to survive a killed worker and to remember what failed and why."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from nipype.pipeline.plugins.multiproc import MultiProcPlugin

from harmoniq.interfaces.measure import MEASURED, run_measured
from harmoniq.interfaces.worker import begin_worker

#: What a node's failure says when its process was killed.
WORKER_KILLED = "a worker was killed"


@dataclass(frozen=True)
class NodeFailure:
    """A node that failed.

    Parameters
    ----------
    node : str
        Its name.
    hierarchy : str
        Names of the workflows that it is in, joined by dots.
    traceback : str
        Of the exception.
    crash_file : str
        Path of Nipype's crash file.
    """

    node: str
    hierarchy: str
    traceback: str
    crash_file: str


@dataclass(frozen=True)
class NodeMeasure:
    """What a node that was computed took.

    Parameters
    ----------
    node : str
        Its name.
    hierarchy : str
        Names of the workflows that it is in, joined by dots.
    seconds : float
        Wall time, s.
    peak_gb : float
        Largest memory of its process and what that started, GB.
    """

    node: str
    hierarchy: str
    seconds: float
    peak_gb: float


class ReportingMultiProc(MultiProcPlugin):
    """MultiProc that survives a killed worker, and keeps a list of failures.

    Nipype's own waits for ever for a worker that the kernel killed for memory: the future's exception is raised in a
    callback and lost. Here the pool is made anew, and every node that was in the broken one is tried once more, each in
    a process of its own: so the one that was too large fails alone, and its neighbors are done.

    Parameters
    ----------
    plugin_args : dict of str to object, optional
        Nipype's arguments of the plugin.
    workers : ProcessPoolExecutor, optional
        Workers that run already; None: they are made.
    """

    def __init__(self, plugin_args: dict[str, Any] | None = None, workers: ProcessPoolExecutor | None = None) -> None:
        super().__init__(plugin_args=plugin_args)
        self.failures: list[NodeFailure] = []
        self.measures: list[NodeMeasure] = []
        self.computed = self.reused = 0
        self._sent: dict[int, tuple[Any, bool]] = {}
        self._alone: dict[int, ProcessPoolExecutor] = {}
        self._over = False
        self.pool = self._new_pool(self.processors) if workers is None else workers

    def end(self) -> None:
        """Start no more processes: whoever ended the run is about to kill those that there are."""
        self._over = True

    def _submit_job(self, node: Any, updatehash: bool = False) -> int:
        self.computed += 1
        self._sent[self._taskid + 1] = (node, updatehash)
        self._taskid += 1
        # Don't allow streaming outputs: as Nipype's own does.
        if getattr(node.interface, "terminal_output", "") == "stream":
            node.interface.terminal_output = "allatonce"
        try:
            self._start(self.pool, self._taskid)
        except BrokenExecutor:
            self.pool = self._new_pool(self.processors)
            self._start(self.pool, self._taskid)
        return self._taskid

    def _start(self, pool: ProcessPoolExecutor, task: int) -> None:
        node, updatehash = self._sent[task]
        self._task_obj[task] = future = pool.submit(run_measured, node, updatehash, task)
        future.add_done_callback(self._async_callback)

    def _new_pool(self, workers: int) -> ProcessPoolExecutor:
        context = multiprocessing.get_context(self.plugin_args.get("mp_context"))
        return ProcessPoolExecutor(workers, mp_context=context, initializer=begin_worker, initargs=(self._cwd,))

    def _async_callback(self, args: Future) -> None:
        error = args.exception()
        task = next((task for task, future in self._task_obj.items() if future is args), self._taskid)
        pool = self._alone.get(task)
        if pool is not None:
            pool.shutdown(wait=False)
        if error is None:
            self._keep_measure(task, args.result())
            super()._async_callback(args)
        elif not (isinstance(error, BrokenExecutor) and pool is None and self._try_alone(task)):
            self._taskresult[task] = _lost(task, error)

    def _keep_measure(self, task: int, answer: dict[str, Any]) -> None:
        seconds, peak_gb = answer.get(MEASURED, (0.0, 0.0))
        node = self._sent[task][0]
        self.measures.append(NodeMeasure(node.name, node._hierarchy or "", seconds, peak_gb))

    def _in_flight(self) -> list[int]:
        return [task for task in self._task_obj if task not in self._taskresult]

    def _try_alone(self, task: int) -> bool:
        """Try a node in a process of its own; not the only one at work, nor when the run itself is ending."""
        if self._over or len(self._in_flight()) < 2:
            return False
        self._alone[task] = pool = self._new_pool(1)
        try:
            self._start(pool, task)
        except RuntimeError:  # the interpreter shuts down: no process can be started any more
            return False
        return True

    def _clear_task(self, taskid: int) -> None:
        self._task_obj.pop(taskid, None)

    def _task_finished_cb(self, jobid: int, cached: bool = False) -> None:
        self.reused += bool(cached)
        super()._task_finished_cb(jobid, cached=cached)

    def _report_crash(self, node: Any, result: dict[str, Any] | None = None) -> str:
        traceback = "".join(result["traceback"]) if result and result.get("traceback") else ""
        crash_file = super()._report_crash(node, result)
        self.failures.append(NodeFailure(node.name, node._hierarchy or "", traceback, str(crash_file)))
        return crash_file


def _lost(taskid: int, error: BaseException) -> dict[str, Any]:
    said = str(error)
    if isinstance(error, BrokenExecutor):  # Python's own words do not say what to do
        said = f"{WORKER_KILLED}, perhaps for want of memory: give --mem or fewer --nprocs"
    return {"taskid": taskid, "result": None, "traceback": [f"{type(error).__name__}: {said}"]}


def make_plugin(
    *,
    nprocs: int,
    mem_gb: float | None,
    callback: Callable[[Any, str], None],
    workers: ProcessPoolExecutor | None = None,
) -> ReportingMultiProc:
    """Make the plugin that runs nodes.

    Without `workers`, and once one of them was killed, they start from a server process without threads: a plain fork
    of a process in which compiled code has already run threads would abort.

    Parameters
    ----------
    nprocs : int
        Processes.
    mem_gb : float or None
        What the nodes at work may need together, GB; None: as Nipype has it, nine tenths of the machine's.
    callback : callable
        Called with the node and ``start``, ``end`` or ``exception``.
    workers : ProcessPoolExecutor or None, optional
        Workers that run already; None: they are made.

    Returns
    -------
    ReportingMultiProc
        It keeps the failures and measures of one run.
    """
    import os

    # The server process is started with `python -c`, which would look for modules in the current folder first: in a
    # clone of the repository it would find half of this package there.
    os.environ["PYTHONSAFEPATH"] = "1"
    multiprocessing.set_forkserver_preload(["harmoniq.interfaces.preload"])
    args: dict[str, Any] = {
        "n_procs": nprocs,
        "status_callback": callback,
        "raise_insufficient": False,
        "mp_context": "forkserver",
    }
    if mem_gb is not None:
        args["memory_gb"] = mem_gb
    return ReportingMultiProc(plugin_args=args, workers=workers)
