"""How far R1 goes wrong when a value that scanners do not write is assumed wrongly.

The signal of the true sequence is looked up in the table of the wrong one: no data are needed, only the timing
(Marques et al. 2010, doi:10.1016/j.neuroimage.2009.10.002; for the transmit field Marques and Gruetter 2013,
doi:10.1371/journal.pone.0069294).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from harmoniq.data.acquisitions import MP2RAGETiming
from harmoniq.data.errors import InputError
from harmoniq.mp2rage.lookup import build_lookup
from harmoniq.mp2rage.signal import inversion_signals, uniform_image

if TYPE_CHECKING:
    import pandas as pd

#: The usual partial Fourier factor; the part of k-space after the center is whole.
PARTIAL_FOURIER = 6 / 8
SPACING_ERROR = 0.0005
#: An echo spacing of other product sequences at 1 mm, far from the 6.9 ms of the study's.
OTHER_SPACING = 0.0047
EFFICIENCIES = (1.0, 0.90)
B1_FACTORS = (0.8, 1.2)


@dataclass(frozen=True)
class Mistake:
    """A value that is assumed where another one is true.

    Parameters
    ----------
    quantity : str
        What is assumed, for example ``echo spacing``.
    assumed, true : str
        Both values with their units, as a reader sees them.
    sequence : MP2RAGETiming
        The true timing, which makes the signal.
    table : MP2RAGETiming
        The assumed one, by which R1 is looked up.
    b1 : float
        The true flip angle relative to nominal, where 1 is assumed.
    """

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
        The true one, but for the row in which another one is taken for it.
    t1_values : sequence of float
        True T1 in s; about those of white and of gray matter at 3 T.

    Returns
    -------
    pandas.DataFrame
        ``quantity assumed true`` and ``t1_<T1>`` for each T1: the fitted R1 over the true one, minus 1, in percent;
        missing where T1 or its signal lies beyond the range that can be told apart. A wrong value that would make the
        timing infeasible has no row: the fit would have refused it.
    """
    import pandas as pd

    rows = []
    for mistake in _mistakes(timing):
        changes = [_percent(mistake, t1) for t1 in t1_values]
        rows.append((mistake.quantity, mistake.assumed, mistake.true, *changes))
    return pd.DataFrame(rows, columns=["quantity", "assumed", "true", *(f"t1_{t1:g}" for t1 in t1_values)])


def largest_dependence(table: "pd.DataFrame") -> tuple[str, float]:
    """Return the quantity on which R1 depends most in a sensitivity table, and its change in percent.

    Parameters
    ----------
    table : pandas.DataFrame
        As `sensitivity_table` returns it.

    Returns
    -------
    quantity : str
        As in the table.
    change : float
        Size of the largest change of R1, in percent of R1.
    """
    sizes = table.filter(regex="^t1_").abs().max(axis=1).to_numpy()
    largest = int(np.nanargmax(sizes))
    return str(table["quantity"].iloc[largest]), float(sizes[largest])


def _percent(mistake: Mistake, t1: float) -> float:
    uni = uniform_image(*inversion_signals(t1, mistake.sequence, mistake.b1))
    table = build_lookup(mistake.table)
    shortest, longest = build_lookup(mistake.sequence, mistake.b1).t1_range
    if not (shortest <= t1 <= longest and table.uni[0] <= uni <= table.uni[-1]):
        return float("nan")
    return 100.0 * (float(table.r1(uni)) * t1 - 1.0)


def _mistakes(timing: MP2RAGETiming) -> Iterator[Mistake]:
    """Yield what may be assumed wrongly, as far as the wrong timing is feasible."""
    yield from _partial_fourier(timing)
    for value in _spacings(timing.echo_spacing):
        if wrong := _changed(timing, echo_spacing=value):
            yield Mistake("echo spacing", _ms(value), _ms(timing.echo_spacing), timing, wrong)
    for value in EFFICIENCIES:
        if abs(value - timing.efficiency) > 1e-6:
            wrong = replace(timing, efficiency=value)
            yield Mistake("inversion efficiency", f"{value:.2f}", f"{timing.efficiency:.2f}", timing, wrong)
    for b1 in B1_FACTORS:
        yield Mistake("B1+", "1", f"{b1:g}", timing, timing, b1)


def _partial_fourier(timing: MP2RAGETiming) -> Iterator[Mistake]:
    """Yield a partial sequence taken for a whole one, and the other way round."""
    before, after = timing.shots
    if before > after:
        return
    whole = timing if before == after else _changed(timing, shots=(after, after))
    partial = timing if before < after else _changed(timing, shots=(round(2 * after * (PARTIAL_FOURIER - 0.5)), after))
    if whole is None or partial is None:
        return
    name = f"{4 * (1 + partial.shots[0] / after):.3g}/8"
    yield Mistake("partial Fourier", "none", name, partial, whole)
    yield Mistake("partial Fourier", name, "none", whole, partial)


def _spacings(true: float) -> list[float]:
    other = [OTHER_SPACING] if abs(true - OTHER_SPACING) > 2 * SPACING_ERROR else []
    return [true - SPACING_ERROR, true + SPACING_ERROR, *other]


def _changed(timing: MP2RAGETiming, **values: Any) -> MP2RAGETiming | None:
    """Return the timing with other values, or None where it would not be feasible."""
    try:
        return replace(timing, **values)
    except InputError:
        return None


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.1f} ms"
