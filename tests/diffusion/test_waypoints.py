"""AFQ's regions: found, brought to a grid without holes, and the template that they lie in."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from harmoniq.data.errors import InputError
from harmoniq.data.images import load_image, save_image
from harmoniq.data.names import BUNDLES
from harmoniq.diffusion.regions import region_on_grid
from harmoniq.diffusion.waypoints import Slab, available_bundles, find_templates


class Shift:
    """A warp that everybody can check."""

    def to_template(self, points):
        return points - 3.0

    def to_participant(self, points):
        return points + 3.0


@pytest.fixture
def templates(test_data):
    folder = test_data / "afq"
    if not folder.is_dir():
        pytest.skip(f"AFQ's regions are absent: {folder}")
    return folder


def test_all_bundles_have_their_regions(templates):
    found = available_bundles(templates)
    assert list(found) == list(BUNDLES)
    assert [path.name for path in found["IFO_L"].include] == ["IFO_roi2_L.nii.gz", "IFO_roi1_L.nii.gz"]
    assert found["FA"].crosses_midline and not found["ATR_R"].crosses_midline
    assert isinstance(found["pARC_R"].include[1], Slab)
    assert found["CST_L"].include[0].name == "CST_roi2_L_half.nii.gz"
    assert found["ARC_R"].probability[1] == 19


def test_where_regions_are_looked_for(templates, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HARMONIQ_AFQ_TEMPLATES", "AFQ_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="pyAFQ download"):
        find_templates()
    monkeypatch.setenv("AFQ_HOME", str(templates))
    assert find_templates() == templates
    monkeypatch.setenv("HARMONIQ_AFQ_TEMPLATES", str(tmp_path))
    with pytest.raises(InputError, match="HARMONIQ_AFQ_TEMPLATES: holds no waypoint regions"):
        find_templates()
    assert find_templates(str(templates)) == templates


def test_a_region_that_is_absent_leaves_its_bundle_out(templates, tmp_path):
    (tmp_path / "templates").mkdir()
    for name in ("SLF_roi1_L", "SLF_roi2_L"):
        (tmp_path / "templates" / f"{name}.nii.gz").symlink_to(templates / "templates" / f"{name}.nii.gz")
    assert list(available_bundles(tmp_path)) == ["SLF_L"]


@pytest.mark.parametrize("edge", [1.0, 1.8, 2.5])
def test_a_thin_plane_stays_whole(tmp_path, edge):
    """A plane one voxel thick, on an oblique grid: a line that crosses it finds it in any place."""
    plane = np.zeros((40, 40, 40), np.uint8)
    plane[5:35, 20, 5:35] = 1
    path = save_image(plane, np.eye(4), tmp_path / "plane.nii.gz", dtype=np.uint8)
    turn = np.array([[0.9, -0.3, 0.3], [0.35, 0.93, -0.1], [-0.25, 0.2, 0.95]])
    turn, _ = np.linalg.qr(turn)
    affine = np.eye(4)
    affine[:3, :3] = edge * turn
    affine[:3, 3] = 23 - affine[:3, :3] @ np.full(3, 20)
    mask = region_on_grid(path, Shift(), affine, (60, 60, 60))
    near = distance_transform_edt(~mask) - 0.5  # as pyAFQ has it; it accepts what comes to 0 between voxels
    rng = np.random.default_rng(0)
    x, z = rng.uniform(12, 34, (2, 300))
    y = np.arange(15, 32, 0.2)
    for a, b in zip(x, z):
        line = np.column_stack([np.full_like(y, a), y, np.full_like(y, b)])
        voxels = np.rint((line - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T).astype(int)
        inside = ((voxels >= 0) & (voxels < 60)).all(axis=1)
        if inside.all():
            assert near[tuple(voxels.T)].min() < 1.0


def test_a_region_lies_where_the_warp_says(templates):
    path = available_bundles(templates)["ILF_L"].include[0]
    image = load_image(path)
    affine = np.diag([1.8, 1.8, 1.8, 1.0])
    affine[:3, 3] = (-95, -130, -75)
    mask = region_on_grid(path, Shift(), affine, (106, 122, 104))
    found = np.argwhere(mask).mean(axis=0) @ affine[:3, :3] + affine[:3, 3]
    wanted = np.argwhere(image.data > 0).mean(axis=0) @ image.affine[:3, :3].T + image.affine[:3, 3] + 3
    np.testing.assert_allclose(found, wanted, atol=1.0)
