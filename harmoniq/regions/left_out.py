"""Sessions and participants that a person has left out of the analysis."""

from collections.abc import Collection, Mapping

import pandas as pd


def without(table: pd.DataFrame, labels: Collection[str]) -> pd.DataFrame:
    """Return a regional table without the rows of participants or sessions.

    Parameters
    ----------
    table : pandas.DataFrame
        ``participant_id`` and perhaps ``session_id``, with or without ``sub-`` and ``ses-``.
    labels : collection of str
        ``sub-X``, which means all of the participant's sessions, or ``sub-X_ses-Y``.

    Returns
    -------
    DataFrame
        The other rows, with their index; `table` itself without labels.

    Examples
    --------
    >>> table = pd.DataFrame({"participant_id": ["sub-1", "sub-1", "2"], "session_id": ["ses-a", "b", None]})
    >>> without(table, {"sub-1_ses-b", "sub-2"})["session_id"].tolist()
    ['ses-a']
    """
    if not labels:
        return table
    people = table["participant_id"].map(lambda label: "sub-" + str(label).removeprefix("sub-"))
    out = people.isin(list(labels))
    if "session_id" in table:
        sessions = table["session_id"].map(lambda label: f"_ses-{str(label).removeprefix('ses-')}", na_action="ignore")
        out |= (people + sessions.fillna("").astype(str)).isin(list(labels))
    return table[~out]


def reason_of(participant: str, reasons: Mapping[str, str]) -> str | None:
    """Return why a participant is left out.

    Parameters
    ----------
    participant : str
        With ``sub-``.
    reasons : mapping of str to str
        By participant (``sub-X``) or session (``sub-X_ses-Y``).

    Returns
    -------
    str or None
        The participant's own reason, else those of the sessions, joined by semicolons; None where there is none.
    """
    if participant in reasons:
        return reasons[participant]
    said = [reason for label, reason in sorted(reasons.items()) if label.startswith(f"{participant}_ses-")]
    return "; ".join(dict.fromkeys(said)) or None
