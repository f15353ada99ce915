"""All sessions of a study in one workflow, and its run: progress, failures per session, what was reused."""

import logging
import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from nipype import config as nipype_config
from nipype import logging as nipype_logging
from nipype.pipeline.engine import Workflow

import harmoniq
from harmoniq.data.inputs import SessionInputs
from harmoniq.jobs.signals import stop_again
from harmoniq.jobs.timings import Measure
from harmoniq.settings.schema import Settings
from harmoniq.workflows.map_engines import MapEngines
from harmoniq.workflows.plugins import WORKER_KILLED, NodeFailure, NodeMeasure, make_plugin
from harmoniq.workflows.session import init_session_wf, session_name

_ERROR = re.compile(r"[\w.]*(Error|Exception|Pool|Exit|Interrupt)\b")
_INPUT_ERROR = re.compile(r"harmoniq\.data\.errors\.InputError: (.+)")


@dataclass(frozen=True)
class SessionFailure:
    """Why a session failed.

    Parameters
    ----------
    sentence : str
        What went wrong.
    node : str
        Name of the node.
    crash_file : str
        Path of Nipype's crash file; empty: none.
    bad_input : bool
        Whether the user can mend it.
    traceback : str
        Of the exception.
    stage : str
        Stage of the processing: the session's sub-workflow.
    """

    sentence: str
    node: str
    crash_file: str = ""
    bad_input: bool = False
    traceback: str = ""
    stage: str = ""
    remedy: str = ""

    @property
    def cause(self) -> str:
        """``input``, ``killed`` (a worker was) or ``exception``."""
        return "input" if self.bad_input else "killed" if WORKER_KILLED in self.traceback else "exception"


@dataclass
class RunSummary:
    """What a run did.

    Parameters
    ----------
    failures : dict of str to SessionFailure
        The first failure of each session that failed, by label.
    everything : list of tuple (str, SessionFailure)
        All failures, each with the label of its session.
    measures : dict of str to list of Measure
        What the nodes took that were computed, by label.
    computed, reused : int
        Nodes that were computed, and that were taken from the work folder.
    """

    failures: dict[str, SessionFailure] = field(default_factory=dict)
    everything: list[tuple[str, SessionFailure]] = field(default_factory=list)
    measures: dict[str, list[Measure]] = field(default_factory=dict)
    computed: int = 0
    reused: int = 0


class NodesDone(NamedTuple):
    """What a workflow's nodes came to.

    Parameters
    ----------
    failures : list of NodeFailure
        In the order in which they failed.
    computed, reused : int
        Nodes that were computed, and that were taken from the work folder.
    measures : list of NodeMeasure
        Of the nodes that were computed.
    """

    failures: list[NodeFailure]
    computed: int
    reused: int
    measures: list[NodeMeasure]


def study_name() -> str:
    """Name the workflow, and so its folder in the work folder, after this version.

    Returns
    -------
    str
        Such as ``harmoniq_0_1_0_wf``.
    """
    return "harmoniq_" + re.sub(r"\W", "_", harmoniq.__version__) + "_wf"


def init_study_wf(
    *,
    sessions: Sequence[SessionInputs],
    settings: Settings,
    engines: MapEngines,
    out_dir: Path,
    work_dir: Path,
    stages: Sequence[str],
    seed: int,
    mem_gb: Callable[[SessionInputs], float],
    fs_license_file: Path | None = None,
    threads: int = 1,
) -> Workflow:
    """Make one workflow with a sub-workflow per session.

    The program's version is part of the name, and so of the folder below `work_dir`: another version starts afresh.

    Parameters
    ----------
    sessions : sequence of SessionInputs
        What each session has.
    settings : Settings
        Of the study, with the flags over it.
    engines : MapEngines
        What makes maps, surfaces and bundles that do not exist.
    out_dir : Path
        Folder of the results.
    work_dir : Path
        Folder of intermediate results.
    stages : sequence of str
        Some of ``maps``, ``surfaces``, ``bundles`` and ``regions``.
    seed : int
        Of all that is random.
    mem_gb : callable
        From a session to the memory of its largest node, GB.
    fs_license_file : Path or None, optional
        FreeSurfer's license; None: where FreeSurfer looks.
    threads : int, optional
        Of FreeSurfer's programs and of QSIPrep.

    Returns
    -------
    Workflow
        Its sinks write below `out_dir`.
    """
    workflow = Workflow(name=study_name(), base_dir=str(work_dir))
    for inputs in sessions:
        session_wf = init_session_wf(
            inputs=inputs, settings=settings, engines=engines, out_dir=out_dir, stages=stages, seed=seed,
            mem_gb=mem_gb(inputs), fs_license_file=fs_license_file, threads=threads,
        )  # fmt: skip
        workflow.add_nodes([session_wf])
    return workflow


def configure_nipype(*, log_dir: Path, stop_on_first_crash: bool, verbose: int) -> None:
    """Set Nipype's options: text crash files, caching by content, quick polling, quiet on the terminal.

    Parameters
    ----------
    log_dir : Path
        Gets the crash files; made where it is absent.
    stop_on_first_crash : bool
        Whether to stop when a node fails.
    verbose : int
        0: nothing of Nipype is said; 1: what it does; from 2 on all.
    """
    log_dir.mkdir(parents=True, exist_ok=True)
    nipype_config.update_config({
        "execution": {
            "crashdump_dir": str(log_dir),
            "crashfile_format": "txt",
            "hash_method": "content",
            "check_version": "false",
            "stop_on_first_crash": str(stop_on_first_crash).lower(),
            "poll_sleep_duration": "0.1",
            "create_report": "false",  # thousands of small files that nobody reads
            "remove_unnecessary_outputs": "true",
        },
        "logging": {"log_to_file": "false"},
    })  # fmt: skip
    nipype_logging.update_logging(nipype_config)
    level = {0: logging.CRITICAL, 1: logging.INFO}.get(verbose, logging.DEBUG)
    os.environ["HARMONIQ_LOG_LEVEL"] = str(level)  # for the workers, see harmoniq.interfaces.preload
    for name in ("nipype.workflow", "nipype.interface", "nipype.utils"):
        logging.getLogger(name).setLevel(level)


def run_study(
    workflow: Workflow,
    sessions: Sequence[SessionInputs],
    *,
    nprocs: int,
    mem_gb: float,
    on_node: Callable[[str, str, str, str], None],
    plugin: str | None = None,
    plugin_args: dict[str, Any] | None = None,
    workers: ProcessPoolExecutor | None = None,
) -> RunSummary:
    """Run the workflow; failures are returned, not raised.

    Parameters
    ----------
    workflow : nipype.Workflow
        From `init_study_wf`.
    sessions : sequence of SessionInputs
        Its sessions.
    nprocs, mem_gb : int, float
        Processes and GB that the run may use.
    on_node : callable
        Called with the session's label, the stage, the node's name and ``start``, ``end`` or ``exception``. A node
        that is reused from an earlier run ends without a start.
    plugin, plugin_args : str, dict of str to object, optional
        A plugin of Nipype's own instead of ours, and its arguments.
    workers : ProcessPoolExecutor, optional
        `nprocs` processes that run already, from `harmoniq.workflows.workers.fork_workers`.

    Returns
    -------
    RunSummary
        Failures and measures by session. Of a plugin of Nipype's own only which nodes failed is known.
    """
    labels = {session_name(inputs): inputs.label for inputs in sessions}
    summary = RunSummary()

    def stage_of(hierarchy: str) -> str:
        part = hierarchy.split(".")[-1]
        return "session" if part in labels else part.removesuffix("_wf")

    def session_of(hierarchy: str) -> str:
        return next((labels[part] for part in hierarchy.split(".") if part in labels), "")

    def node_event(node: Any, status: str) -> None:
        hierarchy = node._hierarchy or ""
        label = session_of(hierarchy)
        on_node(label, stage_of(hierarchy), node.name, status)
        if status == "exception":
            summary.failures.setdefault(label, SessionFailure(f"{node.name} failed; see the logs", node.name))

    done = run_nodes(
        workflow, nprocs=nprocs, mem_gb=mem_gb, on_node=node_event, plugin=plugin, plugin_args=plugin_args,
        workers=workers,
    )  # fmt: skip
    summary.computed, summary.reused = done.computed, done.reused
    for failure in done.failures:
        said = explain(failure, stage_of(failure.hierarchy))
        summary.everything.append((session_of(failure.hierarchy), said))
    for label, said in reversed(summary.everything):
        summary.failures[label] = said
    for m in done.measures:
        measure = Measure(stage_of(m.hierarchy), m.node, m.seconds, m.peak_gb)
        summary.measures.setdefault(session_of(m.hierarchy), []).append(measure)
    return summary


def run_nodes(
    workflow: Workflow,
    *,
    nprocs: int,
    mem_gb: float,
    on_node: Callable[[Any, str], None],
    plugin: str | None = None,
    plugin_args: dict[str, Any] | None = None,
    workers: ProcessPoolExecutor | None = None,
) -> NodesDone:
    """Run a workflow; nodes that fail are returned, not raised.

    Parameters
    ----------
    workflow : Workflow
        Any.
    nprocs : int
        Processes.
    mem_gb : float
        What the nodes at work may need together, GB.
    on_node : callable
        Called with the node and ``start``, ``end`` or ``exception``.
    plugin : str or None, optional
        A plugin of Nipype's own instead of ours.
    plugin_args : dict of str to object or None, optional
        Its arguments.
    workers : ProcessPoolExecutor or None, optional
        Workers that run already; None: they are made.

    Returns
    -------
    NodesDone
        Empty with a plugin of Nipype's own.
    """
    failed = False

    def callback(node: Any, status: str) -> None:
        nonlocal failed
        stop_again()  # else the node that a signal met would be told to have failed
        failed |= status == "exception"
        on_node(node, status)

    runner = make_plugin(nprocs=nprocs, mem_gb=mem_gb, callback=callback, workers=workers)
    try:
        if plugin is not None:
            workflow.run(plugin=plugin, plugin_args={**(plugin_args or {}), "status_callback": callback})
        else:
            workflow.run(plugin=runner)
    except Exception:
        # Nipype raises the first node's error at the end; each is told to the user from the list of failures.
        if not failed:
            raise
    except BaseException:  # a signal
        runner.end()
        raise
    return NodesDone(runner.failures, runner.computed, runner.reused, runner.measures)


def explain(failure: NodeFailure, stage: str = "") -> SessionFailure:
    """Turn a node's traceback into a sentence.

    Parameters
    ----------
    failure : NodeFailure
        With its traceback.
    stage : str, optional
        Goes into the result.

    Returns
    -------
    SessionFailure
        The sentence is that of the InputError, or names node and exception.
    """
    found = _INPUT_ERROR.findall(failure.traceback)
    if found:
        return SessionFailure(found[-1].strip(), failure.node, failure.crash_file, True, failure.traceback, stage)
    lines = [line.strip() for line in failure.traceback.splitlines() if line.strip()]
    errors = [line for line in lines if _ERROR.match(line)]
    last = (errors or lines or ["unknown reason"])[-1]
    if WORKER_KILLED in last:
        last = last.partition(": ")[2]
    sentence = f"{failure.node} failed: {last}"
    return SessionFailure(sentence, failure.node, failure.crash_file, False, failure.traceback, stage)
