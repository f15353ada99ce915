"""The layouts of pyAFQ, QSIPrep 0.18 and QSIRecon."""

import pytest

from harmoniq.data.errors import InputError
from harmoniq.tract.find import find_bundles


def _touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")


OLD = "sub-01/{ses}dwi/sub-01_{e}space-T1w_desc-preproc"
OLD_FILE = "sub-01_{e}space-T1w_desc-preproc_dwi_space-RASMM_model-probCSD_algo-AFQ_desc-{b}_tractography.trk"


def _old(folder, bundle, ses=""):
    part = {"ses": f"{ses}/" if ses else "", "e": f"{ses}_" if ses else ""}
    return f"{OLD.format(**part)}/{folder}/{OLD_FILE.format(b=bundle, **part)}"


def test_qsiprep_018_prefers_clean_bundles(tmp_path):
    _touch(tmp_path / "qsirecon", _old("clean_bundles", "ARCL"), _old("bundles", "ARCL"), _old("bundles", "FA"),
           _old("clean_bundles", "UNCL"), _old("clean_bundles", "SLFR"), _old("ROIs", "SLFR"))  # fmt: skip
    for start in (tmp_path, tmp_path / "qsirecon", tmp_path / "qsirecon" / "sub-01"):
        found = find_bundles(start, "01")
        assert list(found) == ["FA", "ARC_L", "SLF_R"]
        assert found["ARC_L"].parent.name == "clean_bundles"
        assert found["FA"].parent.name == "bundles"


def test_qsirecon(tmp_path):
    base = "qsirecon/derivatives/qsirecon-PYAFQ/sub-01/dwi/sub-01_dir-AP_space-T1w_dwimap"
    _touch(
        tmp_path,
        f"{base}/bundles/sub-01_dir-AP_model-csd_desc-RightCorticospinal_tractography.trk",
        f"{base}/bundles/sub-01_dir-AP_model-csd_desc-ForcepsMajor_tractography.trx",
        f"{base}/stats/sub-01_desc-LeftArcuate_tractography.trk",
    )
    assert list(find_bundles(tmp_path / "qsirecon", "sub-01")) == ["FP", "CST_R"]
    assert list(find_bundles(tmp_path / "qsirecon/derivatives", "01")) == ["FP", "CST_R"]
    assert list(find_bundles(tmp_path / "qsirecon/derivatives/qsirecon-PYAFQ", "01")) == ["FP", "CST_R"]


def test_pyafq_and_its_sessions(tmp_path):
    for ses in ("ses-1", "ses-2"):
        _touch(tmp_path, f"afq/sub-01/{ses}/dwi/bundles/sub-01_{ses}_desc-LeftArcuate_tractography.trk")
        _touch(tmp_path, f"afq/sub-01/{ses}/dwi/sub-01_{ses}_desc-bundles_tractography.trk")
    assert "ses-2" in str(find_bundles(tmp_path, "01", "2")["ARC_L"])
    assert "ses-1" in str(find_bundles(tmp_path, "01", "ses-1")["ARC_L"])
    assert find_bundles(tmp_path, "01", "3") == {}
    with pytest.raises(InputError, match="several sessions"):
        find_bundles(tmp_path, "01")


def test_files_without_a_session_serve_every_session(tmp_path):
    _touch(tmp_path, "sub-01/dwi/bundles/sub-01_desc-CSTL_tractography.tck")
    assert list(find_bundles(tmp_path, "01", "a")) == ["CST_L"]
    assert find_bundles(tmp_path, "02") == {}
    assert find_bundles(tmp_path, "0") == {}


def test_trk_before_tck_and_two_claims(tmp_path):
    _touch(tmp_path, "sub-01/dwi/bundles/sub-01_desc-CSTL_tractography.tck")
    _touch(tmp_path, "sub-01/dwi/bundles/sub-01_desc-CSTL_tractography.trk")
    assert find_bundles(tmp_path, "01")["CST_L"].suffix == ".trk"
    _touch(tmp_path, "sub-01/dwi/bundles/sub-01_desc-LeftCorticospinal_tractography.trk")
    with pytest.raises(InputError, match="two files claim to be the bundle CST_L"):
        find_bundles(tmp_path, "01")
    with pytest.raises(InputError, match="not found"):
        find_bundles(tmp_path / "no", "01")


def test_session_in_the_path_above_the_subject_does_not_count(tmp_path):
    root = tmp_path / "ses-2-archive"
    _touch(root, "sub-01/ses-1/dwi/bundles/sub-01_ses-1_desc-CSTL_tractography.trk")
    assert list(find_bundles(root, "01")) == ["CST_L"]
    assert list(find_bundles(root, "01", "1")) == ["CST_L"]
