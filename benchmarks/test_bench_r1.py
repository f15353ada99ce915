"""R1 from MP2RAGE: 4 times the memory's limit, with B1 15 times; NumPy and SciPy beside it."""

import numpy as np

from harmoniq.mp2rage.lookup import B1_RANGE, B1_STEP, build_lookup, fit_r1


def traffic(*arrays):
    """Return the bytes of the inputs, of the R1 map and of the mask."""
    return sum(array.nbytes for array in arrays) + 5 * arrays[0].size


def test_r1(limit, timing, uni):
    """Into a map whose pages the system has already given, as the copy has them, and as the pipeline does it."""
    r1 = np.zeros_like(uni)
    assert limit(lambda: fit_r1(uni, timing, out=r1), traffic(uni), rounds=60) <= 4


def test_r1_with_b1(limit, timing, uni, b1):
    r1 = np.zeros_like(uni)
    assert limit(lambda: fit_r1(uni, timing, b1, out=r1), traffic(uni, b1), rounds=24) <= 15


def test_memory(allocated, timing, uni):
    """Beside the input: the map and the mask, 1.25 times the uniform image, and next to nothing else."""
    assert allocated(lambda: fit_r1(uni, timing)) < 1.3 * uni.nbytes


def test_memory_with_b1(allocated, timing, uni, b1):
    """With the input, it stays under twice the input."""
    inputs = uni.nbytes + b1.nbytes
    assert inputs + allocated(lambda: fit_r1(uni, timing, b1)) < 2 * inputs


def test_r1_of_plain_numpy(limit, timing, uni):
    """``np.interp`` in the same table."""
    table = build_lookup(timing)
    rates = 1 / table.t1

    def plain():
        r1 = np.interp(uni, table.uni, rates).astype(np.float32)
        return r1, (uni < table.uni[0]) | (uni > table.uni[-1])

    limit(plain, traffic(uni), rounds=3)
    np.testing.assert_allclose(plain()[0], fit_r1(uni, timing).r1, rtol=2e-6)


def test_r1_with_b1_of_scipy(limit, timing, uni, b1):
    """``RegularGridInterpolator`` over B1 and the uniform image, on grids as fine."""
    from scipy.interpolate import RegularGridInterpolator

    factors = np.arange(B1_RANGE[0], B1_RANGE[1] + B1_STEP / 2, B1_STEP)
    grid = np.linspace(-0.5, 0.5, 4097)
    rates = np.stack([build_lookup.__wrapped__(timing, float(factor)).r1(grid) for factor in factors])
    lookup = RegularGridInterpolator((factors, grid), rates)
    part = slice(60, 104)  # a quarter of the slices: the whole would take 4 GB

    def plain():
        points = np.stack([b1[part], uni[part]], axis=-1)
        return lookup(points).astype(np.float32)

    limit(plain, traffic(uni[part], b1[part]), rounds=1)
    np.testing.assert_allclose(np.median(plain() / fit_r1(uni[part], timing, b1[part]).r1), 1, rtol=1e-4)
