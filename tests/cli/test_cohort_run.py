"""The whole way on a simulated cohort: participants, group, validator, the same bytes for any number of processes."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from harmoniq.data.names import BRODMANN_AREAS, BUNDLES, REGION_COLUMNS
from harmoniq.data.tables import read_tsv

pytestmark = pytest.mark.slow
PARTICIPANTS = ("sub-S1C001", "sub-S2C001", "sub-S2P001")


@pytest.fixture(scope="module")
def processed(cohort, tmp_path_factory):
    folder = tmp_path_factory.mktemp("processed")
    words = ["run", cohort, folder / "out", "participant", "--nprocs", "2", "-w", folder / "work"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "harmoniq", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "out"


def validate(folder: Path, *options: str) -> list:
    validator = Path(sys.executable).with_name("bids-validator-deno")
    if not validator.exists():
        pytest.skip("bids-validator-deno is not installed")
    done = subprocess.run(
        [validator, folder, "--ignoreWarnings", "--format", "json", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    issues = json.loads(done.stdout)["issues"]["issues"]
    return [issue for issue in issues if issue["severity"] == "error"]


def test_simulated_raw_data_are_valid(cohort):
    assert validate(cohort) == []


def test_derivatives_are_valid(processed):
    assert validate(processed, "--datasetTypes", "derivative") == []


def test_outputs_of_the_contract(processed):
    for label in PARTICIPANTS:
        anat = processed / label / "anat"
        for name in ("R1map", "R2starmap", "S0map", "desc-brain_mask"):
            assert (anat / f"{label}_{name}.nii.gz").is_file()
            assert (anat / f"{label}_{name}.json").is_file()
        assert (anat / f"{label}_from-MEGRE_to-UNIT1_mode-image_xfm.txt").is_file()
        for hemi in "LR":
            for tissue in ("cGM", "sWM"):
                for metric in ("R1map", "R2starmap"):
                    assert (anat / f"{label}_hemi-{hemi}_desc-{tissue}_{metric}.shape.gii").is_file()
        for metric in ("R1map", "R2starmap"):
            assert (processed / label / "dwi" / f"{label}_desc-central70_{metric}_profiles.tsv").is_file()
        assert (processed / f"{label}.html").is_file()
    for name in ("dataset_description.json", "participants.tsv", "logs/settings.json"):
        assert (processed / name).is_file()


def test_regional_table(processed):
    table = read_tsv(processed / PARTICIPANTS[0] / f"{PARTICIPANTS[0]}_regions.tsv")
    assert list(table.columns) == list(REGION_COLUMNS)
    for metric in ("R1", "R2star"):
        part = table[table["metric"] == metric]
        for tissue in ("cGM", "sWM"):
            rows = part[part["tissue"] == tissue]
            assert list(rows["region"].unique()) == list(BRODMANN_AREAS)
            assert set(rows["hemisphere"]) == {"L", "R"}
        assert set(part.loc[part["tissue"] == "WM", "region"]) == set(BUNDLES)
    assert table["value"].notna().all()
    sidecar = json.loads((processed / PARTICIPANTS[0] / f"{PARTICIPANTS[0]}_regions.json").read_text())
    assert sidecar["Engines"]["R1"].startswith("native")
    assert sidecar["value"]["Units"] == "1/s"


def test_recovery_even_at_4_mm(processed, cohort):
    """Deep bundles survive 4 mm voxels; the cortex does not, and is tested at 1 mm."""
    from harmoniq.report.recovery import recovery_summary
    from harmoniq.simulation.recovery import recovery_table

    table = recovery_table(processed, cohort / "sourcedata/truth/regions.tsv")
    found = recovery_summary(table).set_index(["metric", "tissue"])
    assert found.loc[("R1", "WM"), "median_abs_error_percent"] < 5
    assert found.loc[("R2star", "WM"), "median_abs_error_percent"] < 5


def test_same_bytes_with_one_process(processed, cohort, tmp_path, harmoniq):
    label = PARTICIPANTS[1]
    done = harmoniq("run", cohort, "out", "participant", "--participant-label", label, "--nprocs", "1")
    assert done.returncode == 0, done.stderr
    for pattern in ("*_regions.tsv", "dwi/*.tsv", "anat/*.txt", "anat/*.nii.gz", "anat/*.gii"):
        found = sorted((tmp_path / "out" / label).glob(pattern))
        assert found
        for path in found:
            assert path.read_bytes() == (processed / label / path.relative_to(tmp_path / "out" / label)).read_bytes(), (
                path
            )


def test_group_level_on_derivatives_alone(processed, cohort, tmp_path, harmoniq):
    """Three participants: too few to harmonize, so raw; and the sentence when harmonization is asked for."""
    done = harmoniq("run", cohort, processed, "group", "--bootstrap", "50")
    assert done.returncode == 0, done.stderr
    assert "not harmonized, raw values alone: site1 has 1 controls" in done.stdout
    assert (processed / "group" / "report.html").is_file()
    values = read_tsv(processed / "group" / "regions_harmonized.tsv")
    assert values["raw"].notna().all()
    metrics = read_tsv(processed / "qc_metrics.tsv").set_index("participant_id")
    measured = ["snr_mp2rage", "snr_megre", "registration_cost", "b1_p95", "surface_euler", "vertices_min",
                "streamlines_min", "R1_cGM", "R2star_WM"]  # fmt: skip
    assert list(metrics.index) == list(PARTICIPANTS) and metrics[measured].notna().all(axis=None)
    assert "data:image/webp" in (page := (processed / "qc.html").read_text()) and "sub-S1C001.html" in page
    (processed / "participants_qc.tsv").write_text("participant_id\trating\nsub-S2C001\tfail\n")
    without = harmoniq("run", cohort, processed, "group", "--bootstrap", "50", "--exclude-qc", "fail")
    assert without.returncode == 0, without.stderr
    assert "sub-S2C001" not in set(read_tsv(processed / "group" / "regions_harmonized.tsv")["participant_id"])
    for table in (processed / "excluded.tsv", processed / "group" / "excluded.tsv"):
        named = read_tsv(table).set_index("participant_id")
        assert named.loc["sub-S2C001", "reason"] == "rated fail in quality control"
    (processed / "participants_qc.tsv").unlink()
    refused = harmoniq("run", cohort, processed, "group", "--methods", "raw", "combat")
    assert refused.returncode == 2
    assert "error: " in refused.stderr


def test_mixed_engines_are_refused(processed, tmp_path, harmoniq):
    first, second = (processed / label / f"{label}_regions.tsv" for label in PARTICIPANTS[:2])
    table = pd.concat([read_tsv(first), read_tsv(second).assign(engine="other 1.0")])
    table.to_csv(tmp_path / "r.tsv", sep="\t", index=False, na_rep="n/a")
    words = ("analyze", "r.tsv", processed / "participants.tsv", "o", "--methods", "raw", "--bootstrap", "50")
    done = harmoniq(*words)
    assert done.returncode == 2
    assert "2 engines" in done.stderr
    assert "--allow-mixed-engines" in done.stderr
    assert harmoniq(*words, "--allow-mixed-engines").returncode == 0
