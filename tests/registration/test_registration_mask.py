"""The rough brain mask: never empty, near the brain where there is one."""

import nibabel as nib
import numpy as np
import pytest

from harmoniq.registration.mask import brain_mask


def ellipsoid(shape, radii, center=(0, 0, 0), spacing=(1, 1, 1)):
    places = np.indices(shape)
    return sum(
        (((place - size / 2) * step - shift) / radius) ** 2
        for place, size, step, shift, radius in zip(places, shape, spacing, center, radii)
    ) < 1  # fmt: skip


def head(shape, spacing):
    rng = np.random.default_rng(0)
    scalp = ellipsoid(shape, (72, 90, 75), spacing=spacing) & ~ellipsoid(shape, (67, 85, 70), spacing=spacing)
    brain = ellipsoid(shape, (60, 78, 63), spacing=spacing)
    truth = 300.0 * scalp + 200.0 * brain
    return np.hypot(truth + rng.normal(size=shape) * 10, rng.normal(size=shape) * 10), brain


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.mark.parametrize(("shape", "spacing"), [((90, 104, 88), (2, 2, 2)), ((120, 140, 60), (1.5, 1.5, 3))])
def test_the_scalp_is_cut_off(shape, spacing):
    image, brain = head(shape, spacing)
    mask = brain_mask(image, spacing)
    assert mask.dtype == bool and mask.shape == shape
    assert dice(mask, brain) > 0.97


@pytest.mark.parametrize("offset", [0.0, 0.5])
def test_a_uniform_image_with_its_noisy_air(offset):
    """The ratio of two noisy inversions: gray and white matter in the head, any value in air and skull."""
    rng = np.random.default_rng(1)
    shape = (90, 104, 88)
    image, brain = head(shape, (2, 2, 2))
    uni = np.where(ellipsoid(shape, (50, 66, 52), spacing=(2, 2, 2)), 0.3, 0.0)
    angle = 0.5 * np.arcsin(2 * uni)
    signal = np.where(image > 100, image, 0.0)
    noise = rng.normal(size=(4, *shape)) * 10
    first = signal * np.sin(angle) + noise[0] + 1j * noise[1]
    second = signal * np.cos(angle) + noise[2] + 1j * noise[3]
    uni = np.real(np.conj(first) * second) / (np.abs(first) ** 2 + np.abs(second) ** 2)
    assert dice(brain_mask(uni + offset, (2, 2, 2)), brain) > 0.95


def test_a_phantom_gives_its_foreground():
    ball = ellipsoid((61, 62, 63), (40, 40, 40), spacing=(2, 2, 2))
    assert dice(brain_mask(500.0 * ball, (2, 2, 2)), ball) > 0.98


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((7, 8, 9)),
        np.ones((7, 8, 9)),
        np.full((7, 8, 9), np.nan),
        np.random.default_rng(0).normal(size=(7, 8, 9)),
        np.pad([[[1.0]]], 5),
        np.ones((1, 1, 1)),
    ],
    ids=["zero", "one", "nan", "noise", "point", "voxel"],
)
def test_it_never_fails_and_never_is_empty(image):
    mask = brain_mask(image, (1.0, 1.0, 1.0))
    assert mask.any() and mask.shape == image.shape


def test_a_real_brain(test_data):
    path = test_data / "brain" / "S1_T1w.nii.gz"
    if not path.is_file():
        pytest.skip("no real brain among the test data")
    image = nib.load(path)
    mask = brain_mask(np.asarray(image.dataobj), image.header.get_zooms()[:3])
    inverse = np.linalg.inv(image.affine)
    for side in "LR":
        surface = nib.load(test_data / "brain" / f"S1_hemi-{side}_white.surf.gii")
        points = surface.agg_data("pointset") @ inverse[:3, :3].T + inverse[:3, 3]
        # The truth is the white surface: the mask must hold it, but for tips of the poles.
        assert mask[tuple(np.round(points).astype(int).T)].mean() > 0.97
    # The brain of an adult within its meninges has 1.2 to 1.7 liters; the head in this image has 4.3.
    assert 1.2e6 < mask.sum() < 1.8e6
