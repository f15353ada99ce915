"""Both reference engines through the whole pipeline in real Octave, where the toolboxes are; their maps beside ours."""

import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.octave import find_interpreter, find_toolbox
from harmoniq.data.tables import read_tsv

pytestmark = pytest.mark.slow


def test_maps_of_two_engines_stand_side_by_side(cohort, tmp_path, harmoniq):
    try:
        find_interpreter()
        for name in ("marques", "sepia"):
            find_toolbox(name)
    except InputError as error:
        pytest.skip(str(error))
    label, out = "sub-S1C001", tmp_path / "out"
    options = ("--stages", "maps", "--r1-engine", "matlab", "--r2star-engine", "sepia", "--nprocs", 2)
    done = harmoniq("run", cohort, out, "participant", "--participant-label", label, *options)
    assert done.returncode == 0, done.stderr
    tables = {m: read_tsv(out / label / f"anat/{label}_desc-engines_{m}map.tsv") for m in ("R1", "R2star")}
    r1 = tables["R1"].set_index("tissue")
    for tissue in ("white-matter-like", "gray-matter-like"):
        # The limits with B1 correction.
        assert r1.loc[tissue, "n"] > 1000
        assert r1.loc[tissue, "median_percent"] < 0.1
        assert r1.loc[tissue, "p99_percent"] < 0.5
    # SEPIA's trapezoid is ours.
    assert tables["R2star"]["max_percent"].max() < 1e-3
    page = (out / f"{label}.html").read_text()
    assert "Two engines side by side" in page and "R2* of two engines" in page
