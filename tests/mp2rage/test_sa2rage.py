"""The transmit field from SA2RAGE, against a simulation pulse by pulse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harmoniq.data.acquisitions import SA2RAGE, MP2RAGETiming
from harmoniq.data.errors import InputError
from harmoniq.data.images import load_image, save_image
from harmoniq.mp2rage.lookup import fit_r1
from harmoniq.mp2rage.sa2rage import b1_from_ratio, ratio_table, sa2rage_ratio
from harmoniq.mp2rage.sa2rage_volumes import fit_b1_files
from harmoniq.mp2rage.signal import inversion_signals, uniform_image

# Table 1 of Eggenschwiler et al. 2012, rounded to whole excitations.
TIMING = MP2RAGETiming(2.4, (0.075, 1.8), (4.0, 11.0), 0.0031, (20, 20))
MP2RAGE = MP2RAGETiming(6.0, (0.7, 2.4), (6.0, 6.0), 0.0069, (88, 88))


def bloch(b1: float, t1: float, timing: MP2RAGETiming, cycles: int = 12) -> tuple[float, float]:
    """Follow the longitudinal magnetization from pulse to pulse into the steady state."""
    mz, signals = 1.0, []

    def wait(mz: float, time: float) -> float:
        return 1 + (mz - 1) * np.exp(-time / t1)

    gaps, spacing = timing.gaps, timing.echo_spacing
    for _ in range(cycles):
        signals = []
        mz = wait(mz * np.cos(b1 * np.pi / 2), gaps[0])
        for angle, pause in zip(timing.flip_angles, gaps[1:]):
            alpha = np.deg2rad(angle) * b1
            for pulse in range(sum(timing.shots)):
                if pulse == timing.shots[0]:
                    signals.append(mz * np.sin(alpha))
                mz = wait(mz * np.cos(alpha), spacing)
            mz = wait(mz, pause)
    return signals[0], signals[1]


@pytest.mark.parametrize("b1", [0.3, 0.8, 1.0, 1.4, 1.9])
@pytest.mark.parametrize("t1", [0.6, 1.5, 4.0])
def test_ratio_is_that_of_a_simulation_pulse_by_pulse(b1, t1):
    first, second = bloch(b1, t1, TIMING)
    assert sa2rage_ratio(b1, TIMING, t1) == pytest.approx(first / second, abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.3, 1.7), st.floats(0.4, 4.5))
def test_the_lookup_inverts_the_signal_model(b1, t1):
    ratio = sa2rage_ratio([b1, 1.0], TIMING, t1)
    # Twice: from the table of one T1, and between those of two.
    for found, outside in (b1_from_ratio(ratio, TIMING, t1), b1_from_ratio(ratio, TIMING, [t1, 2 * t1])):
        assert found[0] == pytest.approx(b1, abs=2e-4)
        assert not outside[0]


def test_t1_matters_a_little():
    ratio = sa2rage_ratio(1.0, TIMING, 0.85)
    # White matter at 3 T, taken for the average tissue of 1.5 s.
    assert b1_from_ratio(ratio, TIMING)[0] == pytest.approx(0.976, abs=0.002)


def test_beyond_the_branch_is_flagged():
    table = ratio_table(TIMING)
    b1, outside = b1_from_ratio([table.ratio[0] - 0.1, 0.0, table.ratio[-1] + 0.1, np.nan], TIMING)
    assert outside.tolist() == [True, False, True, True]
    np.testing.assert_allclose(b1[[0, 2, 3]], [table.b1[0], table.b1[-1], 0.0], rtol=1e-6)


def test_timing_without_information_is_refused():
    # With flip angles as large as these, the first image grows with the transmit field at nominal.
    with pytest.raises(InputError, match="does not tell the transmit field"):
        ratio_table(MP2RAGETiming(2.4, (1.2, 1.8), (1.0, 60.0), 0.0031, (1, 20)))


def test_map_from_images_on_disk(tmp_path):
    """A field of 0.7 to 1.3 in gray and white matter, phases in 12 bits with an offset, R1 on a finer grid."""
    rng = np.random.default_rng(0)
    shape, affine = (24, 20, 18), np.diag([4.0, 4.0, 4.0, 1.0])
    b1 = np.broadcast_to(np.linspace(0.7, 1.3, shape[0])[:, None, None], shape)
    t1 = np.where(np.arange(shape[1])[None, :, None] < 10, 0.85, 1.35) + np.zeros(shape)
    first = sa2rage_ratio(b1, TIMING, t1) * 1000
    series = [first + 0j, np.full(shape, 1000.0) + 0j]
    air = np.zeros(shape, bool)
    air[:2], air[:, :2] = True, True
    turn = np.exp(0.7j)
    paths = []
    for number, image in enumerate(series, start=1):
        noisy = np.where(air, 0, image * turn) + 2 * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape))
        steps = np.round(np.angle(noisy) / np.pi * 2048).clip(-2048, 2047)
        paths.append(save_image(np.abs(noisy), affine, tmp_path / f"mag{number}.nii.gz"))
        paths.append(save_image(steps, affine, tmp_path / f"phase{number}.nii.gz", dtype=np.int16))
    fine = np.diag([2.0, 2.0, 2.0, 1.0])
    fine[:3, 3] = -1.0
    # R1 as MP2RAGE reads it without a correction.
    nominal = fit_r1(uniform_image(*inversion_signals(t1, MP2RAGE, b1)), MP2RAGE).r1
    r1 = save_image(np.kron(nominal, np.ones((2, 2, 2))), fine, tmp_path / "r1.nii.gz")
    images = dict(zip(("inv1", "inv1_phase", "inv2", "inv2_phase"), paths))
    errors = []
    for options in ({}, {"r1_map": r1, "mp2rage": MP2RAGE}):
        fit_b1_files(tmp_path / "b1.nii.gz", SA2RAGE(TIMING, **images), **options)
        found = load_image(tmp_path / "b1.nii.gz").data
        assert (found[air] == 0).all()
        errors.append(np.abs(found - b1)[~air])
    # With T1 of 1.5 s for all the error is 2 % in white matter; with the voxel's own only the noise's is left.
    assert np.median(errors[0]) > 0.005
    assert np.quantile(errors[1], 0.99) < 0.012
    assert np.median(errors[1]) < 0.003
