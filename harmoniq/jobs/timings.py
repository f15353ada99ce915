"""What each step of a session took, kept beside the status files: a later run that reuses a step keeps its figures."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from harmoniq.data.errors import InputError
from harmoniq.data.files import read_json, write_json


class Measure(NamedTuple):
    """What one node took.

    Parameters
    ----------
    stage, node : str
        Stage of the processing, and name of the node within it.
    seconds : float
        Wall time, s.
    peak_gb : float
        Largest memory, GB.
    """

    stage: str
    node: str
    seconds: float
    peak_gb: float


def timings_path(out_dir: Path, label: str) -> Path:
    """Return where the measures of a session lie.

    Parameters
    ----------
    out_dir : Path
        Folder of the results.
    label : str
        ``sub-X`` or ``sub-X_ses-Y``.

    Returns
    -------
    Path
        JSON file; it need not exist.
    """
    return out_dir / "logs" / "timings" / f"{label}.json"


def keep_timings(out_dir: Path, label: str, measures: Iterable[Measure]) -> None:
    """Enter what was measured, over what an earlier run has measured of the same nodes.

    Parameters
    ----------
    out_dir : Path
        Folder of the results.
    label : str
        ``sub-X`` or ``sub-X_ses-Y``.
    measures : iterable of Measure
        Of nodes that were run, not of those that were reused.
    """
    new = {f"{m.stage}.{m.node}": {"seconds": round(m.seconds, 2), "peak_gb": round(m.peak_gb, 3)} for m in measures}
    if new:
        write_json(timings_path(out_dir, label), _content(out_dir, label) | new)


def read_timings(out_dir: Path, label: str) -> list[Measure]:
    """Read what the nodes of a session have taken.

    Parameters
    ----------
    out_dir : Path
        Folder of the results.
    label : str
        ``sub-X`` or ``sub-X_ses-Y``.

    Returns
    -------
    list of Measure
        In the order in which they were first measured; empty where nothing is known.
    """
    found = []
    for name, facts in _content(out_dir, label).items():
        stage, _, node = name.partition(".")
        found.append(Measure(stage, node, float(facts["seconds"]), float(facts["peak_gb"])))
    return found


def _content(out_dir: Path, label: str) -> dict[str, dict[str, float]]:
    path = timings_path(out_dir, label)
    try:
        return dict(read_json(path)) if path.is_file() else {}
    except (InputError, ValueError):  # a file of an interrupted write is made anew
        return {}
