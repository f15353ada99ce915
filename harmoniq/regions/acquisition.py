"""The acquisition parameters of each site, out of the sidecars of the regional tables (Chen et al. 2026, table 2)."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pandas as pd

from harmoniq.data.files import read_json

ACQUISITION_COLUMNS: Final[dict[str, str]] = {"sequence": "Sequence", "parameter": "Parameter, with its unit"}

Keys = Mapping[str, Any]


def acquisition_table(tables: Sequence[str | Path], sites: Mapping[str, str]) -> tuple[pd.DataFrame, list[str]]:
    """Lay out what each site's images were acquired with.

    Parameters
    ----------
    tables : sequence of path
        Regional tables, one per session; the parameters stand in the sidecars beside them.
    sites : mapping of str to str
        Participant (with ``sub-``) to site; others are passed over.

    Returns
    -------
    pandas.DataFrame
        ``sequence parameter`` and a column per site; where participants of a site differ, each value with its number
        of sessions. Empty where no sidecar has parameters.
    list of str
        Notes for the report.

    Raises
    ------
    InputError
        For a sidecar that is not JSON.
    """
    found: dict[str, list[Keys]] = {site: [] for site in sorted(set(sites.values()))}
    for table in map(Path, tables):
        for who, acquisition in acquisitions_of(table).items():
            if (site := sites.get(who)) is not None:
                found[site].append(acquisition)
    columns = [*ACQUISITION_COLUMNS, *found]
    if not any(found.values()):
        return pd.DataFrame(columns=columns), [
            "table 2 is empty: no sidecar of a regional table has acquisition parameters"
        ]
    rows, notes = [], []
    for sequence, parameter, show in _ROWS:
        cells = {site: _counted(sequence, show, sessions) for site, sessions in found.items()}
        if any(cells.values()):
            rows.append([sequence, parameter, *(cell for cell in cells.values())])
            varied = [site for site, cell in cells.items() if cell and " (n = " in cell]
            notes += [f"table 2: {sequence} {parameter} varies within {site}" for site in varied]
    return pd.DataFrame(rows, columns=columns, dtype=object), notes


def acquisition_columns(table: pd.DataFrame) -> dict[str, str]:
    """Describe the columns of a table from `acquisition_table`.

    Parameters
    ----------
    table : DataFrame
        From `acquisition_table`.

    Returns
    -------
    dict of str to str
        Description by column.
    """
    return {**ACQUISITION_COLUMNS, **{str(name): f"At {name}" for name in table.columns[2:]}}


def acquisitions_of(table: Path) -> Mapping[str, Keys]:
    """Read what the participants of a regional table were measured with, out of its sidecar.

    Parameters
    ----------
    table : path
        Of one session, whose file's name begins with the participant, or of many.

    Returns
    -------
    mapping of str to mapping
        Parameters as `harmoniq.data.parameters.acquisition_parameters` finds them, by participant; empty where there
        are none.

    Raises
    ------
    InputError
        When the sidecar is not JSON.
    """
    sidecar = table.with_suffix(".json")
    content = read_json(sidecar) if sidecar.is_file() else {}
    if not isinstance(content, Mapping):
        return {}
    one, many = content.get("Acquisition"), content.get("Acquisitions")
    if isinstance(one, Mapping):
        return {table.name.split("_")[0]: one}
    return many if isinstance(many, Mapping) else {}


def _counted(sequence: str, show: Callable[[Keys], str | None], sessions: Sequence[Keys]) -> str | None:
    texts = Counter(text for one in sessions if sequence in one and (text := show(one[sequence])))
    if len(texts) <= 1:
        return next(iter(texts), None)
    return "; ".join(f"{text} (n = {n})" for text, n in sorted(texts.items(), key=lambda item: (-item[1], item[0])))


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.6g}"


def _numbers(values: Sequence[float], join: str = "/") -> str:
    return join.join(f"{value:g}" for value in values)


def _resolution(keys: Keys) -> str | None:
    return " × ".join(f"{size:.3g}" for size in keys["VoxelSize"]) if "VoxelSize" in keys else None


def _matrix(keys: Keys) -> str | None:
    return " × ".join(map(str, keys["Matrix"])) if "Matrix" in keys else None


def _duration(keys: Keys) -> str | None:
    seconds = keys.get("AcquisitionDuration")
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}" if isinstance(seconds, (int, float)) else None


def _scanner(keys: Keys) -> str | None:
    words = [str(keys[key]) for key in ("Manufacturer", "ManufacturersModelName") if key in keys]
    field = keys.get("MagneticFieldStrength")
    return " ".join([*words, *([f"{field:g} T"] if isinstance(field, (int, float)) else [])]) or None


def _trains(keys: Keys) -> str | None:
    times = ", ".join(_ms(time) for time in keys["InversionTime"])
    return f"{_ms(keys['RepetitionTimePreparation'])}/{times}"


def _echoes(keys: Keys) -> str | None:
    times = keys["EchoTime"]
    repetition = keys.get("RepetitionTime", keys.get("RepetitionTimeExcitation"))
    steps = sorted({round(b - a, 6) for a, b in pairwise(times)})
    spacing = _ms(steps[0]) if steps and steps[-1] - steps[0] <= 1e-5 else "uneven"
    first = _ms(repetition) if isinstance(repetition, (int, float)) else "n/a"
    return f"{first}/{_ms(times[0])}/{spacing if len(times) > 1 else 'n/a'}/{len(times)}"


def _angle(keys: Keys) -> str | None:
    angle = keys.get("FlipAngle")
    return None if angle is None else (_numbers(angle, ", ") if isinstance(angle, list) else f"{angle:g}")


_ROWS: Final[tuple[tuple[str, str, Callable[[Keys], str | None]], ...]] = (
    ("MP2RAGE", "scanner", _scanner),
    ("MP2RAGE", "resolution (mm³)", _resolution),
    ("MP2RAGE", "matrix", _matrix),
    ("MP2RAGE", "TR/TI1, TI2 (ms)", _trains),
    ("MP2RAGE", "flip angles (°)", _angle),
    ("MP2RAGE", "echo spacing (ms)", lambda keys: _ms(keys["RepetitionTimeExcitation"])),
    ("MP2RAGE", "excitations before/after the center", lambda keys: _numbers(keys["NumberShots"])),
    ("MP2RAGE", "acquisition time (min)", _duration),
    ("MEGRE", "resolution (mm³)", _resolution),
    ("MEGRE", "matrix", _matrix),
    ("MEGRE", "TR/TE1/ΔTE (ms)/echoes", _echoes),
    ("MEGRE", "flip angle (°)", _angle),
    ("MEGRE", "acquisition time (min)", _duration),
    ("DWI", "resolution (mm³)", _resolution),
    ("DWI", "b-values (s/mm²)", lambda keys: _numbers(keys["BValues"]) if "BValues" in keys else None),
    ("DWI", "directions", lambda keys: _numbers(keys["Directions"]) if "Directions" in keys else None),
    ("DWI", "acquisition time (min)", _duration),
)
