"""MP2RAGE images on disk: what does not fit together is refused, and the file is named."""

from pathlib import Path

import numpy as np
import pytest

from harmoniq.data.acquisitions import MP2RAGE, MP2RAGETiming
from harmoniq.data.errors import InputError
from harmoniq.data.images import save_image
from harmoniq.mp2rage.volumes import load_uniform, suppress_background_files

TIMING = MP2RAGETiming(5.0, (0.7, 2.5), (4.0, 5.0), 0.0069, (80, 80))
SHAPE = (13, 13, 13)


@pytest.fixture
def files(tmp_path) -> dict[str, Path]:
    rng = np.random.default_rng(0)
    inv1, inv2 = rng.uniform(1, 100, (2, *SHAPE))
    images = {"inv1": inv1, "inv2": inv2, "uni": 4095 * (inv1 * inv2 / (inv1**2 + inv2**2) + 0.5)}
    for name, data in images.items():
        save_image(data.astype(np.float32), np.eye(4), tmp_path / f"{name}.nii.gz")
    return {name: tmp_path / f"{name}.nii.gz" for name in images}


def test_magnitudes_give_the_uniform_image(files):
    stored, _ = load_uniform(MP2RAGE(TIMING, files["uni"]))
    computed, like = load_uniform(MP2RAGE(TIMING, None, files["inv1"], files["inv2"]))
    # Single precision.
    np.testing.assert_allclose(computed, stored, atol=1e-6)
    assert like.path == files["inv1"]


def test_inversions_on_two_grids_are_refused(files):
    moved = np.eye(4)
    moved[0, 3] = 1.0
    save_image(np.ones(SHAPE, np.float32), moved, files["inv2"])
    with pytest.raises(InputError, match="1 mm away") as caught:
        load_uniform(MP2RAGE(TIMING, None, files["inv1"], files["inv2"]))
    assert caught.value.file == files["inv2"]
    with pytest.raises(InputError, match="1 mm away"):
        suppress_background_files(files["uni"], files["inv1"], files["inv2"], files["uni"].with_name("out.nii.gz"))


def test_a_file_that_is_no_uniform_image_is_named(files):
    save_image(np.linspace(0, 9999, np.prod(SHAPE)).reshape(SHAPE), np.eye(4), files["uni"])
    with pytest.raises(InputError, match="not those of a uniform image") as caught:
        suppress_background_files(files["uni"], files["inv1"], files["inv2"], files["uni"].with_name("out.nii.gz"))
    assert caught.value.file == files["uni"]


def test_a_phase_that_is_not_recognized_is_named(files):
    phase = files["uni"].with_name("phase.nii.gz")
    save_image(np.linspace(-1e5, 2e5, np.prod(SHAPE)).reshape(SHAPE), np.eye(4), phase)
    with pytest.raises(InputError) as caught:
        load_uniform(MP2RAGE(TIMING, None, files["inv1"], files["inv2"], phase, phase))
    assert caught.value.file == phase
