"""Noise, motion and bias on a phantom with known truth; MRtrix3's commands by stand-ins that are real programs."""

import os
import stat

import numpy as np
import pytest
from scipy.ndimage import affine_transform
from scipy.spatial.transform import Rotation

from harmoniq.data.errors import InputError
from harmoniq.diffusion.bias import correct_bias
from harmoniq.diffusion.motion import correct_motion
from harmoniq.diffusion.preprocess import mrtrix_commands, preprocess


def test_denoising_keeps_the_signal_and_lowers_the_noise(phantom):
    rng = np.random.default_rng(4)
    part = (slice(10, 30), slice(4, 16), slice(4, 14))
    clean = phantom.data[part]
    noisy = (clean + rng.normal(0, 40, clean.shape)).astype(np.float32)
    mask = np.ones(clean.shape[:3], bool)
    found = preprocess(noisy, phantom.affine, phantom.gradients, mask, steps=["denoise"])
    assert found.done == ("denoise: DIPY",)
    before, after = (float(np.sqrt(np.mean((x - clean) ** 2))) for x in (noisy, found.data))
    assert after < 0.5 * before
    assert abs(float((found.data - clean).mean())) < 2


def test_gibbs_ringing_is_lowered():
    """A sharp edge, its k-space cut: the truth is the edge. Ringing 3 to 8 voxels away falls by half or more."""
    fine = np.zeros((256, 256))
    fine[80:176, 80:176] = 100.0
    spectrum = np.fft.fftshift(np.fft.fft2(fine))[96:160, 96:160]
    ringing = abs(np.fft.ifft2(np.fft.ifftshift(spectrum))) / 16
    data = np.repeat(ringing.astype(np.float32)[:, :, None, None], 7, axis=3)
    mask = np.ones((64, 64, 1), bool)
    found = preprocess(data, np.eye(4), None, mask, steps=["gibbs"]).data[..., 0, 0]
    inside = (slice(24, 40), slice(24, 40))
    assert np.std(found[inside]) < 0.5 * np.std(ringing[inside])


def test_motion_is_found_and_the_directions_are_turned(phantom):
    """Three volumes of a head moved by up to 3 mm and 3 degrees: found to half a voxel."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(5)
    shape = (40, 44, 36)
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = (-40, -44, -36)
    blobs = gaussian_filter(rng.random(shape), 2.5)
    grid = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    mask = (grid**2 / np.array([30, 34, 26]) ** 2).sum(axis=-1) < 1
    head = np.where(mask, 100 + 3000 * (blobs - blobs.mean()), 0).clip(0)
    truth = np.tile(np.eye(4), (4, 1, 1))
    for n, (turn, shift) in enumerate([((3, -2, 1), (1, 2, -1)), ((-1, 2, 3), (-2, 1, 2)), ((0, 0, 0), (0, 0, 0))], 1):
        truth[n, :3, :3] = Rotation.from_rotvec(np.radians(turn)).as_matrix()
        truth[n, :3, 3] = shift
    volumes = []
    for motion in truth:  # a volume at p shows the head at the inverse motion of p
        to = np.linalg.inv(affine) @ np.linalg.inv(motion) @ affine
        volumes.append(affine_transform(head, to[:3, :3], to[:3, 3], order=3) + rng.normal(0, 2, shape))
    data = np.stack(volumes, axis=-1).clip(0).astype(np.float32)
    table = phantom.gradients.part(np.arange(len(phantom.gradients.bvals)) < 4)
    found, motions, largest = correct_motion(data, affine, table, mask, seed=1)
    points = grid[mask][::50]
    for motion, wanted in zip(motions, truth, strict=True):
        moved, true = (points @ m[:3, :3].T + m[:3, 3] for m in (motion, wanted))
        assert np.linalg.norm(moved - true, axis=1).max() < 1.0  # half a voxel, at the edge of the head
    assert largest == pytest.approx(5.0, abs=1.5)
    inner = (grid**2 / np.array([24, 28, 20]) ** 2).sum(axis=-1) < 1
    assert np.corrcoef(found[..., 1][inner], data[..., 0][inner])[0, 1] > 0.97
    again, _, _ = correct_motion(data, affine, table, mask, seed=1)
    np.testing.assert_array_equal(found, again)


def test_a_smooth_field_is_divided_out(phantom):
    x = np.linspace(-1, 1, phantom.data.shape[0])
    field = (1 + 0.3 * x)[:, None, None, None]
    mask = np.ones(phantom.data.shape[:3], bool)
    found = correct_bias((phantom.data * field).astype(np.float32), phantom.affine, phantom.gradients, mask)
    ratio = (found / phantom.data.clip(1))[..., phantom.gradients.unweighted].mean(axis=(1, 2, 3))
    assert ratio.std() / ratio.mean() < 0.3 * field.std()


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Put a program of MRtrix3's name on the PATH; it runs a line of shell."""

    def put(name, line):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    return put


def test_mrtrix_is_called_where_it_is_installed(phantom, commands):
    commands("dwidenoise", 'test "$3" = -nthreads && cp "$1" "$2"')
    assert set(mrtrix_commands()) >= {"denoise"}
    mask = np.ones(phantom.data.shape[:3], bool)
    found = preprocess(phantom.data, phantom.affine, phantom.gradients, mask, steps=["denoise"])
    assert found.done == ("denoise: dwidenoise (MRtrix3)",)
    np.testing.assert_array_equal(found.data, phantom.data)


def test_what_mrtrix_says_when_it_fails_comes_back(phantom, commands):
    commands("mrdegibbs", "echo 'mrdegibbs: [ERROR] no space' >&2; exit 1")
    mask = np.ones(phantom.data.shape[:3], bool)
    with pytest.raises(InputError, match=r"failed with code 1: .*no space"):
        preprocess(phantom.data, phantom.affine, phantom.gradients, mask, steps=["gibbs"])
