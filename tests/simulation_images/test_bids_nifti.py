import gzip

import nibabel as nib
import numpy as np
import pytest

from harmoniq.simulation.bids_nifti import open_nifti, write_nifti
from harmoniq.simulation.protocol_grid import oblique_grid


def test_nibabel_reads_back_what_was_written(tmp_path) -> None:
    grid = oblique_grid((1, 2, 3), (10, 12, 9), (1, 1.5, 2), (3, -4, 5), flip_x=True)
    volume = np.random.default_rng(0).integers(-2048, 2048, grid.shape[::-1]).astype(np.int16)
    path = write_nifti(tmp_path / "sub" / "a.nii.gz", grid.affine, volume, slope=np.pi / 2048)
    image = nib.load(path)
    assert image.shape == grid.shape
    assert image.affine == pytest.approx(grid.affine, abs=1e-5)
    assert image.get_qform() == pytest.approx(grid.affine, abs=1e-4)
    assert image.get_fdata() == pytest.approx(volume.transpose(2, 1, 0) * np.pi / 2048, rel=1e-6)
    assert image.header.get_xyzt_units() == ("mm", "sec")


def test_series_and_same_bytes(tmp_path) -> None:
    volumes = np.random.default_rng(0).integers(0, 4095, (3, 4, 5, 6)).astype(np.uint16)
    for name in ("a.nii.gz", "b.nii.gz"):
        with open_nifti(tmp_path / name, np.eye(4), (6, 5, 4, 3), np.uint16, repetition_time=3.2) as stream:
            for volume in volumes:
                stream.append(volume)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
    image = nib.load(tmp_path / "a.nii.gz")
    assert (np.asarray(image.dataobj) == volumes.transpose(3, 2, 1, 0)).all()
    assert image.header.get_zooms()[3] == pytest.approx(3.2)
    assert len(gzip.decompress((tmp_path / "a.nii.gz").read_bytes())) == 352 + volumes.nbytes
