"""Runs that take R1 and R2* from derivatives: with the raw images beside them, and without any."""

import json
import shutil

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

LABEL = "sub-S1C001"
KEYS = ["metric", "tissue", "region", "hemisphere"]


def table(out):
    frame = pd.read_csv(out / LABEL / f"{LABEL}_regions.tsv", sep="\t", keep_default_na=False)
    return frame.set_index(KEYS).sort_index()


@pytest.fixture(scope="module")
def fitted(cohort, run_at, tmp_path_factory):
    """The derivatives of one participant, fitted from its raw images."""
    folder = tmp_path_factory.mktemp("fitted")
    done = run_at("run", cohort, folder / "out", "participant", "--participant-label", "S1C001", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "out"


def test_maps_of_an_earlier_run_give_its_table(cohort, fitted, harmoniq, tmp_path):
    out = tmp_path / "out"
    done = harmoniq("run", cohort, out, "participant", "--participant-label", "S1C001", "--derivatives", fitted)
    assert done.returncode == 0, done.stderr
    assert not (out / LABEL / "anat" / f"{LABEL}_S0map.nii.gz").exists()
    first, again = table(fitted), table(out)
    assert list(first["engine"]) == list(again["engine"])
    # The same maps, images and seed: only the maps' rounding to float32 on the way through their files could differ.
    pd.testing.assert_frame_equal(first[["value", "sd"]].astype(float), again[["value", "sd"]].astype(float), rtol=1e-6)
    page = (out / f"{LABEL}.html").read_text()
    assert "an existing map, named with --derivatives" in page
    notes = json.loads((out / LABEL / f"{LABEL}_regions.json").read_text())["Notes"]
    assert any(note.startswith("R1 is taken from") for note in notes)


def test_an_engine_that_was_asked_for_fits_all_the_same(cohort, fitted, harmoniq, tmp_path):
    words = ("run", cohort, tmp_path / "out", "participant", "--participant-label", "S1C001")
    done = harmoniq(*words, "--derivatives", fitted, "--r1-engine", "native", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "R2* map" in done.stdout
    assert "R1 map" not in done.stdout


@pytest.fixture
def without_images(cohort, fitted, tmp_path):
    """A dataset without quantitative images, and T1 in ms and T2* in s from somewhere else."""
    bids, other = tmp_path / "bids", tmp_path / "other"
    (bids / LABEL / "anat").mkdir(parents=True)
    for name in ("dataset_description.json", "participants.tsv"):
        shutil.copy(cohort / name, bids / name)
    (bids / "derivatives").symlink_to(cohort / "derivatives")
    for metric, name, scale in (("R1", "T1map", 1e3), ("R2star", "T2starmap", 1.0)):
        image = nib.load(fitted / LABEL / "anat" / f"{LABEL}_{metric}map.nii.gz")
        rate = image.get_fdata()
        with np.errstate(divide="ignore"):
            time = np.where(rate > 0, scale / rate, np.nan).astype(np.float32)
        path = other / LABEL / "anat" / f"{LABEL}_{name}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(time, image.affine), path)
        path.with_name(f"{LABEL}_{name}.json").write_text(json.dumps({"Units": "ms" if scale > 1 else "s"}))
    return bids, other


def test_times_without_any_images_give_the_same_regions(without_images, fitted, harmoniq, tmp_path):
    bids, other = without_images
    out = tmp_path / "out"
    words = ("run", bids, out, "participant", "--participant-label", "S1C001", "--derivatives", other)
    done = harmoniq(*words, "--skip-bids-validation")
    assert done.returncode == 0, done.stderr
    first, again = table(fitted)["value"].astype(float), table(out)["value"].astype(float)
    assert set(again.index) == set(first.index)
    error = (again / first - 1).abs()
    # R1 does not move: what differs is the rounding of 1/(1/x). R2* is registered to it by the maps themselves.
    assert error["R1"].max() < 1e-5
    assert error["R2star"].median() < 0.01
    assert error["R2star"].quantile(0.95) < 0.05


def test_a_wrong_unit_is_a_sentence(without_images, harmoniq, tmp_path):
    bids, other = without_images
    sidecar = next(other.rglob("*_T1map.json"))
    sidecar.write_text(json.dumps({"Units": "s"}))
    words = ("run", bids, tmp_path / "out", "participant", "--participant-label", "S1C001", "--derivatives", other)
    done = harmoniq(*words, "--stages", "maps", "--skip-bids-validation")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "T1map.nii.gz" in done.stderr
    assert "say its true unit in the sidecar" in done.stderr
