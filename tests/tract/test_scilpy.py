"""Our central means beside SCILPY's own commands, where they are installed."""

import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.images import Image, save_image
from harmoniq.diffusion.pipeline import write_bundle
from harmoniq.tract.profile import bundle_profile
from harmoniq.tract.scilpy import VARIABLE, central_difference, find_scilpy, scilpy_profiles


def test_what_is_missing_is_said(monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(InputError, match="pip install scilpy"):
        find_scilpy()
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(InputError, match="has no scil_bundle_compute_centroid"):
        find_scilpy()


def test_central_nodes_are_compared():
    ours = np.full(100, 1.01)
    ours[:15] = ours[85:] = 9.0
    assert central_difference(ours, np.ones(100)) == pytest.approx((1.01, 1.0, 1.0))


@pytest.mark.slow
def test_within_0_6_percent_of_scilpy(tmp_path):
    """A bent bundle in smooth maps whose ends differ from the middle; without the ends cut off the two part."""
    try:
        find_scilpy()
    except InputError as error:
        pytest.skip(str(error))
    rng = np.random.default_rng(0)
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = (-50, -50, -40)
    x, y, z = np.moveaxis(np.indices((100, 100, 60)), 0, -1).reshape(-1, 3).T + affine[:3, 3:]
    end = 1 / (1 + np.exp((y + 8) / 1.5))  # both ends of the arc come down here
    shape = (100, 100, 60)
    maps = {"R1": 1.0 + 0.05 * np.sin(x / 20) - 0.15 * end, "R2star": 20 + 2 * np.cos(z / 15) + 7 * end}
    paths = {m: save_image(v.reshape(shape), affine, tmp_path / f"{m}.nii.gz") for m, v in maps.items()}
    lines = []
    for _ in range(300):
        t = np.linspace(0, 1, 120) * np.pi
        core = np.column_stack([30 * np.cos(t), 35 * np.sin(t) - 15, 6 * np.sin(t / 2)])
        lines.append((core + rng.normal(0, 1.2, 3)).astype(np.float32))
    space = Image(np.zeros(shape, np.float32), affine)
    trk = write_bundle(lines, space, tmp_path / "arc.trk")
    other = scilpy_profiles(trk, paths, tmp_path / "scilpy")
    for metric, values in maps.items():
        ours = bundle_profile(lines, values.reshape(shape).astype(np.float32), affine)
        assert abs(central_difference(ours.mean, other[metric])[2]) < 0.6
