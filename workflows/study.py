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
from harmoniq.jobs.timings import Measure
from harmoniq.settings.schema import Settings
from harmoniq.workflows.map_engines import MapEngines
from harmoniq.workflows.plugins import WORKER_KILLED, NodeFailure, NodeMeasure, make_plugin
from harmoniq.workflows.session import init_session_wf, session_name

_ERROR = re.compile(r"[\w.]*(Error|Exception|Pool|Exit|Interrupt)\b")
_INPUT_ERROR = re.compile(r"harmoniq\.data\.errors\.InputError: (.+)")


@dataclass(frozen=True)
class SessionFailure:
    """Why a session failed, in a sentence, and where the crash file lies."""

    sentence: str
    node: str
    crash_file: str = ""
    bad_input: bool = False
    traceback: str = ""
    stage: str = ""

    @property
    def cause(self) -> str:
        """Return ``input``, ``killed`` (a worker was) or ``exception``."""
        return "input" if self.bad_input else "killed" if WORKER_KILLED in self.traceback else "exception"


@dataclass
class RunSummary:
    """What a run did: the first failure of each session, all of them, nodes computed and reused, and what they took."""

    failures: dict[str, SessionFailure] = field(default_factory=dict)
    everything: list[tuple[str, SessionFailure]] = field(default_factory=list)
    measures: dict[str, list[Measure]] = field(default_factory=dict)
    computed: int = 0
    reused: int = 0


class NodesDone(NamedTuple):
    """What a workflow's nodes came to."""

    failures: list[NodeFailure]
    computed: int
    reused: int
    measures: list[NodeMeasure]


def study_name() -> str:
    """Return the name of the workflow, and so of its folder in the work folder: that of this version.

    Returns
    -------
    str
        The name of the workflow, and so of its folder in the work folder: that of this version.
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
    """Return one workflow with a sub-workflow per session.

    The program's version is part of the name, and so of the folder below `work_dir`: another version starts afresh.

    Parameters
    ----------
    sessions : sequence of SessionInputs
        What each session has.
    settings : Settings
        The run's settings.
    engines : MapEngines
        Which engines make the maps.
    out_dir : Path
        Folder of the results.
    work_dir : Path
        Folder of intermediate results.
    stages : sequence of str
        Stages asked for; None: all that the data permit.
    seed : int
        Of all that is random.
    mem_gb : callable
        Memory, GB; None: that of the machine.
    fs_license_file : Path or None, optional
        FreeSurfer's license; None: where FreeSurfer looks.
    threads : int, optional
        Number of threads.

    Returns
    -------
    Workflow
        One workflow with a sub-workflow per session.
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
        Folder of the logs.
    stop_on_first_crash : bool
        Whether to stop when a node fails.
    verbose : int
        How much to say.
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
        What the run may use.
    on_node : callable
        Called with the session's label, the stage, the node's name and ``start``, ``end`` or ``exception``. A node
        that is reused from an earlier run ends without a start.
    plugin, plugin_args : optional
        A plugin of Nipype's own instead of ours.
    workers : ProcessPoolExecutor, optional
        `nprocs` processes that run already, from `harmoniq.workflows.workers.fork_workers`.

    Returns
    -------
    RunSummary
        See `RunSummary`.
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
    """Run a workflow; return the nodes that failed, and how many were computed and reused from the work folder.

    Parameters
    ----------
    workflow : Workflow
        Workflow.
    nprocs : int
        Number of processes.
    mem_gb : float
        Memory, GB; None: that of the machine.
    on_node : callable
        Called with node and state.
    plugin : str or None, optional
        Nipype's plugin; None: our own.
    plugin_args : dict of str to object or None, optional
        Arguments of the plugin; None: none.
    workers : ProcessPoolExecutor or None, optional
        Workers that run already; None: they are made.

    Returns
    -------
    NodesDone
        The nodes that failed, and how many were computed and reused from the work folder.
    """
    failed = False

    def callback(node: Any, status: str) -> None:
        nonlocal failed
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
    return NodesDone(runner.failures, runner.computed, runner.reused, runner.measures)


def explain(failure: NodeFailure, stage: str = "") -> SessionFailure:
    """Turn a node's traceback into a sentence.

    Parameters
    ----------
    failure : NodeFailure
        The node's failure.
    stage : str, optional
        Stage of the processing.

    Returns
    -------
    SessionFailure
        See `SessionFailure`.
    """
    found = _INPUT_ERROR.findall(failure.traceback)
    if found:
        return SessionFailure(found[-1].strip(), failure.node, failure.crash_file, True, failure.traceback, stage)
    lines = [line.strip() for line in failure.traceback.splitlines() if line.strip()]
    errors = [line for line in lines if _ERROR.match(line)]
    last = (errors or lines or ["unknown reason"])[-1]
    sentence = f"{failure.node} failed: {last}"
    return SessionFailure(sentence, failure.node, failure.crash_file, False, failure.traceback, stage)
