"""Shape files: what is written comes back, and equal values give equal bytes."""

import nibabel as nib
import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.surface.gifti import read_shape, write_shape


def test_round_trip_and_bytes(tmp_path):
    values = np.random.default_rng(0).normal(size=642)
    values[3] = np.nan
    first = write_shape(values, tmp_path / "a_hemi-L_R1map.shape.gii", hemisphere="L", name="R1")
    second = write_shape(values, tmp_path / "sub" / "b.shape.gii", hemisphere="L", name="R1")
    assert first.read_bytes() == second.read_bytes()
    np.testing.assert_array_equal(read_shape(first), values.astype(np.float32))
    image = nib.load(first)
    assert image.meta["AnatomicalStructurePrimary"] == "CortexLeft"
    assert image.darrays[0].intent == nib.nifti1.intent_codes["NIFTI_INTENT_SHAPE"]
    right = nib.load(write_shape(values, tmp_path / "r.shape.gii", hemisphere="R"))
    assert right.meta["AnatomicalStructurePrimary"] == "CortexRight"


def test_damaged_files_are_named(tmp_path):
    path = write_shape(np.ones(100), tmp_path / "a.shape.gii", hemisphere="L")
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(InputError, match=r"a.shape.gii: is not a GIFTI file"):
        read_shape(path)
    with pytest.raises(InputError, match="not found"):
        read_shape(tmp_path / "b.shape.gii")
    with pytest.raises(ValueError, match=r"shape\.gii"):
        write_shape(np.ones(3), tmp_path / "a.gii", hemisphere="L")
