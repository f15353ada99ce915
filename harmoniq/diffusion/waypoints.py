"""AFQ's waypoint regions: where their files are, and which of them make each of the 18 bundles.

The definitions are those of AFQ and pyAFQ (Yeatman et al. 2012, doi:10.1371/journal.pone.0049790; Kruper et al. 2021,
doi:10.52294/e6198273-b8e3-4b63-babb-6e6b0da10669): two or three regions that a bundle passes, some that it must not
touch, and, where the files are there, its probability map and the regions in which it begins and ends.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from harmoniq.data.errors import InputError
from harmoniq.data.names import BUNDLES

#: The variable that names the folder, before pyAFQ's own ``AFQ_HOME``.
VARIABLE: Final = "HARMONIQ_AFQ_TEMPLATES"
FETCH: Final = (
    "fetch them once on a machine with a network: pip install pyAFQ && pyAFQ download, copy ~/AFQ_data, and "
    f"set {VARIABLE} or AFQ_HOME to it"
)
_FOLDERS: Final = ("templates", "callosum_templates", "slf_templates", "")
#: The probability maps of Hua et al. 2008 (doi:10.1016/j.neuroimage.2007.07.053) in one file, as in AFQ.
_ATLAS: Final = "MNI_JHU_tracts_prob.nii.gz"
_ATLAS_ORDER: Final = (
    "ATR_L", "ATR_R", "CST_L", "CST_R", "CGC_L", "CGC_R", "HCC_L", "HCC_R", "FP", "FA",
    "IFO_L", "IFO_R", "ILF_L", "ILF_R", "SLF_L", "SLF_R", "UNC_L", "UNC_R", "ARC_L", "ARC_R",
)  # fmt: skip


@dataclass(frozen=True)
class Slab:
    """A region of our own where AFQ's file of a beginning or an end is not there: a box in MNI152.

    Parameters
    ----------
    low, high : tuple of float
        Two opposite corners, RAS mm.
    """

    low: tuple[float, float, float]
    high: tuple[float, float, float]


Region = Path | Slab


@dataclass(frozen=True)
class Waypoints:
    """How one bundle is recognized, in MNI152 space.

    Parameters
    ----------
    include : tuple
        Regions that it passes, in the order that gives it its direction.
    exclude : tuple
        Regions that it does not touch.
    start, end : path, optional
        Regions where it begins and ends.
    probability : tuple of path and int, optional
        Map of how likely the bundle is there, and its volume; streamlines through none of it are left out.
    crosses_midline : bool
        Whether the bundle crosses the midline.
    shortest : float
        Of its streamlines, in mm.
    axis : str, optional
        The axis along which it mainly runs: ``I/S``.
    """

    include: tuple[Region, ...]
    exclude: tuple[Path, ...] = ()
    start: Path | None = None
    end: Path | None = None
    probability: tuple[Path, int] | None = None
    crosses_midline: bool = False
    shortest: float = 0.0
    axis: str | None = None


@dataclass(frozen=True)
class _Definition:
    """File names without side and suffix; a side that they lack is added."""

    include: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    start: str = ""
    end: str = ""
    shortest: float = 0.0
    axis: str | None = None
    slabs: Mapping[str, Slab] = field(default_factory=dict)


_DEFINITIONS: Final[Mapping[str, _Definition]] = {
    "FA": _Definition(("FA_L", "Callosum_midsag", "FA_R"), start="FA_start", end="FA_end"),
    "FP": _Definition(("FP_L", "Callosum_midsag", "FP_R"), start="FP_start", end="FP_end"),
    "ARC": _Definition(("SLF_roi1", "SLFt_roi2"), ("IFO_roi1",), "ARC_start", "ARC_end", 40),
    # The upper waypoint is ours: with one of AFQ's alone, and without its files of the ends, no direction is known.
    "pARC": _Definition(
        ("SLFt_roi2",), ("SLF_roi1", "IFO_roi1", "pARC_xroi1", "TPSPL_roi1"), "pARC_start", "pARC_end", 30, "I/S",
        {"L": Slab((-65.0, -78.0, 24.0), (-32.0, -38.0, 26.0)), "R": Slab((32.0, -78.0, 24.0), (65.0, -38.0, 26.0))},
    ),
    "ATR": _Definition(("ATR_roi1", "ATR_roi2"), (), "ATR_start", "ATR_end", 30),
    "CGC": _Definition(("CGC_roi2", "CGC_roi1"), (), "", "CGC_start", 30),
    "CST": _Definition(("CST_roi2", "CST_roi1"), (), "", "CST_start", 40),
    "IFO": _Definition(("IFO_roi2", "IFO_roi1"), ("SLF_roi1", "CGC_roi1"), "IFO_end", "IFO_start", 80),
    "ILF": _Definition(("ILF_roi2", "ILF_roi1"), (), "ILF_end", "ILF_start", 40),
    "SLF": _Definition(("SLF_roi1", "SLF_roi2"), ("SLFt_roi2",), "", "", 40),
}  # fmt: skip


def find_templates(configured: str = "auto") -> Path:
    """Find the folder of AFQ's waypoint regions.

    Parameters
    ----------
    configured : str
        ``auto``: ``HARMONIQ_AFQ_TEMPLATES``, then ``AFQ_HOME``, then ``~/AFQ_data``; or the folder itself.

    Returns
    -------
    Path
        With the regions of one bundle at least.

    Raises
    ------
    InputError
        When the folder is not there or has no regions, with how to fetch them.
    """
    if configured != "auto":
        candidates = [("bundles.templates", Path(configured))]
    else:
        candidates = [(name, Path(os.environ[name])) for name in (VARIABLE, "AFQ_HOME") if os.environ.get(name)]
        candidates += [("~/AFQ_data", Path.home() / "AFQ_data")]
    for key, folder in candidates:
        if available_bundles(folder):  # pyAFQ makes an empty folder when it is first used
            return folder
        if key != "~/AFQ_data":
            raise InputError("holds no waypoint regions of AFQ (templates/)", file=folder, key=key, remedy=FETCH)
    raise InputError("AFQ's waypoint regions are not there", file=Path.home() / "AFQ_data", remedy=FETCH)


def available_bundles(folder: Path) -> dict[str, Waypoints]:
    """List the bundles for which all waypoint regions are there.

    Parameters
    ----------
    folder : path
        Of AFQ's templates: ``~/AFQ_data``, or one with the files themselves.

    Returns
    -------
    dict of str to Waypoints
        Bundle, in the study's order, to its regions; regions to be avoided may be absent.
    """
    return {name: found for name in BUNDLES if (found := _waypoints(folder, name)) is not None}


def _waypoints(folder: Path, bundle: str) -> Waypoints | None:
    name, _, side = bundle.partition("_")
    definition = _DEFINITIONS[name]
    include: list[Region] = []
    for region in definition.include:
        path = _find(folder, region, side)
        if path is None:
            return None
        include.append(path)
    start, end = (_find(folder, region, side) if region else None for region in (definition.start, definition.end))
    if side in definition.slabs and (start is None or end is None):
        include.append(definition.slabs[side])
    return Waypoints(
        tuple(include),
        tuple(path for region in definition.exclude if (path := _find(folder, region, side)) is not None),
        start, end, _probability(folder, name, side), not side, definition.shortest, definition.axis,
    )  # fmt: skip


def _probability(folder: Path, name: str, side: str) -> tuple[Path, int] | None:
    """Return the bundle's own map, or its volume of the atlas from which these were cut."""
    own, atlas = _find(folder, f"{name}_prob_map", side), folder / _ATLAS
    if own is not None:
        return own, 0
    key = f"{name}_{side}" if side else name
    return (atlas, _ATLAS_ORDER.index(key)) if key in _ATLAS_ORDER and atlas.is_file() else None


def _find(folder: Path, region: str, side: str) -> Path | None:
    """Return a region's file: ``X_L`` or, where the side stands within the name, ``X_L_start``."""
    return next((path for path in _places(folder, _sided(region, side)) if path.is_file()), None)


def _sided(region: str, side: str) -> str:
    if not side:
        return region
    name, _, rest = region.partition("_")
    return f"{name}_{side}_{rest}" if rest in ("start", "end", "prob_map") else f"{region}_{side}"


def _places(folder: Path, name: str) -> Iterator[Path]:
    for place in _FOLDERS:
        # A corticospinal region that spans both sides is also given split at the midline.
        yield folder / place / f"{name}.nii.gz"
    yield folder / f"{name}_half.nii.gz"
