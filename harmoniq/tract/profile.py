"""Profiles of a map along a bundle (Yeatman et al. 2012, doi:10.1371/journal.pone.0049790).

Nodes, weights and averages are pyAFQ's. The points move to the map's space; the map is never resampled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harmoniq.data.errors import InputError

Points = npt.NDArray[np.float64]

NODES = 100
CENTRAL = 0.70
#: With fewer streamlines the covariance at a node is not to be trusted, and all count alike (pyAFQ 3.4).
MIN_STREAMLINES_FOR_WEIGHTS = 15
#: A streamline that runs through the very mean of a node would take all the weight; in Mahalanobis units.
_MIN_DISTANCE = 1e-2
#: A node whose valid streamlines hold less than this share of the weight is excluded.
MIN_WEIGHT = 0.5
#: Nodes by which streamlines are oriented.
_ORIENTED_BY = 12


@dataclass(frozen=True, eq=False)
class Profile:
    """Values of a map along one bundle.

    Parameters
    ----------
    mean, sd : numpy.ndarray, shape (nodes,)
        Weighted mean over the streamlines and weighted standard deviation about it; NaN at excluded nodes.
    used : numpy.ndarray of bool, shape (nodes,)
        Nodes where at least half of the weight lies on valid samples.
    central : numpy.ndarray of bool, shape (nodes,)
        The central part of the bundle: 0.70 is nodes 15 to 84 of 0 to 99.
    n_streamlines : int
        Number of streamlines.
    n_samples, n_excluded : int
        Samples (streamlines x nodes) used, and those left out: outside the field of view or the plausible range,
        or in voxels that are NaN (a lesion).
    excluded : numpy.ndarray of int, shape (nodes,)
        Samples left out at each node.
    volume : float
        Of the map's voxels that the bundle passes, mm³.
    """

    mean: npt.NDArray[np.float64]
    sd: npt.NDArray[np.float64]
    used: npt.NDArray[np.bool_]
    central: npt.NDArray[np.bool_]
    n_streamlines: int
    n_samples: int
    n_excluded: int
    excluded: npt.NDArray[np.int_]
    volume: float


def resample(streamline: npt.ArrayLike, nodes: int = NODES) -> Points:
    """Place points at equal distances along a streamline, its ends included.

    Parameters
    ----------
    streamline : array_like, shape (k, 3)
        In mm, of two points or more.
    nodes : int, optional
        How many points.

    Returns
    -------
    ndarray of float64, shape (nodes, 3)
        In mm, linear between the given points.
    """
    points = np.asarray(streamline, dtype=np.float64)
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    at = np.linspace(0, way[-1], nodes)
    return np.column_stack([np.interp(at, way, points[:, axis]) for axis in range(3)])


def resample_lines(streamlines: Sequence[npt.ArrayLike], nodes: int = NODES) -> Points:
    """Resample every streamline as `resample` does, many at once.

    Parameters
    ----------
    streamlines : sequence of array_like, shape (k, 3)
        In mm; k may differ.
    nodes : int, optional
        How many points on each.

    Returns
    -------
    ndarray of float64, shape (n, nodes, 3)
        In mm.
    """
    from harmoniq.tract.kernels import resample_all

    lines = [np.asarray(line, dtype=np.float64) for line in streamlines]
    starts = np.concatenate([[0], np.cumsum([len(line) for line in lines])])
    out = np.empty((len(lines), nodes, 3))
    resample_all(np.concatenate(lines), starts, nodes, out)
    return out


def orient(lines: Points, iterations: int = 10) -> Points:
    """Turn streamlines so that each runs as the centroid does.

    Parameters
    ----------
    lines : ndarray, shape (n, nodes, 3)
        As `resample_lines` returns them.
    iterations : int, optional
        How often the centroid is made anew at most; it begins as the first streamline.

    Returns
    -------
    ndarray, shape (n, nodes, 3)
        In their order. The centroid runs the way most streamlines did.
    """
    # Which way a streamline runs shows in a few of its nodes; all of them would take most of the time.
    few = lines[:, np.linspace(0, lines.shape[1] - 1, min(_ORIENTED_BY, lines.shape[1])).round().astype(int)]
    flipped = np.zeros(len(lines), dtype=bool)
    centroid = few[0]
    for _ in range(iterations):
        turn = _distance(few[:, ::-1], centroid) < _distance(few, centroid)
        centroid = np.where(turn[:, None, None], few[:, ::-1], few).mean(axis=0)
        if (turn == flipped).all():
            break
        flipped = turn
    if 2 * np.count_nonzero(flipped) > len(lines):
        flipped = ~flipped
    return np.where(flipped[:, None, None], lines[:, ::-1], lines)


def _distance(lines: Points, centroid: Points) -> npt.NDArray[np.float64]:
    return np.linalg.norm(lines - centroid, axis=2).mean(axis=1)


def gaussian_weights(lines: Points) -> npt.NDArray[np.float64]:
    """Weight each streamline at each node by the inverse of its Mahalanobis distance from the bundle's core.

    Parameters
    ----------
    lines : numpy.ndarray, shape (n, nodes, 3)
        Oriented and resampled.

    Returns
    -------
    numpy.ndarray, shape (n, nodes)
        Sum to 1 at each node; uniform with fewer than 15 streamlines or where all run through one point, as in
        pyAFQ 3.4.
    """
    n, nodes, _ = lines.shape
    uniform = np.full((n, nodes), 1.0 / n)
    if n < MIN_STREAMLINES_FOR_WEIGHTS:
        return uniform
    away = lines - lines.mean(axis=0)
    covariance = np.einsum("snj,snk->njk", away, away) / n
    values, vectors = np.linalg.eigh(covariance)
    largest = values.max(axis=1)
    if (largest <= 0).any():
        return uniform
    # Directions without spread (a flat synthetic bundle) do not count: the pseudo-inverse.
    keep = values > np.finfo(float).eps * 3 * np.maximum(largest, 1e-6)[:, None]
    inverse = np.where(keep, 1.0 / np.where(keep, values, 1.0), 0.0)
    along = np.einsum("snj,njk->snk", away, vectors)
    distance = np.sqrt(np.einsum("snk,nk->sn", along**2, inverse))
    weights = 1.0 / np.maximum(distance, _MIN_DISTANCE)
    return weights / weights.sum(axis=0)


def central_nodes(nodes: int = NODES, central: float = CENTRAL) -> npt.NDArray[np.bool_]:
    """Mark the central part of a bundle.

    Parameters
    ----------
    nodes : int, optional
        How many nodes the bundle has.
    central : float, optional
        Share of the nodes to keep, above 0 to 1; as much is left out at either end.

    Returns
    -------
    ndarray of bool, shape (nodes,)
        Of 100 nodes 0.70 keeps 15 to 84, counted from 0.

    Raises
    ------
    ValueError
        For a part that is not above 0 and at most 1.
    """
    if not 0 < central <= 1:
        raise ValueError(f"the central part must be above 0 and at most 1, not {central}")
    trimmed = round(nodes * (1 - central) / 2)
    mask = np.zeros(nodes, dtype=bool)
    mask[trimmed : nodes - trimmed] = True
    return mask


def bundle_profile(
    streamlines: Sequence[npt.ArrayLike],
    volume: npt.NDArray[np.floating],
    affine: npt.ArrayLike,
    *,
    nodes: int = NODES,
    central: float = CENTRAL,
    world_to_map: npt.ArrayLike | None = None,
    valid_range: tuple[float, float] | None = None,
) -> Profile:
    """Compute the profile of a map along a bundle.

    Parameters
    ----------
    streamlines : sequence of array, shape (n, 3)
        RAS coordinates in mm, each of two points or more, in any direction.
    volume : numpy.ndarray, shape (x, y, z)
        Set voxels to be left out (lesions) to NaN.
    affine : array, shape (4, 4)
        From voxel indices to RAS, mm.
    nodes : int
        Equidistant nodes along each streamline.
    central : float
        Share of the nodes in ``Profile.central``.
    world_to_map : array, shape (4, 4), optional
        From the streamlines' space to the map's; identity by default.
    valid_range : tuple of float, optional
        Lowest and highest plausible value; samples outside are left out and the weights renormalized.

    Returns
    -------
    Profile
        In the map's unit, one value for each node.

    Raises
    ------
    InputError
        When there is no streamline.
    """
    (profile,) = bundle_profiles(
        streamlines, [(volume, affine, world_to_map, valid_range)], nodes=nodes, central=central
    )
    return profile


MapToSample = tuple[npt.NDArray[np.floating], npt.ArrayLike, "npt.ArrayLike | None", "tuple[float, float] | None"]


def bundle_profiles(
    streamlines: Sequence[npt.ArrayLike], maps: Sequence[MapToSample], *, nodes: int = NODES, central: float = CENTRAL
) -> list[Profile]:
    """Compute the profiles of several maps along one bundle, whose nodes and weights are made once.

    Parameters
    ----------
    streamlines, nodes, central
        As `bundle_profile` takes them.
    maps : sequence of (volume, affine, world_to_map, valid_range)
        Each as `bundle_profile` takes it; the last two may be None.

    Returns
    -------
    list of Profile
        One for each map.

    Raises
    ------
    InputError
        For a bundle without streamlines.
    """
    if not len(streamlines):
        raise InputError("the bundle has no streamlines")
    lines = orient(resample_lines(streamlines, nodes))
    weights = gaussian_weights(lines)
    return [_profile(lines, weights, one, central_nodes(nodes, central)) for one in maps]


def _profile(lines: Points, weights: Points, sampled: MapToSample, central: npt.NDArray[np.bool_]) -> Profile:
    volume, affine, world_to_map, valid_range = sampled
    n, nodes, _ = lines.shape
    values, passed = _sample(lines.reshape(-1, 3), volume, affine, world_to_map)
    values = values.reshape(n, nodes)
    valid = np.isfinite(values)
    if valid_range is not None:
        low, high = valid_range
        valid &= (values >= low) & (values <= high)
    w = np.where(valid, weights, 0.0)
    share = w.sum(axis=0)
    used = share >= MIN_WEIGHT
    w = np.divide(w, share, out=np.zeros_like(w), where=used)
    values = np.where(valid, values, 0.0)
    mean = (w * values).sum(axis=0)
    sd = np.sqrt((w * (values - mean) ** 2).sum(axis=0))
    n_valid = int(np.count_nonzero(valid))
    return Profile(
        np.where(used, mean, np.nan), np.where(used, sd, np.nan), used, central, n, n_valid, valid.size - n_valid,
        (~valid).sum(axis=0), passed,
    )  # fmt: skip


def _sample(
    points: Points, volume: npt.NDArray[np.floating], affine: npt.ArrayLike, world_to_map: npt.ArrayLike | None
) -> tuple[npt.NDArray[np.float64], float]:
    """Return the samples at points, NaN outside the volume, and the volume of the voxels that they lie in, mm³."""
    import pandas as pd

    from harmoniq.tract.kernels import sample_points

    grid = np.asarray(affine, dtype=np.float64)
    to_voxel = np.linalg.inv(grid)
    if world_to_map is not None:
        to_voxel = to_voxel @ np.asarray(world_to_map, dtype=np.float64)
    values, voxels = np.empty(len(points)), np.empty(len(points), dtype=np.int64)
    sample_points(np.ascontiguousarray(points), to_voxel, volume, values, voxels)
    passed = len(pd.unique(voxels[voxels >= 0]))
    return values, float(passed * abs(np.linalg.det(grid[:3, :3])))
