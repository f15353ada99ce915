"""Quality figures of one hemisphere's surfaces, from the labels they were made on."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.images import load_image
from harmoniq.data.sampling import sample_volume
from harmoniq.surface.geometry import vertex_normals

#: Labels of gray matter lie between these, those of white matter above.
_GRAY = (1.5, 2.5)
_BELOW_MM = 0.5


def layer_quality(mesh: dict[str, NDArray], cortex: NDArray[np.bool_], label_file: Path) -> dict[str, Any]:
    """Measure where the surfaces lie in the tissue.

    Parameters
    ----------
    mesh : dict
        ``white``, ``pial`` (RAS mm), ``faces``, ``thickness`` (mm).
    cortex : ndarray of bool, shape (n,)
        Which vertices are cortex.
    label_file : path
        The hemisphere's partial-volume label.

    Returns
    -------
    dict
        ``vertices`` and ``cortical_vertices``; ``thickness_mean`` and ``thickness_sd`` of the cortex (mm);
        ``mid_cortex_in_gray_percent`` of the cortical points half-way through the thickness,
        ``below_white_in_white_percent`` of those 0.5 mm beneath the white surface; ``white_distance_mm``, the mean
        distance, 2 mm at most, of the label's own boundary of white matter from the white surface.
    """
    image = load_image(label_file, ndim=3)
    white, normals = mesh["white"], vertex_normals(mesh["white"], mesh["faces"])
    thickness = np.asarray(mesh["thickness"], dtype=np.float64)
    points = {
        "mid": white + 0.5 * thickness[:, None] * normals,
        "below": white - _BELOW_MM * normals,
    }
    value = {name: sample_volume(at[cortex], image.data, image.affine)[0] for name, at in points.items()}
    figures = {
        "vertices": len(white),
        "cortical_vertices": int(cortex.sum()),
        "thickness_mean": float(thickness[cortex].mean()),
        "thickness_sd": float(thickness[cortex].std()),
        "mid_cortex_in_gray_percent": 100.0 * float(((value["mid"] > _GRAY[0]) & (value["mid"] < _GRAY[1])).mean()),
        "below_white_in_white_percent": 100.0 * float((value["below"] > _GRAY[1]).mean()),
        "white_distance_mm": _distance(white, normals, cortex, image.data, image.affine, _GRAY[1]),
    }
    return {name: round(number, 3) if isinstance(number, float) else number for name, number in figures.items()}


def _distance(
    surface: NDArray, normals: NDArray, cortex: NDArray[np.bool_], label: NDArray, affine: NDArray, boundary: float
) -> float:
    """Return the mean distance, along the normals and up to 2 mm, of the tissue boundary from a surface, mm."""
    steps = np.arange(-2.0, 2.01, 0.2)
    start, along = surface[cortex][::5], normals[cortex][::5]
    values = np.stack([sample_volume(start + step * along, label, affine)[0] for step in steps])
    crossing = (values[:-1] >= boundary) & (values[1:] < boundary)
    with np.errstate(divide="ignore", invalid="ignore"):
        part = (values[:-1] - boundary) / (values[:-1] - values[1:])
    places = np.where(crossing, abs(steps[:-1, None] + part * 0.2), np.inf)
    nearest = places.min(axis=0)
    return float(np.minimum(nearest, 2.0).mean())
