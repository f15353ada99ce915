"""A phantom of uniform tissue for the scans."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from harmoniq.simulation.fields import AIR_SPACES, HeadFields, draw_fields
from harmoniq.simulation.protocol_grid import Grid, oblique_grid

CENTER, RADII = np.array([1.0, -10.0, 5.0]), np.array([40.0, 50.0, 45.0])


@pytest.fixture
def grid() -> Grid:
    return oblique_grid(CENTER, RADII, (4, 4, 4), (3, -2, 4), flip_x=True)


@pytest.fixture
def fields() -> HeadFields:
    """No air spaces: only the smooth fields."""
    return draw_fields(np.random.default_rng(1), CENTER, RADII, AIR_SPACES[:0], b1_inhomogeneity=1.0)


@pytest.fixture
def uniform_slabs() -> Callable[..., Iterator[SimpleNamespace]]:
    def slabs(shape: tuple[int, int, int], r1: float, r2star: float, pd: float, factor: int = 2, slab: int = 8):
        for k0 in range(0, shape[2], slab):
            k1 = min(shape[2], k0 + slab)
            size = (shape[0] * factor, shape[1] * factor, (k1 - k0) * factor)
            yield SimpleNamespace(
                k0=k0,
                k1=k1,
                **{n: np.full(size, v, np.float32) for n, v in (("r1", r1), ("r2star", r2star), ("pd", pd))},
            )

    return slabs
