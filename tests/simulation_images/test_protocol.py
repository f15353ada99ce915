import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.simulation.protocol import site_protocols
from harmoniq.simulation.protocol_grid import oblique_grid, random_motion, rotation


def test_protocols_are_table_2() -> None:
    one, two, three = site_protocols(3)
    assert one.mp2rage.timing.repetition_time == 6.0
    assert two.mp2rage.timing.inversion_times == (0.7, 2.5)
    assert one.megre is not None and two.megre is not None
    assert len(one.megre.echo_times) == 9
    assert one.megre.echo_times[-1] == pytest.approx(0.00614 + 8 * 0.004)
    assert two.megre.voxel_size == (0.75, 0.75, 3.0)
    assert three.megre is None
    assert three.dwi is not None and three.dwi.directions == (6, 40, 40)
    assert [p.scanner.model for p in (one, two, three)] == ["Prisma", "Prisma", "Skyra"]


def test_further_sites_borrow_those_with_megre() -> None:
    protocols = site_protocols(5)
    assert [p.site for p in protocols] == ["site1", "site2", "site3", "site4", "site5"]
    assert protocols[3].mp2rage == protocols[0].mp2rage
    assert protocols[4].megre == protocols[1].megre


def test_voxel_size_makes_all_isotropic() -> None:
    for protocol in site_protocols(3, 2.0):
        assert protocol.mp2rage.voxel_size == (2.0, 2.0, 2.0)
        assert protocol.megre is None or protocol.megre.voxel_size == (2.0, 2.0, 2.0)
        assert protocol.dwi is not None and protocol.dwi.voxel_size == pytest.approx((3.6, 3.6, 3.6))


@pytest.mark.parametrize("size", [0.0, -1.0, 50.0, float("nan")])
def test_implausible_voxel_size_is_refused(size: float) -> None:
    with pytest.raises(InputError, match="--voxel-size"):
        site_protocols(1, size)


@pytest.mark.parametrize("flip", [False, True])
def test_grid_holds_the_head_and_little_else(flip: bool) -> None:
    center, radii = np.array([3.0, -15.0, 8.0]), np.array([80.0, 105.0, 90.0])
    grid = oblique_grid(center, radii, (1, 1, 1.5), (4, -3, 5), flip_x=flip)
    assert (np.linalg.det(grid.affine[:3, :3]) < 0) == flip
    assert grid.voxel_size == pytest.approx([1, 1, 1.5])
    directions = np.random.default_rng(0).standard_normal((2000, 3))
    surface = center + radii * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    voxels = (surface - grid.affine[:3, 3]) @ np.linalg.inv(grid.affine[:3, :3]).T
    assert voxels.min() > 0
    assert (voxels < np.array(grid.shape) - 1).all()
    assert (np.array(grid.shape) * grid.voxel_size < 2 * radii + 16).all()
    assert all(n % 2 == 0 for n in grid.shape)


def test_motion_is_small_and_rigid() -> None:
    for seed in range(20):
        center = np.array([0.0, -10.0, 10.0])
        motion = random_motion(np.random.default_rng(seed), center)
        turn = motion[:3, :3]
        assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-12)
        assert 0.7 < np.degrees(np.arccos((np.trace(turn) - 1) / 2)) < 3.3
        assert 1 <= np.linalg.norm((motion @ [*center, 1])[:3] - center) <= 3
    assert rotation((0, 0, 90)) @ [1, 0, 0] == pytest.approx([0, 1, 0])
