"""A whole dataset, coarse and small: complete, valid, reproducible, and true to its truth."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.images import load_image
from harmoniq.mp2rage.b1 import b1_on_grid
from harmoniq.mp2rage.lookup import fit_r1
from harmoniq.simulation import cohort_participant
from harmoniq.simulation.cohort import simulate_cohort
from harmoniq.simulation.plan import PLAN_FILE, SimulationPlan
from harmoniq.simulation.protocol import site_protocols
from harmoniq.surface.atlas import find_atlas

VOXEL = 4.0


@pytest.fixture(scope="module")
def atlas() -> Path:
    try:
        return find_atlas().source
    except InputError:
        folder = Path(__file__).resolve().parents[3] / "shared" / "atlas"
        if not folder.is_dir():
            pytest.skip("no atlas")
        return folder


@pytest.fixture(scope="module")
def plan(tmp_path_factory, atlas) -> SimulationPlan:
    return SimulationPlan(
        tmp_path_factory.mktemp("sim") / "bids", subjects_per_site=1, patients=1, voxel_size=VOXEL, seed=7, atlas=atlas
    )


@pytest.fixture(scope="module")
def dataset(plan) -> Path:
    told = []
    summary = simulate_cohort(plan, progress=lambda *news: told.append(news))
    assert summary["made"] == summary["participants"]
    assert summary["sites"] == ["site1", "site2", "site3"] and summary["patients"] == 1
    assert [(done, total) for _, done, total in told] == [(n, 4) for n in range(5)]
    return plan.out


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def patient_of(dataset: Path) -> str:
    people = pd.read_csv(dataset / "participants.tsv", sep="\t")
    return str(people.loc[people["group"] == "MS", "participant_id"].iloc[0])


def test_every_participant_has_its_site_s_images(dataset) -> None:
    people = pd.read_csv(dataset / "participants.tsv", sep="\t")
    echoes = {"site1": 9, "site2": 10, "site3": 0}
    for row in people.itertuples():
        anat = dataset / row.participant_id / "anat"
        assert len(list(anat.glob("*_part-mag_MEGRE.nii.gz"))) == echoes[row.site]
        assert len(list(anat.glob("*_part-phase_MEGRE.nii.gz"))) == echoes[row.site]
        assert len(list(anat.glob("*_MP2RAGE.nii.gz"))) == 4
        for part in ("anat/*_UNIT1.nii.gz", "anat/*_FLAIR.nii.gz", "fmap/*_TB1map.nii.gz", "dwi/*_dwi.nii.gz"):
            assert len(list((dataset / row.participant_id).glob(part))) == 1
        b_values = np.loadtxt(next((dataset / row.participant_id / "dwi").glob("*.bval")))
        image = nib.load(next((dataset / row.participant_id / "dwi").glob("*.nii.gz")))
        assert image.shape[3] == len(b_values) == {"site1": 182, "site2": 149, "site3": 86}[row.site]
    images, sidecars = (len(list(dataset.glob(f"sub-*/*/*{end}"))) for end in (".nii.gz", ".json"))
    assert images == sidecars
    assert not list(dataset.glob(".*"))


def test_truth_has_all_regions(dataset) -> None:
    truth = pd.read_csv(dataset / "sourcedata/truth/regions.tsv", sep="\t", keep_default_na=False)
    assert list(truth.columns[:6]) == ["participant_id", "metric", "tissue", "region", "hemisphere", "value"]
    counts = truth.groupby(["participant_id", "metric"]).size()
    # 41 areas, two tissues, two sides, and 18 bundles; R2* at two of the three sites.
    assert set(counts) == {41 * 2 * 2 + 18}
    assert len(counts) == 4 + 3
    maps = {p.name.split("_", 1)[1] for p in (dataset / "sourcedata/truth/maps").iterdir()}
    assert maps == {"R1map.nii.gz", "R2starmap.nii.gz", "from-MEGRE_to-UNIT1_mode-image_xfm.txt"}


def test_uniform_image_holds_the_true_r1(dataset) -> None:
    """Median over voxels of one tissue, by the sequence's curve at each voxel's B1+, which the TB1map gives."""
    for label, site in (("sub-S1C001", 0), ("sub-S3C001", 2)):
        truth = nib.load(dataset / f"sourcedata/truth/maps/{label}_R1map.nii.gz").get_fdata()
        image = load_image(dataset / label / "anat" / f"{label}_UNIT1.nii.gz")
        uni = (image.data / 4095 - 0.5).astype(np.float32)
        b1 = b1_on_grid(dataset / label / "fmap" / f"{label}_TB1map.nii.gz", image)
        timing = site_protocols(3)[site].mp2rage.timing
        corrected = fit_r1(uni, timing, b1).r1
        for low, high in ((0.9, 1.05), (1.05, 1.25)):
            here = (truth > low) & (truth < high)
            assert np.median(corrected[here] / truth[here]) == pytest.approx(1, abs=0.01)


def test_true_transform_brings_the_echoes_onto_the_uniform_image(dataset) -> None:
    sitk = pytest.importorskip("SimpleITK")
    label = "sub-S1C001"
    anat, maps = dataset / label / "anat", dataset / "sourcedata/truth/maps"
    echo = sitk.ReadImage(str(anat / f"{label}_echo-1_part-mag_MEGRE.nii.gz"), sitk.sitkFloat32)
    target = sitk.ReadImage(str(anat / f"{label}_inv-2_part-mag_MP2RAGE.nii.gz"), sitk.sitkFloat32)
    motion = sitk.ReadTransform(str(maps / f"{label}_from-MEGRE_to-UNIT1_mode-image_xfm.txt"))

    def likeness(transform) -> float:
        moved = sitk.GetArrayFromImage(sitk.Resample(echo, target, transform, sitk.sitkLinear)).ravel()
        return float(np.corrcoef(moved, sitk.GetArrayFromImage(target).ravel())[0, 1])

    assert likeness(motion) > max(likeness(sitk.Transform()), likeness(motion.GetInverse())) + 0.005


def test_lesions_are_bright_in_flair_and_low_in_r1(dataset) -> None:
    label = patient_of(dataset)
    mask = nib.load(dataset / f"derivatives/lesions/{label}/anat/{label}_label-lesion_mask.nii.gz").get_fdata() > 0
    flair = nib.load(dataset / label / "anat" / f"{label}_FLAIR.nii.gz").get_fdata()
    r1 = nib.load(dataset / f"sourcedata/truth/maps/{label}_R1map.nii.gz").get_fdata()
    white = (r1 > 1.05) & (r1 < 1.3)
    assert mask.any()
    assert np.median(flair[mask]) > 1.3 * np.median(flair[white])
    assert np.median(r1[mask]) < 0.85 * np.median(r1[white])
    assert [p.name for p in (dataset / "derivatives/lesions").glob("sub-*")] == [label]


def test_b1_map_is_in_percent(dataset) -> None:
    image = nib.load(dataset / "sub-S1C001/fmap/sub-S1C001_TB1map.nii.gz")
    values = image.get_fdata()
    # As in life at 3 T: 110 % at the center, 80 % at the edge.
    assert 85 < np.median(values[values > 0]) < 105
    assert 105 < np.percentile(values, 99.9) < 115
    sidecar = json.loads((dataset / "sub-S1C001/fmap/sub-S1C001_TB1map.json").read_text())
    assert sidecar["Units"] == "percent"


def test_validator_finds_no_error(dataset) -> None:
    validator = shutil.which("bids-validator-deno")
    validator = validator or shutil.which("bids-validator-deno", path=str(Path(sys.executable).parent))
    if validator is None:
        pytest.skip("no bids-validator-deno")
    for folder, more in ((dataset, []), (dataset / "derivatives/lesions", ["--datasetTypes", "derivative"])):
        command = [validator, str(folder), "--ignoreWarnings", "--format", "json", *more]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert json.loads(done.stdout)["issues"]["issues"] == []


def test_unfinished_run_is_completed_with_the_same_bytes(plan, tmp_path, monkeypatch) -> None:
    """A participant fails after its images are made: nothing of it stays; the next run makes only what is missing."""
    whole = replace(plan, out=tmp_path / "whole", modalities=("mp2rage",))
    simulate_cohort(whole)
    again = replace(whole, out=tmp_path / "bids")

    def fail(staging: Path, out: Path, label: str) -> None:
        if label == "sub-S2C001":
            raise OSError(28, "No space left on device", str(out))
        publish(staging, out, label)

    publish = cohort_participant._publish
    monkeypatch.setattr(cohort_participant, "_publish", fail)
    with pytest.raises(InputError, match="No space left"):
        simulate_cohort(again)
    assert [p.name for p in again.out.glob("*sub-*")] == ["sub-S1C001"]
    monkeypatch.setattr(cohort_participant, "_publish", publish)
    assert "sub-S1C001" not in simulate_cohort(again)["made"]
    assert files_of(again.out) == files_of(whole.out)


@pytest.mark.slow
def test_processes_do_not_change_a_byte(dataset, plan, tmp_path) -> None:
    again = replace(plan, out=tmp_path / "bids")
    simulate_cohort(again, nprocs=2)
    assert files_of(again.out) == files_of(dataset)


def test_other_seed_gives_other_heads(plan, tmp_path, dataset) -> None:
    other = replace(plan, out=tmp_path / "bids", seed=8, sites=1, patients=0, modalities=("mp2rage",))
    simulate_cohort(other)
    one, two = (nib.load(d / "sub-S1C001/anat/sub-S1C001_UNIT1.nii.gz") for d in (dataset, other.out))
    assert one.shape != two.shape or not np.array_equal(one.get_fdata(), two.get_fdata())
    assert not (other.out / "sub-S1C001" / "dwi").exists()
    assert not list((other.out / "sub-S1C001" / "anat").glob("*MEGRE*"))


def test_modalities_leave_the_others_unchanged(dataset, plan, tmp_path) -> None:
    """Without diffusion and FLAIR, and with SA2RAGE, the remaining images are the same, byte by byte."""
    few = replace(plan, out=tmp_path / "bids", modalities=("mp2rage", "megre", "sa2rage"), sites=1, patients=0)
    simulate_cohort(few)
    for name in ("UNIT1.nii.gz", "echo-9_part-phase_MEGRE.nii.gz"):
        ending = f"sub-S1C001/anat/sub-S1C001_{name}"
        assert (few.out / ending).read_bytes() == (dataset / ending).read_bytes()


@pytest.mark.slow
def test_derivatives_on_request(plan, tmp_path) -> None:
    asked = replace(
        plan, out=tmp_path / "bids", sites=1, patients=0, modalities=("mp2rage",), freesurfer=True, tractograms=True
    )
    simulate_cohort(asked)
    assert (asked.out / "derivatives/freesurfer/sub-S1C001/surf/lh.white").is_file()
    assert len(list((asked.out / "derivatives/pyafq/sub-S1C001").rglob("*.trk"))) == 18
    for name in ("freesurfer", "pyafq"):
        assert (asked.out / "derivatives" / name / "dataset_description.json").is_file()


def test_tables_only(tmp_path) -> None:
    plan = SimulationPlan(tmp_path / "t", tables_only=True, subjects_per_site=3, patients=2)
    summary = simulate_cohort(plan)
    assert len(summary["participants"]) == 11
    assert {p.name for p in plan.out.glob("*.tsv")} == {"regions.tsv", "participants.tsv", "truth.tsv"}


@pytest.mark.parametrize(
    ("key", "value"),
    [("sites", 0), ("subjects_per_site", -1), ("subjects_per_site", 0), ("patients", -2), ("seed", -1),
     ("voxel_size", 0.0), ("voxel_size", -1.0), ("b1_inhomogeneity", 1.5), ("modalities", ("mp2rage", "pet"))],
)  # fmt: skip
def test_bad_numbers_are_refused_before_anything_is_written(tmp_path, key: str, value: object) -> None:
    with pytest.raises(InputError):
        SimulationPlan(tmp_path / "x", **{key: value})
    assert not (tmp_path / "x").exists()


def test_other_folders_are_refused(dataset, plan, tmp_path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="not empty"):
        simulate_cohort(replace(plan, out=tmp_path / "mine"))
    with pytest.raises(InputError, match="is a file"):
        simulate_cohort(replace(plan, out=tmp_path / "mine" / "thesis.txt"))
    with pytest.raises(InputError, match="other options"):
        simulate_cohort(replace(plan, seed=99))
    with pytest.raises(InputError, match="--nprocs"):
        simulate_cohort(plan, nprocs=0)
    assert (dataset / PLAN_FILE).is_file()


def test_missing_atlas_is_an_input_error(plan, tmp_path) -> None:
    with pytest.raises(InputError, match="PALS"):
        simulate_cohort(replace(plan, out=tmp_path / "bids", atlas=tmp_path))
    assert not (tmp_path / "bids").exists()
