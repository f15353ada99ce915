"""Colors of relaxation maps as the field recommends them: lipari for R1, navia for R2*.

Fuderer et al. 2025: the color maps are Crameri's (2020, Nat Commun
11:5444, doi:10.1038/s41467-020-19160-7). For rates they are turned round, so that a tissue has the same color in a map
of times; the lower half of the colors is linear in the rate and the upper half in its logarithm; black is no value.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from matplotlib.colors import Colormap, FuncNorm
from numpy.typing import NDArray


class MapScale(NamedTuple):
    """How a metric is shown: fixed, so that pages of different participants can be compared by eye.

    Parameters
    ----------
    name : str
        Of one of Crameri's color maps.
    top : float
        Value of the last color, 1/s.
    label : str
        For the color bar.
    """

    name: str
    top: float
    label: str


SCALES: Final = {"R1": MapScale("lipari", 1.6, "R1 (1/s)"), "R2star": MapScale("navia", 50.0, "R2* (1/s)")}


def color_map(metric: str) -> Colormap:
    """Return the metric's color map, turned round, with black for what is no value.

    Parameters
    ----------
    metric : str
        R1 or R2star.

    Returns
    -------
    Colormap
        Of Crameri 2018.
    """
    from cmcrameri import cm

    return cm.cmaps[f"{SCALES[metric].name}_r"].with_extremes(bad="black")


def color_norm(metric: str) -> FuncNorm:
    """Return the metric's scale from 0 to its top: linear up to top / e, and logarithmic above.

    Parameters
    ----------
    metric : str
        R1 or R2star.

    Returns
    -------
    FuncNorm
        From 1/s to 0 to 1, invertible.
    """
    knee = SCALES[metric].top / math.e

    def forward(rate: NDArray) -> NDArray:
        rate = np.asarray(rate, dtype=float)
        return np.where(rate <= knee, 0.5 * rate / knee, 0.5 + 0.5 * np.log(np.maximum(rate, knee) / knee))

    def inverse(place: NDArray) -> NDArray:
        place = np.asarray(place, dtype=float)
        return np.where(place <= 0.5, 2.0 * place * knee, knee * np.exp(2.0 * np.maximum(place, 0.5) - 1.0))

    return FuncNorm((forward, inverse), vmin=0.0, vmax=SCALES[metric].top)
