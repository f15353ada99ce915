"""Metrics of a session, against what was planted in its files."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.images import save_image
from harmoniq.registration.itk import write_itk
from harmoniq.report.qc.measure import session_metrics, write_session_metrics
from harmoniq.report.qc.surfaces import euler_number, holes_of_stats, surface_metrics
from harmoniq.report.qc.tables import motion_of_sidecar, region_metrics

SHAPE, AFFINE = (40, 44, 36), np.diag([4.0, 4, 4, 1])


@dataclass
class Images:
    inv2: Path | None = None
    magnitudes: tuple = ()


@dataclass
class Inputs:
    label: str = "sub-01"
    participant: str = "01"
    session: str | None = None
    mp2rage: Images | None = None
    megre: Images | None = None
    freesurfer: Path | None = None
    dwi: tuple = field(default=())


def ball():
    grid = np.indices(SHAPE).reshape(3, -1).T - (np.array(SHAPE) - 1) / 2
    return (np.linalg.norm(grid, axis=1) < 13).reshape(SHAPE)


def magnitude(path, signal, sigma, where, seed):
    rng = np.random.default_rng(seed)
    real = np.where(where, signal, 0) + sigma * rng.normal(size=SHAPE)
    save_image(np.hypot(real, sigma * rng.normal(size=SHAPE)).astype(np.float32), AFFINE, path)
    return path


@pytest.fixture
def session(tmp_path):
    """A ball of SNR 40 (MP2RAGE) and 25 (ME-GRE, whose head lies 8 mm further), with R1 0.9 and B1+ 0.8 to 1.2."""
    anat, fmap = tmp_path / "sub-01" / "anat", tmp_path / "sub-01" / "fmap"
    anat.mkdir(parents=True)
    fmap.mkdir()
    head, moved = ball(), np.roll(ball(), 2, axis=0)
    save_image(head.astype(np.uint8), AFFINE, anat / "sub-01_desc-brain_mask.nii.gz", dtype=np.uint8)
    save_image(np.where(head, 0.9, 30).astype(np.float32), AFFINE, anat / "sub-01_R1map.nii.gz")
    save_image(np.where(moved, 20.0, 500).astype(np.float32), AFFINE, anat / "sub-01_R2starmap.nii.gz")
    outside = head & (np.arange(SHAPE[0])[:, None, None] < 20)
    save_image(outside.astype(np.uint8), AFFINE, anat / "sub-01_desc-R1outside_mask.nii.gz", dtype=np.uint8)
    ramp = np.broadcast_to(np.linspace(0.7, 1.3, SHAPE[0])[:, None, None], SHAPE)
    save_image(ramp.astype(np.float32), AFFINE, fmap / "sub-01_space-UNIT1_TB1map.nii.gz")
    matrix = np.eye(4)
    matrix[0, 3] = 8.0
    stem = anat / "sub-01_from-MEGRE_to-UNIT1_mode-image_xfm"
    write_itk(matrix, stem.with_suffix(".txt"))
    stem.with_suffix(".json").write_text(json.dumps({"RegistrationCost": -0.9, "MotionMillimeters": 8.0}))
    return tmp_path, Inputs(
        mp2rage=Images(inv2=magnitude(tmp_path / "inv2.nii.gz", 400, 10, head, 1)),
        megre=Images(magnitudes=(magnitude(tmp_path / "echo.nii.gz", 250, 10, moved, 2),)),
    )


def test_images(session):
    metrics, _, notes = session_metrics(*session)
    assert notes == []
    # The noise of a million voxels of air is known to 1 %.
    assert metrics["snr_mp2rage"] == pytest.approx(40, rel=0.03)
    assert metrics["snr_megre"] == pytest.approx(25, rel=0.03)
    assert metrics["R1_brain"] == pytest.approx(0.9) and metrics["R2star_brain"] == pytest.approx(20)
    assert (metrics["registration_cost"], metrics["head_motion_mm"]) == (-0.9, 8.0)
    assert metrics["r1_outside_percent"] == pytest.approx(50, abs=4)  # a plane of voxels through the ball is 4 %
    # Of a uniform ball (2 + 3 t - t^3) / 4 lies below t radii: 5 % below -0.729, which is 9.5 voxels of 0.0154.
    assert metrics["b1_median"] == pytest.approx(1.0, abs=0.01)
    assert (metrics["b1_p05"], metrics["b1_p95"]) == pytest.approx((0.854, 1.146), abs=0.01)


def test_what_is_broken_is_a_note(session):
    out, inputs = session
    (out / "sub-01" / "fmap" / "sub-01_space-UNIT1_TB1map.nii.gz").write_bytes(b"\x1f\x8b nothing")
    path = write_session_metrics(out, inputs)
    content = json.loads(path.read_text())
    assert "b1_median" not in content["metrics"] and content["metrics"]["R1_brain"] == pytest.approx(0.9)
    assert any("TB1map" in note for note in content["notes"])


def test_nothing_at_all(tmp_path):
    (tmp_path / "sub-01").mkdir()
    assert session_metrics(tmp_path, Inputs()) == ({}, {}, [])


def test_regions():
    rows = [("R1", "cGM", f"BA{k}", side, 0.6 + 0.01 * k, 100 * k, 5) for k in (1, 2, 3) for side in "LR"]
    rows += [("R1", "WM", "CST_L", None, 1.0, 70, 0), ("R1", "WM", "FA", None, np.nan, 0, 70)]
    names = ["metric", "tissue", "region", "hemisphere", "value", "n", "n_excluded"]
    profiles = pd.DataFrame({"bundle": ["CST_L", "CST_L", "FA"], "n_streamlines": [120, 120, 9]})
    metrics, where = region_metrics(pd.DataFrame(rows, columns=names), profiles)
    assert (metrics["areas"], metrics["vertices_min"], metrics["vertices_median"]) == (6, 100, 200)
    assert (metrics["bundles"], metrics["streamlines_min"], metrics["streamlines_median"]) == (1, 9, 64.5)
    assert metrics["R1_cGM"] == pytest.approx(0.62) and metrics["R1_WM"] == 1.0
    assert metrics["excluded_percent"] == pytest.approx(100 * 100 / (1200 + 70 + 100))
    assert where == {"vertices_min": "BA1 L", "streamlines_min": "FA"}


def test_a_table_with_values_alone():
    table = pd.DataFrame({"metric": "R1", "tissue": "cGM", "region": ["BA1", "BA2"], "value": [0.6, 0.7]})
    assert region_metrics(table)[0] == {"R1_cGM": pytest.approx(0.65), "areas": 2.0}


def test_surfaces(tmp_path):
    from nibabel.freesurfer import write_geometry

    # A tetrahedron is whole: 4 - 6 + 4 = 2. A torus of 3 x 3 squares cut in two has 9 - 27 + 18 = 0.
    assert euler_number(4, 4) == 2 and euler_number(9, 18) == 0
    (tmp_path / "surf").mkdir()

    def at(i, j):
        return 3 * (i % 3) + j % 3

    squares = [(at(i, j), at(i + 1, j), at(i, j + 1), at(i + 1, j + 1)) for i in range(3) for j in range(3)]
    torus = np.array([face for a, b, c, d in squares for face in ((a, b, c), (b, d, c))])
    pyramid = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]])
    write_geometry(tmp_path / "surf" / "lh.orig.nofix", np.random.default_rng(0).normal(size=(9, 3)), torus)
    write_geometry(tmp_path / "surf" / "rh.white", np.eye(4)[:, :3], pyramid)
    stats = tmp_path / "stats" / "aseg.stats"
    stats.parent.mkdir()
    stats.write_text(
        "# Measure lhSurfaceHoles, lhSurfaceHoles, Number of defect holes in lh surfaces before, 19, unitless\n"
        "# Measure SurfaceHoles, SurfaceHoles, Total number of defect holes in surfaces prior to fixing, 34, unitless\n"
    )
    assert holes_of_stats(stats) == 34
    assert surface_metrics(tmp_path, None) == {"surface_defects": 34.0, "surface_euler": 0.0}
    catsurf = {
        "lh": {"white_euler": 2, "white_self_intersections": 1, "pial_self_intersections": 4},
        "rh": {"white_euler": 0},
    }
    assert surface_metrics(None, catsurf) == {"surface_defects": 5.0, "surface_euler": 0.0}
    assert surface_metrics(None, None) == {}


def test_motion(tmp_path):
    facts = {"Facts": {"preprocessing": ["motion: rigid, directions turned"], "largest_motion_mm": 1.25}}
    (tmp_path / "sub-01_space-UNIT1_desc-X_tractography.json").write_text(json.dumps(facts))
    assert motion_of_sidecar(tmp_path, "sub-01", []) == {"dwi_motion_mm": 1.25}
    prep = tmp_path / "qsiprep"
    prep.mkdir()
    (prep / "sub-02_confounds.tsv").write_text("framewise_displacement\tx\nn/a\t1\n0.2\t1\n0.7\t1\n")
    assert motion_of_sidecar(tmp_path / "none", "sub-02", [prep / "sub-02_dwi.nii.gz"]) == {"dwi_motion_mm": 0.7}
