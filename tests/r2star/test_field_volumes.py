"""From files to corrected maps: phases as scanners store them, phases that are missing or useless, and the simulator's
head with an air space."""

import nibabel as nib
import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.r2star.gradient_report import BIASED, CORRECTED, FINE, UNKNOWN
from harmoniq.r2star.volumes import fit_r2star_files

TIMES = [0.00669 + 0.00406 * n for n in range(10)]
GAMMA = 267.52218708e6
SHAPE = (12, 11, 10)
EDGE = 3.0


def phantom(slope=100.0, snr=80.0):
    """Boxes of 1 x 1 x 3 mm in a gradient along z, 20 1/s, spins integrated one by one; two voxels of air around."""
    rng = np.random.default_rng(0)
    times = np.array(TIMES)
    place = ((np.arange(300) + 0.5) / 300 - 0.5) * EDGE * 1e-3
    center = (np.arange(SHAPE[2]) - 4.5) * EDGE * 1e-3
    turn = np.exp(1j * GAMMA * slope * 1e-6 * (center[:, None, None] + place[:, None]) * times).mean(axis=1)
    head = np.zeros(SHAPE)
    head[2:-2, 2:-2] = 1
    images = head[..., None] * np.exp(-20 * times) * turn
    images = images + (rng.normal(size=images.shape) + 1j * rng.normal(size=images.shape)) / snr
    return images, head > 0


def write(folder, arrays, name, kind=np.float32, slope=None):
    affine = np.diag([1.0, 1.0, EDGE, 1.0])
    paths = []
    for number in range(arrays.shape[-1]):
        img = nib.Nifti1Image(arrays[..., number].astype(kind), affine)
        if slope is not None:
            img.header.set_slope_inter(*slope)
        paths.append(folder / f"{name}{number}.nii.gz")
        nib.save(img, paths[-1])
    return paths


@pytest.fixture
def fit(tmp_path):
    def run(images, phase, *, method="nlls", kind=np.float32, **options):
        magnitudes = write(tmp_path, 1000 * np.abs(images), "mag")
        phases = None if phase is None else write(tmp_path, phase, "phase", kind)
        names = ("r2star", "s0", "gradient", "warning")
        outs = {f"{name}_out": tmp_path / f"{name}.nii.gz" for name in names}
        facts = fit_r2star_files(magnitudes, TIMES, method, phases=phases, **outs, **options)
        maps = {n: nib.load(tmp_path / f"{n}.nii.gz").get_fdata() for n in names if outs[f"{n}_out"].is_file()}
        return facts, maps

    return run


STORED = {
    "radians": (lambda angle: angle, np.float32),
    "0 to 4095": (lambda angle: np.floor((angle + np.pi) / (2 * np.pi) * 4096) % 4096, np.int16),
    "-4096 to 4095": (lambda angle: np.round(angle / np.pi * 4095), np.int16),
}


@pytest.mark.parametrize("kind", STORED)
def test_stored_phases_correct_the_map(fit, kind):
    images, head = phantom()
    store, dtype = STORED[kind]
    facts, maps = fit(images, store(np.angle(images)), kind=dtype)
    inside = head.copy()
    inside[..., [0, -1]] = False
    assert facts["PhaseKind"] == kind and facts["FieldCorrection"] == "sinc"
    assert np.median(maps["r2star"][inside]) == pytest.approx(20, abs=0.3)
    assert np.median(maps["s0"][inside]) == pytest.approx(1000, rel=0.01)
    assert np.median(maps["gradient"][inside]) == pytest.approx(100, abs=2)
    assert (maps["warning"][inside] == CORRECTED).mean() > 0.99 and (maps["warning"][~head] == FINE).mean() > 0.95
    assert facts["FractionBiasedWithoutCorrection"] > 0.95 and facts["FieldGradientMedian"] == pytest.approx(100, abs=2)


@pytest.mark.parametrize("method", ["rician", "trapezoidal"])
def test_other_methods_are_corrected_too(fit, method):
    images, head = phantom()
    _, maps = fit(images, np.angle(images), method=method)
    assert np.median(maps["r2star"][head]) == pytest.approx(20, abs=0.4)


def test_without_phase_the_note_says_what_a_gradient_does(fit):
    images, head = phantom()
    facts, maps = fit(images, None)
    assert facts == {
        "FieldCorrection": "none",
        "FieldCorrectionNote": "no phase: R2* is not corrected for field gradients; "
        "with 3 mm voxels 100 uT/m turns 20 into 32.5 1/s",
    }
    assert set(maps) == {"r2star", "s0"}
    assert np.median(maps["r2star"][head]) == pytest.approx(32.5, abs=0.5)


def test_switched_off(fit):
    images, _ = phantom()
    plain = fit(images, None)[1]
    facts, maps = fit(images, np.angle(images), field_correction="off")
    assert facts["FieldCorrectionNote"].startswith("switched off") and set(maps) == {"r2star", "s0"}
    np.testing.assert_array_equal(maps["r2star"], plain["r2star"])


def test_axes_that_are_not_boxes_are_encoded(fit):
    # 0.3 turns across a slice at the last echo: no echo has left k-space.
    images, head = phantom(slope=60.0)
    plain = fit(images, None)[1]
    facts, maps = fit(images, np.angle(images), field_axes=(0, 1))
    assert facts["FieldCorrectionAxes"] == ["i", "j"]
    # There is no gradient in the plane; at the edges of the head noise can be taken for one.
    assert (np.abs(maps["r2star"] - plain["r2star"])[head] < 0.3).mean() > 0.97
    facts, again = fit(images, np.angle(images), field_axes=())
    assert facts["FieldCorrection"] == "voxel-spread" and "encoding" in facts["FieldCorrectionNote"]
    assert (np.abs(again["r2star"] - plain["r2star"])[head] < 0.3).mean() > 0.97


def test_phases_of_noise_correct_nothing_and_are_reported(fit):
    images, head = phantom()
    plain = fit(images, None)[1]
    noise = np.random.default_rng(1).uniform(-np.pi, np.pi, images.shape)
    facts, maps = fit(images, noise)
    assert facts["FieldCorrection"] == "none" and "the phase is noise in" in facts["FieldCorrectionNote"]
    np.testing.assert_array_equal(maps["r2star"], plain["r2star"])
    assert (maps["warning"][head] == UNKNOWN).mean() > 0.95 and facts["FractionWithoutGradient"] > 0.95


def test_phases_of_no_known_kind_correct_nothing_and_are_reported(fit):
    images, head = phantom()
    plain = fit(images, None)[1]
    facts, maps = fit(images, np.rad2deg(np.angle(images)))
    assert facts["FieldCorrectionNote"].startswith("the phase is not recognized (unknown: values from -1")
    np.testing.assert_array_equal(maps["r2star"], plain["r2star"])
    assert (maps["warning"][head] == UNKNOWN).all()


def test_gradients_beyond_the_correction_are_reported(fit):
    images, head = phantom(slope=500.0)
    _, maps = fit(images, np.angle(images))
    assert (maps["warning"][head] == BIASED).mean() > 0.5


def test_wrong_files_and_options_are_refused(fit, tmp_path):
    images, _ = phantom()
    with pytest.raises(InputError, match="must be auto or off"):
        fit(images, None, field_correction="yes")
    with pytest.raises(InputError, match="different axes"):
        fit(images, None, field_axes=(0, 0))
    with pytest.raises(InputError, match=r"phase0\.nii\.gz.*does not make 10 echoes"):
        fit(images, np.angle(images)[..., :5])
    with pytest.raises(InputError, match="grid"):
        fit(images, np.angle(images)[:5])


def test_the_node_gives_maps_and_facts(tmp_path):
    from harmoniq.interfaces.maps import FitR2Star

    images, _ = phantom()
    files = {"magnitudes": write(tmp_path, np.abs(images), "mag"), "phases": write(tmp_path, np.angle(images), "phase")}
    result = FitR2Star(echo_times=TIMES, **files).run(cwd=str(tmp_path)).outputs
    assert result.field_facts["FieldCorrection"] == "sinc"
    assert nib.load(result.gradient_map).shape == nib.load(result.warning_map).shape == SHAPE
    del files["phases"]
    (tmp_path / "plain").mkdir()
    result = FitR2Star(echo_times=TIMES, **files).run(cwd=str(tmp_path / "plain")).outputs
    assert result.field_facts["FieldCorrection"] == "none" and not isinstance(result.warning_map, str)


def simulated_head():
    """Scan a ball of tissue around an air space with the project's simulator; return scan, truth and field gradient."""
    from harmoniq.simulation.fields import HeadFields, sample_fields
    from harmoniq.simulation.megre_images import scan_megre
    from harmoniq.simulation.protocol import MEGREProtocol
    from harmoniq.simulation.protocol_grid import Grid
    from harmoniq.simulation.rasterize import ParameterSlab

    shape, size = (40, 40, 40), 2.0
    affine = np.diag([size, size, size, 1.0])
    affine[:3, 3] = -39.0
    points = np.moveaxis(np.indices(shape), 0, -1) * size - 39.0
    # Air of 8 mm radius, with what shimming leaves of it, as in the simulator's heads.
    strength = 0.5 * 9.4e-6 / 3 * 3.0 * GAMMA * 8.0**3
    flat = np.zeros(10)
    flat[0] = 1.0
    fields = HeadFields(
        np.zeros(3), np.full(3, 40.0), flat, flat, 0.3 * np.arange(10), 20.0 * np.ones(10),
        np.array([[0.0, 4.0, -12.0, strength, 8.0]]),
    )  # fmt: skip
    away = np.linalg.norm(points - fields.dipoles[0, :3], axis=-1)
    head = ((points**2).sum(axis=-1) < 37.0**2) & (away > 8.0)
    r2star = np.where(points[..., 0] > 0, 18.0, 25.0)
    slab = ParameterSlab(0, 40, *(a.astype(np.float32) for a in (0 * r2star + 0.9, r2star, head * 0.8)))
    protocol = MEGREProtocol(0.044, tuple(TIMES), 20.0, (size,) * 3)
    images = scan_megre([slab], protocol, fields, Grid(affine, shape), seed=1)
    gradient = np.linalg.norm(sample_fields(fields, points)["gradient"], axis=-1)
    return images, affine, head, r2star, gradient / GAMMA * 1e9


def test_bias_around_the_simulators_air_space_falls(tmp_path):
    images, affine, head, truth, gradient = simulated_head()
    series = {}
    for name, volumes, slope in (("mag", images.magnitude, 1.0), ("phase", images.phase, np.pi / 2048)):
        series[name] = []
        for number, volume in enumerate(volumes):
            img = nib.Nifti1Image(volume.T, affine)
            img.header.set_slope_inter(slope, 0)
            series[name].append(tmp_path / f"{name}{number}.nii")
            nib.save(img, series[name][-1])
    error = {}
    for name in ("off", "auto"):
        out = {"r2star_out": tmp_path / f"{name}.nii", "s0_out": tmp_path / "s0.nii"}
        fit_r2star_files(series["mag"], TIMES, "nlls", phases=series["phase"], field_correction=name, **out)
        error[name] = (nib.load(out["r2star_out"]).get_fdata() - truth) / truth
    median = {
        name: [np.median(e[head & (gradient > a) & (gradient < b)]) for a, b in ((0, 20), (50, 100), (100, 200))]
        for name, e in error.items()
    }
    # In percent of R2*, where the gradient is below 20, 50 to 100 and 100 to 200 uT/m.
    flat, steep, steepest = np.array([median["off"], median["auto"]]).T * 100
    assert np.abs(flat).max() < 0.5
    assert steep[0] > 8 and abs(steep[1]) < 1
    assert steepest[0] > 30 and abs(steepest[1]) < 0.15 * steepest[0]
    # No part of the flat region is worse off than without correction.
    calm = head & (gradient < 20)
    assert np.std(error["auto"][calm]) < 1.02 * np.std(error["off"][calm])
