"""Nipype's MultiProc, made to survive a killed worker and to remember what failed and why."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from nipype.pipeline.plugins.multiproc import MultiProcPlugin


@dataclass(frozen=True)
class NodeFailure:
    """A node that failed."""

    node: str
    hierarchy: str
    traceback: str
    crash_file: str


class ReportingMultiProc(MultiProcPlugin):
    """MultiProc that ends when a worker is killed, and keeps a list of failures.

    Nipype's own waits for ever for a worker that the kernel killed for memory: the future's exception is raised in a
    callback and lost. Here it becomes the result of that node, which then fails like any other.
    """

    def __init__(self, plugin_args: dict[str, Any] | None = None) -> None:
        super().__init__(plugin_args=plugin_args)
        self.failures: list[NodeFailure] = []
        self.computed = self.reused = 0

    def _submit_job(self, node: Any, updatehash: bool = False) -> int:
        self.computed += 1
        try:
            return super()._submit_job(node, updatehash)
        except Exception as error:  # the pool is broken: no further job can be sent
            self._taskresult[self._taskid] = _lost(self._taskid, error)
            return self._taskid

    def _async_callback(self, args: Future) -> None:
        error = args.exception()
        if error is None:
            super()._async_callback(args)
            return
        task = next((task for task, future in self._task_obj.items() if future is args), self._taskid)
        self._taskresult[task] = _lost(task, error)

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
    hint = "a worker was killed, perhaps for want of memory: give --mem or fewer --nprocs"
    return {"taskid": taskid, "result": None, "traceback": [f"{type(error).__name__}: {error} ({hint})"]}


def make_plugin(*, nprocs: int, mem_gb: float | None, callback: Callable[[Any, str], None]) -> ReportingMultiProc:
    """Return the plugin that runs nodes in `nprocs` processes within `mem_gb` GB.

    Workers start from a server process without threads: a plain fork of a process in which compiled code has already
    run threads would abort.
    """
    import multiprocessing
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
    return ReportingMultiProc(plugin_args=args)
