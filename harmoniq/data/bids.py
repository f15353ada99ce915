"""Open a raw BIDS dataset: check that it is one, find its participants, index only what is asked for."""

import json
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmoniq.data.errors import InputError
from harmoniq.data.files import read_json

if TYPE_CHECKING:
    from bids.layout import BIDSLayout

#: Queries that ``--bids-filter-file`` can narrow, with what they ask for by default.
QUERIES: dict[str, dict[str, Any]] = {
    "unit1": {"suffix": "UNIT1"},
    "mp2rage": {"suffix": "MP2RAGE"},
    "megre": {"suffix": "MEGRE"},
    "b1": {"suffix": ["TB1map", "TB1TFL", "TB1SRGE"]},
    "dwi": {"suffix": "dwi"},
    "flair": {"suffix": "FLAIR"},
    "t1w": {"suffix": "T1w"},
    "t2w": {"suffix": "T2w"},
}


def check_dataset(bids_dir: Path) -> None:
    """Refuse a folder that is not a BIDS dataset.

    Parameters
    ----------
    bids_dir : Path
        Raw BIDS dataset.

    Raises
    ------
    InputError
        When the folder or its ``dataset_description.json`` is absent, or the latter is not JSON or lacks Name or
        BIDSVersion.
    """
    if not bids_dir.is_dir():
        raise InputError("folder not found", file=bids_dir, key="BIDS_DIR")
    description = bids_dir / "dataset_description.json"
    if not description.is_file():
        raise InputError(
            "file not found: this is not the root of a BIDS dataset",
            file=description,
            remedy="give the folder that holds dataset_description.json and sub-*",
        )
    content = read_json(description)
    for key in ("Name", "BIDSVersion"):
        if not isinstance(content, dict) or key not in content:
            raise InputError("missing", file=description, key=key, remedy="BIDS requires it")


def find_participants(bids_dir: Path, wanted: Sequence[str] | None = None) -> list[str]:
    """Return participant labels without ``sub-``: all of the dataset, or those wanted.

    Parameters
    ----------
    bids_dir : Path
        Raw BIDS dataset.
    wanted : sequence of str or None, optional
        Labels, with or without ``sub-``; None or none: all.

    Returns
    -------
    list of str
        Sorted, each once.

    Raises
    ------
    InputError
        When the dataset has none, or a wanted label is unknown (the nearest known one is named).
    """
    known = sorted(path.name[4:] for path in bids_dir.glob("sub-*") if path.is_dir())
    if not known:
        raise InputError("has no sub-* folders", file=bids_dir, key="BIDS_DIR")
    if not wanted:
        return known
    labels = [label.removeprefix("sub-") for label in wanted]
    for label in labels:
        if label not in known:
            near = get_close_matches(label, known, 1)
            remedy = (
                f"did you mean {near[0]}?"
                if near
                else f"the dataset has {', '.join(known[:10])}{' ...' * (len(known) > 10)}"
            )
            raise InputError(
                "unknown participant", file=bids_dir, key="--participant-label", value=label, remedy=remedy
            )
    return sorted(dict.fromkeys(labels))


def find_sessions(bids_dir: Path, participant: str, wanted: Sequence[str] | None = None) -> list[str | None]:
    """Return the session labels of a participant without ``ses-``; ``[None]`` where the dataset has no sessions.

    Parameters
    ----------
    bids_dir : Path
        Raw BIDS dataset.
    participant : str
        Participant's label, without `sub-`.
    wanted : sequence of str or None, optional
        Labels, with or without ``ses-``; None or none: all.

    Returns
    -------
    list of str or None
        Sorted; wanted sessions that the participant lacks are left out.
    """
    known = sorted(path.name[4:] for path in (bids_dir / f"sub-{participant}").glob("ses-*") if path.is_dir())
    if not known:
        return [None]
    if not wanted:
        return list(known)
    labels = [label.removeprefix("ses-") for label in wanted]
    return [label for label in known if label in labels]


def session_labels(bids_dir: Path, participant: str, wanted: Sequence[str] | None = None) -> list[str]:
    """Return ``sub-X_ses-Y`` of each session of a participant, or ``sub-X`` where the dataset has no sessions.

    Parameters
    ----------
    bids_dir : Path
        Raw BIDS dataset.
    participant : str
        Participant's label, without `sub-`.
    wanted : sequence of str or None, optional
        Labels, with or without ``ses-``; None or none: all.

    Returns
    -------
    list of str
        In the order of the sessions' labels.
    """
    return [session_label(participant, session) for session in find_sessions(bids_dir, participant, wanted)]


def session_label(participant: str, session: str | None) -> str:
    """Return ``sub-X_ses-Y``, or ``sub-X`` without a session; both are given without their prefix.

    Parameters
    ----------
    participant : str
        Participant's label, without `sub-`.
    session : str or None
        Session's label, without `ses-`; None: no sessions.

    Returns
    -------
    str
    """
    return f"sub-{participant}" + (f"_ses-{session}" if session else "")


def check_sessions(bids_dir: Path, participants: Sequence[str], wanted: Sequence[str] | None) -> None:
    """Refuse a wanted session that no participant has.

    Parameters
    ----------
    bids_dir : Path
        Raw BIDS dataset.
    participants : sequence of str
        Labels of the participants, without `sub-`.
    wanted : sequence of str or None
        Labels, with or without ``ses-``; None or none: nothing is checked.

    Raises
    ------
    InputError
        For the first that nobody has; the sessions that there are are named.
    """
    if not wanted:
        return
    known = {path.name[4:] for label in participants for path in (bids_dir / f"sub-{label}").glob("ses-*")}
    for label in wanted:
        if label.removeprefix("ses-") not in known:
            have = ", ".join(sorted(known)) or "no sessions"
            raise InputError(
                f"unknown session (the dataset has {have})", file=bids_dir, key="--session-label", value=label
            )


def index_dataset(bids_dir: Path, participants: Sequence[str], database_dir: Path | None = None) -> "BIDSLayout":
    """Index the raw files of some participants (PyBIDS); of all, into a database, when `database_dir` is given.

    Parameters
    ----------
    bids_dir : Path
        Raw BIDS dataset.
    participants : sequence of str
        Labels of the participants, without `sub-`.
    database_dir : Path or None, optional
        Folder of a PyBIDS database: read where it exists, else written; None: in memory.

    Returns
    -------
    BIDSLayout
        Not validated; derivatives, sourcedata, code, stimuli and hidden files are left out.

    Raises
    ------
    InputError
        When a sidecar is not valid JSON.
    """
    from bids.layout import BIDSLayout, BIDSLayoutIndexer

    ignore: list[Any] = ["derivatives", "sourcedata", "code", "stimuli", re.compile(r"/\.")]
    if database_dir is None:
        chosen = "|".join(map(re.escape, participants))
        ignore.append(re.compile(rf"/sub-(?!(?:{chosen})(?:/|_|$))"))
    indexer = BIDSLayoutIndexer(validate=False, ignore=ignore)
    try:
        return BIDSLayout(bids_dir, validate=False, indexer=indexer, database_path=database_dir)
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"a sidecar cannot be read ({error})", file=bids_dir, remedy="mend the JSON file") from error


def read_filters(path: Path | None) -> dict[str, dict[str, Any]]:
    """Read a ``--bids-filter-file``: JSON with entities per query, as fMRIPrep takes it.

    Parameters
    ----------
    path : Path or None
        JSON file; None: no filters.

    Returns
    -------
    dict of str to dict of str to object
        Entities by query (a key of `QUERIES`).

    Raises
    ------
    InputError
        For a missing or malformed file, an unknown query, and entities that are not an object.
    """
    if path is None:
        return {}
    content = read_json(path)
    if not isinstance(content, Mapping):
        raise InputError("must be a JSON object of queries", file=path, key="--bids-filter-file")
    for name, entities in content.items():
        if name not in QUERIES:
            raise InputError(f"unknown query; known are {', '.join(QUERIES)}", file=path, key=name)
        if not isinstance(entities, Mapping):
            raise InputError("must be a JSON object of entities", file=path, key=name, value=entities)
    return {name: dict(entities) for name, entities in content.items()}
