"""Tractograms: read in three formats, refused when damaged."""

import nibabel as nib
import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.images import Image
from harmoniq.tract.streamlines import load_streamlines, outside

AFFINE = np.array([[-1.25, 0, 0, 90], [0, 1.25, 0, -126], [0, 0, 1.25, -72], [0, 0, 0, 1.0]])


@pytest.fixture
def lines():
    rng = np.random.default_rng(0)
    return [(rng.normal(size=(n, 3)).cumsum(axis=0) + (10, -20, 30)).astype(np.float32) for n in (20, 35, 50)]


def _save(lines, path, affine=AFFINE):
    tractogram = nib.streamlines.Tractogram(lines, affine_to_rasmm=np.eye(4))
    header = {"voxel_to_rasmm": affine, "dimensions": (145, 174, 145), "voxel_sizes": (1.25, 1.25, 1.25),
              "voxel_order": "LAS"}  # fmt: skip
    nib.streamlines.save(tractogram, path, header=header if path.suffix == ".trk" else None)
    return path


@pytest.mark.parametrize("suffix", [".trk", ".tck"])
def test_round_trip(tmp_path, lines, suffix):
    loaded, notes = load_streamlines(_save(lines, tmp_path / f"a{suffix}"))
    assert notes == []
    for own, other in zip(loaded, lines, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-4)  # float32 through voxel space


def test_trx(tmp_path, lines):
    trx = pytest.importorskip("trx.trx_file_memmap")
    from dipy.io.stateful_tractogram import Space, StatefulTractogram

    reference = nib.Nifti1Image(np.zeros((145, 174, 145), np.uint8), AFFINE)
    trx.save(trx.TrxFile.from_sft(StatefulTractogram(lines, reference, Space.RASMM)), str(tmp_path / "a.trx"))
    loaded, _ = load_streamlines(tmp_path / "a.trx")
    for own, other in zip(loaded, lines, strict=True):
        np.testing.assert_allclose(own, other, atol=0.05)  # trx may store float16


@pytest.mark.parametrize("suffix", [".trk", ".tck"])
@pytest.mark.parametrize("keep", [0.98, 0.6, 0.1])
def test_truncated(tmp_path, lines, suffix, keep):
    path = _save(lines * 10, tmp_path / f"a{suffix}")
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises(InputError, match=r"a\.\w+: the tractogram is truncated"):
        load_streamlines(path)


def test_truncated_between_two_streamlines(tmp_path, lines):
    path = _save(lines, tmp_path / "a.trk")
    path.write_bytes(path.read_bytes()[: -(4 + 50 * 12)])
    with pytest.raises(InputError, match="truncated: 2 of 3 streamlines"):
        load_streamlines(path)


@pytest.mark.parametrize("suffix", [".trk", ".tck"])
def test_empty(tmp_path, suffix):
    with pytest.raises(InputError, match="holds no streamline"):
        load_streamlines(_save([], tmp_path / f"a{suffix}"))


def test_absent_and_foreign(tmp_path):
    with pytest.raises(InputError, match="not found"):
        load_streamlines(tmp_path / "a.trk")
    (tmp_path / "a.vtk").write_text("x")
    with pytest.raises(InputError, match="not a tractogram"):
        load_streamlines(tmp_path / "a.vtk")


def test_notes(tmp_path, lines):
    broken = [lines[0], lines[1][:1]]
    loaded, notes = load_streamlines(_save(broken, tmp_path / "a.trk"))
    assert len(loaded) == 1
    assert "1 of 2 streamlines" in notes[0]
    assert "single streamline" in notes[1]
    far = Image(np.zeros((5, 5, 5), np.float32), np.eye(4))
    (note,) = outside("FA", lines, far, 1)
    assert "lie outside" in note
    (note,) = outside("FA", lines, None, 0)
    assert "no value" in note
    with pytest.raises(InputError, match="two points"):
        load_streamlines(_save([lines[0][:1]], tmp_path / "c.trk"))
