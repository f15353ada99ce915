"""``harmoniq run``: the two levels of the BIDS App."""

import argparse

from harmoniq.settings.load import load_settings
from harmoniq.settings.schema import Settings

#: Table and key of the settings that a flag of the command line stands for.
SETTING_FLAGS = {
    "study": {"reference_site": "reference_site", "methods": "methods"},
    "r1": {"engine": "r1_engine", "b1_correction": "b1_correction"},
    "r2star": {"engine": "r2star_engine", "method": "r2star_method", "field_correction": "field_correction"},
    "surfaces": {"engine": "surface_engine"},
    "bundles": {"engine": "bundle_engine", "tractometry": "tractometry_engine"},
    "statistics": {
        "combat_engine": "combat_engine", "bootstrap": "bootstrap", "hbr_engine": "hbr_engine", "hbr_fit": "hbr_fit",
    },
}  # fmt: skip


def execute(args: argparse.Namespace) -> int:
    """Run the participant or the group level.

    Parameters
    ----------
    args : Namespace
        Of ``harmoniq run``.

    Returns
    -------
    int
        Exit code of the level.
    """
    settings = settings_from(args)
    if args.level == "participant":
        from harmoniq.cli.participant import run_participants

        return run_participants(args, settings)
    from harmoniq.cli.group import run_group

    return run_group(args, settings)


def settings_from(args: argparse.Namespace) -> Settings:
    """Load the settings of the study, with the flags of the command line over them.

    Parameters
    ----------
    args : Namespace
        Of a command; flags and a config that it does not have are not needed.

    Returns
    -------
    Settings
        Checked.

    Raises
    ------
    InputError
        As `load_settings`.
    """
    overrides = {
        table: {key: getattr(args, flag, None) for key, flag in keys.items()} for table, keys in SETTING_FLAGS.items()
    }
    return load_settings(getattr(args, "config", None), overrides)
