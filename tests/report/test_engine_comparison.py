"""Maps of two engines side by side: the table's numbers, and the files."""

import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.images import save_image
from harmoniq.data.tables import read_tsv
from harmoniq.report.engine_comparison import CLASSES, COLUMNS, compare_engine_files, engine_table

SHAPE = (12, 14, 10)


@pytest.fixture
def maps():
    """White matter of 1.1, gray of 0.7 and fluid of 0.3 1/s; native is 1 % higher in gray matter and lacks a voxel."""
    reference = np.full(SHAPE, 1.1, np.float32)
    reference[4:8], reference[8:] = 0.7, 0.3
    native = reference.copy()
    native[4:8] *= 1.01
    native[0, 0, 0] = 0
    mask = np.ones(SHAPE, bool)
    mask[:, 0] = False
    mask[0, 0, 0] = True
    return native, reference, mask


def test_table_per_tissue(maps):
    native, reference, mask = maps
    table = engine_table(native, reference, mask, reference).set_index("tissue")
    assert list(table.index) == ["brain mask", *CLASSES]
    assert table.loc["brain mask", "n"] == mask.sum() - 1
    assert table.loc["white-matter-like", "n_only_reference"] == 1
    np.testing.assert_allclose(
        table.loc["gray-matter-like", ["bias_percent", "p99_percent"]].astype(float), 1, rtol=1e-4
    )
    np.testing.assert_allclose(table.loc["gray-matter-like", "bias"], 0.007, rtol=1e-4)
    assert (table.loc[["white-matter-like", "fluid-like"], "max_percent"] == 0).all()


def test_files(maps, tmp_path):
    native, reference, mask = maps
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    paths = {name: tmp_path / f"{name}.nii.gz" for name in ("native", "reference", "mask")}
    for name, data in zip(paths, (native, reference, mask.astype(np.uint8))):
        save_image(data, affine, paths[name])
    out = {"difference_out": tmp_path / "d.png", "scatter_out": tmp_path / "s.png", "table_out": tmp_path / "t.tsv"}
    options = {"metric": "R1", "names": ("native", "marques"), "title": "sub-01", "mask_path": paths["mask"]}
    compare_engine_files(paths["native"], paths["reference"], **options, **out)
    first = [path.read_bytes() for path in out.values()]
    compare_engine_files(paths["native"], paths["reference"], **options, **out)
    assert first == [path.read_bytes() for path in out.values()]
    assert first[0][:4] == first[1][:4] == b"\x89PNG"
    assert list(read_tsv(out["table_out"]).columns) == list(COLUMNS)
    save_image(reference[:-1], affine, paths["reference"])
    with pytest.raises(InputError, match="differs from"):
        compare_engine_files(paths["native"], paths["reference"], **options, **out)
