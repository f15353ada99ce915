"""In which space a lesion mask lies: whose grid it has among the session's images, or what its sidecar says."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.errors import InputError
from harmoniq.data.files import read_json
from harmoniq.data.images import GRID_TOLERANCE, load_grid
from harmoniq.data.lesions import LesionMask, LesionSpace
from harmoniq.lesions.find import LesionFile

_ORDER: tuple[LesionSpace, ...] = ("MP2RAGE", "MEGRE", "scanner", "reference")


def place_mask(
    files: Sequence[LesionFile],
    *,
    mp2rage: Path,
    megre: Path | None = None,
    scanner: Sequence[Path] = (),
    references: Sequence[Path] = (),
    bids_dir: Path | None = None,
    registration: str = "auto",
    allow_empty: bool = False,
) -> LesionMask:
    """Choose among masks the one that lies nearest to the maps, and say how it comes to them.

    Parameters
    ----------
    files : sequence of LesionFile
        Of one participant and session, one or more.
    mp2rage, megre : path
        An image of each; a mask on its grid needs nothing more.
    scanner : sequence of path
        Images that share MP2RAGE's scanner space, such as ``orig.mgz`` of the FreeSurfer subject.
    references : sequence of path
        Other images of the session (FLAIR, T1w): a mask on the grid of one follows its registration to MP2RAGE.
    bids_dir : path, optional
        Against which the sidecar's ``SpatialReference`` is resolved.
    registration : {'auto', 'header'}
        ``header``: the scanner's coordinates are trusted, for every mask.
    allow_empty : bool
        Whether no lesion at all is a plausible result.

    Returns
    -------
    LesionMask
        File, how it is read, and its space.

    Raises
    ------
    InputError
        For a mask on a grid of which no image is known, for one whose sidecar names another participant's image, and
        when two masks would do.
    """
    placed = [_place(file, mp2rage, megre, scanner, references, bids_dir, registration) for file in files]
    good = [mask for mask in placed if isinstance(mask, LesionMask)]
    if not good:
        raise next(error for error in placed if isinstance(error, InputError))
    best = min(_ORDER.index(mask.space) for mask in good)
    chosen = [mask for mask in good if _ORDER.index(mask.space) == best]
    if len(chosen) > 1:
        raise InputError(
            f"two lesion masks of one participant; the other is {chosen[1].file}", file=chosen[0].file,
            remedy="name the one dataset to use with --derivatives, or remove one of them",
        )  # fmt: skip
    mask = chosen[0]
    return LesionMask(mask.file, mask.kind, mask.space, mask.reference, allow_empty)


def _place(
    file: LesionFile,
    mp2rage: Path,
    megre: Path | None,
    scanner: Sequence[Path],
    references: Sequence[Path],
    bids_dir: Path | None,
    registration: str,
) -> LesionMask | InputError:
    try:
        grid = load_grid(file.path)
        named = spatial_reference(file.path, bids_dir)
        if _same(grid, mp2rage):
            return LesionMask(file.path, file.kind, "MP2RAGE")
        if megre is not None and _same(grid, megre):
            return LesionMask(file.path, file.kind, "MEGRE")
        if registration == "header" or any(_same(grid, image) for image in scanner):
            return LesionMask(file.path, file.kind, "scanner")
        for image in [*references, *([named] if named else [])]:
            if _same(grid, image):
                return LesionMask(file.path, file.kind, "reference", image)
    except InputError as error:
        return error
    looked = ", ".join(path.name for path in (mp2rage, *([megre] if megre else []), *references))
    return InputError(
        f"this lesion mask has a grid of its own ({' x '.join(map(str, grid[0][:3]))} voxels), that of no image of the "
        f"session ({looked}), so that nothing says how it lies to the maps", file=file.path,
        remedy="name the image that it was drawn on as SpatialReference in its JSON sidecar, or set "
        'lesions.registration = "header" where its header is right',
    )  # fmt: skip


def _same(grid: tuple[tuple[int, ...], NDArray[np.float64]], other: Path) -> bool:
    shape, affine = load_grid(other)
    size = np.array(grid[0][:3])
    if tuple(size) != tuple(shape[:3]):
        return False
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in size])).reshape(3, -1)
    apart = (grid[1] - affine) @ np.vstack([corners, np.ones(8)])
    return bool(np.linalg.norm(apart[:3], axis=0).max() <= GRID_TOLERANCE)


def spatial_reference(mask: Path, bids_dir: Path | None = None) -> Path | None:
    """Find the image that a mask's sidecar names as its space.

    Parameters
    ----------
    mask : path
        With a sidecar of the same name or without.
    bids_dir : path, optional
        The raw dataset, for ``bids:raw:...`` and relative paths.

    Returns
    -------
    Path or None
        None where it names none that is there.

    Raises
    ------
    InputError
        When it is an image of another participant, or the sidecar cannot be read.
    """
    sidecar = mask.with_name(mask.name.removesuffix(".gz").rsplit(".", 1)[0] + ".json")
    content: Any = read_json(sidecar) if sidecar.is_file() else {}
    if not isinstance(content, Mapping):
        return None
    text = content.get("SpatialReference")
    if isinstance(text, Mapping):
        text = next(iter(text.values()), None)
    if not isinstance(text, str):
        return None
    own = next((part for part in reversed(mask.parts) if part.startswith("sub-")), "").split("_")[0]
    named = next((part for part in reversed(Path(text).parts) if part.startswith("sub-")), own).split("_")[0]
    if own and named != own:
        raise InputError(
            f"this lesion mask is of another participant: its sidecar names {named}, its name {own}", file=mask,
            key="SpatialReference", value=text, remedy="use the participant's own mask",
        )  # fmt: skip
    relative = Path(text.rpartition(":")[2])
    places = [Path(text), *(parent / relative for parent in mask.parents)]
    places += [] if bids_dir is None else [bids_dir / relative]
    return next((path for path in places if path.is_file()), None)
