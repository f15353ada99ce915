"""``harmoniq qc``: the page of quality control over all participants."""

import argparse

from harmoniq.cli.quality import ratings_file, write_quality
from harmoniq.data.errors import InputError
from harmoniq.settings.load import load_settings


def execute(args: argparse.Namespace) -> int:
    """Write ``OUT_DIR/qc.html`` and ``OUT_DIR/qc_metrics.tsv``.

    Parameters
    ----------
    args : Namespace
        Of ``harmoniq qc``.

    Returns
    -------
    int
        Exit code 0.

    Raises
    ------
    InputError
        Where the folder is not there, has no sessions, or the ratings cannot be read.
    """
    out_dir = args.out_dir.absolute()
    if not out_dir.is_dir():
        raise InputError("folder not found", file=out_dir, key="OUT_DIR", remedy="give the folder of results")
    args.exclude_qc = None
    path, count = write_quality(out_dir, load_settings(args.config), ratings_file(args, [out_dir]))
    print(f"{count} sessions: {path}")
    print(f"Next: open it, rate, save participants_qc.tsv into {out_dir}, and run the group level with")
    print("      --exclude-qc fail")
    return 0
