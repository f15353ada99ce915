"""The loop over sample points, in machine code: into the voxel grid, and between its voxels."""

from typing import Any

import numpy as np

from harmoniq.data.kernels import compiled


@compiled
def trilinear(points: Any, inverse: Any, volume: Any, values: Any, inside: Any) -> None:
    """Sample a volume at points between its voxels.

    Parameters
    ----------
    points : array, shape (n, 3)
        RAS, mm.
    inverse : array, shape (4, 4)
        From RAS in mm to voxel indices.
    volume : array, shape (x, y, z)
        Contiguous; NaN where nothing was measured.
    values : array, shape (n,)
        Filled: NaN outside the volume, and where a voxel that counts is NaN.
    inside : array of bool, shape (n,)
        Filled: whether the nearest voxel's center is in the volume.
    """
    nx, ny, nz = volume.shape
    for n in range(points.shape[0]):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        i = inverse[0, 0] * x + inverse[0, 1] * y + inverse[0, 2] * z + inverse[0, 3]
        j = inverse[1, 0] * x + inverse[1, 1] * y + inverse[1, 2] * z + inverse[1, 3]
        k = inverse[2, 0] * x + inverse[2, 1] * y + inverse[2, 2] * z + inverse[2, 3]
        within = -0.5 <= i < nx - 0.5 and -0.5 <= j < ny - 0.5 and -0.5 <= k < nz - 0.5
        inside[n] = within
        if not within:
            values[n] = np.nan
            continue
        # In the outer half voxel the edge's values hold.
        i, j, k = min(max(i, 0.0), nx - 1.0), min(max(j, 0.0), ny - 1.0), min(max(k, 0.0), nz - 1.0)
        i0, j0, k0 = int(i), int(j), int(k)
        a, b, c = i - i0, j - j0, k - k0
        # A neighbor that does not count is not touched, whether it is NaN or beyond the edge.
        i1, j1, k1 = i0 + (a > 0), j0 + (b > 0), k0 + (c > 0)
        front = (1 - b) * ((1 - a) * volume[i0, j0, k0] + a * volume[i1, j0, k0]) + b * (
            (1 - a) * volume[i0, j1, k0] + a * volume[i1, j1, k0]
        )
        back = (1 - b) * ((1 - a) * volume[i0, j0, k1] + a * volume[i1, j0, k1]) + b * (
            (1 - a) * volume[i0, j1, k1] + a * volume[i1, j1, k1]
        )
        values[n] = (1 - c) * front + c * back
