"""How a run and its processes end: on a signal in order, and no worker outlives the process that it works for."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from typing import Final, NoReturn

#: Signals that came since `stop_on_signals`: of the process, as their handlers are.
_received: Final[list[int]] = []


class Stopped(BaseException):
    """The run was told to stop: by the user, by the scheduler, or because its time is nearly over.

    Parameters
    ----------
    number : int
        Number of the signal that said so.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number
        self.gained = False  # whether the run had computed anything; its ledger says so

    @property
    def requeue(self) -> bool:
        """Whether the scheduler said that time is nearly over, so that the work can go on in another job."""
        return self.number == signal.SIGUSR1


def name_of(end: BaseException) -> str:
    """Return what ended a run, for readers.

    Parameters
    ----------
    end : BaseException
        `Stopped` or KeyboardInterrupt.

    Returns
    -------
    str
        Such as ``SIGTERM``.
    """
    return "Ctrl-C (SIGINT)" if isinstance(end, KeyboardInterrupt) else str(end)


def exit_code_of(end: BaseException) -> int:
    """Return the exit code of a program that a signal ended.

    Parameters
    ----------
    end : BaseException
        `Stopped` or KeyboardInterrupt.

    Returns
    -------
    int
        1 after Ctrl-C, else 128 and the signal's number.
    """
    return 128 + end.number if isinstance(end, Stopped) else 1


def stop_on_signals() -> None:
    """Let SIGTERM, SIGUSR1 and Ctrl-C end the run in order, with its status files written."""
    _received.clear()
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, _stop)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # which a shell sets for what runs in the background
        signal.signal(signal.SIGINT, _stop)


def stop_again() -> None:
    """End the run once more where a signal of `stop_on_signals` came that did not end it; to be called between nodes.

    Nipype takes whatever is raised while a node runs in this process for that node's failure.
    """
    if _received:
        _stop(_received[0], None)


def _stop(number: int, _frame: object) -> NoReturn:
    _received.append(number)
    raise KeyboardInterrupt if number == signal.SIGINT else Stopped(number)


@contextmanager
def workers_end_first() -> Iterator[None]:
    """Where a signal ends what is done within, kill the workers before anything waits for them or clears after them."""
    try:
        yield
    except (Stopped, KeyboardInterrupt):
        kill_children()
        raise


def kill_children() -> None:
    """Kill all processes below this one: a run that was told to stop must not wait for a node to finish."""
    import psutil

    for process in psutil.Process().children(recursive=True):
        try:
            # Python's own keeper of semaphores ends with this process, and would complain if it were killed.
            if not any("resource_tracker" in word for word in process.cmdline()):
                process.kill()
        except psutil.Error:
            continue


def end_with_parent() -> None:
    """Let a worker leave signals to the process that it works for, and end when that does, however it ended.

    Nothing else tells a worker that the main process was killed: it would go on to hold memory, and write into a folder
    that the next run works in.
    """
    for number in (signal.SIGTERM, signal.SIGUSR1):  # a forked one has the main process's, which keep its books
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to workers too: the main process ends them
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    import psutil

    wait([sentinel])
    for process in psutil.Process().children(recursive=True):  # the tools that the worker has started
        with suppress(psutil.NoSuchProcess):
            process.kill()
    os._exit(1)
