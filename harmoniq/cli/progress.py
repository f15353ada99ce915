"""Progress of long work: a live bar on a terminal, plain lines in a log."""

import sys
import time
from types import TracebackType


class Progress:
    """Show how much of some work is done.

    Parameters
    ----------
    title : str
        What is being done.
    total : int
        Steps in all.
    live : bool, optional
        A bar that is redrawn; by default where standard error is a terminal. Otherwise a line per step's message, at
        most one every `every` seconds, and always the last.
    """

    def __init__(self, title: str, total: int, *, live: bool | None = None, every: float = 5.0) -> None:
        self.title, self.total, self.done, self.every = title, total, 0, every
        self.live = sys.stderr.isatty() if live is None else live
        self._started = self._last = time.monotonic()
        self._bar: object = None

    def __enter__(self) -> "Progress":
        """Start the display."""
        if self.live:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Bar(*columns, console=Console(stderr=True), transient=False)
            self._bar.start()
            self._task = self._bar.add_task(self.title, total=self.total)
        else:
            self._line(f"{self.title}: {self.total} steps")
        return self

    def step(self, message: str, count: int = 1) -> None:
        """Say that `count` more steps are done, the last of which is `message`."""
        self.done += count
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done, description=f"{self.title}: {message}")  # type: ignore[attr-defined]
        elif time.monotonic() - self._last >= self.every or self.done >= self.total:
            self._last = time.monotonic()
            self._line(f"{self.title}: {self.done}/{self.total} {message}")

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the display."""
        if self._bar is not None:
            self._bar.stop()  # type: ignore[attr-defined]
        elif kind is None:
            self._line(f"{self.title}: finished after {time.monotonic() - self._started:.0f} s")

    @staticmethod
    def _line(text: str) -> None:
        print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)
