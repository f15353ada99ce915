"""The lookup curve of an MP2RAGE sequence, and where on it a participant's tissues lie."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from harmoniq.data.acquisitions import MP2RAGETiming
from harmoniq.mp2rage.lookup import T1_RANGE, build_lookup
from harmoniq.mp2rage.signal import inversion_signals, uniform_image
from harmoniq.report.style import PAGE_WIDTH, TISSUE_STYLES, TISSUE_TITLES, in_order, styled

_LINES: Final = {"cGM": "-", "sWM": "--", "WM": ":"}
#: Transmit fields whose curves are drawn, too.
_FIELDS: Final = ((0.8, "#8C8C8C", "--"), (1.2, "#8C8C8C", ":"))


@styled
def figure_lookup_curve(timing: MP2RAGETiming, r1: Mapping[str, NDArray] | None = None) -> Figure:
    """Draw the uniform image over T1, the range in which it tells T1, and the tissues' T1.

    Parameters
    ----------
    timing : MP2RAGETiming
        Of the sequence.
    r1 : mapping, optional
        Tissue to R1 in 1/s.

    Returns
    -------
    matplotlib.figure.Figure
        Where the curve is flat, or outside the marked range, R1 cannot be told.
    """
    table = build_lookup(timing)
    figure = Figure(figsize=(PAGE_WIDTH, 3.3), layout="constrained")
    ax = figure.subplots()
    _draw_tissues(ax, r1 or {})
    t1 = np.geomspace(*T1_RANGE, 1000)
    for b1, color, line in _FIELDS:
        curve = uniform_image(*inversion_signals(t1, timing, b1))
        ax.plot(t1, curve, color=color, linestyle=line, linewidth=0.9, label=f"B1+ {b1:g}")
    curve = uniform_image(*inversion_signals(t1, timing))
    ax.plot(t1, curve, color="#000000", linewidth=0.9, linestyle=(0, (1, 1)))
    ax.plot(table.t1, table.uni, color="#000000", linewidth=1.8, label="B1+ 1, the range that tells T1")
    shortest, longest = table.t1_range
    label = "folded: T1 cannot be told"
    for start, stop in ((T1_RANGE[0], shortest), (longest, T1_RANGE[1])):
        if stop > 1.001 * start:
            ax.axvline(longest if start == longest else shortest, color="#D55E00", linewidth=0.9)
            ax.axvspan(start, stop, color="#D55E00", alpha=0.12, linewidth=0, label=label)
            label = ""
    rates = f"$R_1$ {1 / longest:.2f} to {1 / shortest:.1f} 1/s"
    ax.set(
        xscale="log", xlim=T1_RANGE, ylim=(-0.53, 0.53), xlabel="$T_1$ (s)", ylabel="uniform image",
        title=f"monotonic from $T_1$ {shortest:.2f} to {longest:.2f} s ({rates})",
    )  # fmt: skip
    ticks = [0.05, 0.1, 0.2, 0.5, 1, 2, 3, 5]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.grid(color="#DDDDDD", linewidth=0.5)
    ax.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=3, fontsize=7)
    return figure


def _draw_tissues(ax: Any, r1: Mapping[str, NDArray]) -> None:
    """Draw the distributions of T1 as hills from the lower edge of the plot."""
    edges = np.geomspace(*T1_RANGE, 241)
    counts = {tissue: np.histogram(1.0 / r1[tissue], edges)[0] / r1[tissue].size for tissue in r1}
    tallest = max((float(count.max()) for count in counts.values()), default=1.0)
    for tissue in in_order(counts, tuple(TISSUE_STYLES)):
        color = TISSUE_STYLES.get(tissue, ("#000000", ""))[0]
        hills = -0.53 + 0.45 * counts[tissue] / tallest
        ax.stairs(hills, edges, baseline=-0.53, color=color, alpha=0.3, fill=True)
        ax.stairs(
            hills, edges, baseline=-0.53, color=color, linestyle=_LINES.get(tissue, "-"), linewidth=1.1,
            label=TISSUE_TITLES.get(tissue, tissue),
        )  # fmt: skip
