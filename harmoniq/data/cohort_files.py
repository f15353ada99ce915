"""A cohort on disk, between the nodes of the group level: tables as text, values with every bit."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.data.files import atomic_path, read_json, write_json


def save_cohort(cohort: Cohort, folder: str | Path, values: Mapping[str, np.ndarray] | None = None) -> None:
    """Write a cohort, and further values of the same shape by name, into a folder.

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).
    folder : str or Path
        Made where it is absent; gets ``cohort.json`` and ``values.npz``.
    values : mapping of str to array or None, optional
        Further values by name (of harmonization methods, say), each of shape (n_participants, n_features).
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    write_json(target / "cohort.json", {
        "participants": cohort.participants.astype(object).where(cohort.participants.notna(), None).to_dict("list"),
        "features": cohort.features.to_dict("list"),
        "control_group": cohort.control_group,
        "engines": dict(cohort.engines),
    })  # fmt: skip
    with atomic_path(target / "values.npz") as temporary:
        arrays: dict[str, Any] = {f"by_{name}": array for name, array in (values or {}).items()}
        np.savez(temporary, cohort=cohort.values, **arrays)


def load_cohort(folder: str | Path) -> tuple[Cohort, dict[str, np.ndarray]]:
    """Read a cohort and the further values that `save_cohort` wrote.

    Parameters
    ----------
    folder : str or Path
        Folder that `save_cohort` wrote.

    Returns
    -------
    tuple (Cohort, dict of str to array)
        The cohort, and the further values by name, each of shape (n_participants, n_features).

    Raises
    ------
    InputError
        When ``cohort.json`` is absent or is not JSON.
    """
    source = Path(folder)
    content = read_json(source / "cohort.json")
    participants = pd.DataFrame(content["participants"])
    for name in ("age", "disease_duration", "edss"):
        participants[name] = participants[name].astype(float)
    with np.load(source / "values.npz") as arrays:
        values = {name.removeprefix("by_"): arrays[name] for name in arrays.files if name != "cohort"}
        cohort = Cohort(
            participants,
            pd.DataFrame(content["features"]),
            arrays["cohort"],
            content["control_group"],
            content["engines"],
        )
    return cohort, values
