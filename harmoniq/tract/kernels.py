"""The loop over a bundle's points: equal distances along every streamline."""

import numpy as np

from harmoniq.data.kernels import compiled


@compiled
def resample_all(points, starts, nodes, out):  # type: ignore[no-untyped-def]
    """Write points at equal distances along each streamline, its ends included.

    Parameters
    ----------
    points : ndarray, shape (n, 3)
        Of all streamlines, one after the other, in mm.
    starts : ndarray of int, shape (n_streamlines + 1,)
        Where each begins in `points`, and `n`.
    nodes : int
        How many points, two or more.
    out : ndarray, shape (n_streamlines, nodes, 3)
        Takes the points, in mm.
    """
    for line in range(len(starts) - 1):
        first, last = starts[line], starts[line + 1] - 1
        total = 0.0
        for at in range(first, last):
            dx = points[at + 1, 0] - points[at, 0]
            dy = points[at + 1, 1] - points[at, 1]
            dz = points[at + 1, 2] - points[at, 2]
            total += np.sqrt(dx * dx + dy * dy + dz * dz)
        at, before, length = first, 0.0, 0.0
        for node in range(nodes):
            wanted = total * node / (nodes - 1)
            while at < last:
                dx = points[at + 1, 0] - points[at, 0]
                dy = points[at + 1, 1] - points[at, 1]
                dz = points[at + 1, 2] - points[at, 2]
                length = np.sqrt(dx * dx + dy * dy + dz * dz)
                if before + length >= wanted:
                    break
                before += length
                at += 1
            if at >= last or length <= 0.0:
                for axis in range(3):
                    out[line, node, axis] = points[min(at, last), axis]
                continue
            share = min((wanted - before) / length, 1.0)
            for axis in range(3):
                out[line, node, axis] = points[at, axis] + share * (points[at + 1, axis] - points[at, axis])


@compiled
def sample_points(points, to_voxel, volume, values, voxels):  # type: ignore[no-untyped-def]
    """Write the trilinear samples of a volume at points, and the number of the voxel that each lies in.

    In the outer half voxel the edge's values hold, as in `harmoniq.data.sampling.sample_volume`.

    Parameters
    ----------
    points : ndarray, shape (n, 3)
        In mm, of any space.
    to_voxel : ndarray, shape (4, 4)
        From that space to the volume's voxel indices.
    volume : ndarray, shape (x, y, z)
        Values; NaN spoils the samples that touch it.
    values : ndarray, shape (n,)
        Takes the samples, in the volume's unit; NaN outside the volume.
    voxels : ndarray of int, shape (n,)
        Takes the place of the nearest voxel in C order; -1 outside the volume.
    """
    nx, ny, nz = volume.shape
    for n in range(len(points)):
        px, py, pz = points[n, 0], points[n, 1], points[n, 2]
        x = to_voxel[0, 0] * px + to_voxel[0, 1] * py + to_voxel[0, 2] * pz + to_voxel[0, 3]
        y = to_voxel[1, 0] * px + to_voxel[1, 1] * py + to_voxel[1, 2] * pz + to_voxel[1, 3]
        z = to_voxel[2, 0] * px + to_voxel[2, 1] * py + to_voxel[2, 2] * pz + to_voxel[2, 3]
        if not (-0.5 <= x < nx - 0.5 and -0.5 <= y < ny - 0.5 and -0.5 <= z < nz - 0.5):
            values[n], voxels[n] = np.nan, -1
            continue
        voxels[n] = (int(np.floor(x + 0.5)) * ny + int(np.floor(y + 0.5))) * nz + int(np.floor(z + 0.5))
        x, y, z = min(max(x, 0.0), nx - 1.0), min(max(y, 0.0), ny - 1.0), min(max(z, 0.0), nz - 1.0)
        i, j, k = int(x), int(y), int(z)
        u, v, w = x - i, y - j, z - k
        total = 0.0
        for a in range(2):
            for b in range(2):
                for c in range(2):
                    weight = (u if a else 1.0 - u) * (v if b else 1.0 - v) * (w if c else 1.0 - w)
                    if weight > 0.0:
                        total += weight * volume[i + a, j + b, k + c]
        values[n] = total
