"""The group level on the participant level's derivatives."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from harmoniq.cli.group_tables import analyze_tables
from harmoniq.cli.quality import excluded_by_rating, ratings_file, update_reports, write_quality
from harmoniq.data.errors import InputError
from harmoniq.jobs.exclusions import write_exclusions
from harmoniq.jobs.verdict import judge_all
from harmoniq.settings.schema import Settings


def run_group(args: argparse.Namespace, settings: Settings) -> int:
    """Analyze the regional tables below OUT_DIR; write ``OUT_DIR/group``.

    Parameters
    ----------
    args : Namespace
        Of ``harmoniq run ... group``.
    settings : Settings
        Of the study, with the flags over it.

    Returns
    -------
    int
        Exit code: 0 done, 1 a step failed.

    Raises
    ------
    InputError
        Where the folder, its regional tables (unless ``--stages`` asks for none) or ``participants.tsv`` are not there,
        no table fits the labels that were asked for, or the input is wrong.
    """
    from harmoniq.regions.collect import find_regions, profiles_beside

    out_dir = args.out_dir.absolute()
    if not out_dir.is_dir():
        raise InputError("folder not found", file=out_dir, key="OUT_DIR", remedy="run the participant level first")
    rated = excluded_by_rating(args, [out_dir, out_dir / "group", args.bids_dir.absolute()])
    excluded = name_absent(out_dir, rated)
    tables = [path for path in find_regions(out_dir) if path.name.removesuffix("_regions.tsv") not in excluded]
    if tables:
        tables = _chosen(tables, args.participant_label, args.session_label)
    elif args.stages is None or "regions" in args.stages:
        raise InputError("has no *_regions.tsv", file=out_dir, key="OUT_DIR", remedy="run the participant level first")
    page, _ = write_quality(out_dir, settings, ratings_file(args, [out_dir, out_dir / "group"]))
    print(f"Quality control: {page}")
    if not tables:
        # As the group job of `harmoniq slurm ... -- --stages maps`: who failed is said, and that is all there is to do.
        print("No regional tables were asked for: nothing to analyze (--stages)")
        return 0
    beside = [folder / "participants.tsv" for folder in (out_dir, args.bids_dir.absolute())]
    participants = next((path for path in beside if path.is_file()), None)
    if participants is None:
        raise InputError("file not found", file=beside[0], remedy="the group level needs site, group, age and sex")
    ours = [table for table in tables if table.name.removesuffix("_regions.tsv") not in rated]
    code = analyze_tables(
        args, settings, tables, participants, out_dir / "group", title="Group report", left_out=rated,
        profiles=profiles_beside(ours),
    )  # fmt: skip
    if code == 0 and (count := update_reports(out_dir, out_dir / "group", settings)):
        print(f"{count} participants' reports show their values among the group's")
    return code


def name_absent(out_dir: Path, rated: Mapping[str, str] | None = None) -> set[str]:
    """Write ``excluded.tsv`` where a run or a cluster has left status files, or a rating leaves somebody out.

    Parameters
    ----------
    out_dir : Path
        Folder of the results.
    rated : mapping of str to str or None, optional
        Sessions (or participants) that a rating leaves out, and why.

    Returns
    -------
    set of str
        Labels of the sessions that are not done; those that a rating leaves out are not among them.
    """
    records = judge_all(out_dir)
    if not records and not rated:
        return set()
    count = write_exclusions(out_dir / "excluded.tsv", records, rated)
    if count:
        of = f" of {len(records)}" if records else ""
        print(f"{count}{of} sessions are left out; {out_dir / 'excluded.tsv'} says why")
    return {label for label, record in records.items() if record.state != "done"}


def _chosen(tables: Sequence[Path], participants: Sequence[str] | None, sessions: Sequence[str] | None) -> list[Path]:
    chosen = list(tables)
    for labels, prefix, key in ((participants, "sub-", "--participant-label"), (sessions, "ses-", "--session-label")):
        if labels:
            wanted = {prefix + label.removeprefix(prefix) for label in labels}
            chosen = [path for path in chosen if wanted & set(path.name.split("_"))]
            if not chosen:
                raise InputError("no regional table fits", key=key, value=" ".join(labels))
    return chosen
