"""Maps that exist already: which file is taken, in which unit, and what is refused."""

import json

import nibabel as nib
import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.existing_maps import ExistingMap, find_map
from harmoniq.data.rates import write_rate


def put(folder, name, data=None, **sidecar):
    path = folder / "anat" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.full((4, 4, 4), 1.0, np.float32) if data is None else data, np.eye(4)), path)
    if sidecar:
        path.with_name(path.name.split(".")[0] + ".json").write_text(json.dumps(sidecar))
    return path


def test_the_rate_goes_before_the_time_and_the_plain_name_before_one_with_a_description(tmp_path):
    folder = tmp_path / "pipeline" / "sub-01"
    time = put(folder, "sub-01_T1map.nii.gz")
    assert find_map([tmp_path], "01", None, "R1").path == time
    described = put(folder, "sub-01_desc-smooth_R1map.nii.gz")
    assert find_map([tmp_path], "01", None, "R1").path == described
    plain = put(folder, "sub-01_R1map.nii.gz")
    put(folder, "sub-01_space-MNI152NLin2009cAsym_R1map.nii.gz")
    put(folder, "sub-01_desc-native_R1map.nii.gz")
    put(folder, "sub-01_R2starmap.nii.gz")
    put(tmp_path / "pipeline" / "sub-010", "sub-010_R1map.nii.gz")
    assert find_map([tmp_path], "01", None, "R1").path == plain
    assert find_map([tmp_path], "02", None, "R1") is None


def test_a_session_has_its_own_map_and_else_the_one_without_a_session(tmp_path):
    plain = put(tmp_path / "sub-01", "sub-01_R2starmap.nii")
    own = put(tmp_path / "sub-01" / "ses-a", "sub-01_ses-a_R2starmap.nii")
    assert find_map([tmp_path], "01", "a", "R2star").path == own
    assert find_map([tmp_path], "01", "b", "R2star").path == plain
    assert find_map([tmp_path], "01", None, "R2star").path == plain


def test_two_maps_that_fit_equally_well_are_refused(tmp_path):
    for run in (1, 2):
        put(tmp_path / "sub-01", f"sub-01_run-{run}_R1map.nii.gz")
    with pytest.raises(InputError, match=r"2 maps fit: sub-01_run-1_R1map\.nii\.gz, sub-01_run-2_R1map\.nii\.gz"):
        find_map([tmp_path], "01", None, "R1")


@pytest.mark.parametrize(
    ("name", "units", "stored"),
    [("R1map", None, 0.8), ("R1map", "1/ms", 0.8e-3), ("R1map", "Hz", 0.8), ("T1map", None, 1.25),
     ("T1map", "ms", 1250.0)],
)  # fmt: skip
def test_every_unit_gives_the_rate_per_second(tmp_path, name, units, stored):
    data = np.full((4, 4, 4), stored, np.float32)
    data[0], data[1, 0, 0] = 0.0, np.nan
    put(tmp_path / "sub-01", f"sub-01_{name}.nii.gz", data, **({} if units is None else {"Units": units}))
    source = find_map([tmp_path], "01", None, "R1")
    rate = nib.load(write_rate(source, tmp_path / "rate.nii.gz", plausible=(0.1, 3.0))).get_fdata()
    assert np.isfinite(rate).all()
    assert (rate[0] == 0).all()
    assert rate[1, 0, 0] == 0
    np.testing.assert_allclose(rate[2:], 0.8, rtol=2e-7)  # float32


def test_an_unknown_unit_and_a_wrong_one_are_told(tmp_path):
    put(tmp_path / "sub-01", "sub-01_T1map.nii.gz", Units="fortnights")
    with pytest.raises(InputError, match="is no unit of this map") as refused:
        find_map([tmp_path], "01", None, "R1")
    assert "fortnights" in str(refused.value)
    put(tmp_path / "sub-02", "sub-02_T1map.nii.gz", np.full((4, 4, 4), 1250.0, np.float32))
    source = find_map([tmp_path], "02", None, "R1")
    with pytest.raises(InputError, match=r"its median is 0\.0008 1/s by its unit"):
        write_rate(source, tmp_path / "rate.nii.gz", plausible=(0.1, 3.0))
    assert not (tmp_path / "rate.nii.gz").exists()


def test_a_map_with_a_time_axis_is_refused(tmp_path):
    path = put(tmp_path / "sub-01", "sub-01_R1map.nii.gz", np.ones((4, 4, 4, 2), np.float32))
    with pytest.raises(InputError, match="sub-01_R1map"):
        write_rate(ExistingMap(path, False, 1.0, ""), tmp_path / "rate.nii.gz", plausible=(0.1, 3.0))


def test_what_made_a_map_is_named(tmp_path):
    description = {"Name": "x", "GeneratedBy": [{"Name": "hMRI", "Version": "0.6.1"}]}
    put(tmp_path / "a" / "sub-01", "sub-01_R1map.nii.gz")
    (tmp_path / "a" / "dataset_description.json").write_text(json.dumps(description))
    put(tmp_path / "b" / "sub-01", "sub-01_R1map.nii.gz", Engine="native-lookup 0.1.0")
    put(tmp_path / "c" / "sub-01", "sub-01_R1map.nii.gz")
    engines = [find_map([tmp_path / name], "01", None, "R1").engine for name in "abc"]
    assert engines == ["existing-hMRI 0.6.1", "native-lookup 0.1.0", "existing"]
