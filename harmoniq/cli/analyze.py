"""``harmoniq analyze``: the group level from tables alone."""

import argparse

from harmoniq.cli.group_tables import analyze_tables
from harmoniq.cli.quality import excluded_by_rating, ratings_file, write_table_quality
from harmoniq.cli.run import settings_from


def execute(args: argparse.Namespace) -> int:
    """Analyze a regional table.

    Parameters
    ----------
    args : Namespace
        Of ``harmoniq analyze``.

    Returns
    -------
    int
        Exit code: 0 done, 1 a step failed.
    """
    settings = settings_from(args)
    regions, participants = args.regions.absolute(), args.participants.absolute()
    out_dir = args.out_dir.absolute()
    folders = [out_dir, participants.parent, regions.parent]
    rated = excluded_by_rating(args, folders)
    code = analyze_tables(args, settings, [regions], participants, args.out_dir, title="Group analysis", left_out=rated)
    if code == 0:
        page = write_table_quality(out_dir, [regions], participants, settings, ratings_file(args, folders))
        print(f"Quality control: {page}")
    return code
