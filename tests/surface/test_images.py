"""Volumes: what is refused and how it is said; equal data give equal bytes."""

import gzip

import nibabel as nib
import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.images import Image, load_image, same_grid, save_image
from harmoniq.data.inputs import check_grids

AFFINE = np.array([[-0.8, 0.1, 0.0, 60.0], [0.05, 1.1, 0.3, -70.0], [0.0, -0.2, 2.0, -30.0], [0, 0, 0, 1.0]])


@pytest.fixture
def volume():
    return np.random.default_rng(1).normal(1, 0.2, (5, 6, 7)).astype(np.float32)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_round_trip(tmp_path, volume, suffix):
    path = save_image(volume, AFFINE, tmp_path / f"a{suffix}")
    back = load_image(path)
    np.testing.assert_array_equal(back.data, volume)
    np.testing.assert_allclose(back.affine, AFFINE, atol=1e-6)  # float32 of the header
    assert back.data.dtype == np.float32
    assert back.path == path


def test_equal_data_equal_bytes(tmp_path, volume):
    first = save_image(volume, AFFINE, tmp_path / "a.nii.gz").read_bytes()
    second = save_image(volume, AFFINE, tmp_path / "other.nii.gz").read_bytes()
    assert first == second


def test_scale_factors_are_honoured(tmp_path):
    stored = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    image = nib.Nifti1Image(stored, np.eye(4))
    image.header.set_slope_inter(0.25, -3)
    nib.save(image, tmp_path / "scaled.nii")
    np.testing.assert_allclose(load_image(tmp_path / "scaled.nii").data, stored * 0.25 - 3)


def test_integer_labels_and_mgh(tmp_path, volume):
    labels = (volume > 1).astype(np.int16)
    path = save_image(labels, np.eye(4), tmp_path / "labels.nii.gz", dtype=np.uint8)
    assert nib.load(path).get_data_dtype() == np.uint8
    nib.save(nib.MGHImage(volume, AFFINE), tmp_path / "a.mgz")
    np.testing.assert_array_equal(load_image(tmp_path / "a.mgz").data, volume)


def test_codes_of_the_coordinate_system_are_kept(tmp_path, volume):
    image = nib.Nifti1Image(volume, np.diag([1, 2, 3, 1.0]))
    image.header.set_sform(image.affine, code=2)
    nib.save(image, tmp_path / "a.nii")
    source = load_image(tmp_path / "a.nii")
    header = nib.load(save_image(volume, source.affine, tmp_path / "b.nii", like=source)).header
    assert (header["sform_code"], header["qform_code"]) == (2, 2)


def test_trailing_dimension_of_one_does_not_count(tmp_path, volume):
    nib.save(nib.Nifti1Image(volume[..., None], AFFINE), tmp_path / "a.nii")
    assert load_image(tmp_path / "a.nii", ndim=3).shape == volume.shape
    with pytest.raises(InputError, match=r"3 dimensions .* 4 are wanted"):
        load_image(tmp_path / "a.nii", ndim=4)


def _absent(path, volume):
    pass


def _empty(path, volume):
    path.write_bytes(b"")


def _truncated(path, volume):
    save_image(volume, AFFINE, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _truncated_header(path, volume):
    save_image(volume, AFFINE, path)
    path.write_bytes(path.read_bytes()[:40])


def _broken_bits(path, volume):
    save_image(volume, AFFINE, path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


def _text(path, volume):
    path.write_bytes(gzip.compress(b"not an image at all " * 100))


def _html(path, volume):
    path.write_bytes(b"<html>404</html>" * 50)


def _nan(path, volume):
    volume[0, 0, 0] = np.nan
    save_image(volume, AFFINE, path)


def _infinite(path, volume):
    volume[0, 0, 0], volume[1, 1, 1] = np.inf, -np.inf
    save_image(volume, AFFINE, path)


def _complex(path, volume):
    nib.save(nib.Nifti1Image(volume.astype(np.complex64), AFFINE), path)


def _singular(path, volume):
    image = nib.Nifti1Image(volume, AFFINE)
    image.header.set_sform(np.diag([1, 1, 0, 1.0]), code=1)
    image.header.set_qform(None, code=0)
    with gzip.open(path, "wb") as stream:
        header = image.header.copy()
        header["srow_z"] = 0
        header["magic"] = b"n+1"
        header["vox_offset"] = 352
        stream.write(header.binaryblock + b"\0" * 4 + volume.tobytes(order="F"))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (_absent, "not found"),
        (_empty, "empty"),
        (_truncated, "truncated"),
        (_truncated_header, "truncated"),
        (_broken_bits, "damaged|truncated"),
        (_text, "not a NIfTI or MGH"),
        (_html, "broken|not a NIfTI"),
        (_nan, "1 of 210 values"),
        (_infinite, "2 of 210 values"),
        (_complex, "complex"),
        (_singular, "singular"),
    ],
)
def test_bad_files_are_named(tmp_path, volume, make, sentence):
    path = tmp_path / "sub-01_R1map.nii.gz"
    make(path, volume.copy())
    with pytest.raises(InputError, match=sentence) as caught:
        load_image(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_truncated_without_gzip(tmp_path, volume):
    path = save_image(volume, AFFINE, tmp_path / "a.nii")
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(InputError, match="truncated"):
        load_image(path)


def test_nan_allowed_on_request(tmp_path, volume):
    volume[0, 0, 0] = np.nan
    assert np.isnan(load_image(save_image(volume, AFFINE, tmp_path / "a.nii"), finite=False).data[0, 0, 0])


def test_headers_that_tell_of_two_grids(tmp_path, volume):
    """A turn by a third of a degree moves no entry of the affine by 0.01, but a corner of a head's image by a mm."""
    shape, angle = (256, 4, 4), 0.006
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    paths = [tmp_path / f"{name}.nii" for name in ("straight", "again", "turned")]
    for path, affine in zip(paths, (np.eye(4), np.eye(4) + 1e-6, turn)):
        save_image(np.zeros(shape), affine, path)
    check_grids(paths[:2])
    with pytest.raises(InputError, match=r"turned.nii: affine: its position or orientation differs from straight.nii"):
        check_grids(paths)
    save_image(np.zeros((4, 4, 4)), np.eye(4), paths[1])
    with pytest.raises(InputError, match=r"its grid \(4, 4, 4\) is not \(256, 4, 4\)"):
        check_grids(paths)


def test_same_grid(tmp_path, volume):
    first = Image(volume, AFFINE, tmp_path / "first.nii")
    same_grid(first, Image(volume, AFFINE + 1e-5, tmp_path / "second.nii"))
    moved = AFFINE.copy()
    moved[0, 3] += 0.5
    with pytest.raises(InputError, match=r"second.nii: lies 0.5 mm away from .*first.nii"):
        same_grid(first, Image(volume, moved, tmp_path / "second.nii"))
    with pytest.raises(InputError, match=r"second.nii: grid 5 x 6 x 6 differs from 5 x 6 x 7 of .*first.nii"):
        same_grid(first, Image(volume[:, :, :6], AFFINE, tmp_path / "second.nii"))


def test_unwritable_folder_is_named(tmp_path, volume):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be written"):
        save_image(volume, AFFINE, tmp_path / "file" / "a.nii.gz")
