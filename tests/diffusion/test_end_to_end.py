"""From a simulated head's diffusion images to the values along bundles, through real tracking, without a network."""

import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.images import load_image
from harmoniq.data.names import BUNDLES
from harmoniq.diffusion.job import Job
from harmoniq.diffusion.process import pyafq_version, run_in_process
from harmoniq.tract.profile import bundle_profile
from harmoniq.tract.streamlines import load_streamlines


@pytest.fixture(scope="module")
def templates(test_data):
    if pyafq_version() is None:
        pytest.skip("pyAFQ is not installed")
    if not (test_data / "afq").is_dir():
        pytest.skip(f"AFQ's regions are absent: {test_data / 'afq'}")
    return test_data / "afq"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Nothing that was fetched before is found either."""
    monkeypatch.setenv("HOME", str(tmp_path))


def test_sockets_are_blocked(tmp_path):
    """Here, and in the processes that the tests start: else the tests of this area would prove nothing."""
    with pytest.raises(OSError, match="sockets are blocked"):
        socket.create_connection(("localhost", 9))
    with socket.socket() as one, pytest.raises(OSError, match="sockets are blocked"):
        one.connect(("127.0.0.1", 9))
    said = subprocess.run(
        [sys.executable, "-P", "-c", "import socket; socket.create_connection(('localhost', 9))"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert "sockets are blocked" in said.stderr


def simulate(folder, voxel_mm, *modalities):
    """Simulate one head with MP2RAGE and diffusion; the true maps stand in for those of MP2RAGE and ME-GRE."""
    words = ["simulate", folder, "--sites", 1, "--subjects-per-site", 1, "--patients", 0, "--voxel-size", voxel_mm]
    words += ["--modalities", "mp2rage", "dwi", *modalities, "--seed", 1, "--nprocs", 1]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "harmoniq", *map(str, words)],
        capture_output=True, text=True, check=False, cwd=folder.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (subject,) = folder.glob("sub-*")
    maps, name = folder / "sourcedata/truth/maps", subject.name
    truth = pd.read_csv(folder / "sourcedata/truth/regions.tsv", sep="\t")
    return SimpleNamespace(
        dwi=subject / "dwi" / f"{name}_dwi.nii.gz",
        inv2=subject / "anat" / f"{name}_inv-2_part-mag_MP2RAGE.nii.gz",
        maps={"R1": maps / f"{name}_R1map.nii.gz", "R2star": maps / f"{name}_R2starmap.nii.gz"},
        truth=truth[truth["tissue"] == "WM"].set_index(["metric", "region"])["value"],
    )


def job(head, templates, folder, **options):
    """Return the job on the raw images; there is nothing to correct in them."""
    from harmoniq.registration.volumes import write_brain_mask

    folder.mkdir(exist_ok=True)
    write_brain_mask(head.inv2, folder / "mask.nii.gz")
    stem = str(head.dwi).removesuffix(".nii.gz")
    return Job(
        dwi=str(head.dwi), bval=f"{stem}.bval", bvec=f"{stem}.bvec", r1_map=str(head.maps["R1"]),
        mask=str(folder / "mask.nii.gz"), reference=str(head.inv2), out_dir=str(folder), templates=str(templates),
        seed=1, **options,
    )  # fmt: skip


def errors(head, result, metrics=("R1", "R2star"), more_than=50):
    """Return the error of the central 70 % of bundles with more than some streamlines, in percent of the truth."""
    found = {}
    for metric in metrics:
        image = load_image(head.maps[metric])
        for name, file in result["bundles"].items():
            if result["counts"][name] > more_than:
                profile = bundle_profile(load_streamlines(file)[0], image.data, image.affine)
                value = float(np.nanmean(profile.mean[profile.central]))
                found[metric, name] = 100 * (value / head.truth[metric, name] - 1)
    return found


@pytest.mark.slow
def test_bundles_of_a_coarse_head(templates, tmp_path):
    """Maps of 1.6 mm, diffusion of 2.9 mm: the tubes are 7 mm thick, so that a voxel and a half lie at their wall."""
    head = simulate(tmp_path / "bids", 1.6)
    wanted = ["ARC_L", "CGC_L", "ILF_R", "SLF_R"]
    result = run_in_process(job(head, templates, tmp_path / "job", bundles=wanted, n_seeds=6000))
    assert list(result["bundles"]) == sorted(wanted, key=BUNDLES.index)
    off = errors(head, result, metrics=["R1"], more_than=50)  # without multi-echo there is no true R2*
    assert len(off) == 4 and max(map(abs, off.values())) < 2
    assert result["peak_memory_gb"] < 3


@pytest.mark.nightly
@pytest.mark.slow
def test_four_bundles_within_two_percent(templates, tmp_path):
    head = simulate(tmp_path / "bids", 1.0, "megre")
    wanted = ["ARC_L", "CST_R", "FP", "SLF_R"]
    result = run_in_process(job(head, templates, tmp_path / "job", bundles=wanted, n_seeds=15_000))
    assert set(result["bundles"]) == set(wanted)
    assert max(map(abs, errors(head, result).values())) < 2


@pytest.mark.nightly
@pytest.mark.slow
def test_all_bundles_within_two_percent(templates, tmp_path):
    """At least 16 of 18 are recognized; the same seed gives the same streamlines in another process."""
    head = simulate(tmp_path / "bids", 1.0, "megre")
    result = run_in_process(job(head, templates, tmp_path / "job", n_seeds=30_000))
    assert len(result["bundles"]) >= 16
    off = errors(head, result)
    assert len(off) >= 2 * 14
    assert max(map(abs, off.values())) < 2
    again = run_in_process(job(head, templates, tmp_path / "again", n_seeds=30_000))
    assert again["counts"] == result["counts"]
    for name, path in result["bundles"].items():
        assert (tmp_path / "again" / "bundles" / f"{name}.trk").read_bytes() == Path(path).read_bytes()
