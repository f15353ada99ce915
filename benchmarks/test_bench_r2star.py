"""R2* from ME-GRE: NLLS in a mask of 25 % takes 60 times the memory's limit; NumPy and SciPy beside it."""

import numpy as np
import pytest

from harmoniq.r2star.fit import METHODS, fit_r2star

#: R2*, S0, residual and the mask of implausible voxels.
BYTES_OUT = 13


def traffic(series, mask):
    """Return the bytes of the echoes inside the mask, of the mask, and of the maps, which cover the whole grid."""
    return series.itemsize * series.shape[-1] * int(mask.sum()) + mask.nbytes + BYTES_OUT * mask.size


def test_nlls(limit, echo_times, megre):
    series, mask = megre
    assert limit(lambda: fit_r2star(series, echo_times, mask=mask), traffic(series, mask), rounds=6) <= 60


@pytest.mark.parametrize("masked", [True, False])
def test_memory(allocated, echo_times, megre, masked):
    """With the input, it stays under twice the input."""
    series, mask = megre
    options = {"mask": mask} if masked else {}
    assert series.nbytes + allocated(lambda: fit_r2star(series, echo_times, **options)) < 2 * series.nbytes


@pytest.mark.parametrize("method", [method for method in METHODS if method != "nlls"])
def test_other_methods(limit, echo_times, megre, method):
    series, mask = megre
    limit(lambda: fit_r2star(series, echo_times, method, mask=mask, noise=20.0), traffic(series, mask), rounds=2)


def test_line_through_logarithms_of_plain_numpy(limit, echo_times, megre):
    """A least-squares line through the logarithms, as a matrix product: what NumPy does without a loop."""
    series, mask = megre
    design = np.linalg.pinv(np.stack([np.ones(echo_times.size), -echo_times], axis=1)).astype(np.float32)

    def plain():
        r2star = np.zeros(mask.shape, np.float32)
        r2star[mask] = np.log(np.maximum(series[mask], 1e-3)) @ design[1]
        return r2star

    limit(plain, traffic(series, mask), rounds=2)
    ours = fit_r2star(series, echo_times, "loglinear", mask=mask).r2star
    np.testing.assert_allclose(plain()[mask], ours[mask], atol=0.02)


def test_nlls_of_scipy(limit, echo_times, megre):
    """``curve_fit`` voxel by voxel, on two thousand voxels: some 200 us each."""
    from scipy.optimize import curve_fit

    series, mask = megre
    voxels = series[mask][::1600][:2000].astype(float)

    def decay(time, s0, rate):
        return s0 * np.exp(-rate * time)

    def plain():
        return np.array([curve_fit(decay, echo_times, voxel, p0=(voxel[0], 20.0))[0][1] for voxel in voxels])

    inside = np.ones(len(voxels), bool)
    limit(plain, traffic(voxels.astype(np.float32), inside), rounds=1)
    np.testing.assert_allclose(plain(), fit_r2star(voxels, echo_times).r2star, rtol=1e-3, atol=1e-2)
