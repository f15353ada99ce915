"""The built-in studies, as TOML files, and the figures that they published."""

from importlib.resources import files


def read_builtin(name: str) -> str:
    """Return the text of a built-in study, for example ``chen2026.toml``.

    Parameters
    ----------
    name : str
        Name.

    Returns
    -------
    str
        The text of a built-in study, for example ``chen2026.toml``.
    """
    return (files("harmoniq.configs") / name).read_text(encoding="utf-8")
