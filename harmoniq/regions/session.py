"""The regional table of one session out of the rows that its nodes wrote."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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
    parameters: Mapping[str, Any] | None = None,
    lesions: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Write ``regions.tsv`` and its sidecar.

    Parameters
    ----------
    out : path
        The table; the sidecar lies beside it.
    rows : sequence of path
        JSON with rows and notes, as `sample_cortex` and `sample_bundles` write them.
    participant_id, session_id : str
        Labels, with or without prefix; a session of None where the dataset has none.
    engines : mapping of str to str
        What made each metric, the surfaces and the bundles.
    notes : sequence of str
        What has to be said about the session.
    parameters : mapping, optional
        Of the acquisition, as `harmoniq.data.parameters` finds them.
    lesions : mapping, optional
        Metric to what was left out of its map for lesions; without one nothing was.
    """
    parts = [read_json(path) for path in rows]
    table = assemble(
        [row for part in parts for row in part["rows"]], participant_id=participant_id, session_id=session_id
    )
    said = dict.fromkeys([*notes, *(note for part in parts for note in part["notes"])])
    metadata: dict[str, Any] = {
        "Engines": dict(engines),
        "Versions": versions(),
        "Notes": list(said),
        "Lesions": {metric: dict(facts) for metric, facts in (lesions or {}).items()} or "not left out",
    }
    if parameters:
        metadata["Acquisition"] = dict(parameters)
    placed = next((part["bundles"] for part in parts if part.get("bundles")), None)
    if placed:
        metadata["Bundles"] = placed
    counts = {name: count for part in parts for name, count in part.get("in_lesions", {}).items()}
    if counts:
        metadata["VerticesInLesions"] = counts
    write_regions(out, table, metadata)
