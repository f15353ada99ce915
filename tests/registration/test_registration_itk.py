"""ITK transform files, against SimpleITK itself."""

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st

from harmoniq.data.errors import InputError
from harmoniq.registration.itk import read_itk, write_itk

LPS = np.array([-1.0, -1.0, 1.0])


def rigid(angles, shift):
    from scipy.spatial.transform import Rotation

    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    matrix[:3, 3] = shift
    return matrix


ANGLES = st.tuples(*[st.floats(-180, 180)] * 3)
SHIFTS = st.tuples(*[st.floats(-100, 100)] * 3)


@settings(max_examples=30, deadline=None)
@given(ANGLES, SHIFTS)
def test_reading_returns_what_was_written(tmp_path_factory, angles, shift):
    path = tmp_path_factory.mktemp("itk") / "xfm.txt"
    matrix = rigid(angles, shift)
    np.testing.assert_array_equal(read_itk(write_itk(matrix, path)), matrix + 0.0)


def test_simpleitk_maps_the_same_points(tmp_path):
    matrix = rigid((10, -20, 30), (1, 2, -3))
    transform = sitk.ReadTransform(str(write_itk(matrix, tmp_path / "xfm.txt")))
    for point in np.random.default_rng(0).normal(size=(20, 3)) * 50:
        moved = LPS * transform.TransformPoint((LPS * point).tolist())
        np.testing.assert_allclose(moved, matrix[:3, :3] @ point + matrix[:3, 3], atol=1e-10)


def make_euler():
    transform = sitk.Euler3DTransform()
    transform.SetRotation(0.1, -0.2, 0.3)
    transform.SetTranslation((1, 2, 3))
    return transform


def make_versor():
    transform = sitk.VersorRigid3DTransform()
    transform.SetRotation((0.1, -0.7, 0.3), 0.4)
    transform.SetTranslation((1, 2, 3))
    return transform


def make_affine():
    transform = sitk.AffineTransform(3)
    transform.SetMatrix((1.1, 0.1, 0, -0.2, 0.9, 0.05, 0.01, 0, 1.2))
    transform.SetTranslation((1, 2, 3))
    return transform


@pytest.mark.parametrize("make", [make_euler, make_versor, make_affine])
def test_transforms_written_by_simpleitk_are_read(make, tmp_path):
    transform = make()
    transform.SetCenter((5, -6, 7))
    sitk.WriteTransform(transform, str(tmp_path / "xfm.txt"))
    matrix = read_itk(tmp_path / "xfm.txt")
    for point in np.random.default_rng(0).normal(size=(20, 3)) * 50:
        expected = LPS * transform.TransformPoint((LPS * point).tolist())
        # The versor's text holds 16 digits, of which its fourth component loses some.
        np.testing.assert_allclose(matrix[:3, :3] @ point + matrix[:3, 3], expected, atol=1e-9)


def test_resampling_the_moving_image_with_the_file_brings_it_onto_the_fixed_one(tmp_path):
    """The direction of the file: a point of the fixed grid asks for its value at its place in the moving image."""
    from harmoniq.registration.images import to_sitk

    matrix = rigid((0, 0, 90), (3, -2, 0))
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    affine[:3, 3] = -10, -12, -14
    point = np.array([2.0, 3.0, 4.0])

    def blob(center):
        grid = np.moveaxis(np.indices((24, 24, 16)), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
        return np.exp(-np.sum((grid - center) ** 2, axis=-1) / 20)

    fixed, moving = blob(point), blob(matrix[:3, :3] @ point + matrix[:3, 3])
    transform = sitk.ReadTransform(str(write_itk(matrix, tmp_path / "xfm.txt")))
    moved = sitk.Resample(to_sitk(moving, affine), to_sitk(fixed, affine), transform, sitk.sitkBSpline)
    # Cubic interpolation of a blob sampled at 2 mm; its tail is cut at the edge of the image.
    np.testing.assert_allclose(sitk.GetArrayFromImage(moved).T, fixed, atol=0.02)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello: world\n",
        "#Insight Transform File V1.0\nTransform: BSplineTransform_double_3_3\nParameters: 1\nFixedParameters: 1\n",
        "#x\nTransform: AffineTransform_double_3_3\nParameters: 1 2 3\nFixedParameters: 0 0 0\n",
        "#x\nTransform: AffineTransform_double_3_3\nParameters: a b c\nFixedParameters: 0 0 0\n",
    ],
)
def test_other_files_are_refused(text, tmp_path):
    path = tmp_path / "xfm.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=r"xfm\.txt"):
        read_itk(path)


def test_absent_file_and_bad_matrix_are_refused(tmp_path):
    with pytest.raises(InputError, match="not found"):
        read_itk(tmp_path / "no.txt")
    for bad in (np.eye(3), np.full((4, 4), np.nan), np.ones((4, 4))):
        with pytest.raises(InputError, match="4 x 4"):
            write_itk(bad, tmp_path / "xfm.txt")
