"""Progress of the participant level: which participant is in which stage, and how long it will take.

On a terminal a display that is redrawn in place; otherwise plain lines, as a log or a Slurm file wants them.
"""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

from harmoniq.cli.progress import is_live, log_line
from harmoniq.report.stages import stage_words

#: Participants at work that the display shows; of more it tells the number.
_SHOWN: Final = 8


@dataclass
class Session:
    """How far a session has come.

    Parameters
    ----------
    total, done : int
        Its steps in all, and those that are done.
    stage, node : str
        What was started last, or failed.
    since : float
        When, on the monotonic clock in s.
    failed : bool
        Whether a node has failed.
    """

    total: int
    done: int = 0
    stage: str = ""
    node: str = ""
    since: float = 0.0
    failed: bool = False

    @property
    def state(self) -> str:
        """``waiting``, ``running``, ``done`` or ``failed``."""
        if self.failed:
            return "failed"
        return "done" if self.done >= self.total else "running" if self.node else "waiting"


class RunProgress:
    """Show what a run's sessions are at.

    Parameters
    ----------
    nodes : mapping
        Session's label to the number of its steps.
    live : bool, optional
        A display that is redrawn; by default where standard error is a terminal.
    quiet : bool
        Show nothing at all.
    every : float
        Seconds between two plain lines.
    """

    def __init__(
        self, nodes: Mapping[str, int], *, live: bool | None = None, quiet: bool = False, every: float = 10.0
    ) -> None:
        self.sessions = {label: Session(total) for label, total in nodes.items()}
        self.quiet, self.every = quiet, every
        self.live = not quiet and (is_live() if live is None else live)
        self._started = self._last = time.monotonic()
        self._display: Any = None
        self._computed = 0

    def __enter__(self) -> "RunProgress":
        """Start the display."""
        if self.live:
            from rich.console import Console
            from rich.live import Live

            self._display = Live(get_renderable=self._render, console=Console(stderr=True), refresh_per_second=2)
            self._display.start()
        elif not self.quiet:
            log_line(f"participants: {len(self.sessions)} sessions, {self.total} steps")
        return self

    @property
    def total(self) -> int:
        """Number of steps of all sessions."""
        return sum(session.total for session in self.sessions.values())

    @property
    def done(self) -> int:
        """How many of them are done; a failed session has no further steps."""
        return sum(s.total if s.failed else min(s.done, s.total) for s in self.sessions.values())

    def node(self, label: str, stage: str, node: str, status: str) -> None:
        """Take in what a workflow tells of a node: ``start``, ``end`` or ``exception``.

        Parameters
        ----------
        label : str
            ``sub-X`` or ``sub-X_ses-Y``; another is passed over.
        stage : str
            Stage of the processing: the session's sub-workflow.
        node : str
            Name of the node within it.
        status : str
            Which of these.
        """
        session = self.sessions.get(label)
        if session is None:
            return
        if status == "start":
            session.stage, session.node, session.since = stage, node, time.monotonic()
            self._computed += 1
            return
        session.done += 1
        session.failed |= status == "exception"
        if not session.node or status == "exception":
            session.stage, session.node = stage, node
        if self.live or self.quiet:
            return
        now = time.monotonic()
        if session.state == "failed" and status == "exception":
            log_line(f"{label}: {stage_words(stage, node)} FAILED ({node})")
        elif session.done == session.total:
            log_line(f"{label}: done; {self._counts()}")
        elif now - self._last >= self.every:
            self._last = now
            words = f"{label} at {stage_words(stage, node)} ({node})"
            log_line(f"participants: {self.done}/{self.total} steps, {self._counts()}, {self._left()}; {words}")

    def _counts(self) -> str:
        states = [session.state for session in self.sessions.values()]
        failed = f", {states.count('failed')} failed" if "failed" in states else ""
        return f"{states.count('done')} of {len(states)} sessions done{failed}"

    def seconds_left(self) -> float | None:
        """Estimate how long the run will still take.

        Returns
        -------
        float or None
            In s, by the steps that are done; None before five steps have been computed.
        """
        elapsed, done, total = time.monotonic() - self._started, self.done, self.total
        # Steps that an earlier run left cost nothing: a rate is told once some have been computed.
        return None if self._computed < 5 or done == 0 else elapsed / done * (total - done)

    def _left(self) -> str:
        seconds = self.seconds_left()
        return "time left not known yet" if seconds is None else f"about {duration(seconds)} left"

    def _render(self) -> Any:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        head = Table.grid(padding=(0, 1))
        passed = duration(time.monotonic() - self._started)
        head.add_row(
            "participants", ProgressBar(total=max(self.total, 1), completed=self.done, width=30),
            f"{self.done}/{self.total} steps", f"{passed}, {self._left()}",
        )  # fmt: skip
        head.add_row("", "", self._counts(), "")
        rows = Table.grid(padding=(0, 2))
        running = [(label, session) for label, session in self.sessions.items() if session.state == "running"]
        for label, session in running[:_SHOWN]:
            at = duration(time.monotonic() - session.since) if session.since else ""
            rows.add_row(label, f"{session.done}/{session.total}", stage_words(session.stage, session.node), at)
        if len(running) > _SHOWN:
            rows.add_row(f"and {len(running) - _SHOWN} more", "", "", "")
        return Group(head, rows)

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the display."""
        if self._display is not None:
            self._display.stop()
        elif kind is None and not self.quiet:
            passed = time.monotonic() - self._started
            log_line(f"participants: {self._counts()} after {duration(passed)}")
            sys.stderr.flush()


def duration(seconds: float) -> str:
    """Write a time for people.

    Parameters
    ----------
    seconds : float
        Not negative.

    Returns
    -------
    str
        In at most two units.

    Examples
    --------
    >>> duration(42), duration(150), duration(3600 * 5.5), duration(3600 * 50)
    ('42 s', '2 min', '5 h 30 min', '2 d 2 h')
    """
    minutes = int(seconds // 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    hours, days = divmod(minutes, 60)[0], minutes // 1440
    return f"{days} d {hours % 24} h" if days else f"{hours} h {minutes % 60} min"
