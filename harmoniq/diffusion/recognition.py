"""Recognition and cleaning of bundles by pyAFQ, in process, from regions that lie in the participant's space.

pyAFQ's own functions are called, not its pipeline: that one wants a T1w, a template to download and its own mapping.
"""

import contextlib
import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harmoniq.data.images import load_grid
from harmoniq.diffusion.regions import Warp, grid_points, region_on_grid, volume_on_grid
from harmoniq.diffusion.waypoints import Region, Waypoints

Streamline = npt.NDArray[np.float32]

#: Farther than this from a region of its beginning or end, a streamline is not the bundle's; mm, as in pyAFQ.
_ENDPOINT_MM = 4.0
#: Streamlines that are looked at together: it bounds the memory.
_CHUNK = 200_000
#: A streamline of the first that runs mostly where the second does is a piece of the second that ended early: both pass
#: the same frontal region.
_PIECES = {"SLF_L": "ARC_L", "SLF_R": "ARC_R"}
_PIECE_SHARE = 0.7
_DENSE = 0.05


def bundle_definitions(
    waypoints: Mapping[str, Waypoints], warp: Warp, affine: npt.NDArray[np.float64], shape: tuple[int, ...]
) -> dict[str, dict[str, Any]]:
    """Make pyAFQ's definitions of bundles, their regions on the diffusion grid.

    Parameters
    ----------
    waypoints : mapping
        Bundle to its regions in MNI152.
    warp : Warp
        Between the grid's space and MNI152.
    affine : numpy.ndarray, shape (4, 4)
        Of the grid, from voxels to RAS mm.
    shape : tuple of int
        Of the grid.

    Returns
    -------
    dict of str to dict of str to object
        Bundle to its definition as pyAFQ's ``BundleDict`` takes it; regions are NIfTI images on the grid.

    Raises
    ------
    InputError
        When a file of the regions cannot be read.
    """
    import nibabel as nib

    masks: dict[Region, Any] = {}
    atlases: dict[Path, tuple[npt.NDArray, npt.NDArray[np.float64]]] = {}

    def image(region: Region) -> Any:
        if region not in masks:
            mask = region_on_grid(region, warp, affine, shape)
            masks[region] = nib.Nifti1Image(mask.astype(np.float32), affine)
        return masks[region]

    places = warp.to_template(grid_points(affine, shape))
    definitions: dict[str, dict[str, Any]] = {}
    for name, bundle in waypoints.items():
        definition: dict[str, Any] = {
            "include": [image(region) for region in bundle.include],
            "exclude": [image(region) for region in bundle.exclude],
            "cross_midline": bundle.crosses_midline,
            "space": "subject",
            "length": {"min_len": bundle.shortest},
        }
        for key, region in (("start", bundle.start), ("end", bundle.end)):
            if region is not None:
                definition[key] = image(region)
        if bundle.probability is not None:
            path, volume = bundle.probability
            if path not in atlases:
                atlases[path] = _atlas(path)
            atlas, atlas_affine = atlases[path]
            probability = volume_on_grid(atlas[..., volume], atlas_affine, places, shape)
            definition["prob_map"] = nib.Nifti1Image(probability, affine)
        if bundle.axis is not None:
            definition["primary_axis"] = bundle.axis
        definitions[name] = definition
    return definitions


def _atlas(path: Path) -> tuple[npt.NDArray, npt.NDArray[np.float64]]:
    """Return maps with volumes last in the type of the file: twenty in float would take half a gigabyte."""
    import nibabel as nib

    load_grid(path)  # says what is wrong with a file that cannot be read
    image: Any = nib.load(path)  # type: ignore[attr-defined]
    data = np.asarray(image.dataobj)
    return (data if data.ndim == 4 else data[..., None]), np.asarray(image.affine, dtype=np.float64)


def recognize_bundles(
    streamlines: Sequence[Streamline],
    definitions: Mapping[str, Mapping[str, Any]],
    affine: npt.NDArray[np.float64],
    shape: tuple[int, ...],
    *,
    to_midline: npt.NDArray[np.float64] | None = None,
    seed: int = 0,
) -> dict[str, list[Streamline]]:
    """Sort a whole brain's streamlines into bundles, cleaned and all running one way.

    Parameters
    ----------
    streamlines : sequence of array, shape (n, 3)
        Whole-brain tractogram, RAS mm.
    definitions : mapping
        From `bundle_definitions`.
    affine, shape
        Of the grid of their regions.
    to_midline : numpy.ndarray, shape (4, 4), optional
        Rigid, from the streamlines' space to one whose plane x = 0 parts the hemispheres: pyAFQ knows no other midline.
    seed : int
        Of the cleaning.

    Returns
    -------
    dict of str to list of ndarray, shape (n, 3)
        Bundle to its streamlines, RAS mm of the same space; only bundles with a streamline.

    Raises
    ------
    ImportError
        When pyAFQ is not installed.
    """
    import nibabel as nib
    from AFQ.api.bundle_dict import BundleDict
    from AFQ.recognition.recognize import recognize
    from dipy.io.stateful_tractogram import Space, StatefulTractogram
    from nibabel.affines import apply_affine

    matrix = np.eye(4) if to_midline is None else np.asarray(to_midline, dtype=np.float64)
    grid = matrix @ affine
    moved = [apply_affine(matrix, line).astype(np.float32) for line in streamlines]
    reference = nib.Nifti1Image(np.zeros(shape[:3], dtype=np.uint8), grid)
    tractogram = StatefulTractogram(moved, reference, Space.RASMM)
    tractogram.remove_invalid_streamlines()
    logging.getLogger("AFQ").setLevel(logging.ERROR)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        bundles = BundleDict(_on_grid(definitions, grid), resample_to=False, resample_subject_to=False)
        found, _ = recognize(
            tractogram, reference, None, bundles, None,
            clip_edges=False, dist_to_atlas=_ENDPOINT_MM, rng=seed, chunk_size=_CHUNK,
        )  # fmt: skip
    back = np.linalg.inv(matrix)
    lines = {
        name: [apply_affine(back, line).astype(np.float32) for line in found[name].streamlines]
        for name in definitions
        if name in found and len(found[name].streamlines)
    }
    return {name: kept for name, own in lines.items() if (kept := _whole(own, lines.get(_PIECES.get(name, ""))))}


def _whole(lines: list[Streamline], longer: list[Streamline] | None) -> list[Streamline]:
    """Return the streamlines that are not pieces of a longer bundle's; in cells of 2 mm."""
    if longer is None:
        return lines

    def cells(line: Streamline) -> npt.NDArray[np.int64]:
        return np.floor(line / 2.0).astype(np.int64) @ np.array([1, 1 << 20, 1 << 40])

    passed, counts = np.unique(np.concatenate([np.unique(cells(line)) for line in longer]), return_counts=True)
    dense = passed[counts > _DENSE * counts.max()]
    return [line for line in lines if np.isin(cells(line), dense).mean() < _PIECE_SHARE]


def _on_grid(definitions: Mapping[str, Mapping[str, Any]], affine: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Return the definitions with their images at another place in space."""
    import nibabel as nib

    def move(item: Any) -> Any:
        if isinstance(item, list):
            return [move(one) for one in item]
        return nib.Nifti1Image(np.asarray(item.dataobj), affine) if isinstance(item, nib.Nifti1Image) else item

    return {name: {key: move(value) for key, value in one.items()} for name, one in definitions.items()}
