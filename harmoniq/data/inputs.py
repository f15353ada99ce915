"""What one session of a participant has: images found in the dataset and turned into checked acquisitions."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from harmoniq.data.acquisitions import DWI, MEGRE, MP2RAGE, B1Map
from harmoniq.data.bids import QUERIES, session_label
from harmoniq.data.bundle_space import BundleSpace
from harmoniq.data.diffusion import raw_diffusion
from harmoniq.data.errors import InputError
from harmoniq.data.existing_maps import ExistingMap
from harmoniq.data.inputs_b1 import find_b1
from harmoniq.data.lesions import LesionMask
from harmoniq.data.metadata import mp2rage_timing
from harmoniq.data.parameters import acquisition_parameters

if TYPE_CHECKING:
    from bids.layout import BIDSImageFile, BIDSLayout

_IMAGES = (".nii", ".nii.gz")


@dataclass(frozen=True)
class SessionInputs:
    """One session: acquisitions, existing results, and what has to be said about them.

    Parameters
    ----------
    participant, session : str
        Labels without prefix; a session of None where the dataset has none.
    mp2rage, megre, b1 : MP2RAGE, MEGRE, B1Map, optional
        Checked acquisitions.
    dwi : tuple of DWI
        Diffusion images.
    freesurfer : path, optional
        FreeSurfer subject whose surfaces are used.
    compared_surfaces : path, optional
        FreeSurfer subject whose surfaces are only set beside the embedded engine's.
    bundles : mapping of str to path
        Existing bundles by name.
    flair, t1w, t2w : tuple of path
        Further images of the head.
    bundle_space : BundleSpace
        Where the bundles lie.
    lesions : LesionMask, optional
        The lesion mask.
    samseg_flair : path, optional
        FLAIR image from which SAMSEG makes the lesion mask; None: it does not run.
    notes : tuple of str
        What has to be said about the inputs.
    parameters : mapping of str to mapping
        Each sequence's parameters, as `acquisition_parameters` returns them.
    maps : mapping of str to ExistingMap
        Maps that exist, by metric (``R1``, ``R2star``).
    """

    participant: str
    session: str | None
    mp2rage: MP2RAGE | None = None
    megre: MEGRE | None = None
    b1: B1Map | None = None
    dwi: tuple[DWI, ...] = ()
    freesurfer: Path | None = None
    compared_surfaces: Path | None = None
    bundles: Mapping[str, Path] = field(default_factory=lambda: MappingProxyType({}))
    flair: tuple[Path, ...] = ()
    t1w: tuple[Path, ...] = ()
    t2w: tuple[Path, ...] = ()
    bundle_space: BundleSpace = field(default_factory=BundleSpace)
    lesions: LesionMask | None = None
    samseg_flair: Path | None = None
    notes: tuple[str, ...] = ()
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    maps: Mapping[str, ExistingMap] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def r1_space(self) -> Path | None:
        """Return an image in the space of R1: of MP2RAGE, or the map that exists; None without either."""
        if self.mp2rage is not None:
            return self.mp2rage.files[0]
        return self.maps["R1"].path if "R1" in self.maps else None

    @property
    def r2star_space(self) -> Path | None:
        """Return an image in the space of R2*: the first echo, or the map that exists; None without either."""
        if self.megre is not None:
            return self.megre.magnitudes[0]
        return self.maps["R2star"].path if "R2star" in self.maps else None

    @property
    def label(self) -> str:
        """Return ``sub-X`` or ``sub-X_ses-Y``."""
        return session_label(self.participant, self.session)


def find_acquisitions(
    layout: "BIDSLayout",
    participant: str,
    session: str | None,
    *,
    filters: Mapping[str, Mapping[str, Any]],
    site_keys: Mapping[str, Mapping[str, Any]],
    efficiency: float,
    b1_correction: bool = True,
    maps: Mapping[str, ExistingMap] = MappingProxyType({}),
) -> SessionInputs:
    """Find a session's MP2RAGE and ME-GRE images and check their metadata.

    Parameters
    ----------
    layout : bids.layout.BIDSLayout
        An index that holds the participant.
    participant, session : str
        Labels without prefix; None for no session.
    filters : mapping
        Further entities by query (`harmoniq.data.bids.read_filters`).
    site_keys : mapping
        What the config gives for the participant's site, per suffix, where a sidecar lacks it.
    efficiency : float
        Inversion efficiency where neither sidecar nor site gives it.
    b1_correction : bool
        Whether to look for a B1+ map.
    maps : mapping
        Maps that exist, by metric: nothing is fitted for these.

    Returns
    -------
    SessionInputs
        With acquisitions, B1+ map, raw diffusion images, further images, parameters and notes; surfaces, bundles and
        lesions are found elsewhere (`harmoniq.cli.discover`).

    Raises
    ------
    InputError
        When there is neither MP2RAGE nor ME-GRE nor a map, and for missing, ambiguous or contradictory images and
        metadata (of a sequence whose map exists they become a note).
    """
    query = _Query(layout, participant, session, filters)
    notes: list[str] = []
    mp2rage = megre = None
    with _not_needed("MP2RAGE", maps.get("R1"), notes):
        mp2rage = _find_mp2rage(query, site_keys.get("MP2RAGE", {}), efficiency, notes)
    with _not_needed("ME-GRE", maps.get("R2star"), notes):
        megre = _find_megre(query, site_keys.get("MEGRE", {}), notes)
    if mp2rage is None and megre is None and not maps:
        raise InputError(
            "has neither MP2RAGE nor ME-GRE images",
            file=Path(layout.root) / f"sub-{participant}" / (f"ses-{session}" if session else ""),
            remedy="expected anat/*_UNIT1, anat/*_MP2RAGE or anat/*_MEGRE",
        )
    notes += [f"{metric.replace('star', '*')} is taken from {given.path}" for metric, given in maps.items()]
    if mp2rage is None and "R1" not in maps:
        notes.append("no MP2RAGE: no R1, and R2* is not sampled in regions")
    if megre is None and "R2star" not in maps:
        notes.append("no ME-GRE: no R2*")
    if not query.get("dwi"):
        notes.append("no diffusion images")
    wanted = b1_correction and mp2rage is not None and "R1" not in maps
    b1 = find_b1(query, site_keys.get("TB1SRGE", {}), notes) if wanted else None
    files = {name: query.get(name) for name in ("mp2rage", "megre", "dwi")}
    dwi = raw_diffusion(layout, files["dwi"])
    parameters = acquisition_parameters(mp2rage, megre, files, dwi)
    flair, t1w, t2w = (tuple(Path(file.path) for file in query.get(name)) for name in ("flair", "t1w", "t2w"))
    return SessionInputs(
        participant, session, mp2rage, megre, b1, dwi,
        flair=flair, t1w=t1w, t2w=t2w, notes=tuple(notes), parameters=parameters, maps=maps,
    )  # fmt: skip


@contextmanager
def _not_needed(kind: str, existing: ExistingMap | None, notes: list[str]) -> Iterator[None]:
    """Turn what is wrong with images into a note where their map exists: they would only help to register it."""
    try:
        yield
    except InputError as error:
        if existing is None:
            raise
        notes.append(f"the {kind} images are not used beside the existing map: {error}")


class _Query:
    """Ask the layout for the images of one session."""

    def __init__(
        self, layout: "BIDSLayout", participant: str, session: str | None, filters: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self.layout, self.filters = layout, filters
        self.entities: dict[str, Any] = {"subject": participant, "extension": list(_IMAGES)}
        if session is not None:
            self.entities["session"] = session

    def get(self, name: str, **entities: Any) -> "list[BIDSImageFile]":
        return self.layout.get(**{**self.entities, **QUERIES[name], **self.filters.get(name, {}), **entities})

    def one(self, name: str, *, part: str = "mag", **entities: Any) -> "BIDSImageFile | None":
        """Return the single image that fits, the magnitude with or without ``part-mag``."""
        files = [file for file in self.get(name, **entities) if _part(file) == part]
        if len(files) > 1:
            names = ", ".join(Path(file.path).name for file in files[:4])
            raise InputError(
                f"{len(files)} images fit: {names}",
                file=Path(files[0].path).parent,
                key=name,
                remedy="choose one with --bids-filter-file",
            )
        return files[0] if files else None


def _part(file: "BIDSImageFile") -> str:
    return file.get_entities().get("part", "mag")


def _path(file: "BIDSImageFile | None") -> Path | None:
    return None if file is None else Path(file.path)


def _find_mp2rage(query: _Query, site: Mapping[str, Any], efficiency: float, notes: list[str]) -> MP2RAGE | None:
    uni = query.one("unit1")
    inversions = [query.one("mp2rage", inv=number) for number in (1, 2)]
    phases = [query.one("mp2rage", inv=number, part="phase") for number in (1, 2)]
    if uni is None and None in inversions:
        return None
    first = uni or inversions[0]
    assert first is not None
    metadata = [dict(file.get_metadata()) if file is not None else {} for file in (*inversions, uni)]
    timing = mp2rage_timing(metadata, site, efficiency, file=str(first.path), notes=notes)
    check_grids([Path(file.path) for file in (uni, *inversions, *phases) if file is not None])
    if uni is None and None in phases:
        notes.append(
            "no UNIT1 and no phases: the sign of the first inversion is unknown and taken as positive, "
            "so that R1 is wrong where it was negative (cerebrospinal fluid)"
        )
    (inv1, inv2), (inv1_phase, inv2_phase) = map(_path, inversions), map(_path, phases)
    return MP2RAGE(timing, _path(uni), inv1, inv2, inv1_phase, inv2_phase, notes=tuple(notes))


def _find_megre(query: _Query, site: Mapping[str, Any], notes: list[str]) -> MEGRE | None:
    files = query.get("megre")
    magnitudes = sorted((f for f in files if _part(f) == "mag"), key=_echo)
    if not magnitudes:
        return None
    echoes = [_echo(file) for file in magnitudes]
    if len(set(echoes)) < len(echoes):
        twice = next(echo for echo in echoes if echoes.count(echo) > 1)
        names = ", ".join(Path(f.path).name for f in magnitudes if _echo(f) == twice)
        raise InputError(
            f"several images of echo {twice}: {names}",
            file=Path(magnitudes[0].path).parent,
            key="megre",
            remedy="choose with --bids-filter-file",
        )
    phases = sorted((f for f in files if _part(f) == "phase"), key=_echo)
    times = _echo_times(magnitudes, site, notes)
    complete = [_echo(file) for file in phases] == echoes
    paths = tuple(Path(file.path) for file in magnitudes)
    megre = MEGRE(paths, times, tuple(Path(f.path) for f in phases) if complete else ())
    check_grids(list(megre.files))
    return megre


def _echo(file: "BIDSImageFile") -> int:
    return int(file.get_entities().get("echo", 1))


def _echo_times(files: "list[BIDSImageFile]", site: Mapping[str, Any], notes: list[str]) -> tuple[float, ...]:
    """Return the sidecars' echo times; those that lack one take the site's list, echo by echo."""
    given = site.get("EchoTime")
    if given is not None and (not isinstance(given, (list, tuple)) or len(given) != len(files)):
        raise InputError(
            f"the config must give {len(files)} echo times", file=files[0].path, key="EchoTime", value=given
        )
    times = []
    for index, file in enumerate(files):
        value = file.get_metadata().get("EchoTime")
        if value is None and given is not None:
            value = given[index]
            notes.append(f"EchoTime = {value} of echo {index + 1} is taken from the config")
        if value is None:
            raise InputError(
                "missing",
                file=file.path,
                key="EchoTime",
                remedy="add it to the sidecar in seconds, or give [sites.<site>.MEGRE] in a config",
            )
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InputError("must be a number of seconds", file=file.path, key="EchoTime", value=value)
        times.append(float(value))
    return tuple(times)


def check_grids(paths: list[Path]) -> None:
    """Refuse images of one acquisition that are not on the same grid (headers only are read).

    Parameters
    ----------
    paths : list of Path
        Images of one acquisition; the first is the one the others are compared with.

    Raises
    ------
    InputError
        When the shapes differ or a corner lies more than ``GRID_TOLERANCE`` mm apart; both files are named.
    """
    from harmoniq.data.images import GRID_TOLERANCE, corner_distance, load_grid

    shape, affine = load_grid(paths[0])
    for path in paths[1:]:
        other_shape, other_affine = load_grid(path)
        if other_shape[:3] != shape[:3]:
            raise InputError(f"its grid {other_shape[:3]} is not {shape[:3]} of {paths[0].name}", file=path)
        if not corner_distance(shape, affine, other_affine) <= GRID_TOLERANCE:
            raise InputError(f"its position or orientation differs from {paths[0].name}", file=path, key="affine")
