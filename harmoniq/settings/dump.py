"""Settings as TOML, so that a run's own file makes the same run again."""

import json
from collections.abc import Mapping
from typing import Any


def to_toml(settings: Mapping[str, Any]) -> str:
    """Return settings as a TOML file that ``--config`` takes.

    Parameters
    ----------
    settings : mapping
        As `harmoniq.settings.load.as_dict` returns them. Where the datasets lie is left out: their paths are relative
        to another file.

    Returns
    -------
    str
        The whole file; keys without a value are left out.
    """
    kept = {name: table for name, table in settings.items() if isinstance(table, Mapping) and name != "datasets"}
    lines: list[str] = []
    for name, table in kept.items():
        _write(lines, [name], table)
    return "\n".join(lines) + "\n"


def _write(lines: list[str], path: list[str], table: Mapping[str, Any]) -> None:
    values = {key: value for key, value in table.items() if not isinstance(value, Mapping) and value is not None}
    if values or not table:
        lines.append(f"{'' if not lines else chr(10)}[{'.'.join(map(_key, path))}]")
        lines.extend(f"{_key(key)} = {_value(value)}" for key, value in values.items())
    for key, value in table.items():
        if isinstance(value, Mapping):
            _write(lines, [*path, key], value)


def _key(name: str) -> str:
    plain = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if plain else json.dumps(name, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    return repr(value)
