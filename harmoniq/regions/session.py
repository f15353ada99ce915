"""The regional table of one session out of the rows that its nodes wrote."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from harmoniq.data.files import read_json
from harmoniq.data.provenance import versions
from harmoniq.regions.table import assemble, write_regions


def write_session_table(
    out: Path,
    rows: Sequence[str | Path],
    *,
    participant_id: str,
    session_id: str | None,
    engines: Mapping[str, str],
    notes: Sequence[str] = (),
) -> None:
    """Write ``regions.tsv`` and its sidecar.

    Parameters
    ----------
    out : path
        The table; the sidecar lies beside it.
    rows : sequence of path
        JSON lists of rows, as `sample_cortex` and `sample_bundles` write them.
    participant_id, session_id : str
        Whose.
    engines : mapping
        Engine of each metric, of the surfaces and bundles.
    notes : sequence of str
        What has to be said about the session.
    """
    table = assemble(
        [row for path in rows for row in read_json(path)], participant_id=participant_id, session_id=session_id
    )
    metadata = {"Engines": dict(engines), "Versions": versions(), "Notes": list(notes)}
    write_regions(out, table, metadata)
