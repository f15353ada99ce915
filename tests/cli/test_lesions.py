"""Normal-appearing tissue, as a user runs it: masks found, moved, refused or missed."""

import json
import shutil

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

RUN = ("participant", "--nprocs", "2", "--skip-bids-validation")


def dry(harmoniq, bids, *words):
    done = harmoniq("run", bids, "out", *RUN, "--dry-run", *words)
    return done


def config(tmp_path, **keys):
    path = tmp_path / "study.toml"
    path.write_text("[lesions]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items()))
    return ("--config", path)


@pytest.fixture
def patient(tiny):
    """A patient of the tiny dataset, with a lesion mask on the grid of MP2RAGE."""
    tiny.add("01")
    table = tiny.root / "participants.tsv"
    table.write_text(table.read_text().replace("HC", "MS"))
    uni = nib.load(next(tiny.root.rglob("*UNIT1.nii.gz")))
    folder = tiny.root / "derivatives" / "lesions" / "sub-01" / "anat"
    folder.mkdir(parents=True)
    data = np.zeros(uni.shape, np.uint8)
    data[10:13, 12:15, 8:11] = 1

    def write(name="sub-01_label-lesion_mask.nii.gz", data=data, affine=uni.affine):
        nib.save(nib.Nifti1Image(data, affine), folder / name)
        return folder / name

    write()
    return write


def test_plan_says_which_mask(harmoniq, tiny, patient, tmp_path):
    done = dry(harmoniq, tiny.root)
    assert "lesions sub-01_label-lesion_mask.nii.gz, on the grid of MP2RAGE" in done.stdout
    off = dry(harmoniq, tiny.root, *config(tmp_path, exclude="off"))
    assert "note: lesions are not left out (lesions.exclude = off)" in off.stdout


def test_patients_without_a_mask(harmoniq, tiny, patient, tmp_path):
    shutil.rmtree(tiny.root / "derivatives")
    done = dry(harmoniq, tiny.root)
    assert done.returncode == 0
    assert "note: a patient without a lesion mask: lesions are not left out" in done.stdout
    refused = dry(harmoniq, tiny.root, *config(tmp_path, missing="refuse"))
    assert refused.returncode == 2
    assert "error: sub-01: lesions.missing = refuse: the patient sub-01 has no lesion mask" in refused.stderr


def test_controls_need_none(harmoniq, tiny, tmp_path):
    tiny.add("01")
    done = dry(harmoniq, tiny.root, *config(tmp_path, missing="refuse"))
    assert done.returncode == 0
    assert "lesion mask" not in done.stdout


@pytest.mark.parametrize(
    ("name", "shift", "said"),
    [
        ("sub-01_label-lesion_mask.nii.gz", 7.0, "this lesion mask has a grid of its own"),
        ("sub-02_label-lesion_mask.nii.gz", 0.0, "named after sub-02, and lies in the folder of sub-01"),
    ],
)
def test_masks_of_another_grid_or_person(harmoniq, tiny, patient, name, shift, said):
    affine = nib.load(patient()).affine.copy()
    affine[0, 3] += shift
    patient(name, affine=affine)
    done = dry(harmoniq, tiny.root)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_samseg_by_name_needs_freesurfer(harmoniq, tiny, patient, tmp_path):
    done = harmoniq(
        "run", tiny.root, "out", *RUN, *config(tmp_path, engine="samseg"), env={"FREESURFER_HOME": "", "FS_LICENSE": ""}
    )
    assert done.returncode == 2
    assert "SAMSEG needs FreeSurfer 7 or later" in done.stderr


@pytest.mark.slow
def test_a_mask_drawn_on_a_flair_that_moved(harmoniq, cohort, tmp_path):
    """The simulated patient's FLAIR and mask, given another head position: registration brings the mask back."""
    (mask_file,) = (cohort / "derivatives" / "lesions").rglob("*_mask.nii.gz")
    label = mask_file.name.split("_")[0]
    bids = tmp_path / "bids"
    shutil.copytree(cohort / label, bids / label, ignore=shutil.ignore_patterns("dwi", "fmap", "*MEGRE*"))
    for name in ("dataset_description.json", "participants.tsv"):
        shutil.copy(cohort / name, bids / name)
    angle = np.radians(5)
    motion = np.eye(4)
    motion[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    motion[:3, 3] = (3, -4, 2)
    mask, flair = nib.load(mask_file), nib.load(next((bids / label).rglob("*FLAIR.nii.gz")))
    truth = mask.get_fdata() > 0
    nib.save(nib.Nifti1Image(np.asarray(flair.dataobj), motion @ flair.affine), flair.get_filename())
    moved = tmp_path / "masks" / label / "anat" / f"{label}_space-FLAIR_label-lesion_mask.nii.gz"
    moved.parent.mkdir(parents=True)
    nib.save(nib.Nifti1Image(truth.astype(np.uint8), motion @ mask.affine), moved)
    done = harmoniq(
        "run", bids, "out", *RUN, "--derivatives", tmp_path / "masks", cohort / "derivatives" / "pyafq",
        *config(tmp_path, dilation=0.0),
        "--fs-subjects-dir", cohort / "derivatives" / "freesurfer", "--stages", "surfaces", "bundles", "regions",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "out" / label
    excluded = nib.load(folder / "anat" / f"{label}_label-lesion_desc-excluded_mask.nii.gz").get_fdata() > 0
    overlap = 2 * (excluded & truth).sum() / (excluded.sum() + truth.sum())
    # Voxels of 4 mm and lesions of some 5 mm: a registration that is off by half a voxel loses a third of the overlap.
    assert overlap > 0.6
    facts = json.loads((folder / f"{label}_regions.json").read_text())["Lesions"]["R1"]
    assert facts["LesionMaskSpace"] == "reference"
    assert facts["LesionMaskReference"] == f"{label}_FLAIR.nii.gz"
    table = pd.read_csv(folder / f"{label}_regions.tsv", sep="\t")
    assert table["n_excluded"].sum() > 0  # of the bundles: at 4 mm no lesion reaches up to the cortex's samples
    page = (tmp_path / "out" / f"{label}.html").read_text()
    assert "Normal-appearing tissue" in page
    assert moved.name in page
