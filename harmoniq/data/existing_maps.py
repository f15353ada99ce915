"""R1 and R2* maps that exist already: found in derivatives, with their unit and what made them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harmoniq.data.derivatives import makers, subject_folders
from harmoniq.data.errors import InputError
from harmoniq.data.files import read_json

#: Suffixes of BIDS for a rate and for its time.
SUFFIXES: Final[Mapping[str, tuple[str, str]]] = {"R1": ("R1map", "T1map"), "R2star": ("R2starmap", "T2starmap")}
#: What a unit says of the rate in 1/s: rates are multiplied by the factor, times divide it.
_RATES: Final = {"1/s": 1.0, "s-1": 1.0, "s^-1": 1.0, "s^{-1}": 1.0, "hz": 1.0, "1/ms": 1e3, "ms-1": 1e3, "khz": 1e3}
_TIMES: Final = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e3, "milliseconds": 1e3, "us": 1e6}
#: Spaces that are the images' own.
_OWN_SPACES: Final = ("UNIT1", "MP2RAGE", "MEGRE", "orig", "individual", "native")
#: Maps that harmoniq writes for comparison beside those of a reference engine.
_BESIDE: Final = "desc-native"


@dataclass(frozen=True)
class ExistingMap:
    """One map of a session.

    Parameters
    ----------
    path : path
        NIfTI image in the space of the images it was made of.
    inverted : bool
        Whether it holds the time, T1 or T2*, rather than the rate.
    factor : float
        The rate in 1/s is the value times `factor`, or `factor` over the value of a time.
    engine : str
        What made it, with its version where that is said.
    """

    path: Path
    inverted: bool
    factor: float
    engine: str


def find_map(folders: list[Path], sub: str, ses: str | None, metric: str) -> ExistingMap | None:
    """Return a session's map in derivatives; that of the first folder that has one.

    Parameters
    ----------
    folders : list of path
        Datasets, or folders of several.
    sub, ses : str
        Labels without prefix; None for no session. A map without a session serves every session.
    metric : {'R1', 'R2star'}
        A rate's map (``R1map``) goes before its time's (``T1map``), one without ``desc`` before one with it.

    Returns
    -------
    ExistingMap or None
        None where no folder has one.

    Raises
    ------
    InputError
        When several maps fit equally well, for a unit that is not one of a rate or a time, and for a sidecar that is
        not JSON.
    """
    for folder in folders:
        ranked: dict[tuple, list[Path]] = {}
        for path in _candidates(folder, sub, ses):
            suffix = path.name.split(".")[0].rsplit("_", 1)[-1]
            if suffix in SUFFIXES[metric]:
                rank = (_session(path) is None, SUFFIXES[metric].index(suffix), "_desc-" in path.name)
                ranked.setdefault(rank, []).append(path)
        if ranked:
            best = ranked[min(ranked)]
            if len(best) > 1:
                raise InputError(
                    f"{len(best)} maps fit: {', '.join(path.name for path in best[:4])}", file=best[0].parent,
                    key="--derivatives", remedy="leave one of them there",
                )  # fmt: skip
            return _described(best[0], metric)
    return None


def _candidates(folder: Path, sub: str, ses: str | None) -> Iterator[Path]:
    for subject in subject_folders(folder, f"sub-{sub}"):
        for path in sorted([*subject.glob("anat/*map.nii*"), *subject.glob("ses-*/anat/*map.nii*")]):
            space = re.search(r"_space-([A-Za-z0-9]+)", path.name)
            own = space is None or space[1] in _OWN_SPACES
            if (
                own
                and _BESIDE not in path.name
                and _session(path) in (ses, None)
                and path.name.startswith(f"sub-{sub}_")
            ):
                yield path


def _session(path: Path) -> str | None:
    found = re.search(r"_ses-([A-Za-z0-9]+)", path.name)
    return found[1] if found else None


def _described(path: Path, metric: str) -> ExistingMap:
    """Return the map with its unit, BIDS's where its sidecar names none."""
    sidecar = path.with_name(path.name.split(".")[0] + ".json")
    facts = read_json(sidecar) if sidecar.is_file() else {}
    facts = facts if isinstance(facts, dict) else {}
    inverted = f"_{SUFFIXES[metric][1]}." in path.name
    known, default = (_TIMES, "s") if inverted else (_RATES, "1/s")
    unit = str(facts.get("Units", default))
    factor = known.get(unit.strip().lower().replace(" ", ""))
    if factor is None:
        raise InputError(
            "is no unit of this map", file=sidecar, key="Units", value=unit,
            remedy=f"write {default}, or another of {', '.join(known)}",
        )  # fmt: skip
    return ExistingMap(path, inverted, factor, _engine(facts, path))


def _engine(facts: Mapping[str, Any], path: Path) -> str:
    """Return what made a map: harmoniq says it in the sidecar, others in their dataset's description."""
    if isinstance(facts.get("Engine"), str):
        return str(facts["Engine"])
    for maker in makers(path)[:1]:
        words = f"{maker.get('Name') or ''} {maker.get('Version') or ''}".strip()
        return f"existing-{words}" if maker.get("Name") else "existing"
    return "existing"
