"""The acquisition table out of sidecars: what each site measured with, as the paper's table 2 shows it."""

import json
from pathlib import Path

from harmoniq.regions.acquisition import acquisition_table

MP2RAGE = {
    "VoxelSize": [1.0, 1.0, 1.0], "Matrix": [240, 256, 176], "RepetitionTimePreparation": 6.0,
    "InversionTime": [0.7, 2.4], "FlipAngle": [6.0, 6.0], "RepetitionTimeExcitation": 0.0069, "NumberShots": [88, 88],
    "AcquisitionDuration": 452, "ManufacturersModelName": "Prisma", "MagneticFieldStrength": 3,
}  # fmt: skip
MEGRE = {
    "VoxelSize": [0.75, 0.75, 3.0],
    "EchoTime": [0.00669 + 0.00406 * k for k in range(10)],
    "RepetitionTime": 0.049,
}
DWI = {"VoxelSize": [1.8, 1.8, 1.8], "BValues": [0, 1250, 2500], "Directions": [11, 86, 85]}


def write(folder: Path, label: str, acquisition: dict | None) -> Path:
    table = folder / f"sub-{label}" / f"sub-{label}_regions.tsv"
    table.parent.mkdir()
    table.write_text("participant_id\n")
    if acquisition is not None:
        table.with_suffix(".json").write_text(json.dumps({"Acquisition": acquisition}))
    return table


def test_as_the_paper_prints_it(tmp_path: Path) -> None:
    other = {**MP2RAGE, "RepetitionTimePreparation": 5.0}
    tables = [
        write(tmp_path, "1", {"MP2RAGE": MP2RAGE, "DWI": DWI}), write(tmp_path, "2", {"MP2RAGE": MP2RAGE}),
        write(tmp_path, "3", {"MP2RAGE": other}), write(tmp_path, "4", {"MP2RAGE": other, "MEGRE": MEGRE}),
        write(tmp_path, "5", None), write(tmp_path, "6", {"MP2RAGE": MP2RAGE}),
    ]  # fmt: skip
    sites = {"sub-1": "a", "sub-2": "a", "sub-3": "a", "sub-4": "b", "sub-5": "b"}
    table, notes = acquisition_table(tables, sites)
    cells = table.set_index(["sequence", "parameter"])
    assert list(cells.columns) == ["a", "b"]
    assert cells.loc[("MP2RAGE", "TR/TI1, TI2 (ms)"), "b"] == "5000/700, 2400"
    assert cells.loc[("MP2RAGE", "TR/TI1, TI2 (ms)"), "a"] == "6000/700, 2400 (n = 2); 5000/700, 2400 (n = 1)"
    assert cells.loc[("MP2RAGE", "flip angles (°)"), "b"] == "6, 6"
    assert cells.loc[("MP2RAGE", "acquisition time (min)"), "b"] == "7:32"
    assert cells.loc[("MP2RAGE", "excitations before/after the center"), "b"] == "88/88"
    assert cells.loc[("MEGRE", "TR/TE1/ΔTE (ms)/echoes"), "b"] == "49/6.69/4.06/10"
    assert cells.loc[("MEGRE", "TR/TE1/ΔTE (ms)/echoes"), "a"] is None
    assert cells.loc[("DWI", "b-values (s/mm²)"), "a"] == "0/1250/2500"
    assert cells.loc[("DWI", "directions"), "a"] == "11/86/85"
    assert notes == ["table 2: MP2RAGE TR/TI1, TI2 (ms) varies within a"]


def test_without_sidecars_the_table_is_empty_and_it_is_said(tmp_path: Path) -> None:
    table, notes = acquisition_table([write(tmp_path, "1", None)], {"sub-1": "a"})
    assert table.empty and list(table.columns) == ["sequence", "parameter", "a"]
    assert notes and "table 2 is empty" in notes[0]
