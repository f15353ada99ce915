"""Topology of a session's surfaces: holes that were mended, and Euler numbers.

The Euler number of the surface before repair is a good measure of the image's quality (Rosen et al. 2018, NeuroImage
169:407, doi:10.1016/j.neuroimage.2017.12.059).
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def surface_metrics(subject: Path | None, quality: Mapping[str, Any] | None) -> dict[str, float]:
    """Return ``surface_defects`` and ``surface_euler`` of a session.

    Parameters
    ----------
    subject : path, optional
        FreeSurfer subject.
    quality : mapping, optional
        Figures of the embedded engine, as ``*_desc-quality_surfaces.json`` holds them.

    Returns
    -------
    dict
        Empty where nothing is known.
    """
    if quality is not None:
        sides = [quality[side] for side in ("lh", "rh") if side in quality]
        cut = [side.get("white_self_intersections", 0) + side.get("pial_self_intersections", 0) for side in sides]
        euler = [side["white_euler"] for side in sides if "white_euler" in side]
        found = {"surface_defects": float(sum(cut))} if sides else {}
        return found | ({"surface_euler": float(min(euler))} if euler else {})
    if subject is None:
        return {}
    euler = [value for side in ("lh", "rh") if (value := _euler(subject / "surf", side)) is not None]
    holes = holes_of_stats(subject / "stats" / "aseg.stats")
    found = {} if holes is None else {"surface_defects": float(holes)}
    return found | ({"surface_euler": float(min(euler))} if euler else {})


def holes_of_stats(path: Path) -> int | None:
    """Read how many holes FreeSurfer mended in both hemispheres together.

    Parameters
    ----------
    path : Path
        ``aseg.stats``.

    Returns
    -------
    int or None
        None where the file or the line is absent.
    """
    if not path.is_file():
        return None
    found = re.search(r"^# Measure SurfaceHoles,.*, (\d+), unitless", path.read_text(errors="replace"), re.MULTILINE)
    return int(found[1]) if found else None


def euler_number(vertices: int, faces: int) -> int:
    """Return the Euler number V - E + F of a closed surface of triangles, which has 3/2 edges per face.

    Parameters
    ----------
    vertices : int
        How many vertices.
    faces : int
        How many triangles.

    Returns
    -------
    int
        V - F / 2: 2 for a sphere, 2 less for each handle.
    """
    return vertices - faces // 2


def _euler(folder: Path, side: str) -> int | None:
    """Return a hemisphere's Euler number: of the surface before repair, else of the white surface."""
    from nibabel.freesurfer import read_geometry

    path = next((p for kind in ("orig.nofix", "white") if (p := folder / f"{side}.{kind}").is_file()), None)
    if path is None:
        return None
    vertices, faces = read_geometry(path)[:2]
    return euler_number(len(vertices), len(faces))
