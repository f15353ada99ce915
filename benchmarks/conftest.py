"""Images of the size that the speed is stated for, and the limit that it is stated against: copying memory."""

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harmoniq.data.acquisitions import MP2RAGETiming
from harmoniq.mp2rage.signal import inversion_signals, uniform_image

MP2RAGE_SHAPE = (176, 240, 256)
MEGRE_SHAPE = (192, 280, 240)
TIMING = MP2RAGETiming(6.0, (0.7, 2.4), (6.0, 6.0), 0.0069, (88, 88))
ECHO_TIMES = 0.00614 + 0.004 * np.arange(9)
ROUNDS = 12
#: Name of the benchmark and what was found, for the end of the report.
_FOUND: list[tuple[str, str]] = []


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say the ratios, which pytest-benchmark's own table has no column for."""
    if _FOUND:
        terminalreporter.section("against the time that reading and writing the arrays once takes, or another program")
        for name, text in _FOUND:
            terminalreporter.write_line(f"{name:45s} {text}")


class Limit:
    """Measures a function against the time that reading and writing its arrays once takes.

    A copy reads its bytes and writes as many: for `n_bytes` in and out it is a copy of half of them, between arrays
    whose pages the system has already given. It is measured before every round, so that other jobs on the machine slow
    both; the fastest of each are compared.
    """

    def __init__(self, benchmark: Any) -> None:
        self.benchmark = benchmark

    def __call__(self, function: Callable[[], Any], n_bytes: int, *, rounds: int = ROUNDS) -> float:
        """Run the benchmark, and return the fastest round over the fastest copy."""
        source, target = (np.ones(n_bytes // 8, np.float32) for _ in range(2))
        copies, times = [], []

        def copy() -> None:
            for _ in range(3):
                start = time.perf_counter()
                np.copyto(target, source)
                copies.append(time.perf_counter() - start)

        def timed() -> None:
            start = time.perf_counter()
            function()
            times.append(time.perf_counter() - start)

        self.benchmark.pedantic(timed, setup=copy, rounds=rounds, warmup_rounds=1)
        ratio = min(times) / min(copies)
        self.benchmark.extra_info |= {"copy_ms": round(1e3 * min(copies), 2), "times_the_copy": round(ratio, 1)}
        text = f"{1e3 * min(times):9.1f} ms  {ratio:7.1f} times the copy of {1e3 * min(copies):.1f} ms"
        _FOUND.append((self.benchmark.name, text))
        return ratio


class Versus:
    """Measures a function against another one that does the same, each per unit of work.

    CPU time of this process, which other jobs on the machine do not add to; the fastest round counts.
    """

    def __init__(self, benchmark: Any) -> None:
        self.benchmark = benchmark

    def __call__(
        self,
        function: Callable[[], Any],
        other: Callable[[], Any],
        *,
        units: float = 1,
        other_units: float = 1,
        rounds: int = 3,
        other_rounds: int = 1,
    ) -> float:
        """Run the benchmark, and return how many times faster `function` is per unit."""
        times: list[float] = []

        def timed() -> None:
            start = time.process_time()
            function()
            times.append(time.process_time() - start)

        self.benchmark.pedantic(timed, rounds=rounds, warmup_rounds=1)
        others = []
        for _ in range(other_rounds):
            start = time.process_time()
            other()
            others.append(time.process_time() - start)
        mine, theirs = min(times) / units, min(others) / other_units
        self.benchmark.extra_info |= {"cpu_s_per_unit": mine, "other_cpu_s_per_unit": theirs, "faster": theirs / mine}
        text = f"{1e3 * mine:11.4g} ms  {theirs / mine:9.1f} times faster than {1e3 * theirs:.4g} ms, per unit"
        _FOUND.append((self.benchmark.name, text))
        return theirs / mine


@pytest.fixture
def versus(benchmark: Any) -> Versus:
    return Versus(benchmark)


@pytest.fixture
def allocated(benchmark: Any) -> Callable[[Callable[[], Any]], float]:
    """Return a function that runs another one, and returns the largest sum of bytes that it held at once."""

    def measure(function: Callable[[], Any]) -> float:
        function()
        tracemalloc.start()
        try:
            benchmark.pedantic(function, rounds=1)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        benchmark.extra_info |= {"peak_mb": round(peak / 1e6, 1)}
        _FOUND.append((benchmark.name, f"{peak / 1e6:9.1f} MB allocated"))
        return float(peak)

    return measure


@pytest.fixture
def in_turn(benchmark: Any) -> Callable[..., float]:
    """Return a function that runs two others in turn, and returns the ratio of their fastest wall times."""

    def measure(function: Callable[[], Any], other: Callable[[], Any], *, rounds: int = 5) -> float:
        times: list[float] = []
        others: list[float] = []

        def both() -> None:  # so that other jobs on the machine slow both
            for call, found in ((other, others), (function, times)):
                start = time.perf_counter()
                call()
                found.append(time.perf_counter() - start)

        benchmark.pedantic(both, rounds=rounds, warmup_rounds=1)
        ratio = min(times) / min(others)
        benchmark.extra_info |= {"wall_s": min(times), "other_wall_s": min(others), "times_the_other": ratio}
        _FOUND.append((benchmark.name, f"{min(times):9.2f} s  {ratio:7.2f} times the other's {min(others):.2f} s"))
        return ratio

    return measure


@pytest.fixture(scope="session")
def timing() -> MP2RAGETiming:
    return TIMING


@pytest.fixture(scope="session")
def echo_times() -> NDArray[np.float64]:
    return ECHO_TIMES


@pytest.fixture
def limit(benchmark: Any) -> Limit:
    return Limit(benchmark)


def ellipsoid(shape: tuple[int, ...], fill: float) -> NDArray[np.bool_]:
    """Return a mask of about the given share of the volume."""
    radius = np.cbrt(6 * fill / np.pi)
    axes = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    return sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij", sparse=True)) < radius**2


@pytest.fixture(scope="session")
def uni() -> NDArray[np.float32]:
    """A head of T1 0.7 to 4 s with noise, in a background of noise, as MP2RAGE has it."""
    rng = np.random.default_rng(0)
    t1 = np.geomspace(0.7, 4.0, MP2RAGE_SHAPE[2])
    head = uniform_image(*inversion_signals(t1, TIMING)).astype(np.float32)
    image = head + rng.normal(0, 0.02, MP2RAGE_SHAPE).astype(np.float32)
    noise = 0.5 * np.sin(rng.uniform(-np.pi, np.pi, MP2RAGE_SHAPE).astype(np.float32))
    return np.where(ellipsoid(MP2RAGE_SHAPE, 0.35), image, noise).clip(-0.5, 0.5)


@pytest.fixture(scope="session")
def b1() -> NDArray[np.float32]:
    """A transmit field as at 3 T: 1.15 in the middle and 0.75 at the corners."""
    axes = (np.linspace(-1, 1, n, dtype=np.float32) ** 2 for n in MP2RAGE_SHAPE)
    return (1.15 - sum(np.meshgrid(*axes, indexing="ij", sparse=True)) * np.float32(0.4 / 3)).astype(np.float32)


@pytest.fixture(scope="session")
def megre() -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Nine echoes of R2* 5 to 60 1/s at SNR 50, echoes last, and a mask of 25 % of the voxels."""
    rng = np.random.default_rng(1)
    rate = rng.uniform(5, 60, MEGRE_SHAPE).astype(np.float32)
    series = np.empty((*MEGRE_SHAPE, ECHO_TIMES.size), np.float32)
    for echo, time_s in enumerate(ECHO_TIMES.astype(np.float32)):
        series[..., echo] = 1000 * np.exp(-rate * time_s) + 20 * rng.standard_normal(MEGRE_SHAPE, np.float32)
    yield np.abs(series, out=series), ellipsoid(MEGRE_SHAPE, 0.25)
    gc.collect()
