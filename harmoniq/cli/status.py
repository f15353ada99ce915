"""``harmoniq status``: who is pending, running, done or failed, and why."""

import argparse
import dataclasses
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from harmoniq.data.errors import InputError
from harmoniq.jobs.record import STATES, Record
from harmoniq.jobs.verdict import REMEDIES, judge_all


def execute(args: argparse.Namespace) -> int:
    """Print the states of all sessions.

    Parameters
    ----------
    args : Namespace
        Of ``harmoniq status``.

    Returns
    -------
    int
        Exit code: 0 when nothing failed, 1 when something did.

    Raises
    ------
    InputError
        Where there is nothing to look at, or the interval is not above 0.
    """
    out_dir = args.out_dir.absolute()
    if not out_dir.is_dir():
        raise InputError("folder not found", file=out_dir, key="OUT_DIR", remedy="give the folder of results")
    if args.every <= 0:
        raise InputError("must be over 0", key="--every", value=args.every)
    records: Mapping[str, Record] = judge_all(out_dir)
    if not records:
        raise InputError("has no status files", file=out_dir, key="OUT_DIR", remedy="run the participant level first")
    if args.watch:
        records = _watch(out_dir, args.every, records)
    if args.json:
        print(json.dumps(as_json(records), indent=1))
    else:
        print(as_text(records, every_session=args.all))
    return int(any(record.state == "failed" for record in records.values()))


def as_json(records: Mapping[str, Record]) -> dict[str, object]:
    """Lay the states out for JSON.

    Parameters
    ----------
    records : mapping of str to Record
        By label.

    Returns
    -------
    dict of str to object
        ``counts`` by state, and ``sessions``: a record each, with ``participant_id``, ``session_id`` and ``remedy``.
    """
    sessions = []
    for record in records.values():
        row = {"participant_id": record.participant_id, "session_id": record.session_id, **dataclasses.asdict(record)}
        sessions.append({**row, "remedy": REMEDIES.get(record.cause, "")})
    return {"counts": _counts(records), "sessions": sessions}


def as_text(records: Mapping[str, Record], *, every_session: bool = False) -> str:
    """Lay the states out for people.

    Parameters
    ----------
    records : mapping of str to Record
        By label, at least one.
    every_session : bool, optional
        Whether to list also what is done or pending.

    Returns
    -------
    str
        The counts in a line, and a line for each session that is running or failed.
    """
    counts = _counts(records)
    lines = [", ".join(f"{counts[state]} {state}" for state in STATES) + f" of {len(records)}"]
    width = max(map(len, records))
    lines += [
        f"{record.label:<{width}}  {_describe(record)}"
        for record in records.values()
        if every_session or record.state in ("running", "failed")
    ]
    return "\n".join(lines)


def _describe(record: Record) -> str:
    used = f"{record.seconds:.0f} s, {record.peak_gb:.1f} GB" if record.started else ""
    job = f"job {record.job}" if record.job else ""
    reached = f"{record.stage}: {record.node} ({record.nodes_done}/{record.nodes_total})" if record.node else ""
    if record.state == "failed":
        where = record.crash_file or record.log
        parts = [record.cause.replace("_", " "), record.message, REMEDIES.get(record.cause, ""), where, used, job]
    else:
        parts = [record.message, reached, used, job]
    return f"{record.state:<8}" + "; ".join(part for part in parts if part)


def _counts(records: Mapping[str, Record]) -> dict[str, int]:
    found = Counter(record.state for record in records.values())
    return {state: found[state] for state in STATES}


def _watch(out_dir: Path, every: float, records: Mapping[str, Record]) -> Mapping[str, Record]:
    """Show the counts until nothing is pending or running, or Ctrl-C; on a terminal in place, in a log by change."""
    live, last = sys.stderr.isatty(), ""
    while True:
        counts = _counts(records)
        line = as_text(records) if live else as_text(records).splitlines()[0]
        if live:
            print("\x1b[2J\x1b[H" + time.strftime("%H:%M:%S ") + line, file=sys.stderr, flush=True)
        elif line != last:
            print(time.strftime("[%H:%M:%S] ") + line, file=sys.stderr, flush=True)
        last = line
        if not counts["pending"] + counts["running"]:
            return records
        try:
            time.sleep(every)
            records = judge_all(out_dir)
        except KeyboardInterrupt:  # how one leaves it
            return records
