"""``harmoniq analyze``: the group level from tables alone."""

import argparse

from harmoniq.cli.group import analyze_tables
from harmoniq.cli.run import settings_from


def execute(args: argparse.Namespace) -> int:
    """Analyze a regional table; write OUT_DIR."""
    settings = settings_from(args)
    regions, participants = args.regions.absolute(), args.participants.absolute()
    return analyze_tables(args, settings, [regions], participants, args.out_dir, title="Group analysis")
