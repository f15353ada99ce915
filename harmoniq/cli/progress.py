"""Progress of long work: a live bar on a terminal, plain lines in a log."""

import os
import sys
import time
from types import TracebackType
from typing import Any


class Progress:
    """Show how much of some work is done.

    Parameters
    ----------
    title : str
        What is being done.
    total : int
        Steps in all; 0 when that is told later, with `show`.
    live : bool, optional
        A bar that is redrawn; by default where standard error is a terminal. Otherwise a line for the newest step, at
        most one every `every` seconds, and always the last.
    every : float
        Seconds between two lines at least.
    quiet : bool
        Show nothing.
    """

    def __init__(
        self, title: str, total: int = 0, *, live: bool | None = None, every: float = 5.0, quiet: bool = False
    ) -> None:
        self.title, self.total, self.done, self.every, self.quiet = title, total, 0, every, quiet
        self.live = not quiet and (is_live() if live is None else live)
        self._started = self._last = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> "Progress":
        """Start the display."""
        if self.live:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            text, bar, count = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
            self._bar = Bar(text, bar, count, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True))
            self._bar.start()
            self._task = self._bar.add_task(self.title, total=self.total or None)
        else:
            self._line(f"{self.title}: {f'{self.total} steps' if self.total else 'started'}")
        return self

    def step(self, message: str) -> None:
        """Say that one more step is done.

        Parameters
        ----------
        message : str
            What was done.
        """
        self.show(message, self.done + 1, self.total)

    def node(self, name: str, status: str) -> None:
        """Take in what a workflow tells of a node: ``start``, ``end`` or ``exception``.

        Parameters
        ----------
        name : str
            Of the node.
        status : str
            Which of these.
        """
        if status != "start":
            self.step(name if status == "end" else f"{name} FAILED")

    def show(self, message: str, done: int, total: int) -> None:
        """Say that `done` of `total` steps are done, the last of which is `message`.

        Parameters
        ----------
        message : str
            What was done last.
        done : int
            Steps that are done.
        total : int
            Steps in all.
        """
        self.done, self.total = done, total
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total, description=f"{self.title}: {message}")
        elif time.monotonic() - self._last >= self.every or done >= total:
            self._last = time.monotonic()
            self._line(f"{self.title}: {done}/{total} {message}")

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the display."""
        if self._bar is not None:
            self._bar.stop()
        elif kind is None:
            self._line(f"{self.title}: finished after {time.monotonic() - self._started:.0f} s")

    def _line(self, text: str) -> None:
        if not self.quiet:
            log_line(text)


def is_live() -> bool:
    """Find out whether standard error is a terminal that can be redrawn in place.

    Returns
    -------
    bool
    """
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def log_line(text: str) -> None:
    """Print a plain line with the time to standard error.

    Parameters
    ----------
    text : str
        Without line breaks.
    """
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)
