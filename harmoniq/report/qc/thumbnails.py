"""Small pictures of a session's figures: made once beside the figures, and few enough bytes for one page of all."""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from harmoniq.data.files import write_bytes

#: Figure to what its small picture shows, in the order in which they are given up when there is no room.
PICTURES: Final = {
    "R1": "R1 map",
    "registration": "edges of MP2RAGE over ME-GRE",
    "R2star": "R2* map",
    "outlines": "surfaces on R1",
    "bundles": "bundles over R1",
}
WIDTH: Final = 240
#: What is shown of a figure with three planes, in parts of its width and height: the middle slices of the last row.
_CUT: Final = (0.19, 0.63, 0.79, 1.0)
_WHOLE: Final = ("bundles",)
#: Bytes of all pictures of a page, before base64 makes them a third larger.
BUDGET: Final = 9_500_000
_QUALITIES: Final = (60, 45, 30, 20)
_LARGEST: Final = 4500


def write_thumbnails(figures: Path, label: str) -> list[Path]:
    """Write a small WebP beside each figure of a session that has one on the page.

    Parameters
    ----------
    figures : path
        ``sub-X/figures``.
    label : str
        ``sub-X`` or ``sub-X_ses-Y``.

    Returns
    -------
    list of path
        Those that could be made.
    """
    made = []
    for name in PICTURES:
        source = figures / f"{label}_desc-{name}.png"
        if source.is_file():
            try:
                made.append(write_bytes(thumbnail_path(figures, label, name), thumbnail(source, name)))
            except OSError:  # what is not a picture is told by the report
                continue
    return made


def thumbnail_path(figures: Path, label: str, name: str) -> Path:
    """Return where a figure's small picture lies.

    Parameters
    ----------
    figures : Path
        ``sub-X/figures``.
    label : str
        ``sub-X`` or ``sub-X_ses-Y``.
    name : str
        The ``desc`` of the figure's file.

    Returns
    -------
    Path
        A WebP.
    """
    return figures / f"{label}_desc-{name}_thumb.webp"


def thumbnail(source: Path, name: str) -> bytes:
    """Make the small picture of a figure: its telling part, `WIDTH` pixels at most, as WebP.

    Parameters
    ----------
    source : Path
        The figure's PNG.
    name : str
        The ``desc`` of the figure's file; some are kept whole.

    Returns
    -------
    bytes
        The best quality within `_LARGEST` bytes, else the poorest.
    """
    from PIL import Image

    with Image.open(source) as picture:
        small = picture.convert("RGB")
        if name not in _WHOLE:
            wide, high = small.size
            left, top, right, bottom = _CUT
            small = small.crop((round(left * wide), round(top * high), round(right * wide), round(bottom * high)))
        small.thumbnail((WIDTH, WIDTH), Image.Resampling.LANCZOS)
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        small.save(buffer, "WEBP", quality=quality, method=4)
        if buffer.tell() <= _LARGEST:
            break
    return buffer.getvalue()


def gather_thumbnails(out_dir: Path, labels: Iterable[str], *, budget: int = BUDGET) -> Mapping[str, dict[str, bytes]]:
    """Read the small pictures of many sessions, as many kinds as fit into the budget.

    Parameters
    ----------
    out_dir : path
        Root of the derivatives.
    labels : iterable of str
        Sessions.
    budget : int
        Bytes in all. Kinds are given up from the end of `PICTURES`, for all sessions alike.

    Returns
    -------
    mapping of str to dict of str to bytes
        Label to kind to picture.
    """
    names = list(labels)
    found: dict[str, dict[str, bytes]] = {label: {} for label in names}
    left = budget
    for kind in PICTURES:
        pictures = {label: _picture(out_dir / label.split("_")[0] / "figures", label, kind) for label in names}
        size = sum(len(picture) for picture in pictures.values() if picture is not None)
        if size > left:
            break
        left -= size
        for label, picture in pictures.items():
            if picture is not None:
                found[label][kind] = picture
    return found


def _picture(figures: Path, label: str, kind: str) -> bytes | None:
    path = thumbnail_path(figures, label, kind)
    if path.is_file():
        return path.read_bytes()
    source = figures / f"{label}_desc-{kind}.png"
    try:  # derivatives of an earlier version have no small pictures yet
        return thumbnail(source, kind) if source.is_file() else None
    except OSError:
        return None
