"""What is left of a run that a signal has ended: the state of each session, and a page that says how to go on."""

import dataclasses
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from harmoniq.cli.discover import Discovery
from harmoniq.data.errors import InputError
from harmoniq.jobs.record import read_record, status_dir, write_record
from harmoniq.jobs.signals import Stopped, exit_code_of, name_of
from harmoniq.jobs.verdict import REMEDIES
from harmoniq.settings.schema import Settings

if TYPE_CHECKING:
    from harmoniq.workflows.map_engines import MapEngines
    from harmoniq.workflows.study import RunSummary

#: Exit code (the EX_TEMPFAIL of sysexits.h) that asks the batch script to put the task back into the queue.
REQUEUE = 75

_AGAIN = "what is done is not done twice."
_QUEUED = f"Nothing, where the scheduler starts the task again; otherwise run the same command again: {_AGAIN}"


def not_reported(out_dir: Path, labels: Sequence[str], end: BaseException) -> None:
    """Write that sessions are not done after all: their nodes are, but a session without its report is not.

    Parameters
    ----------
    out_dir : Path
        Root of the derivatives.
    labels : sequence of str
        Labels of the sessions.
    end : BaseException
        What ended the run: `Stopped` or KeyboardInterrupt.
    """
    message = f"the run was ended by {name_of(end)} while reports were written"
    for label in labels:
        record = read_record(status_dir(out_dir) / f"{label}.json")
        if record is not None:
            write_record(out_dir, dataclasses.replace(record, state="failed", cause="cancelled", message=message))


def end_run(
    out_dir: Path, found: Discovery, settings: Settings, engines: "MapEngines", end: Stopped | KeyboardInterrupt
) -> NoReturn:
    """Say that a signal has ended the run, on the terminal and on each participant's page; then end the program.

    A scheduler kills what has not ended some seconds after its signal, and who presses Ctrl-C waits: so no picture is
    drawn that is not there yet, and a second signal ends this too.

    Parameters
    ----------
    out_dir : Path
        Root of the derivatives.
    found : Discovery
        Sessions of the run, and those that were refused.
    settings : Settings
        Of the study, with the flags over it.
    engines : MapEngines
        What makes maps, surfaces and bundles.
    end : Stopped or KeyboardInterrupt
        What ended the run.

    Raises
    ------
    SystemExit
        With 1 after Ctrl-C, `REQUEUE`, or 128 and the signal's number. It is raised, not returned, since ``demo`` and
        ``reproduce`` would go on with what comes next.
    """
    print(f"stopped by {name_of(end)}: run the same command again to go on where it stopped", file=sys.stderr)
    _write_pages(out_dir, found, settings, engines)
    back = isinstance(end, Stopped) and end.requeue and end.gained
    sys.exit(REQUEUE if back else exit_code_of(end))


def _write_pages(out_dir: Path, found: Discovery, settings: Settings, engines: "MapEngines") -> None:
    from harmoniq.cli.participant_report import write_reports

    with suppress(Stopped, KeyboardInterrupt):
        try:
            failed = write_reports(out_dir, found, settings, engines, _outcome(out_dir, found), ended=True)
        except InputError as error:  # a full disk, say
            print(f"error: {error}", file=sys.stderr)
            return
        for participant, sentence in failed.items():
            print(f"error: sub-{participant}: {sentence}", file=sys.stderr)


def _outcome(out_dir: Path, found: Discovery) -> "RunSummary":
    """Return what the status files tell, as a run's outcome."""
    from harmoniq.workflows.study import RunSummary, SessionFailure

    summary = RunSummary()
    for inputs in found.sessions:
        record = read_record(status_dir(out_dir) / f"{inputs.label}.json")
        if record is None or record.state == "done":
            continue
        words = REMEDIES.get(record.cause, "")
        remedy = f"{words[0].upper()}{words[1:]}: {_AGAIN}" if words else _QUEUED
        summary.failures[inputs.label] = SessionFailure(
            record.message, record.node, record.crash_file, stage=record.stage, remedy=remedy
        )
    return summary
