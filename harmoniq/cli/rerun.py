"""The command that makes the same results again, for reports."""

import argparse
import shlex

from harmoniq.cli.words import option_words

#: Positional arguments of the commands that write reports of the group level.
_POSITIONALS = {
    "analyze": ("regions", "participants", "out_dir"),
    "run": ("bids_dir", "out_dir", "level"),
    "reproduce": ("config", "out_dir"),
}
#: Options that say how it is run, not what comes out; those of the settings stand in settings.toml.
_HOW = (
    "bids_database_dir", "clean_work_dir", "dry_run", "mem", "nipype_plugin", "nipype_plugin_file", "nprocs",
    "omp_nthreads", "skip_bids_validation", "stop_on_first_crash", "verbose", "work_dir", "write_graph",
)  # fmt: skip


def rerun_command(args: argparse.Namespace) -> str:
    """Return the command line that makes the same results again.

    It has the paths as they were given, ``settings.toml`` for all settings, and the seed. ``reproduce`` reads the
    study's own file, so that its options of the settings are repeated.

    Parameters
    ----------
    args : Namespace
        Of a command that writes a report of the group level.

    Returns
    -------
    str
        Quoted for a shell; empty for another command.
    """
    from harmoniq.cli.run import SETTING_FLAGS

    command = getattr(args, "command", None)
    if command not in _POSITIONALS:
        return ""
    known: tuple[str, ...] = (*_HOW, "config", "seed")
    words = ["harmoniq", command, *(str(getattr(args, name)) for name in _POSITIONALS[command] if hasattr(args, name))]
    if command != "reproduce":
        words += ["--config", "settings.toml"]
        known += tuple(flag for keys in SETTING_FLAGS.values() for flag in keys.values())
    return shlex.join([*words, *option_words(args, command, leave_out=known), "--seed", str(args.seed)])
