"""R1 from the uniform image: the monotonic branch of the signal model as a table, and its inversion.

Marques et al. 2010, NeuroImage 49:1271, doi:10.1016/j.neuroimage.2009.10.002; with a map of the transmit field,
Marques and Gruetter 2013, PLoS ONE 8:e69294, doi:10.1371/journal.pone.0069294.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.data.acquisitions import MP2RAGETiming
from harmoniq.data.errors import InputError
from harmoniq.mp2rage.signal import inversion_signals, uniform_image

if TYPE_CHECKING:
    from harmoniq.mp2rage.interpolation import Cells

T1_RANGE = (0.05, 5.0)
# Relative steps of T1 of 0.11 %: linear interpolation between them is then good to 1e-6.
TABLE_SIZE = 4096
# Half of a step of a 12-bit image: a value this far beyond the table is still its end.
ROUNDING = 0.5 / 4095
B1_RANGE = (0.2, 2.0)
# Linear interpolation over this step of B1 changes R1 by less than 1e-5.
B1_STEP = 0.01
# Size of the tables of the B1-corrected fit; 181 of them take 6 MB.
B1_TABLE_SIZE = 2048
# Octaves of the distance from the ends that are divided into cells: a float32 near them tells no more apart, a float64
# does. Few cells stay in the processor's nearest caches: 102 kB, with B1 94 kB for each of its 181 steps.
OCTAVES, B1_OCTAVES = {"float32": 24, "float64": 52}, 22
# Voxels of a block: large enough for its administration not to count, small enough to share among threads evenly.
BLOCK = 1 << 18


@dataclass(frozen=True, eq=False)
class LookupTable:
    """The branch of the signal model over which the uniform image falls with T1.

    Parameters
    ----------
    uni : ndarray, shape (n,)
        Uniform image, strictly ascending.
    t1 : ndarray, shape (n,)
        T1 in s of each entry, descending.
    timing : MP2RAGETiming
        Of the sequence.
    b1 : float
        Relative flip angle that the table holds for.
    t1_range : tuple of float
        Shortest and longest T1 of the branch, in s: what lies beyond them folds back and cannot be told apart.
    """

    uni: NDArray[np.float64]
    t1: NDArray[np.float64]
    timing: MP2RAGETiming
    b1: float
    t1_range: tuple[float, float]

    def r1(self, uni: ArrayLike) -> NDArray[np.float64]:
        """Look up R1, by linear interpolation between the entries.

        Parameters
        ----------
        uni : array_like
            Uniform image, -0.5 to 0.5.

        Returns
        -------
        ndarray of float64, shape of `uni`
            R1 in 1/s, clamped to the ends of the branch.
        """
        return np.interp(np.asarray(uni, dtype=np.float64), self.uni, 1.0 / self.t1)


@dataclass(frozen=True, eq=False)
class R1Fit:
    """A fitted R1 map.

    Parameters
    ----------
    r1 : ndarray of float32
        In 1/s. Finite everywhere: clamped to the nearest end of the table's range where `uni` lies beyond it, and 0
        where `uni` is not a number.
    outside : ndarray of bool
        True where `r1` is not a measurement: clamped, not a number, or without a usable `b1`.
    t1_range : tuple of float
        Shortest and longest T1 in s that could be told apart (at nominal flip angles).
    """

    r1: NDArray[np.float32]
    outside: NDArray[np.bool_]
    t1_range: tuple[float, float]


@lru_cache(maxsize=64)
def build_lookup(
    timing: MP2RAGETiming, b1: float = 1.0, t1_range: tuple[float, float] = T1_RANGE, n: int = TABLE_SIZE
) -> LookupTable:
    """Tabulate the uniform image over T1 and keep the monotonic branch from its maximum to its minimum.

    Parameters
    ----------
    timing : MP2RAGETiming
        Of the sequence.
    b1 : float, optional
        Flip angle relative to the nominal one.
    t1_range : tuple of float, optional
        Shortest and longest T1 to consider, in s.
    n : int, optional
        Number of T1 values, in equal relative steps.

    Returns
    -------
    LookupTable
        Shared between calls with the same arguments; its arrays are read-only.

    Raises
    ------
    InputError
        When the timing leaves no range of T1 over which the uniform image falls.
    """
    t1 = np.geomspace(*t1_range, n)
    uni = uniform_image(*inversion_signals(t1, timing, b1))
    start = int(np.argmax(uni))
    stop = start + int(np.argmin(uni[start:])) + 1
    start, stop = _longest_fall(uni, start, stop)
    if stop - start < 3:
        raise InputError(
            "this MP2RAGE timing gives no range of T1 over which the uniform image falls", file=timing.source,
            remedy="check InversionTime, FlipAngle and RepetitionTimePreparation",
        )  # fmt: skip
    uni, t1 = np.ascontiguousarray(uni[start:stop][::-1]), np.ascontiguousarray(t1[start:stop][::-1])
    uni.setflags(write=False)
    t1.setflags(write=False)
    return LookupTable(uni, t1, timing, float(b1), (float(t1[-1]), float(t1[0])))


def _longest_fall(uni: NDArray, start: int, stop: int) -> tuple[int, int]:
    """Return the longest strictly falling stretch within uni[start:stop]; rounding at the ends makes plateaus."""
    breaks = np.flatnonzero(np.diff(uni[start:stop]) >= 0)
    edges = np.concatenate([[-1], breaks, [stop - start - 1]])
    longest = int(np.argmax(np.diff(edges)))
    return start + int(edges[longest]) + 1, start + int(edges[longest + 1]) + 1


def fit_r1(
    uni: ArrayLike,
    timing: MP2RAGETiming,
    b1: ArrayLike | None = None,
    *,
    t1_range: tuple[float, float] = T1_RANGE,
    threads: int | None = None,
    out: NDArray[np.float32] | None = None,
) -> R1Fit:
    """Fit R1 to a uniform image.

    Parameters
    ----------
    uni : array_like
        Uniform image from -0.5 to 0.5 (`harmoniq.mp2rage.scaling.normalize_uni`).
    timing : MP2RAGETiming
        Of the sequence.
    b1 : array_like, optional
        Flip angle relative to the nominal one, of the shape of `uni`; without it the nominal angle is taken. Values
        that are not finite or not above 0 count as 1, others beyond 0.2 to 2.0 as the nearest end, both flagged.
    t1_range : tuple of float, optional
        Shortest and longest T1 to consider, in s.
    threads : int, optional
        Default: OMP_NUM_THREADS or the processors at hand. The result does not depend on it.
    out : ndarray of float32, optional
        Contiguous, of the shape and order of `uni`, or `uni` itself: takes the map, to spare memory.

    Returns
    -------
    R1Fit
        R1 in 1/s and the voxels where it is not a measurement; no value is infinite or not a number.

    Raises
    ------
    InputError
        When the shapes differ, or the timing leaves no monotonic branch.
    ValueError
        When `out` is not as described.
    """
    uni = np.asarray(uni)
    table = build_lookup(timing, 1.0, t1_range)
    # Both images are read in the order in which the first lies in memory; a view wherever that is possible.
    order: Literal["C", "F"] = "F" if uni.flags.f_contiguous and not uni.flags.c_contiguous else "C"
    flat, flat_b1 = uni.reshape(-1, order=order), None
    if b1 is not None:
        factor = np.asarray(b1)
        if factor.shape != uni.shape:
            raise InputError(f"the B1 map has shape {factor.shape}, the uniform image {uni.shape}")
        flat_b1 = factor.reshape(-1, order=order)
    r1 = np.empty(uni.size, np.float32) if out is None else out.reshape(-1, order=order)
    if r1.dtype != np.float32 or (out is not None and (out.shape != uni.shape or not np.shares_memory(r1, out))):
        raise ValueError("out must be float32, contiguous and of the shape and order of uni")
    outside = _look_up(flat, flat_b1, r1, table, t1_range, threads)
    return R1Fit(r1.reshape(uni.shape, order=order), outside.reshape(uni.shape, order=order), table.t1_range)


def _look_up(
    uni: NDArray,
    b1: NDArray | None,
    r1: NDArray,
    table: LookupTable,
    t1_range: tuple[float, float],
    threads: int | None,
) -> NDArray[np.bool_]:
    """Fill `r1`, and return the voxels outside, block by block, for flat arrays."""
    from harmoniq.data.kernels import run_blocks
    from harmoniq.mp2rage.interpolation import interpolate, interpolate_b1

    outside = np.empty(uni.size, np.bool_)
    kind = np.dtype(np.float32 if uni.dtype == np.float32 else np.float64)
    if b1 is None:
        cells = _cells(table.timing, t1_range, kind)
    else:
        cells, grid = _b1_cells(table.timing, t1_range, kind)

    def work(part: slice) -> None:
        block = np.ascontiguousarray(uni[part], dtype=kind)
        if b1 is None:
            interpolate(block, cells, ROUNDING, r1[part], outside[part])
        else:
            block_b1 = np.ascontiguousarray(b1[part], dtype=np.float32)
            interpolate_b1(block, block_b1, grid, cells, ROUNDING, r1[part], outside[part])

    run_blocks(work, uni.size, threads, size=BLOCK)
    return outside


@lru_cache(maxsize=16)
def _cells(timing: MP2RAGETiming, t1_range: tuple[float, float], kind: np.dtype) -> "Cells":
    """Return the table at nominal flip angles for the kernel."""
    from harmoniq.mp2rage.interpolation import make_cells

    return make_cells([build_lookup(timing, 1.0, t1_range)], OCTAVES[kind.name], kind)


@lru_cache(maxsize=4)
def _b1_cells(timing: MP2RAGETiming, t1_range: tuple[float, float], kind: np.dtype) -> "tuple[Cells, NDArray]":
    """Return the tables of a grid of B1 values for the kernel, and the grid."""
    from harmoniq.mp2rage.interpolation import make_cells

    factors = np.round(np.arange(B1_RANGE[0], B1_RANGE[1] + B1_STEP / 2, B1_STEP), 6)
    tables = [build_lookup.__wrapped__(timing, float(factor), t1_range, B1_TABLE_SIZE) for factor in factors]
    return make_cells(tables, B1_OCTAVES, kind), factors
