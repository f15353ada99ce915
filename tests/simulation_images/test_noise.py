import numpy as np
import pytest
from numba import njit

from harmoniq.simulation.noise import derived_seed, generator, mix, normal_table, pick
from harmoniq.simulation.noise_receiver import PHASE_STEP, angle, phase_step


@njit
def draw(seed, count, table):
    out = np.empty((count, 4))
    for n in range(count):
        bits = mix(seed, n)
        for which in range(4):
            out[n, which] = pick(bits, which, table)
    return out


def test_noise_is_standard_normal_and_white() -> None:
    from scipy.stats import kstest

    values = draw(np.uint64(5), 100_000, normal_table())
    flat = values.ravel()
    # Four standard errors of each moment at n = 400,000.
    assert abs(flat.mean()) < 4 / np.sqrt(flat.size)
    assert abs(flat.var() - 1) < 4 * np.sqrt(2 / flat.size)
    assert abs((flat**4).mean() - 3) < 4 * np.sqrt(96 / flat.size) + 0.01
    assert kstest(flat[::4], "norm").pvalue > 1e-3
    channels = np.corrcoef(values.T) - np.eye(4)
    assert np.abs(channels).max() < 4 / np.sqrt(len(values))
    neighbors = np.corrcoef(values[1:, 0], values[:-1, 0])[0, 1]
    assert abs(neighbors) < 4 / np.sqrt(len(values))


def test_other_seeds_give_other_noise() -> None:
    one, two = (draw(np.uint64(seed), 10_000, normal_table())[:, 0] for seed in (1, 2))
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.05
    assert derived_seed(1, "sub-A", "megre") != derived_seed(1, "sub-A", "dwi")
    assert derived_seed(1, "sub-A") == derived_seed(1, "sub-A")
    assert 0 <= derived_seed(2**31, "x") < 2**63
    assert generator(1, "a").random() == generator(1, "a").random()


def test_angle_is_atan2() -> None:
    around = np.linspace(-np.pi, np.pi, 2001)[1:-1]
    found = np.array([angle(np.sin(a), np.cos(a)) for a in around])
    assert np.abs(found - around).max() < 3e-5
    assert angle(0.0, 0.0) == 0.0
    assert PHASE_STEP * phase_step(0.0, 1.0) == pytest.approx(np.pi / 2, abs=PHASE_STEP)
    assert phase_step(-1.0, 0.0) == -2048
