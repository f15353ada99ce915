"""The command that makes the same results again, for reports."""

import argparse
import shlex

#: Positional arguments of the commands that write reports of the group level.
_POSITIONALS = {
    "analyze": ("regions", "participants", "out_dir"),
    "run": ("bids_dir", "out_dir", "level"),
    "reproduce": ("config", "out_dir"),
}


#: Options that stand in no settings.toml that ``reproduce`` would read: its file is the study's.
_OF_REPRODUCE = (
    "dataset", "participant_level", "participant_label", "session_label", "stages", "reference_site", "methods",
    "combat_engine", "hbr_engine", "hbr_fit", "bootstrap", "r1_engine", "r2star_engine", "r2star_method",
    "field_correction", "b1_correction", "surface_engine", "bundle_engine",
)  # fmt: skip


def rerun_command(args: argparse.Namespace) -> str:
    """Return the command line: the paths as they were given, ``settings.toml`` for all settings, and the seed."""
    command = getattr(args, "command", None)
    if command not in _POSITIONALS:
        return ""
    words = ["harmoniq", command, *(str(getattr(args, name)) for name in _POSITIONALS[command] if hasattr(args, name))]
    if command != "reproduce":
        words += ["--config", "settings.toml"]
    for name in _OF_REPRODUCE if command == "reproduce" else ():
        words += _flag(name, getattr(args, name, None))
    for name in ("rehearse", "alternatives", "allow_mixed_engines"):
        words += [f"--{name.replace('_', '-')}"] if getattr(args, name, False) else []
    for name in ("exclude_qc", "qc_file"):
        words += _flag(name, getattr(args, name, None))
    return shlex.join([*words, "--seed", str(args.seed)])


def _flag(name: str, value: object) -> list[str]:
    if value is None or value == [] or (name, value) == ("participant_level", "local"):
        return []
    values = [str(item) for item in value] if isinstance(value, list) else [str(value)]
    return [f"--{name.replace('_', '-')}", *values]
