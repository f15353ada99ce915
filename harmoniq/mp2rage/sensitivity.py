"""How far R1 goes wrong when a value that scanners do not write is assumed wrongly.

The signal of the true sequence is looked up in the table of the wrong one: no data are needed, only the timing
(Marques et al. 2010, doi:10.1016/j.neuroimage.2009.10.002; for the transmit field Marques and Gruetter 2013,
doi:10.1371/journal.pone.0069294).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from harmoniq.data.acquisitions import MP2RAGETiming
from harmoniq.data.errors import InputError
from harmoniq.mp2rage.lookup import build_lookup
from harmoniq.mp2rage.signal import inversion_signals, uniform_image

if TYPE_CHECKING:
    import pandas as pd

#: Usual partial Fourier factors: the part of k-space after the centre is whole.
PARTIAL_FOURIER = (6 / 8, 7 / 8)
SPACING_ERROR = 0.0005
#: An echo spacing of other product sequences at 1 mm, far from the 6.9 ms of the study's.
OTHER_SPACING = 0.0047
EFFICIENCIES = (1.0, 0.90)
B1_FACTORS = (0.8, 1.2)


@dataclass(frozen=True)
class Mistake:
    """A value that is assumed where another one is true."""

    quantity: str
    assumed: str
    true: str
    sequence: MP2RAGETiming
    table: MP2RAGETiming
    b1: float = 1.0


def sensitivity_table(timing: MP2RAGETiming, t1_values: Sequence[float] = (0.85, 1.35)) -> "pd.DataFrame":
    """Tabulate the change of R1 when one of the assumed values is wrong.

    Parameters
    ----------
    timing : MP2RAGETiming
        As it is used; each row takes it for the assumed or, where the assumed value is another, for the true one.
    t1_values : sequence of float
        True T1 in s; about those of white and of gray matter at 3 T.

    Returns
    -------
    pandas.DataFrame
        ``quantity assumed true`` and ``t1_<T1>`` for each T1: the fitted R1 over the true one, minus 1, in percent;
        missing where the signal lies beyond the table. Mistakes that would make the timing infeasible are left out:
        the images would have been refused.
    """
    import pandas as pd

    rows = []
    for mistake in _mistakes(timing):
        changes = [_percent(mistake, t1) for t1 in t1_values]
        rows.append((mistake.quantity, mistake.assumed, mistake.true, *changes))
    return pd.DataFrame(rows, columns=["quantity", "assumed", "true", *(f"t1_{t1:g}" for t1 in t1_values)])


def largest_dependence(table: "pd.DataFrame") -> tuple[str, float]:
    """Return the quantity on which R1 depends most in a sensitivity table, and its change in percent."""
    sizes = table.filter(regex="^t1_").abs().max(axis=1)
    return str(table["quantity"][sizes.idxmax()]), float(sizes.max())


def _percent(mistake: Mistake, t1: float) -> float:
    uni = uniform_image(*inversion_signals(t1, mistake.sequence, mistake.b1))
    table = build_lookup(mistake.table)
    if not table.uni[0] <= uni <= table.uni[-1]:
        return float("nan")
    return 100.0 * (float(table.r1(uni)) * t1 - 1.0)


def _mistakes(timing: MP2RAGETiming) -> Iterator[Mistake]:
    """Yield what may be assumed wrongly, as far as the timing would be feasible."""
    for quantity, assumed, true, changes in (
        *_partial_fourier(timing),
        *_echo_spacing(timing),
        *_efficiency(timing),
    ):
        try:
            # The sequence is what the keys of the timing say; the mistake is in the table.
            yield Mistake(quantity, assumed, true, timing, replace(timing, **changes))
        except InputError:
            continue
    for b1 in B1_FACTORS:
        yield Mistake("B1+", "1 (not corrected)", f"{b1:g}", timing, timing, b1)


def _partial_fourier(timing: MP2RAGETiming) -> Iterator[tuple[str, str, str, dict]]:
    before, after = timing.shots
    if before == after:
        for factor in PARTIAL_FOURIER:
            wrong = (round(2 * after * (factor - 0.5)), after)
            yield "partial Fourier", f"{round(8 * factor)}/8", "none", {"shots": wrong}
    elif before < after:
        factor = 0.5 * (1 + before / after)
        yield "partial Fourier", "none", f"{8 * factor:.3g}/8", {"shots": (after, after)}


def _echo_spacing(timing: MP2RAGETiming) -> Iterator[tuple[str, str, str, dict]]:
    true = timing.echo_spacing
    wrong = [true - SPACING_ERROR, true + SPACING_ERROR]
    if abs(true - OTHER_SPACING) > 2 * SPACING_ERROR:
        wrong.append(OTHER_SPACING)
    for value in wrong:
        yield "echo spacing", f"{1e3 * value:.1f} ms", f"{1e3 * true:.1f} ms", {"echo_spacing": value}


def _efficiency(timing: MP2RAGETiming) -> Iterator[tuple[str, str, str, dict]]:
    for value in EFFICIENCIES:
        if abs(value - timing.efficiency) > 1e-6:
            yield "inversion efficiency", f"{value:.2f}", f"{timing.efficiency:.2f}", {"efficiency": value}
