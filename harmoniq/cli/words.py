"""Parsed options as the words of a command line again."""

import argparse
from collections.abc import Container


def option_words(args: argparse.Namespace, command: str, leave_out: Container[str] = ()) -> list[str]:
    """Write options that differ from their defaults as the words of a command line.

    Parameters
    ----------
    args : argparse.Namespace
        Holds the values, by the names that the command's parser gives them.
    command : str
        Such as ``run``: whose options are looked for.
    leave_out : container of str
        Names that are not wanted.

    Returns
    -------
    list of str
        Long names, each followed by its values; not quoted.
    """
    from harmoniq.cli.parser import command_parser

    words: list[str] = []
    for action in command_parser(command)._actions:
        value = getattr(args, action.dest, None)
        if not action.option_strings or action.dest in leave_out or value in (None, action.default):
            continue
        words.append(action.option_strings[-1])
        if isinstance(action, argparse._CountAction):
            words += words[-1:] * (value - 1)
        elif action.nargs != 0:
            words += [str(item) for item in (value if isinstance(value, list) else [value])]
    return words
