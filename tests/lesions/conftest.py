"""Small volumes with lesions, and a digital head with and without them."""

import numpy as np
import pytest

from harmoniq.data.images import save_image

AFFINE = np.array([[1.0, 0, 0, -10], [0, 1, 0, -12], [0, 0, 1, -8], [0, 0, 0, 1]])


@pytest.fixture(scope="session")
def turned():
    """Make a rigid motion about the x axis."""

    def make(degrees, shift=(0.0, 0, 0)):
        angle = np.radians(degrees)
        out = np.eye(4)
        out[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        out[:3, 3] = shift
        return out

    return make


@pytest.fixture
def volume(tmp_path):
    """Write a volume; return its path."""

    def write(name, data, affine=AFFINE, dtype=np.float32):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return save_image(np.asarray(data), affine, path, dtype=dtype)

    return write


@pytest.fixture
def ball():
    """A ball of radius 3 voxels in a volume of 20 x 24 x 16."""
    x, y, z = np.ogrid[:20, :24, :16]
    return (x - 9) ** 2 + (y - 12) ** 2 + (z - 8) ** 2 <= 9
