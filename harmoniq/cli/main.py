"""Entry point of ``harmoniq``: run a command, and turn what goes wrong into a sentence and an exit code."""

import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

from harmoniq.cli.resources import limit_threads
from harmoniq.data.errors import InputError
from harmoniq.jobs.signals import Stopped, exit_code_of, kill_children, name_of

DONE, FAILED, WRONG_INPUT = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        Exit code: 0 done; 1 some participants or nodes failed, or the run was interrupted; 2 wrong arguments, config or
        input. 75 and those above 128 are of a run that a scheduler stopped.
    """
    # Nipype and pydra ask a server for their newest version at first use: never, unless the user sets these.
    for name in ("NO_ET", "NIPYPE_NO_ET"):
        os.environ.setdefault(name, "1")
    # Arrow's memory would keep a thread of its own, and a process with threads cannot safely be forked.
    os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")
    from harmoniq.cli.parser import build_parser

    try:
        args = build_parser().parse_args(argv)
        if hasattr(args, "omp_nthreads"):  # before numerical libraries are loaded, which start their threads then
            limit_threads(args.omp_nthreads)
        if not getattr(args, "quiet", False):
            return args.execute(args)
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
            return args.execute(args)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG_INPUT
    except (KeyboardInterrupt, Stopped) as end:
        kill_children()  # workers leave signals to this process
        print(f"stopped by {name_of(end)}: run the same command again", file=sys.stderr)
        return exit_code_of(end)
    except BrokenPipeError:
        # The reader of our output has gone, for example `| head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
