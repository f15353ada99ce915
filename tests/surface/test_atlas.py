"""PALS-B12: where it is searched, and that BA3 and BA33 of the right side stay apart."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.names import BRODMANN_NUMBERS
from harmoniq.surface import atlas as atlas_module
from harmoniq.surface.atlas import find_atlas


@pytest.fixture(scope="module")
def truth(test_data):
    return {
        side: np.load(test_data / "atlas" / f"{h}.pals_brodmann_fsaverage.npy")
        for side, h in (("L", "lh"), ("R", "rh"))
    }


def _copy(test_data, folder, pattern):
    folder.mkdir(parents=True, exist_ok=True)
    for file in (test_data / "atlas").glob(pattern):
        shutil.copyfile(file, folder / file.name)
    return folder


@pytest.mark.parametrize("pattern", ["*.labels.gii", "*.annot"])
def test_both_files_give_the_same_labels(test_data, truth, tmp_path, pattern):
    atlas = find_atlas(_copy(test_data, tmp_path, pattern))
    for side, wanted in truth.items():
        np.testing.assert_array_equal(atlas.labels[side], wanted)
        assert set(np.unique(atlas.labels[side])) == {-1, 0, *BRODMANN_NUMBERS}
    assert ("split" in atlas.version) == (pattern == "*.annot")


def test_merged_reading_is_freesurfers(test_data, truth, tmp_path):
    merged = find_atlas(_copy(test_data, tmp_path, "*.annot"), merged=True)
    assert np.count_nonzero(merged.labels["R"] == 3) == 2667
    assert not (merged.labels["R"] == 33).any()
    np.testing.assert_array_equal(merged.labels["L"], truth["L"])
    assert "merged" in merged.version


def test_fsaverage5_labels(test_data, truth, tmp_path):
    small = find_atlas(test_data / "atlas").on_fsaverage5()
    assert {len(values) for values in small.labels.values()} == {10242}


def test_search_order(test_data, tmp_path, monkeypatch):
    monkeypatch.setattr(atlas_module, "_PACKAGE", "no_such_package_at_all")
    home = tmp_path / "freesurfer"
    subjects = tmp_path / "subjects"
    second = _copy(test_data, subjects / "fsaverage" / "label", "*.labels.gii")
    monkeypatch.delenv("FREESURFER_HOME", raising=False)
    assert find_atlas(subjects_dir=subjects).source == second
    first = _copy(test_data, home / "subjects" / "fsaverage" / "label", "*.labels.gii")
    assert find_atlas(freesurfer_home=home, subjects_dir=subjects).source == first
    monkeypatch.setenv("FREESURFER_HOME", str(home))
    assert find_atlas(subjects_dir=subjects).source == first


def test_absent_atlas_says_where_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(atlas_module, "_PACKAGE", "no_such_package_at_all")
    monkeypatch.delenv("FREESURFER_HOME", raising=False)
    with pytest.raises(InputError, match=r"pip install 'harmoniq\[atlas\]'"):
        find_atlas()
    with pytest.raises(InputError, match=str(tmp_path)):
        find_atlas(tmp_path)


def test_damaged_and_foreign_files_are_named(test_data, tmp_path):
    _copy(test_data, tmp_path, "*.labels.gii")
    file = Path(tmp_path / "lh.PALS_B12.labels.gii")
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"lh.PALS_B12.labels.gii: cannot be read"):
        find_atlas(tmp_path)
