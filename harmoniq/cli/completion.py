"""``harmoniq completion``: what makes a shell complete harmoniq's commands, options and choices."""

import argparse
from pathlib import Path

from harmoniq.data.errors import InputError


def execute(args: argparse.Namespace) -> int:
    """Print the script.

    Parameters
    ----------
    args : Namespace
        Of ``harmoniq completion``.

    Returns
    -------
    int
        Exit code 0.
    """
    print(completion_script(args.shell))
    return 0


def completion_script(shell: str) -> str:
    """Make the completion script of a shell, by shtab from the parser itself.

    Parameters
    ----------
    shell : {'bash', 'zsh', 'tcsh'}
        Whose.

    Returns
    -------
    str
        To be read by the shell at its start.

    Raises
    ------
    InputError
        When shtab is not installed.
    """
    from harmoniq.cli.parser import build_parser

    try:
        import shtab
    except ModuleNotFoundError as error:
        raise InputError("needs shtab", key="completion", remedy="pip install shtab") from error
    parser = build_parser()
    (commands,) = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for command in commands.choices.values():
        for action in command._actions:
            if action.type is Path:
                folder = str(action.metavar or "").endswith("DIR")
                action.complete = shtab.DIRECTORY if folder else shtab.FILE  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell))
