"""Make the settings from TOML: the built-in study first, the user's file over it, flags over both."""

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from harmoniq.configs import read_builtin
from harmoniq.data.cohort import PARTICIPANT_COLUMNS
from harmoniq.data.errors import InputError
from harmoniq.settings.schema import Settings

BUILTIN = "chen2026.toml"

#: Keys that a site can give where a sidecar lacks them, by suffix.
SITE_KEYS = {
    "MP2RAGE": (
        "RepetitionTimePreparation",
        "RepetitionTimeExcitation",
        "InversionTime",
        "FlipAngle",
        "NumberShots",
        "InversionEfficiency",
    ),
    "MEGRE": ("EchoTime",),
    "TB1SRGE": (
        "RepetitionTimePreparation",
        "RepetitionTimeExcitation",
        "InversionTime",
        "FlipAngle",
        "NumberShots",
    ),
}


#: Keys of a dataset of ``reproduce``; paths are relative to the config.
DATASET_KEYS = ("bids", "results", "participants", "site", "derivatives", "fs_subjects_dir")


def load_settings(
    config: str | Path | None = None, overrides: Mapping[str, Mapping[str, Any]] | None = None
) -> Settings:
    """Return the settings of a run.

    Parameters
    ----------
    config : path, optional
        A TOML file of the user's, laid over the built-in study key by key.
    overrides : mapping of mapping, optional
        ``{table: {key: value}}`` from command-line flags; None values are passed over.

    Returns
    -------
    Settings
        Built-in study, config and flags, the later over the earlier.

    Raises
    ------
    InputError
        For a missing or malformed file, an unknown table or key (the nearest known one is named), a value of the wrong
        type, or one outside its range or choices.
    """
    layers = [(BUILTIN, _parse(read_builtin(BUILTIN), BUILTIN))]
    if config is not None:
        layers.append((str(config), _read(Path(config))))
    layers.append(
        ("command line", {k: {n: v for n, v in t.items() if v is not None} for k, t in (overrides or {}).items()})
    )
    settings = Settings(source=str(config) if config is not None else f"built-in {BUILTIN}")
    for file, tables in layers:
        settings = _apply(settings, tables, file)
    return settings


def as_dict(settings: Settings) -> dict[str, Any]:
    """Return the settings as plain dictionaries and lists, to be dumped beside the results.

    Parameters
    ----------
    settings : Settings
        All tables.

    Returns
    -------
    dict of str to object
        By table and key, in the order of the schema; tuples are lists.
    """
    return _plain({field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)})


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError("file not found", file=path, key="--config") from error
    except (IsADirectoryError, PermissionError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read as a TOML file ({error})", file=path, key="--config") from error
    return _parse(text, str(path))


def _parse(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"is not valid TOML: {error}", file=file) from error


def _apply(settings: Settings, tables: Mapping[str, Any], file: str) -> Settings:
    known = [field.name for field in dataclasses.fields(settings) if field.name != "source"]
    changes: dict[str, Any] = {}
    for name, table in tables.items():
        if name == "protocols":  # read by the simulator alone
            continue
        if name not in known:
            raise _unknown(name, [*known, "protocols"], file, "table")
        if not isinstance(table, Mapping):
            raise InputError("must be a table", file=file, key=name, value=table, remedy=f"write it under [{name}]")
        if name == "columns":
            changes[name] = {**settings.columns, **_columns(table, file)}
        elif name == "datasets":
            changes[name] = {**settings.datasets, **_datasets(table, file)}
        elif name == "sites":
            changes[name] = {**settings.sites, **_sites(table, file)}
        else:
            changes[name] = _section(getattr(settings, name), table, name, file)
    return dataclasses.replace(settings, **changes)


def _section(section: Any, table: Mapping[str, Any], name: str, file: str) -> Any:
    fields = {field.name: field for field in dataclasses.fields(section)}
    values = {}
    for key, value in table.items():
        if key not in fields:
            raise _unknown(key, fields, file, f"key of [{name}]")
        values[key] = _checked(value, fields[key], f"{name}.{key}", file)
    return dataclasses.replace(section, **values)


def _checked(value: Any, field: dataclasses.Field, key: str, file: str) -> Any:
    default = field.default
    if default == ():
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
            raise InputError("must be a list of texts", file=file, key=key, value=value)
        return tuple(dict.fromkeys(value))
    if isinstance(default, tuple):
        if not isinstance(value, (list, tuple)) or not value:
            raise InputError("must be a list with at least one entry", file=file, key=key, value=value)
        if isinstance(default[0], float):
            numbers = tuple(_number(item, float, key, file) for item in value)
            if len(numbers) != 2 or numbers[0] >= numbers[1]:
                raise InputError("must be two rising numbers", file=file, key=key, value=list(value))
            return numbers
        for item in value:
            _check_choice(item, field, key, file)
        return tuple(dict.fromkeys(value))
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise InputError("must be true or false", file=file, key=key, value=value)
        return value
    if isinstance(default, (int, float)):
        number = _number(value, type(default), key, file)
        bounds = field.metadata["bounds"]
        if bounds and not bounds[0] <= number <= bounds[1]:
            raise InputError(f"must be between {bounds[0]:g} and {bounds[1]:g}", file=file, key=key, value=value)
        return number
    if not isinstance(value, str):
        raise InputError("must be text", file=file, key=key, value=value, remedy="put it in quotes")
    _check_choice(value, field, key, file)
    return value


def _check_choice(value: Any, field: dataclasses.Field, key: str, file: str) -> None:
    choices = field.metadata["choices"]
    if choices and value not in choices:
        near = get_close_matches(str(value), choices, 1)
        hint = f"did you mean {near[0]}?" if near else None
        raise InputError(f"must be one of {', '.join(choices)}", file=file, key=key, value=value, remedy=hint)


def _number(value: Any, kind: type, key: str, file: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or (kind is int and value != int(value)):
        raise InputError(f"must be a{' whole' * (kind is int)} number", file=file, key=key, value=value)
    return kind(value)


def _columns(table: Mapping[str, Any], file: str) -> dict[str, str]:
    for key, value in table.items():
        if key not in PARTICIPANT_COLUMNS:
            raise _unknown(key, PARTICIPANT_COLUMNS, file, "key of [columns]")
        if not isinstance(value, str):
            raise InputError("must be the name of a column", file=file, key=f"columns.{key}", value=value)
    return dict(table)


def _sites(table: Mapping[str, Any], file: str) -> dict[str, dict[str, dict[str, Any]]]:
    for site, suffixes in table.items():
        if not isinstance(suffixes, Mapping):
            raise InputError("must be a table", file=file, key=f"sites.{site}", value=suffixes)
        for suffix, keys in suffixes.items():
            if suffix not in SITE_KEYS:
                raise _unknown(suffix, SITE_KEYS, file, f"table of [sites.{site}]")
            if not isinstance(keys, Mapping):
                raise InputError("must be a table", file=file, key=f"sites.{site}.{suffix}", value=keys)
            for key in keys:
                if key not in SITE_KEYS[suffix]:
                    raise _unknown(key, SITE_KEYS[suffix], file, f"key of [sites.{site}.{suffix}]")
    return {site: {suffix: dict(keys) for suffix, keys in suffixes.items()} for site, suffixes in table.items()}


def _datasets(table: Mapping[str, Any], file: str) -> dict[str, dict[str, Any]]:
    for dataset, keys in table.items():
        if not isinstance(keys, Mapping):
            raise InputError("must be a table", file=file, key=f"datasets.{dataset}", value=keys)
        for key, value in keys.items():
            if key not in DATASET_KEYS:
                raise _unknown(key, DATASET_KEYS, file, f"key of [datasets.{dataset}]")
            words = value if key == "derivatives" and isinstance(value, list) else [value]
            if not all(isinstance(word, str) and word for word in words) or (key == "derivatives" and words == [value]):
                wanted = "a list of paths" if key == "derivatives" else "text"
                raise InputError(f"must be {wanted}", file=file, key=f"datasets.{dataset}.{key}", value=value)
    return {dataset: dict(keys) for dataset, keys in table.items()}


def _unknown(name: str, known: Iterable[str], file: str, what: str) -> InputError:
    known = list(known)
    near = get_close_matches(name, known, 1, cutoff=0.4)
    remedy = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    return InputError(f"unknown {what}", file=file, key=name, remedy=remedy)
