"""R1 corrected by SA2RAGE and by TB1TFL, of a head that has moved, against the correction by a B1+ map in place."""

import json
import shutil
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from harmoniq.data.acquisitions import MP2RAGETiming
from harmoniq.mp2rage.signal import inversion_signals
from harmoniq.simulation.bids import truth_map_path

pytestmark = pytest.mark.slow
LABEL = "sub-S1C001"
SATURATION = MP2RAGETiming(2.4, (0.075, 1.8), (4.0, 11.0), 0.0031, (20, 20))


def motion():
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", [3, -2, 4], degrees=True).as_matrix()
    matrix[:3, 3] = [4, -3, 5]
    return matrix


def sample(image, affine, shape, moved):
    """Sample an image at the points of a grid, of a head that has moved."""
    voxels = np.linalg.inv(moved @ image.affine) @ affine
    points = voxels[:3, :3] @ np.indices(shape).reshape(3, -1) + voxels[:3, 3:]
    return map_coordinates(image.get_fdata(), points, order=1).reshape(shape)


@pytest.fixture(scope="module")
def scene(cohort):
    """What a scanner would see after the head has moved: R1, B1+ and the second inversion on a grid of 4 mm."""
    raw = nib.load(cohort / LABEL / f"fmap/{LABEL}_TB1map.nii.gz")
    truth = truth_map_path(cohort, LABEL, "R1map.nii.gz")
    moved, grid = motion(), (raw.affine, raw.shape)
    # The map is 0 outside the head: an edge voxel holds the field of the part inside, no blend with 0.
    inside = sample(nib.Nifti1Image((raw.get_fdata() > 0).astype(float), raw.affine), *grid, moved)
    b1 = np.where(inside > 0.5, sample(raw, *grid, moved) / 100 / np.maximum(inside, 0.5), 0.0)
    r1 = sample(nib.load(truth), *grid, moved)
    inv2 = sample(nib.load(next((cohort / LABEL).rglob("*_inv-2_part-mag_MP2RAGE.nii.gz"))), *grid, moved)
    return {"affine": raw.affine, "b1": b1, "r1": r1, "inv2": inv2}


def write(path, data, affine, sidecar, dtype=np.int16):
    nib.Nifti1Image(np.round(data).astype(dtype), affine).to_filename(path)
    path.with_name(path.name.replace(".nii.gz", ".json")).write_text(json.dumps({"MagneticFieldStrength": 3} | sidecar))


def write_sa2rage(fmap, scene):
    head = (scene["r1"] > 0.1) & (scene["b1"] > 0.3)
    t1, b1 = np.where(head, 1 / np.where(head, scene["r1"], 1), 1.0), np.where(head, scene["b1"], 1.0)
    signals = inversion_signals(t1, SATURATION, b1, efficiency=-np.cos(b1 * np.pi / 2))
    rng = np.random.default_rng(0)
    for number, signal in enumerate(signals, start=1):
        noise = rng.standard_normal((2, *head.shape))
        image = np.where(head, 40000 * signal, 0) * np.exp(0.4j) + 4 * (noise[0] + 1j * noise[1])
        sidecar = {
            "RepetitionTimePreparation": 2.4, "RepetitionTimeExcitation": 0.0031, "NumberShots": [20, 20],
            "InversionTime": SATURATION.inversion_times[number - 1], "FlipAngle": SATURATION.flip_angles[number - 1],
        }  # fmt: skip
        stem = f"{LABEL}_flip-{number}_inv-{number}"
        write(fmap / f"{stem}_part-mag_TB1SRGE.nii.gz", np.abs(image), scene["affine"], sidecar)
        phase = np.angle(image) / np.pi * 2047
        write(fmap / f"{stem}_part-phase_TB1SRGE.nii.gz", phase, scene["affine"], sidecar | {"Units": "arbitrary"})


def write_tb1tfl(fmap, scene):
    sidecar = {"FlipAngle": 80}
    write(fmap / f"{LABEL}_acq-famp_TB1TFL.nii.gz", 800 * scene["b1"], scene["affine"], sidecar)
    write(fmap / f"{LABEL}_acq-anat_TB1TFL.nii.gz", scene["inv2"], scene["affine"], sidecar)


@pytest.fixture(scope="module")
def in_place(cohort, tmp_path_factory):
    """R1 of the dataset as it is: the B1+ map lies where the head is."""
    return r1_map(cohort, tmp_path_factory.mktemp("in_place"))


def r1_map(bids, folder):
    """Run the maps of the participant in a folder; return R1, the brain mask, and the sidecar of the B1+ map."""
    out = folder / "out"
    command = [sys.executable, "-P", "-m", "harmoniq", "run", str(bids), str(out), "participant"]
    options = ["--participant-label", LABEL, "--stages", "maps", "--nprocs", "1"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    data = nib.load(out / LABEL / f"anat/{LABEL}_R1map.nii.gz").get_fdata()
    mask = nib.load(out / LABEL / f"anat/{LABEL}_desc-brain_mask.nii.gz").get_fdata() > 0
    sidecar = json.loads((out / LABEL / f"fmap/{LABEL}_space-UNIT1_TB1map.json").read_text())
    return data, mask, sidecar


@pytest.mark.parametrize("make", [write_sa2rage, write_tb1tfl])
def test_a_moved_map_is_registered(make, in_place, cohort, scene, tmp_path):
    bids = tmp_path / "bids"
    shutil.copytree(
        cohort,
        bids,
        ignore=lambda folder, names: [n for n in names if n.startswith("sub-") and not n.startswith(LABEL)],
    )
    fmap = bids / LABEL / "fmap"
    for path in fmap.glob("*_TB1map.*"):
        path.unlink()
    make(fmap, scene)
    found, mask, sidecar = r1_map(bids, tmp_path)
    wanted, _, before = in_place
    assert before["B1Placement"] == "by the header" and before["B1Units"] == "percent of nominal"
    assert sidecar["B1Placement"].startswith("registered")
    # The turn that was planted, within the registration's error at 4 mm.
    assert sidecar["B1MotionDegrees"] == pytest.approx(5.4, abs=1.0)
    assert sidecar["B1Median"] == pytest.approx(before["B1Median"], abs=0.03)
    assert_close(found, wanted, mask)


def assert_close(found, wanted, mask, median=0.003, most=0.012):
    tissue = mask & (wanted > 0.5)
    error = np.abs(found / np.where(tissue, wanted, 1) - 1)[tissue]
    assert np.median(error) < median and np.quantile(error, 0.95) < most, np.quantile(error, [0.5, 0.95])


def test_a_simulated_sa2rage_corrects_as_the_map_does(in_place, tmp_path):
    """The simulator's own SA2RAGE of the cohort's first head, whose MP2RAGE does not depend on what else is scanned."""
    bids, words = tmp_path / "bids", ("--sites", "1", "--subjects-per-site", "1", "--patients", "0")
    command = [sys.executable, "-P", "-m", "harmoniq", "simulate", str(bids), *words, "--voxel-size", "4"]
    options = ["--seed", "5", "--modalities", "mp2rage", "sa2rage", "--nprocs", "1"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found, mask, sidecar = r1_map(bids, tmp_path)
    assert sidecar["SourceFiles"] == [f"{LABEL}_flip-2_inv-2_part-mag_TB1SRGE.nii.gz"]
    assert sidecar["B1MotionDegrees"] < 1.0
    # Its noise (SNR 60) is some percent of B1 in a voxel, where the map has 0.5; without a correction R1 is off by 2 %.
    assert_close(found, in_place[0], mask, median=0.007, most=0.02)
