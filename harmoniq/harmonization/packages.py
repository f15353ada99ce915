"""Packages of the reference engines, which are optional."""

import importlib
from types import ModuleType

from harmoniq.data.errors import InputError


def import_engine(module: str, *, key: str, engine: str, install: str) -> ModuleType:
    """Import the package of a reference engine.

    Parameters
    ----------
    module : str
        Its full name.
    key, engine : str
        The option that asks for the engine, and its value.
    install : str
        Command that installs it.

    Returns
    -------
    ModuleType
        The module.

    Raises
    ------
    InputError
        When it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"is not installed ({error})", key=key, value=engine,
            remedy=f"install it with {install}, or use the native engine",
        ) from error  # fmt: skip
