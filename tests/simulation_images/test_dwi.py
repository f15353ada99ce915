import numpy as np
import pytest

from harmoniq.simulation.dwi_directions import fsl_directions, gradient_table, spread_directions
from harmoniq.simulation.dwi_images import DiffusionTissue, DWIScan
from harmoniq.simulation.protocol import site_protocols
from harmoniq.simulation.protocol_grid import oblique_grid


@pytest.mark.parametrize("count", [6, 20, 45, 86])
def test_directions_are_spread_evenly(count: int) -> None:
    axes = spread_directions(count, np.random.default_rng(0))
    assert np.linalg.norm(axes, axis=1) == pytest.approx(1)
    cosines = np.abs(axes @ axes.T) - np.eye(count)
    nearest = np.arccos(cosines.max(axis=1))
    # Caps of that radius cover 60 % of the half sphere at least; the densest packing of circles covers 91 %.
    assert count * (1 - np.cos(nearest.min() / 2)) > 0.6
    assert np.linalg.eigvalsh(axes.T @ axes / count) == pytest.approx(1 / 3, abs=0.01)


def test_gradient_table_has_the_site_s_shells() -> None:
    protocol = site_protocols(2)[1].dwi
    assert protocol is not None
    b_values, directions = gradient_table(protocol, np.random.default_rng(0))
    assert {b: int((b_values == b).sum()) for b in np.unique(b_values)} == {0: 12, 700: 6, 1000: 20, 2000: 45, 3000: 66}
    assert b_values[0] == 0
    norms = np.linalg.norm(directions, axis=1)
    assert norms[b_values > 0] == pytest.approx(1)
    assert not norms[b_values == 0].any()


@pytest.mark.parametrize("flip", [True, False])
def test_dipy_finds_the_fiber_in_scanner_coordinates(flip: bool, fields) -> None:
    """DIPY fits along the directions as they stand; from FSL's convention they go back to the scanner's by hand."""
    from dipy.core.gradients import gradient_table as dipy_table
    from dipy.reconst.dti import TensorModel

    protocol = site_protocols(1)[0].dwi
    assert protocol is not None
    grid = oblique_grid(fields.center, fields.radii / 4, (4, 4, 4), (10, -20, 30), flip_x=flip)
    fiber = np.array([0.5, 0.7, np.sqrt(1 - 0.74)])
    ones, none = np.ones(grid.shape, np.float32), np.zeros(grid.shape, np.float32)
    direction = np.broadcast_to(fiber.astype(np.float32), (*grid.shape, 1, 3)).copy()
    scan = DWIScan(DiffusionTissue(none, none, ones, ones[..., None], direction), fields, grid, seed=1, snr=1e6)
    b_values, directions = gradient_table(protocol, np.random.default_rng(0))
    data = np.array([scan.volume(n, b, g)[3, 4, 2] for n, (b, g) in enumerate(zip(b_values, directions))], dtype=float)
    written = fsl_directions(directions, grid.affine)
    low = b_values <= 1250
    fit = TensorModel(dipy_table(b_values[low], bvecs=written[low])).fit(data[low])
    axes = grid.affine[:3, :3] / grid.voxel_size
    mirror = np.array([-1, 1, 1]) if np.linalg.det(axes) > 0 else np.ones(3)
    found = axes @ (mirror * fit.evecs[:, 0])
    assert abs(found @ fiber) > np.cos(np.radians(1))
    assert fit.fa > 0.5


def test_noise_differs_between_volumes(fields) -> None:
    grid = oblique_grid(fields.center, fields.radii, (6, 6, 6), (0, 0, 0))
    none = np.zeros(grid.shape, np.float32)
    tissue = DiffusionTissue(none, none, none, none[..., None], np.zeros((*grid.shape, 1, 3), np.float32))
    scan = DWIScan(tissue, fields, grid, seed=1)
    volumes = [scan.volume(n, 0.0, np.zeros(3)).ravel().copy() for n in range(4)]
    correlation = np.corrcoef(volumes) - np.eye(4)
    assert np.abs(correlation).max() < 0.03
    # Rayleigh noise: mean over SD is 1.913.
    values = np.concatenate(volumes)
    assert values.mean() / values.std() == pytest.approx(1.913, rel=0.03)
