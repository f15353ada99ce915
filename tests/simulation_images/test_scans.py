"""The scans of a uniform phantom against the signals' equations."""

from types import SimpleNamespace

import numpy as np
import pytest

from harmoniq.mp2rage.sa2rage import b1_from_ratio
from harmoniq.mp2rage.signal import inversion_signals, uniform_image
from harmoniq.r2star.signal import decay
from harmoniq.simulation.fields import sample_fields
from harmoniq.simulation.flair_images import LESION_GAIN, FLAIRScan, flair_signal
from harmoniq.simulation.megre_images import MEGREScan, scan_megre, steady_state
from harmoniq.simulation.mp2rage_images import scan_mp2rage
from harmoniq.simulation.noise_receiver import PHASE_STEP
from harmoniq.simulation.protocol import site_protocols

NOISELESS = 1e9


def points_of(grid):
    index = np.moveaxis(np.indices(grid.shape), 0, -1)
    return index @ grid.affine[:3, :3].T + grid.affine[:3, 3]


def test_mp2rage_is_the_sequence_signal_at_every_b1(grid, fields, uniform_slabs) -> None:
    protocol = site_protocols(1)[0].mp2rage
    images = scan_mp2rage(uniform_slabs(grid.shape, 0.9, 20.0, 0.7), protocol, fields, grid, seed=1, snr=NOISELESS)
    b1 = sample_fields(fields, points_of(grid))["transmit"].transpose(2, 1, 0)
    inside = (b1 > 0.45) & (b1 < 1.5)
    inv1, inv2 = inversion_signals(1 / 0.9, protocol.timing, b1)
    # The uniform image is stored as whole numbers, and the table is right to 1e-5.
    wanted = (uniform_image(inv1, inv2) + 0.5) * 4095
    assert np.abs(images.uni - wanted)[inside].max() < 0.8
    strong = inside & (images.inv1 > 100)
    assert (images.inv2[strong] / images.inv1[strong]) == pytest.approx(np.abs(inv2 / inv1)[strong], rel=0.012)
    # Both inversions share the coil's phase; where the first is still negative, it differs by half a turn.
    apart = np.exp(1j * PHASE_STEP * (images.inv1_phase.astype(float) - images.inv2_phase))
    assert np.abs(apart - np.sign(inv1 * inv2))[strong].max() < 0.01
    assert images.r1 == pytest.approx(0.9)
    assert images.r2star == pytest.approx(20.0)


def test_sa2rage_tells_the_transmit_field(grid, fields, uniform_slabs) -> None:
    protocol = site_protocols(1)[0].sa2rage
    images = scan_mp2rage(uniform_slabs(grid.shape, 0.9, 20.0, 0.7), protocol, fields, grid, seed=1, snr=NOISELESS)
    b1 = sample_fields(fields, points_of(grid))["transmit"].transpose(2, 1, 0)
    apart = PHASE_STEP * (images.inv1_phase.astype(float) - images.inv2_phase)
    found, outside = b1_from_ratio(images.inv1 * np.cos(apart) / np.maximum(images.inv2, 1), protocol.timing, 1 / 0.9)
    strong = (b1 > 0.5) & (b1 < 1.5) & (images.inv2 > 1000)
    assert strong.mean() > 0.5 and not outside[strong].any()
    # Magnitudes are whole numbers: half of one in 1000 changes B1 by 0.1 %.
    assert found[strong] == pytest.approx(b1[strong], rel=3e-3)


def test_mp2rage_averages_signals_not_parameters(grid, fields) -> None:
    """A voxel half white matter, half fluid holds the mean of the two signals, not the signal of the mean."""
    protocol = site_protocols(1)[0].mp2rage
    shape = tuple(2 * n for n in grid.shape)
    half = np.zeros(shape, dtype=bool)
    half[::2] = True
    tissue = {
        name: np.where(half, a, b).astype(np.float32)
        for name, a, b in (("r1", 1.1, 0.25), ("r2star", 21, 2), ("pd", 0.7, 1))
    }
    fields.transmit[:] = 0
    fields.transmit[0] = 1
    slab = SimpleNamespace(k0=0, k1=grid.shape[2], **tissue)
    images = scan_mp2rage([slab], protocol, fields, grid, seed=1, snr=NOISELESS)
    te = protocol.echo_time
    signals = 0.7 * np.exp(-21 * te) * np.array(inversion_signals(1 / 1.1, protocol.timing))
    signals = signals + np.exp(-2 * te) * np.array(inversion_signals(4.0, protocol.timing))
    assert np.abs(images.uni - (uniform_image(*signals) + 0.5) * 4095).max() < 1


def test_mp2rage_noise_is_salt_and_pepper_in_air_and_as_wanted_in_tissue(grid, fields, uniform_slabs) -> None:
    protocol = site_protocols(1)[0].mp2rage
    air = scan_mp2rage(uniform_slabs(grid.shape, 0.9, 20.0, 0.0), protocol, fields, grid, seed=1)
    # Two independent complex signals: the ratio spreads over the whole range.
    assert air.uni.std() > 900
    assert air.uni.min() < 40 and air.uni.max() > 4050
    assert not air.r1.any()
    fields.receive[1:] = 0
    fields.receive[0] = 1
    fields.transmit[1:] = 0
    fields.transmit[0] = 1
    white = scan_mp2rage(uniform_slabs(grid.shape, 1.1, 21.0, 0.7), protocol, fields, grid, seed=1, snr=50.0)
    assert white.inv2.mean() / white.inv2.std() == pytest.approx(50, rel=0.05)


def test_megre_decays_and_turns_as_the_equations_say(grid, fields, uniform_slabs) -> None:
    protocol = site_protocols(1)[0].megre
    assert protocol is not None
    fields.main[1:] = 0
    fields.main[0] = 100.0
    images = scan_megre(uniform_slabs(grid.shape, 0.9, 20.0, 0.7), protocol, fields, grid, seed=1, snr=NOISELESS)
    scan = MEGREScan(protocol, fields, grid, seed=1)
    receive = sample_fields(fields, points_of(grid))["receive"].transpose(2, 1, 0)
    wanted = decay(0.7 * steady_state(0.9, protocol), 20.0, protocol.echo_times)
    wanted = wanted[:, None, None, None] * receive * scan.scale
    inside = wanted[0] < 4000
    assert np.abs(images.magnitude - wanted)[:, inside].max() < 0.6
    turned = np.exp(1j * PHASE_STEP * (images.phase[1:].astype(float) - images.phase[:-1]))
    assert np.abs(turned - np.exp(1j * 100.0 * protocol.echo_spacing))[:, inside].max() < 0.005


@pytest.mark.parametrize("steepness", [0.5, 5.0, 20.0])
def test_megre_dephasing_is_the_mean_over_the_voxel(grid, fields, uniform_slabs, steepness: float) -> None:
    """Against adding up 41^3 spins: rad/s/mm times 4 mm voxels, from slight to the second lobe of the sinc."""
    protocol = site_protocols(1)[0].megre
    assert protocol is not None
    fields.receive[:] = 0
    fields.receive[0] = 1
    fields.main[:] = 0
    fields.main[1:4] = steepness * np.array([1.0, 0.6, 0.3]) * fields.radii
    images = scan_megre(uniform_slabs(grid.shape, 0.9, 20.0, 0.7), protocol, fields, grid, seed=1, snr=NOISELESS)
    inside = (np.arange(41) + 0.5) / 41 - 0.5
    places = np.stack(np.meshgrid(inside, inside, inside, indexing="ij"), -1) @ grid.affine[:3, :3].T
    field = places @ (steepness * np.array([1.0, 0.6, 0.3]))
    spins = np.array([np.abs(np.exp(1j * field * te).mean()) for te in protocol.echo_times])
    flat = decay(0.7 * steady_state(0.9, protocol), 20.0, protocol.echo_times)
    scale = MEGREScan(protocol, fields, grid, seed=1).scale
    k, j, i = (n // 2 for n in images.magnitude.shape[1:])
    # Half a step of storage, and the sum's own coarseness.
    assert images.magnitude[:, k, j, i] == pytest.approx(flat * spins * scale, abs=0.6, rel=2e-3)


def test_slabs_of_any_thickness_give_the_same_images(grid, fields, uniform_slabs) -> None:
    protocol = site_protocols(1)[0]
    assert protocol.megre is not None
    one, two = (
        scan_megre(uniform_slabs(grid.shape, 0.9, 20.0, 0.7, slab=s), protocol.megre, fields, grid, seed=4)
        for s in (3, 8)
    )
    assert (one.magnitude == two.magnitude).all() and (one.phase == two.phase).all()


def test_flair_suppresses_fluid_and_brightens_lesions(grid, fields, uniform_slabs) -> None:
    protocol = site_protocols(1)[0].flair
    white, lesion, gray, fluid = (
        flair_signal(*v, protocol) for v in ((1.1, 0.7, 21), (0.72, 0.78, 15), (0.7, 0.82, 17), (0.24, 1.0, 1.5))
    )
    assert fluid < 0.6 * white
    assert LESION_GAIN * lesion > 1.5 * max(white, gray)
    assert white < gray
    share = np.zeros(grid.shape, np.float32)
    share[:, 10] = 0.5
    scan = FLAIRScan(protocol, fields, grid, seed=1, lesions=share, snr=NOISELESS)
    for slab in uniform_slabs(grid.shape, 0.72, 15.0, 0.78):
        scan.add(slab)
    receive = sample_fields(fields, points_of(grid))["receive"].transpose(2, 1, 0)
    gain = 1 + 0.5 * (LESION_GAIN - 1) * (share > 0).transpose(2, 1, 0)
    assert np.abs(scan.image - lesion * receive * gain * scan.scale).max() < 0.6
