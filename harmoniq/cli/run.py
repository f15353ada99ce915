"""``harmoniq run``: the two levels of the BIDS App."""

import argparse

from harmoniq.settings.load import load_settings
from harmoniq.settings.schema import Settings


def execute(args: argparse.Namespace) -> int:
    """Run the participant or the group level; return the exit code."""
    settings = settings_from(args)
    if args.level == "participant":
        from harmoniq.cli.participant import run_participants

        return run_participants(args, settings)
    from harmoniq.cli.group import run_group

    return run_group(args, settings)


def settings_from(args: argparse.Namespace) -> Settings:
    """Return the study's settings with the flags of the command line over them."""

    def flag(name: str) -> object:
        return getattr(args, name, None)

    overrides = {
        "study": {"reference_site": flag("reference_site"), "methods": flag("methods")},
        "r1": {"engine": flag("r1_engine"), "b1_correction": flag("b1_correction")},
        "r2star": {
            "engine": flag("r2star_engine"),
            "method": flag("r2star_method"),
            "field_correction": flag("field_correction"),
        },
        "surfaces": {"engine": flag("surface_engine")},
        "bundles": {"engine": flag("bundle_engine")},
        "statistics": {
            "combat_engine": flag("combat_engine"),
            "bootstrap": flag("bootstrap"),
            "hbr_engine": flag("hbr_engine"),
            "hbr_fit": flag("hbr_fit"),
        },
    }
    return load_settings(flag("config"), overrides)  # type: ignore[arg-type]
