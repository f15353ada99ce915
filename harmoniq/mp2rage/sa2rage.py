"""The transmit field from SA2RAGE: two images after a saturation pulse, whose ratio depends on the flip angle.

Eggenschwiler et al. 2012, Magn Reson Med 67:1609. The sequence is that of MP2RAGE with a
saturation pulse of nominally 90 degrees in place of the inversion: what it leaves, cos(B1 90 degrees), takes the place
of minus the inversion efficiency in the signal model.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.data.acquisitions import MP2RAGETiming
from harmoniq.data.errors import InputError
from harmoniq.mp2rage.signal import inversion_signals

#: Of the tissue, in s, where no map of it is given: the value of Eggenschwiler et al. 2012.
AVERAGE_T1 = 1.5
B1_RANGE, B1_STEPS = (0.05, 2.0), 2000
#: In s; B1 is linear in the logarithm of T1 between two of them to 1e-4.
T1_GRID = np.geomspace(0.3, 5.0, 40)
#: Of the joint lookup: B1 is then as good as with the true T1 to 1e-4.
ROUNDS = 4


@dataclass(frozen=True, eq=False)
class RatioTable:
    """The branch over which the ratio of both images falls with the transmit field.

    Parameters
    ----------
    ratio : ndarray, shape (n,)
        First over second image, strictly ascending.
    b1 : ndarray, shape (n,)
        Relative flip angle of each entry, descending.
    """

    ratio: NDArray[np.float64]
    b1: NDArray[np.float64]


def sa2rage_ratio(b1: ArrayLike, timing: MP2RAGETiming, t1: ArrayLike = AVERAGE_T1) -> NDArray[np.float64]:
    """Compute the ratio of the first image to the second; broadcast over `b1` (relative) and `t1` (s).

    Parameters
    ----------
    b1 : array_like
        Flip angle relative to nominal.
    timing : MP2RAGETiming
        Of the SA2RAGE sequence; its efficiency is not used.
    t1 : array_like, optional
        In s.

    Returns
    -------
    ndarray of float64
        S1 over S2, signed, shaped as `b1` and `t1` broadcast.

    Notes
    -----
    The model of Eggenschwiler et al. 2012, as `harmoniq.mp2rage.signal.inversion_signals` with an efficiency of
    -cos(B1 90 degrees).
    """
    factor = np.asarray(b1, dtype=np.float64)
    first, second = inversion_signals(t1, timing, factor, efficiency=-np.cos(factor * np.pi / 2))
    return first / second


def ratio_table(timing: MP2RAGETiming, t1: float = AVERAGE_T1) -> RatioTable:
    """Tabulate the ratio over the transmit field, and keep the branch around nominal over which it falls.

    Parameters
    ----------
    timing : MP2RAGETiming
        Of the SA2RAGE sequence; its efficiency is not used.
    t1 : float, optional
        In s.

    Returns
    -------
    RatioTable
        The longest falling stretch of 0.05 to 2 times nominal that holds nominal.

    Raises
    ------
    InputError
        When the ratio does not fall with the transmit field at nominal.
    """
    b1 = np.linspace(*B1_RANGE, B1_STEPS)
    ratio = sa2rage_ratio(b1, timing, t1)
    falls = np.diff(ratio) < 0
    nominal = int(np.searchsorted(b1, 1.0))
    if not falls[nominal]:
        raise InputError(
            "with this SA2RAGE timing the ratio of the images does not tell the transmit field", file=timing.source,
            remedy="check InversionTime, FlipAngle and RepetitionTimePreparation",
        )  # fmt: skip
    breaks = np.flatnonzero(~falls)
    start = int(breaks[breaks < nominal].max(initial=-1)) + 1
    stop = int(breaks[breaks > nominal].min(initial=falls.size)) + 1
    return RatioTable(ratio[start:stop][::-1].copy(), b1[start:stop][::-1].copy())


def b1_from_ratio(
    ratio: ArrayLike, timing: MP2RAGETiming, t1: ArrayLike = AVERAGE_T1
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Look up the transmit field.

    Parameters
    ----------
    ratio : array_like
        First over second image, signed.
    timing : MP2RAGETiming
        Of the sequence; its efficiency is not used.
    t1 : array_like, optional
        In s: one value, or one for each voxel (kept within 0.3 to 5 s). The ratio depends on it weakly: 1.0 s taken
        for 1.5 s changes B1 by about 1 %.

    Returns
    -------
    b1 : ndarray of float32
        Relative to nominal; at the nearest end of the branch where the ratio is beyond it, 0 where it is not a number.
    outside : ndarray of bool
        Where `b1` is not a measurement.

    Raises
    ------
    InputError
        As `ratio_table`.
    """
    values, t1 = np.broadcast_arrays(np.asarray(ratio, dtype=np.float64), np.asarray(t1, dtype=np.float64))
    low, high = np.full(values.shape, -np.inf), np.full(values.shape, np.inf)
    if np.ptp(t1) == 0:
        table = ratio_table(timing, float(t1.flat[0]))
        b1 = np.interp(values, table.ratio, table.b1)
        low, high = table.ratio[0], table.ratio[-1]
    else:
        place = np.interp(np.log(np.clip(t1, *T1_GRID[[0, -1]])), np.log(T1_GRID), np.arange(T1_GRID.size))
        row = np.minimum(place.astype(int), T1_GRID.size - 2)
        b1 = np.empty(values.shape)
        for number in np.unique(row):
            here = row == number
            tables = [ratio_table(timing, float(t)) for t in T1_GRID[number : number + 2]]
            below, above = (np.interp(values[here], table.ratio, table.b1) for table in tables)
            b1[here] = below + (place[here] - number) * (above - below)
            low[here], high[here] = (max(t.ratio[0] for t in tables), min(t.ratio[-1] for t in tables))
    finite = np.isfinite(values)
    outside = ~(finite & (values >= low) & (values <= high))
    return np.where(finite, b1, 0.0).astype(np.float32), outside


def b1_and_t1(
    ratio: ArrayLike, timing: MP2RAGETiming, uni: ArrayLike, mp2rage: MP2RAGETiming
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Look up the transmit field where MP2RAGE tells T1, each with what is known of the other, in turn.

    Parameters
    ----------
    ratio, timing
        As `b1_from_ratio` takes them.
    uni : array_like
        Uniform image in the same voxels, from -0.5 to 0.5.
    mp2rage : MP2RAGETiming
        Of the uniform image.

    Returns
    -------
    b1, outside
        As `b1_from_ratio`.

    Raises
    ------
    InputError
        As `ratio_table` and `harmoniq.mp2rage.lookup.fit_r1`.

    Notes
    -----
    The joint estimate of Marques and Gruetter 2013, PLoS ONE 8:e69294, doi:10.1371/journal.pone.0069294; four rounds.
    """
    from harmoniq.mp2rage.lookup import fit_r1

    values = np.asarray(uni, dtype=np.float64)
    rate = fit_r1(values, mp2rage).r1
    for _ in range(ROUNDS):
        t1 = np.divide(1.0, rate, out=np.full(values.shape, AVERAGE_T1), where=rate > 0)
        b1, outside = b1_from_ratio(ratio, timing, t1)
        rate = fit_r1(values, mp2rage, b1).r1
    return b1, outside
