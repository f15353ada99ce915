"""Rigid registration of two contrasts, on synthetic and real heads that were moved by a known amount."""

import os
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from harmoniq.data.errors import InputError
from harmoniq.registration.rigid import register_rigid


def folded_head(points):
    """Return two contrasts of a head with folds and ventricles at points in mm: bright and dark white matter."""
    x, y, z = np.moveaxis(points, -1, 0)
    radius = np.sqrt((x / 65) ** 2 + (y / 82) ** 2 + (z / 67) ** 2)
    azimuth, height = np.arctan2(y / 82, x / 65), z / 67 / np.maximum(radius, 0.01)
    folds = 0.05 * np.sin(11 * azimuth + 2 * np.sin(3 * height)) * np.cos(13 * height + azimuth)

    def inside(limit):
        return 1 / (1 + np.exp(-(limit - radius) * 70 / 1.0))

    brain, white = inside(0.92 + folds), inside(0.8 + folds)
    scalp = inside(1.12) - inside(1.06)
    ventricle = sum(
        np.exp(-((((x - s * 11) / 6) ** 2 + ((y - 3) / 20) ** 2 + ((z - 8) / 8) ** 2) ** 2)) for s in (-1, 1)
    )
    gray, white = brain - white, white * (1 - ventricle)
    return (
        120 * scalp + 70 * gray + 110 * white + 15 * ventricle,
        60 * scalp + 100 * gray + 75 * white + 140 * ventricle,
    )


def grid(affine, shape):
    return np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]


def motion(angles, shift):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    matrix[:3, 3] = shift
    return matrix


def centered(voxel, shape, shift=(0, 0, 0)):
    affine = np.diag([*voxel, 1.0])
    affine[:3, 3] = -np.array(voxel) * (np.array(shape) - 1) / 2 + shift
    return affine


def write(path, data, affine, sigma=2.0, seed=0):
    noise = np.random.default_rng(seed).normal(size=(2, *data.shape)) * sigma
    nib.save(nib.Nifti1Image(np.hypot(data + noise[0], noise[1]).astype(np.float32), affine), path)
    return path


def pair(folder, matrix, voxel=(2.0, 2.0, 2.0), shape=(80, 96, 84), moving_affine=None):
    """Write a fixed image and a moving one whose head is moved by `matrix` (fixed to moving)."""
    affine = centered((2, 2, 2), (84, 100, 84))
    moving_affine = centered(voxel, shape, (1.3, -2.1, 0.7)) if moving_affine is None else moving_affine
    inverse = np.linalg.inv(matrix)
    fixed = folded_head(grid(affine, (84, 100, 84)))[0]
    places = grid(moving_affine, shape) @ inverse[:3, :3].T + inverse[:3, 3]
    moving = folded_head(places)[1]
    return write(folder / "fixed.nii", fixed, affine), write(folder / "moving.nii", moving, moving_affine, seed=1)


def error(found, expected, radius=70.0):
    """Return the mean distance in mm of where the two matrices take points of the head."""
    points = grid(centered([10] * 3, [15] * 3), (15, 15, 15)).reshape(-1, 3)
    points = points[np.linalg.norm(points, axis=1) < radius]
    difference = found - expected
    return np.linalg.norm(points @ difference[:3, :3].T + difference[:3, 3], axis=1).mean()


@pytest.mark.parametrize(
    ("angles", "shift"),
    [((0, 0, 0), (0, 0, 0)), ((1.5, -2, 1), (1, -2, 1.5)), ((-8, 6, 10), (12, -15, 8)), ((0, 0, 0), (30, 0, 5))],
    ids=["none", "small", "large", "far"],
)
def test_motion_is_recovered(tmp_path, angles, shift):
    matrix = motion(angles, shift)
    result = register_rigid(*pair(tmp_path, matrix))
    # A twentieth of the 2 mm voxels.
    assert error(result.matrix, matrix) < 0.1
    assert result.metric < 0 and result.n_iterations > 0


def test_thick_slices(tmp_path):
    matrix = motion((1, 2, -1), (1, -2, 1))
    result = register_rigid(*pair(tmp_path, matrix, (1.5, 1.5, 4.0), (108, 130, 42)))
    assert error(result.matrix, matrix) < 0.2


@pytest.mark.parametrize("axes", ["LAS", "PIR"])
def test_orientation_of_the_voxels_does_not_matter(tmp_path, axes):
    matrix = motion((1.5, -2, 1), (1, -2, 1.5))
    fixed, moving = pair(tmp_path, matrix)
    image = nib.load(moving)
    turn = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(image.affine), nib.orientations.axcodes2ornt(axes)
    )
    nib.save(image.as_reoriented(turn), tmp_path / "turned.nii")
    assert error(register_rigid(fixed, tmp_path / "turned.nii").matrix, matrix) < 0.1


def test_scaled_integers_and_several_volumes(tmp_path):
    matrix = motion((1, 0, -1), (1, 0, 2))
    fixed, moving = pair(tmp_path, matrix)
    image = nib.load(moving)
    data = np.round(np.repeat(image.get_fdata()[..., None], 2, axis=-1) * 10).astype(np.int16)
    scaled = nib.Nifti1Image(data, image.affine)
    scaled.header.set_slope_inter(0.1, -3)
    nib.save(scaled, tmp_path / "scaled.nii.gz")
    assert error(register_rigid(fixed, tmp_path / "scaled.nii.gz").matrix, matrix) < 0.1


def test_mask_limits_the_samples(tmp_path):
    matrix = motion((1, 0, -1), (1, 0, 2))
    fixed, moving = pair(tmp_path, matrix)
    image = nib.load(fixed)
    inside = np.linalg.norm(grid(image.affine, image.shape), axis=-1) < 60
    nib.save(nib.Nifti1Image(inside.astype(np.uint8), image.affine), tmp_path / "mask.nii")
    assert error(register_rigid(fixed, moving, fixed_mask_path=tmp_path / "mask.nii").matrix, matrix) < 0.1


def test_bytes_do_not_depend_on_threads_or_process(tmp_path):
    fixed, moving = pair(tmp_path, motion((1, 0, -1), (1, 0, 2)))
    code = (
        "import sys; from harmoniq.registration.rigid import register_rigid; "
        "r = register_rigid(*sys.argv[1:]); print(r.matrix.tobytes().hex(), r.metric.hex())"
    )
    outputs = set()
    for threads in ("1", "4"):
        names = ("OMP_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
        environment = os.environ | dict.fromkeys(names, threads)
        command = [sys.executable, "-c", code, str(fixed), str(moving)]
        run = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
        outputs.add(run.stdout)
    assert len(outputs) == 1


def test_the_seed_moves_the_result_by_little(tmp_path):
    matrix = motion((1, 0, -1), (1, 0, 2))
    paths = pair(tmp_path, matrix)
    one, other = register_rigid(*paths, seed=1), register_rigid(*paths, seed=2)
    assert 0 < error(one.matrix, other.matrix) < 0.05


def test_images_without_overlap_are_refused(tmp_path):
    fixed, moving = pair(tmp_path, motion((0, 0, 0), (0, 0, 0)))
    image = nib.load(moving)
    affine = image.affine.copy()
    affine[:3, 3] += 500
    nib.save(nib.Nifti1Image(image.get_fdata(), affine), tmp_path / "far.nii")
    with pytest.raises(InputError, match=r"far\.nii"):
        register_rigid(fixed, tmp_path / "far.nii")


def test_implausible_motion_is_refused(tmp_path):
    fixed, moving = pair(tmp_path, motion((0, 0, 0), (60, 0, 0)), shape=(100, 96, 84))
    with pytest.raises(InputError, match=r"moving\.nii.*(not plausible|overlap)"):
        register_rigid(fixed, moving)


def test_noise_is_refused(tmp_path):
    fixed, moving = pair(tmp_path, np.eye(4))
    image = nib.load(moving)
    write(tmp_path / "noise.nii", np.zeros(image.shape), image.affine)
    with pytest.raises(InputError, match=r"noise\.nii"):
        register_rigid(fixed, tmp_path / "noise.nii")


def test_unusable_images_are_refused(tmp_path):
    fixed, moving = pair(tmp_path, np.eye(4))
    image = nib.load(moving)
    nib.save(nib.Nifti1Image(np.full(image.shape, np.nan), image.affine), tmp_path / "nan.nii")
    (tmp_path / "short.nii").write_bytes(moving.read_bytes()[:1000])
    for name in ("nan.nii", "short.nii", "absent.nii"):
        with pytest.raises(InputError, match=name):
            register_rigid(fixed, tmp_path / name)
    wrong = nib.Nifti1Image(np.ones((3, 3, 3), np.uint8), np.eye(4))
    nib.save(wrong, tmp_path / "mask.nii")
    with pytest.raises(InputError, match=r"mask\.nii"):
        register_rigid(fixed, moving, fixed_mask_path=tmp_path / "mask.nii")


@pytest.mark.slow
@pytest.mark.parametrize(("voxel", "shape"), [((0.8, 0.8, 0.8), (224, 280, 240)), ((0.75, 0.75, 3), (240, 300, 66))])
def test_a_real_head_at_full_resolution(test_data, tmp_path, voxel, shape):
    """The second contrast is made from the first: cerebrospinal fluid bright, white matter dark, shaded by a coil."""
    path = test_data / "brain" / "S1_T1w.nii.gz"
    if not path.is_file():
        pytest.skip("no real brain among the test data")
    source = nib.load(path)
    data = np.asarray(source.dataobj, np.float32)
    coefficients = ndimage.spline_filter(data / np.quantile(data, 0.99), 3)
    to_voxel = np.linalg.inv(source.affine)
    center = np.linalg.inv(to_voxel)[:3] @ [*(np.array(data.shape) - 1) / 2, 1]

    def sample(affine, size):
        places = np.moveaxis(grid(to_voxel @ affine, size), -1, 0)
        return ndimage.map_coordinates(coefficients, places, order=3, prefilter=False).clip(0)

    matrix = motion((1.5, -2, 1), (0, 0, 0))
    matrix[:3, 3] = center - matrix[:3, :3] @ center + [1, -2, 1.5]
    fixed_affine, moving_affine = centered((1, 1, 1), (184, 232, 200), center), centered(voxel, shape, center)
    fixed, moving = sample(fixed_affine, (184, 232, 200)), sample(np.linalg.inv(matrix) @ moving_affine, shape)
    moving = np.where(moving > 0.15, 0.25 + 0.9 * np.abs(1.05 - moving) ** 0.8, moving)
    x, y, _ = np.moveaxis(grid(moving_affine, shape) - center, -1, 0)
    moving *= 1 + 0.3 * np.cos(x / 40 + 0.3) * np.cos(y / 60 - 0.5)
    paths = write(tmp_path / "f.nii", fixed, fixed_affine, 0.03), write(tmp_path / "m.nii", moving, moving_affine, 0.03)
    result = register_rigid(*paths)
    shifted = np.linalg.inv(motion((0, 0, 0), center))
    assert error(shifted @ result.matrix @ np.linalg.inv(shifted), shifted @ matrix @ np.linalg.inv(shifted)) < 0.1
