"""One participant's values over the controls' bands, as an SVG that stands in the page itself.

Written as text rather than drawn by matplotlib: the group level makes it for every participant, in milliseconds each.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from harmoniq.report.blocks import escape, format_number

_LEFT, _RIGHT, _TOP, _HIGH, _FOOT = 52.0, 8.0, 8.0, 150.0, 52.0
_WIDE: Final = 1000.0


class Band(NamedTuple):
    """A region: the participant's value and the controls' quantiles, 1/s.

    Parameters
    ----------
    name : str
        Region.
    value : float
        The participant's.
    low, high : float
        Quantiles between which 95 % of the controls lie.
    q25, median, q75 : float
        Quartiles.
    """

    name: str
    value: float
    low: float
    q25: float
    median: float
    q75: float
    high: float


def strip(bands: Sequence[Band], alt: str) -> str:
    """Draw a participant's values over the controls' ranges, region by region, as SVG.

    Parameters
    ----------
    bands : sequence of Band
        In the order of the axis.
    alt : str
        What it shows, for readers who do not see it; how many values lie outside is added.

    Returns
    -------
    str
        HTML: a scrolling box with the picture.
    """
    ends = [end for band in bands for end in (band.low, band.high, band.value)]
    low, high = min(ends), max(ends)
    pad = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    low, high = low - pad, high + pad
    step = (_WIDE - _LEFT - _RIGHT) / len(bands)

    def y(value: float) -> float:
        return _TOP + _HIGH * (high - value) / (high - low)

    edges = f'x1="{_LEFT:g}" x2="{_WIDE - _RIGHT:g}"'
    parts = []
    for tick in _ticks(low, high):
        parts.append(f'<line class="grid" {edges} y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text x="{_LEFT - 5:g}" y="{y(tick) + 4:.1f}" text-anchor="end">{format_number(tick)}</text>')
    outside = [not band.low <= band.value <= band.high for band in bands]
    for place, (band, far) in enumerate(zip(bands, outside)):
        parts += _region(band, far, _LEFT + step * (place + 0.5), 0.36 * step, y)
    told = escape(f"{alt}: {sum(outside)} of {len(bands)} values lie outside the range of 95 %")
    size = f"0 0 {_WIDE:g} {_TOP + _HIGH + _FOOT:g}"
    return (
        f'<div class="strip" tabindex="0" role="region" aria-label="{told}"><svg viewBox="{size}" role="img" '
        f'aria-label="{told}">{"".join(parts)}</svg></div>'
    )


def _region(band: Band, far: bool, middle: float, half: float, y: Callable[[float], float]) -> list[str]:
    """Return the shapes of one region: bands, median, the participant's dot and the name."""
    left, wide, foot = f'x="{middle - half:.1f}"', f'width="{2 * half:.1f}"', _TOP + _HIGH + 12
    parts = []
    for kind, top, bottom in (("band95", band.high, band.low), ("band50", band.q75, band.q25)):
        size = max(y(bottom) - y(top), 0.5)
        parts.append(f'<rect class="{kind}" {left} y="{y(top):.1f}" {wide} height="{size:.1f}"/>')
    ends = f'x1="{middle - half:.1f}" x2="{middle + half:.1f}"'
    parts.append(f'<line class="median" {ends} y1="{y(band.median):.1f}" y2="{y(band.median):.1f}"/>')
    parts.append(_dot(middle, y(band.value), far, f"{band.name}: {format_number(band.value)}"))
    turned = f'text-anchor="end" transform="rotate(-60 {middle:.1f} {foot:g})"'
    return [*parts, f'<text x="{middle:.1f}" y="{foot:g}" {turned}>{escape(band.name)}</text>']


def _dot(x: float, y: float, far: bool, title: str) -> str:
    told = f"<title>{escape(title)}</title>"
    if far:
        return f'<path class="far" d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z">{told}</path>'
    return f'<circle class="own" cx="{x:.1f}" cy="{y:.1f}" r="3.4">{told}</circle>'


def _ticks(low: float, high: float) -> list[float]:
    """Return three to six round numbers within a range."""
    from matplotlib.ticker import MaxNLocator

    return [float(tick) for tick in MaxNLocator(5).tick_values(low, high) if low <= tick <= high]
