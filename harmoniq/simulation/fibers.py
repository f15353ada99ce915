"""Where the bundles run: up to two directions per voxel, for the simulation of diffusion."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.simulation.anatomy import Anatomy
from harmoniq.simulation.head import CLASSES
from harmoniq.simulation.tubes import Tube


def fiber_map(
    anatomy: Anatomy, affine: ArrayLike, shape: tuple[int, int, int]
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Find the bundles at the voxels' centers, and their directions.

    Parameters
    ----------
    anatomy : Anatomy
        Of the head.
    affine : (4, 4) array
        Voxel indices to the subject's RAS mm.
    shape : tuple of int
        Of the grid, in voxels.

    Returns
    -------
    index : (*shape, 2) int8 array
        Number of the bundle in BUNDLES, nearer to its center line first; -1 where there is none.
    direction : (*shape, 2, 3) float32 array
        Unit tangents in the subject's RAS space; zero where there is no bundle.
    """
    template = anatomy.template
    index = np.full((*shape, 2), -1, np.int8)
    direction = np.zeros((*shape, 2, 3), np.float32)
    voxels, points = _bundle_voxels(anatomy, np.asarray(affine, float), shape)
    if len(voxels) == 0:
        return index, direction
    node = np.rint(template.grid.indices(points)).astype(int)
    sets = template.bundle_sets[template.tissue[tuple(node.T)] - len(CLASSES)]
    closeness = np.full((len(points), len(template.tubes)), np.inf)
    tangents = np.zeros((len(points), len(template.tubes), 3))
    for number, tube in enumerate(template.tubes):
        here = np.flatnonzero(sets >> np.uint32(number) & 1)
        closeness[here, number], tangents[here, number] = _nearest_tangent(tube, points[here])
    order = np.argsort(closeness, axis=1)[:, :2]
    subject = anatomy.deformation.push(points)
    inverse = np.linalg.inv(anatomy.deformation.jacobian(subject))
    rows = np.arange(len(points))
    for place in range(2):
        chosen = order[:, place]
        present = np.isfinite(closeness[rows, chosen])
        # A displacement of the template is carried to the subject by the inverse of the pull's gradient.
        vectors = np.einsum("nij,nj->ni", inverse[present], tangents[rows, chosen][present])
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        at = (*voxels[present].T, place)
        index[at] = chosen[present]
        direction[at] = vectors
    return index, direction


def _bundle_voxels(
    anatomy: Anatomy, affine: NDArray[np.float64], shape: tuple[int, int, int]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the voxels (n, 3) whose centers lie in a bundle, and their points in the template (n, 3)."""
    template = anatomy.template
    plane = np.stack(np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij"), axis=-1).reshape(-1, 2)
    voxels, points = [np.empty((0, 3), np.intp)], [np.empty((0, 3))]
    for k in range(shape[2]):
        slice_voxels = np.column_stack([plane, np.full(len(plane), k)])
        pulled = anatomy.deformation.pull(slice_voxels @ affine[:3, :3].T + affine[:3, 3])
        node = np.rint(template.grid.indices(pulled)).astype(int)
        within = np.flatnonzero(np.all((node >= 0) & (node < np.array(template.grid.shape)), axis=1))
        kept = within[template.tissue[tuple(node[within].T)] >= len(CLASSES)]
        voxels.append(slice_voxels[kept])
        points.append(pulled[kept])
    return np.concatenate(voxels), np.concatenate(points)


def _nearest_tangent(tube: Tube, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the distance to a tube's center line as a share of its radius, and the unit tangent there."""
    from scipy.spatial import cKDTree

    tangents = np.gradient(tube.points, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    if len(points) == 0:
        return np.empty(0), np.empty((0, 3))
    distance, nearest = cKDTree(tube.points).query(points)
    return distance / tube.radius[nearest], tangents[nearest]
