"""Profiles by SCILPY's commands, chosen by a user; the embedded engine's stand beside them."""

import json
import shutil

import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.tables import read_tsv
from harmoniq.tract.scilpy import VARIABLE, find_scilpy

pytestmark = pytest.mark.usefixtures("no_network")
RUN = ("participant", "--nprocs", "2", "--skip-bids-validation", "--tractometry-engine", "scilpy")


def test_refused_where_it_is_not(harmoniq, tiny, tmp_path):
    tiny.add("01")
    done = harmoniq("run", tiny.root, "out", *RUN, env={VARIABLE: str(tmp_path)})
    assert done.returncode == 2
    assert f"error: {tmp_path}: {VARIABLE}: has no scil_bundle_compute_centroid" in done.stderr
    assert "pip install scilpy" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.fixture
def two_bundles(cohort, tmp_path):
    (source,) = (cohort / "derivatives" / "pyafq").glob("sub-S1*")
    shutil.copytree(source, tmp_path / "tracts" / source.name)
    for path in (tmp_path / "tracts").rglob("*.trk"):
        if not path.stem.endswith(("LeftCorticospinal_tractography", "ForcepsMinor_tractography", "CSTL", "FA")):
            path.unlink()
    return source.name


@pytest.mark.slow
def test_a_failing_command_is_a_sentence(harmoniq, cohort, two_bundles, tmp_path):
    commands = tmp_path / "bin"
    commands.mkdir()
    for name in ("scil_bundle_compute_centroid", "scil_bundle_label_map", "scil_bundle_mean_std"):
        (commands / name).write_text("#!/bin/sh\necho 'ImportError: numpy.core failed to import'\nexit 1\n")
        (commands / name).chmod(0o755)
    options = ("--participant-label", two_bundles, "--stages", "bundles", "regions", "--derivatives", "tracts")
    done = harmoniq("run", cohort, "out", *RUN, *options, env={VARIABLE: str(commands)})
    assert done.returncode == 2, done.stdout
    said = "SCILPY's scil_bundle_compute_centroid failed: exit code 1 (ImportError: numpy.core failed to import)"
    assert said in done.stderr and "scil_bundle_compute_centroid.log" in done.stderr


@pytest.mark.nightly
@pytest.mark.slow
def test_profiles_by_scilpy(harmoniq, cohort, two_bundles, tmp_path):
    try:
        scilpy = find_scilpy()
    except InputError as error:
        pytest.skip(str(error))
    options = ("--participant-label", two_bundles, "--stages", "bundles", "regions", "--derivatives", "tracts")
    done = harmoniq("run", cohort, "out", *RUN, *options)
    assert done.returncode == 0, done.stderr
    out, label = tmp_path / "out" / two_bundles, two_bundles
    rows = read_tsv(out / f"{label}_regions.tsv").set_index(["metric", "region"])
    assert rows["engine"].str.endswith(f" + {scilpy.label}").all()
    for metric in ("R1", "R2star"):
        stem = out / "dwi" / f"{label}_desc-engines_{metric}map_profiles.tsv"
        table = read_tsv(stem).set_index("bundle")
        assert list(table.index) == ["FA", "CST_L"]
        # Voxels of 4 mm over bundles of 7 mm: the two weigh the bundles' walls otherwise. At 1 mm they agree in 0.6 %.
        assert table["difference_percent"].abs().max() < 3
        for bundle in table.index:
            assert rows.loc[(metric, bundle), "value"] == pytest.approx(table.loc[bundle, "reference"], rel=0.01)
        assert "native" in json.loads(stem.with_suffix(".json").read_text())
        sidecar = json.loads((out / "dwi" / f"{label}_desc-central70_{metric}map_profiles.json").read_text())
        assert sidecar["Tractometry"] == scilpy.label
        assert "voxels" in sidecar["value"]["Description"]
        assert (out / "figures" / f"{label}_desc-{metric}profileengines.png").is_file()
        assert (out / "dwi" / f"{label}_desc-native_{metric}map_profiles.tsv").is_file()
    page = (tmp_path / "out" / f"{label}.html").read_text()
    assert "R1 along bundles, native against SCILPY" in page and "R2* along the bundles by two engines" in page
