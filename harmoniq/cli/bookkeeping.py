"""A run's sessions: claimed, so that two runs never share one, and their states kept in status files."""

import argparse
import dataclasses
import hashlib
import json
import shutil
import sys
from collections.abc import Container, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmoniq.cli.discover import Discovery
from harmoniq.data.errors import InputError
from harmoniq.jobs.claim import Claim
from harmoniq.jobs.ledger import Ledger, refuse
from harmoniq.settings.schema import Settings

if TYPE_CHECKING:
    from harmoniq.workflows.study import RunSummary

#: Options that change what is computed; the others say how.
_MATTER = ("stages", "derivatives", "fs_subjects_dir", "bids_filter_file", "session_label", "seed")
#: Settings that no participant's results depend on.
_OF_THE_GROUP = ("source", "datasets", "harmonization", "statistics")


def options_digest(args: argparse.Namespace, settings: Settings) -> str:
    """Digest the version, the settings and the options that change a participant's results.

    Parameters
    ----------
    args : Namespace
        Of ``harmoniq run``.
    settings : Settings
        Of the study, with the flags over it.

    Returns
    -------
    str
        12 hexadecimal digits.
    """
    import harmoniq
    from harmoniq.settings.load import as_dict

    chosen: dict[str, Any] = {name: getattr(args, name, None) for name in _MATTER}
    kept = {name: table for name, table in as_dict(settings).items() if name not in _OF_THE_GROUP}
    chosen |= {"version": harmoniq.__version__, "settings": kept}
    text = json.dumps(chosen, sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _plain(value: Any) -> str:
    return str(value.absolute() if isinstance(value, Path) else value)


@contextmanager
def claimed(out_dir: Path, found: Discovery, *, options: str) -> Iterator[Discovery]:
    """Hold the sessions that can be processed; those that another run holds are moved to the refused.

    Wrong input is written to the status files here, since no node of such a session ever runs.

    Parameters
    ----------
    out_dir : Path
        Folder of the results.
    found : Discovery
        Sessions, and those that are refused.
    options : str
        Digest of the run's options.

    Yields
    ------
    Discovery
        Inside, the sessions that it lists are held.
    """
    record_refused(out_dir, found, options=options)
    with ExitStack() as held:
        free, refused = [], dict(found.refused)
        for inputs in found.sessions:
            try:
                held.enter_context(Claim(out_dir, inputs.label))
                free.append(inputs)
            except InputError as error:
                refused[inputs.label] = error
        yield dataclasses.replace(found, sessions=tuple(free), refused=refused)


def record_refused(out_dir: Path, found: Discovery, *, options: str) -> None:
    """Write to the status files which sessions are refused, and why, where there is a folder of results.

    Parameters
    ----------
    out_dir : Path
        Folder of the results.
    found : Discovery
        Sessions, and those that are refused.
    options : str
        Digest of the run's options.
    """
    if out_dir.is_dir():
        for label, error in found.refused.items():
            refuse(out_dir, label, str(error), options=options)


def count_nodes(workflow: Any, found: Discovery) -> dict[str, int]:
    """Count the nodes of each session that are run.

    Parameters
    ----------
    workflow : Workflow
        Of `init_study_wf`.
    found : Discovery
        Its sessions.

    Returns
    -------
    dict of str to int
        By label.
    """
    from nipype.interfaces.utility import IdentityInterface

    from harmoniq.workflows.session import session_name

    labels = {session_name(inputs): inputs.label for inputs in found.sessions}
    nodes = dict.fromkeys(labels.values(), 0)
    for name in workflow.list_node_names():
        if not isinstance(workflow.get_node(name).interface, IdentityInterface):  # these are never run
            nodes[labels[name.split(".")[0]]] += 1
    return nodes


def note_event(ledger: Ledger, label: str, stage: str, node: str, status: str) -> None:
    """Enter what a workflow tells of a node.

    Parameters
    ----------
    ledger : Ledger
        Of the run.
    label : str
        ``sub-X`` or ``sub-X_ses-Y``.
    stage : str
        Stage of the processing: the session's sub-workflow.
    node : str
        Name of the node within it.
    status : str
        ``start``, ``end`` or ``exception``.
    """
    if status == "start":
        ledger.started(label, stage, node)
    elif status == "end":
        ledger.finished(label, stage, node)
    else:
        ledger.failed(label, f"{node} failed; see the logs")


def note_outcome(ledger: Ledger, summary: "RunSummary", *, cut_short: bool) -> None:
    """Enter how a run ended: the sentence of each failure, and the rest as done.

    Parameters
    ----------
    ledger : Ledger
        Of the run.
    summary : RunSummary
        What failed.
    cut_short : bool
        Whether the run stopped at its first failure: then what still runs is not done.
    """
    for label, failure in summary.failures.items():
        ledger.failed(label, failure.sentence, cause=failure.cause, crash_file=failure.crash_file)
    ledger.settle(summary.failures, cut_short=cut_short)


def stopped_by(error: Exception, found: Discovery) -> "RunSummary":
    """Describe a run that an error outside of all nodes has ended, for the reports.

    Parameters
    ----------
    error : Exception
        What ended it.
    found : Discovery
        The run's sessions.

    Returns
    -------
    RunSummary
        All its sessions failed, for this error.
    """
    import traceback

    from harmoniq.workflows.study import RunSummary, SessionFailure

    sentence = f"the run ended with {type(error).__name__}: {error}"
    failure = SessionFailure(sentence, "", traceback=traceback.format_exc(), bad_input=isinstance(error, InputError))
    return RunSummary(failures={inputs.label: failure for inputs in found.sessions})


def mend_work_folder(work_dir: Path, found: Discovery) -> None:
    """Drop what an interrupted run, a full disk or a cleaned scratch has damaged among the intermediate results.

    Parameters
    ----------
    work_dir : Path
        Folder of intermediate results.
    found : Discovery
        Sessions of the run.
    """
    from harmoniq.workflows.cache import drop_damaged
    from harmoniq.workflows.session import session_name
    from harmoniq.workflows.study import study_name

    count = sum(drop_damaged(work_dir / study_name() / session_name(inputs)) for inputs in found.sessions)
    if count:
        print(f"{count} damaged intermediate results are computed again", file=sys.stderr)


def clean(work_dir: Path, found: Discovery, failed: Container[str]) -> None:
    """Remove the intermediate results of the sessions that are done; those of other runs in the folder stay.

    Parameters
    ----------
    work_dir : Path
        Folder of intermediate results.
    found : Discovery
        Sessions of the run.
    failed : Container[str]
        Labels of the sessions that failed: theirs stay.
    """
    from harmoniq.workflows.session import session_name
    from harmoniq.workflows.study import study_name

    for inputs in found.sessions:
        if inputs.label not in failed:
            shutil.rmtree(work_dir / study_name() / session_name(inputs), ignore_errors=True)
    for folder in (work_dir / study_name(), work_dir):
        with suppress(OSError):  # not empty: another run's
            folder.rmdir()
