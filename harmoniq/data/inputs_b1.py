"""Which map of the transmit field a session has, and the image that was acquired with it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from harmoniq.data.acquisitions import SA2RAGE, B1Map
from harmoniq.data.errors import InputError
from harmoniq.data.metadata import mp2rage_timing

#: Acquisition labels of flip-angle maps, and of the images beside them, as BIDS has them for TB1TFL.
FLIP_ANGLES, ANATOMY = "famp", "anat"


class Query(Protocol):
    """Asks for the images of one session (`harmoniq.data.inputs`)."""

    def get(self, name: str, **entities: Any) -> list[Any]:
        """Return the images of a query.

        Parameters
        ----------
        name : str
            Name of the query, a key of `harmoniq.data.bids.QUERIES`.
        **entities : object
            BIDS entities that narrow it.

        Returns
        -------
        list of BIDSImageFile
            All that fit, in PyBIDS' order.
        """
        ...

    def one(self, name: str, *, part: str = "mag", **entities: Any) -> Any | None:
        """Return the single image that fits, or None.

        Parameters
        ----------
        name : str
            Name of the query, a key of `harmoniq.data.bids.QUERIES`.
        part : str, optional
            ``mag`` or ``phase``; an image without the entity is a magnitude.
        **entities : object
            BIDS entities that narrow it.

        Returns
        -------
        BIDSImageFile or None
            None where nothing fits.

        Raises
        ------
        InputError
            When several images fit.
        """
        ...


def find_b1(query: Query, site: Mapping[str, Any], notes: list[str]) -> B1Map | None:
    """Return a session's map of the transmit field: TB1map, else TB1TFL, else SA2RAGE (TB1SRGE); None without one.

    Parameters
    ----------
    query : Query
        Of the session.
    site : mapping
        What the config gives for the site's TB1SRGE where a sidecar lacks it.
    notes : list of str
        Gets a line where there is none, and for each value taken from the config.

    Returns
    -------
    B1Map or None
        Its timing (of SA2RAGE) and nominal flip angle are checked; the images are not opened.

    Raises
    ------
    InputError
        For ambiguous images, and for metadata that are missing or wrong.
    """
    found = _map(query) or _flip_angles(query) or _sa2rage(query, site, notes)
    if found is None:
        notes.append("no B1+ map (fmap/*_TB1map, *_acq-famp_TB1TFL or *_inv-[12]_TB1SRGE): R1 is not corrected for B1+")
    return found


def _anatomy(query: Query, *suffixes: str) -> Path | None:
    files = [query.one("b1", suffix=suffix, acquisition=ANATOMY) for suffix in suffixes]
    return next((Path(file.path) for file in files if file is not None), None)


def _map(query: Query) -> B1Map | None:
    maps = [f for f in query.get("b1", suffix="TB1map") if f.get_entities().get("acquisition") != ANATOMY]
    if not maps:
        return None
    if len(maps) > 1:
        query.one("b1", suffix="TB1map")  # refuses, and names them
        raise InputError(f"{len(maps)} B1+ maps fit", file=Path(maps[0].path).parent, remedy="use --bids-filter-file")
    return B1Map(Path(maps[0].path), "TB1map", anatomy=_anatomy(query, "TB1map", "TB1TFL"))


def _flip_angles(query: Query) -> B1Map | None:
    """Return the flip-angle map of a TB1TFL: tenths of a degree, as the scanner writes it."""
    file = query.one("b1", suffix="TB1TFL", acquisition=FLIP_ANGLES)
    if file is None:
        return None
    angle = file.get_metadata().get("FlipAngle")
    if isinstance(angle, bool) or not isinstance(angle, (int, float)) or not 0 < angle <= 180:
        raise InputError(
            "the nominal flip angle of the B1+ map, in degrees, is needed",
            file=file.path,
            key="FlipAngle",
            value=angle,
            remedy="add it to the sidecar, or use --b1-correction off",
        )
    return B1Map(Path(file.path), "TB1TFL", 10.0 * angle, anatomy=_anatomy(query, "TB1TFL"))


def _sa2rage(query: Query, site: Mapping[str, Any], notes: list[str]) -> B1Map | None:
    images = [query.one("b1", suffix="TB1SRGE", inv=number) for number in (1, 2)]
    if all(image is None for image in images):
        return None
    phases = [query.one("b1", suffix="TB1SRGE", inv=number, part="phase") for number in (1, 2)]
    first, second, first_phase, second_phase = _complete([*images, *phases])
    sidecars: Sequence[dict[str, Any]] = [dict(image.get_metadata()) for image in images if image is not None]
    timing = mp2rage_timing([*sidecars, {}], site, 1.0, file=str(first), notes=notes, table="TB1SRGE")
    return B1Map(
        second, "TB1SRGE", 1.0, anatomy=second, sa2rage=SA2RAGE(timing, first, second, first_phase, second_phase)
    )


def _complete(files: Sequence[Any | None]) -> tuple[Path, Path, Path, Path]:
    known = next(file for file in files if file is not None)
    if None in files:
        name = ("inv-1", "inv-2", "inv-1_part-phase", "inv-2_part-phase")[list(files).index(None)]
        raise InputError(
            f"SA2RAGE needs magnitude and phase of both images: {name} is missing (the ratio changes its sign near the "
            "nominal flip angle)", file=known.path, remedy="add it, give a TB1map, or use --b1-correction off",
        )  # fmt: skip
    first, second, third, fourth = (Path(file.path) for file in files if file is not None)
    return first, second, third, fourth
