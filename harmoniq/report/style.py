"""How every figure looks: the palette of Okabe and Ito, sizes for print, and words for metrics and methods.

Colors carry no meaning alone: each goes with a marker or a label.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar

import matplotlib
import pandas as pd

from harmoniq.data.names import METRIC_WORDS

P = ParamSpec("P")
R = TypeVar("R")

#: Okabe and Ito's eight colors, told apart by people with any color vision deficiency.
OKABE_ITO: Final = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
}
_SITE_CYCLE: Final = ("blue", "orange", "green", "purple", "vermilion", "sky", "black")
_SITE_MARKERS: Final = ("o", "^", "s", "D", "v", "P", "X")

TISSUE_STYLES: Final = {"cGM": ("#D55E00", "o"), "sWM": ("#0072B2", "^"), "WM": ("#009E73", "s")}
METHOD_COLORS: Final = {"raw": "#6A6A6A", "combat": "#56B4E9", "gam": "#D55E00", "hbr": "#CC79A7"}
COMPARISON_STYLES: Final = {
    "cross_site": ("#D55E00", "v", "cross-site, raw"),
    "within_site": ("#0072B2", "s", "within-site, raw"),
    "harmonized": ("#000000", "o", "harmonized"),
}

METHOD_TITLES: Final = {"raw": "Raw", "combat": "ComBat", "gam": "ComBat-GAM", "hbr": "HBR (B-spline)"}
TISSUE_TITLES: Final = {"cGM": "cortical gray matter", "sWM": "superficial white matter", "WM": "white-matter bundles"}
TISSUE_SHORT: Final = {"cGM": "cGM", "sWM": "sWM", "WM": "WM bundles"}
METRIC_TITLES: Final = {"R1": "$R_1$", "R2star": "$R_2^*$"}

#: Nothing below 7 pt: figures are made at the width at which they are printed.
_RC: Final[Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.0,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8.0,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.linewidth": 1.3,
    "figure.facecolor": "white",
    "figure.dpi": 170,
    "svg.fonttype": "path",
    "svg.hashsalt": "harmoniq",
    "mathtext.fontset": "dejavusans",
}

#: Width of a page's text block, in inches.
PAGE_WIDTH: Final = 7.2


class SiteStyle(NamedTuple):
    """Color and marker of a site, the same in every figure of a report.

    Parameters
    ----------
    color : str
        As matplotlib takes it.
    marker : str
        As matplotlib takes it.
    """

    color: str
    marker: str


def styled(function: Callable[P, R]) -> Callable[P, R]:
    """Run a drawing function under the project's style, and leave matplotlib's own settings alone.

    Parameters
    ----------
    function : callable
        Function to wrap.

    Returns
    -------
    callable
        The function, wrapped.
    """

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with matplotlib.rc_context(_RC):
            return function(*args, **kwargs)

    return wrapper


def site_styles(sites: Iterable[str]) -> dict[str, SiteStyle]:
    """Give each site its color and marker, by its place in the sorted list of all sites.

    Parameters
    ----------
    sites : iterable of str
        Sites.

    Returns
    -------
    dict of str to SiteStyle
        Style by site.
    """
    return {
        site: SiteStyle(
            OKABE_ITO[_SITE_CYCLE[i % len(_SITE_CYCLE)]],
            _SITE_MARKERS[(i + i // len(_SITE_CYCLE)) % len(_SITE_MARKERS)],
        )
        for i, site in enumerate(sorted(set(sites)))
    }


def metric_label(metric: str) -> str:
    """Return the axis label of a metric, with its unit.

    Parameters
    ----------
    metric : str
        R1 or R2star.

    Returns
    -------
    str
        Of an axis; an unknown metric by its own name.
    """
    return f"{METRIC_TITLES.get(metric, metric)} (1/s)"


def in_order(found: Iterable[str], order: Sequence[str]) -> list[str]:
    """Sort labels in a given order; unknown ones come last, by the alphabet.

    Parameters
    ----------
    found : iterable of str
        Labels that occur.
    order : sequence of str
        Labels in their order.

    Returns
    -------
    list of str
        Each once.
    """
    present = set(found)
    return [name for name in order if name in present] + sorted(present - set(order))


def records(frame: pd.DataFrame) -> list[Any]:
    """Return the rows of a table as named tuples.

    Parameters
    ----------
    frame : DataFrame
        Table.

    Returns
    -------
    list of namedtuple
        Without the index.
    """
    return list(frame.itertuples(index=False))


def metric_word(metric: object) -> str:
    """Return a metric's name in plain text: R1 or R2*.

    Parameters
    ----------
    metric : object
        R1 or R2star.

    Returns
    -------
    str
        An unknown metric by its own name.
    """
    return METRIC_WORDS.get(str(metric), str(metric))


def panel_letters(axes: Iterable[Any]) -> None:
    """Write a, b, c ... at the upper left of each panel.

    Parameters
    ----------
    axes : iterable of object
        One per panel, in the order of the letters.
    """
    for i, ax in enumerate(axes):
        ax.set_title(chr(ord("a") + i), loc="left", fontweight="bold")
