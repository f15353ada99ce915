"""What went wrong, for readers: in which step, why in a sentence, what to do, and where more is written."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from harmoniq.report.blocks import Folded, Section, Text, Verbatim, escape
from harmoniq.report.stages import stage_words


@dataclass(frozen=True)
class Failure:
    """A session, or a step of one, that failed.

    Parameters
    ----------
    label : str
        ``sub-X`` or ``sub-X_ses-Y``.
    sentence : str
        Why.
    stage, node : str
        Part of the workflow and node; empty where it failed before any step.
    crash_file, traceback : str
        Of a node that stopped.
    bad_input : bool
        Whether the sentence names something that the user can mend.
    remedy : str
        What to do, where that is known; otherwise it is read from the traceback.
    """

    label: str
    sentence: str
    stage: str = ""
    node: str = ""
    crash_file: str = ""
    traceback: str = ""
    bad_input: bool = False
    remedy: str = ""


#: What a traceback holds, and what can be done about it.
_REMEDIES = (
    (r"worker was killed|MemoryError|Cannot allocate", "Give more memory (--mem) or fewer processes (--nprocs)."),
    (r"No space left on device|Disk quota exceeded", "Make room on the disk, or give another --work-dir."),
    (r"PermissionError|Permission denied", "Give yourself the right to read and write the file that it names."),
    (r"ModuleNotFoundError|ImportError", "Install what it names; harmoniq doctor gives the command."),
    (r"FileNotFoundError|No such file", "A file has gone while the run was at work: put it back."),
    (r"CalledProcessError|exited with code|return code", "A program outside harmoniq failed: read its words."),
)  # fmt: skip
_AGAIN = "Run the same command again: what is done is not done twice."


def remedy_of(failure: Failure) -> str:
    """Return what the user can do about a failure.

    Parameters
    ----------
    failure : Failure
        The node's failure.

    Returns
    -------
    str
        Sentences: by the traceback's words where they are known.
    """
    if failure.remedy:
        return failure.remedy
    if failure.bad_input or not failure.traceback:
        return f"Mend what the sentence names. {_AGAIN}"
    for pattern, remedy in _REMEDIES:
        if re.search(pattern, failure.traceback):
            return f"{remedy} {_AGAIN}"
    return (
        f"This was not foreseen. {_AGAIN} If it fails again, please report it with the crash file: it holds the inputs "
        "of the step and no image."
    )


def failure_section(failures: Sequence[Failure]) -> Section:
    """Return the section on what went wrong; it is empty where nothing did.

    Parameters
    ----------
    failures : sequence of Failure
        What failed, session by session.

    Returns
    -------
    Section
        Per failure: the step, the sentence, the remedy and, where there are any, crash file and traceback.
    """
    blocks: list[object] = []
    for failure in failures:
        step = f" in the step <em>{escape(stage_words(failure.stage, failure.node))}</em>" if failure.stage else ""
        blocks.append(Text(f"<p><strong>{escape(failure.label)}</strong> stopped{step}:</p>"))
        blocks.append(Verbatim(failure.sentence))
        blocks.append(Text(f"<p>What to do: {escape(remedy_of(failure))}</p>"))
        if failure.crash_file:
            blocks.append(Text(f"<p>Crash file: <code>{escape(failure.crash_file)}</code></p>"))
        if failure.traceback:
            blocks.append(Folded(failure.traceback, "The program's own words"))
    return Section("errors", "What went wrong", blocks)
