"""The regional table: written, collected, joined, and refused when engines are mixed."""

import json

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.names import REGION_COLUMNS
from harmoniq.data.tables import read_tsv
from harmoniq.regions.collect import find_regions
from harmoniq.regions.engines import check_engines
from harmoniq.regions.table import assemble, read_regions_tables, write_regions


def _rows(engine="native 0.1.0 + freesurfer 7.3.2", value=0.7):
    base = {"value": value, "sd": 0.01, "n": 5, "n_excluded": 0, "engine": engine}
    places = [
        ("WM", "SLF_R", None), ("WM", "FA", None), ("sWM", "BA2", "L"),
        ("cGM", "BA10", "R"), ("cGM", "BA10", "L"), ("cGM", "BA2", "L"),
    ]  # fmt: skip
    return [
        {"metric": metric, "tissue": tissue, "region": region, "hemisphere": side, **base}
        for metric in ("R2star", "R1")
        for tissue, region, side in places
    ]


def _write(root, sub, ses=None, **keywords):
    table = assemble(_rows(**keywords), participant_id=sub, session_id=ses)
    folder = root / f"sub-{sub}" / (f"ses-{ses}" if ses else "")
    return write_regions(folder / f"sub-{sub}{f'_ses-{ses}' if ses else ''}_regions.tsv", table)


def test_columns_order_and_sorting(tmp_path):
    table = assemble(_rows(), participant_id="01")
    assert list(table.columns) == list(REGION_COLUMNS)
    assert table["metric"].tolist() == ["R1"] * 6 + ["R2star"] * 6
    assert table["region"].tolist()[:6] == ["BA2", "BA10", "BA10", "BA2", "FA", "SLF_R"]
    assert table["hemisphere"].tolist()[1:3] == ["L", "R"]
    assert set(table["participant_id"]) == {"sub-01"}
    pd.testing.assert_frame_equal(table, assemble(_rows()[::-1], participant_id="sub-01"))


def test_file_and_sidecar(tmp_path):
    table = assemble([*_rows(), {**_rows()[0], "region": "FP", "value": np.nan, "n": 0}], participant_id="01")
    metadata = {"Engines": {"R1": "native 0.1.0"}, "Versions": {"harmoniq": "0.1.0"}}
    path = write_regions(tmp_path / "sub-01_regions.tsv", table, metadata)
    lines = path.read_text().splitlines()
    assert lines[0] == "\t".join(REGION_COLUMNS)
    assert lines[1].split("\t")[:7] == ["sub-01", "n/a", "R1", "cGM", "BA2", "L", "0.7"]
    assert "FP\tn/a\tn/a" in path.read_text()
    sidecar = json.loads(path.with_suffix(".json").read_text())
    assert sidecar["value"]["Units"] == "1/s"
    assert sidecar["Engines"] == {"R1": "native 0.1.0"}
    assert set(REGION_COLUMNS) <= set(sidecar)
    with pytest.raises(ValueError, match="columns"):
        write_regions(path, table, {"value": 3})


def test_values_survive(tmp_path):
    value = 0.1234567890123
    path = _write(tmp_path, "01", value=value)
    np.testing.assert_allclose(read_tsv(path)["value"], value, rtol=1e-9)  # ten digits are written


def test_collect_and_join(tmp_path):
    for sub in ("02", "01"):
        _write(tmp_path, sub)
    for ses in ("b", "a"):
        _write(tmp_path, "03", ses)
    (tmp_path / "sub-01" / "anat").mkdir()
    (tmp_path / "sub-01" / ".tmp-1-sub-01_regions.tsv").write_text("half")
    (tmp_path / "sub-04.html").write_text("")
    found = find_regions(tmp_path)
    assert [path.name for path in found] == [
        "sub-01_regions.tsv", "sub-02_regions.tsv", "sub-03_ses-a_regions.tsv", "sub-03_ses-b_regions.tsv",
    ]  # fmt: skip
    table = read_regions_tables(found)
    assert len(table) == 48
    assert table["session_id"].isna().sum() == 24
    pd.testing.assert_frame_equal(table, read_regions_tables(found[::-1]))


def test_mistakes_are_named(tmp_path):
    first = _write(tmp_path, "01")
    copy = tmp_path / "regions_again.tsv"
    copy.write_bytes(first.read_bytes())
    with pytest.raises(InputError, match=r"regions_again.tsv: sub-01 n/a stands in .*sub-01_regions.tsv too"):
        read_regions_tables([first, copy])
    renamed = tmp_path / "sub-02_regions.tsv"
    renamed.write_bytes(first.read_bytes())
    with pytest.raises(InputError, match="participant_id = sub-01: must be sub-02"):
        read_regions_tables([renamed])
    renamed.write_text("participant_id\tmetric\nsub-02\tR1\n")
    with pytest.raises(InputError, match=r"sub-02_regions.tsv: tissue: column missing"):
        read_regions_tables([renamed])
    with pytest.raises(InputError, match="no regional table"):
        read_regions_tables([])
    with pytest.raises(InputError, match="not found"):
        find_regions(tmp_path / "none")


def test_mixed_engines_are_refused(tmp_path):
    table = read_regions_tables(
        [_write(tmp_path, "01"), _write(tmp_path, "02", engine="native 0.1.0 + catsurf 1.1.6"), _write(tmp_path, "03")]
    )
    with pytest.raises(InputError) as caught:
        check_engines(table)
    text = str(caught.value)
    for part in ("R1 in cGM", "catsurf 1.1.6: sub-02", "freesurfer 7.3.2: sub-01, sub-03", "--allow-mixed-engines"):
        assert part in text
    notes = check_engines(table, allow_mixed=True)
    assert len(notes) == 6
    assert check_engines(table[table["participant_id"] != "sub-02"]) == []
    assert check_engines(table.drop(columns="engine")) == []


def test_different_engines_in_different_tissues_are_no_mixture(tmp_path):
    rows = [{**row, "engine": "pyafq" if row["tissue"] == "WM" else "freesurfer"} for row in _rows()]
    assert check_engines(assemble(rows, participant_id="01")) == []
