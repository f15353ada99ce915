"""The command that makes the same results again, for reports."""

import argparse
import shlex

#: Positional arguments of the commands that write reports of the group level.
_POSITIONALS = {
    "analyze": ("regions", "participants", "out_dir"),
    "run": ("bids_dir", "out_dir", "level"),
    "reproduce": ("config", "out_dir"),
}


def rerun_command(args: argparse.Namespace) -> str:
    """Return the command line: the paths as they were given, ``settings.toml`` for all settings, and the seed."""
    command = getattr(args, "command", None)
    if command not in _POSITIONALS:
        return ""
    words = ["harmoniq", command, *(str(getattr(args, name)) for name in _POSITIONALS[command] if hasattr(args, name))]
    if command != "reproduce":
        words += ["--config", "settings.toml"]
    for name in ("rehearse", "alternatives", "allow_mixed_engines"):
        words += [f"--{name.replace('_', '-')}"] if getattr(args, name, False) else []
    return shlex.join([*words, "--seed", str(args.seed)])
