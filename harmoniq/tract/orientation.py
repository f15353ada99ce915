"""Which way a bundle runs: the same in every participant, so that a node is the same place in all of them."""

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from harmoniq.tract.centerlines import read_centerlines
from harmoniq.tract.profile import Points, orient, resample, resample_lines
from harmoniq.tract.streamlines import Streamline

#: Bundles, without their side, whose course in the standard brain is told from AFQ's second region to its first.
_AGAINST_AFQ: Final = ("pARC", "ATR", "CST", "IFO", "ILF")
#: A course is told by so many of its points.
_POINTS: Final = 12


def run_one_way(name: str, streamlines: Sequence[Streamline]) -> tuple[list[Streamline], int]:
    """Turn streamlines round so that all run as AFQ's do: through its first region before its second.

    Parameters
    ----------
    name : str
        One of the 18 bundles.
    streamlines : sequence of ndarray, shape (n, 3)
        RAS mm, in a head that is turned by less than a right angle; one or more.

    Returns
    -------
    streamlines : list of ndarray
        The same, in their order, some turned round.
    against : int
        How many ran against most of the others.
    """
    lines = resample_lines(streamlines, _POINTS)
    together = orient(lines)
    turned = (together != lines).any(axis=(1, 2))
    core, course = together.mean(axis=0), _course(name)
    backwards = _alike(core[::-1], course) > _alike(core, course)
    flip = turned ^ backwards
    return [line[::-1] if back else line for line, back in zip(streamlines, flip, strict=True)], int(turned.sum())


def _alike(one: Points, other: Points) -> float:
    """Return how alike the shapes of two curves are, wherever they lie."""
    return float(((one - one.mean(axis=0)) * (other - other.mean(axis=0))).sum())


@cache
def _course(name: str) -> npt.NDArray[np.float64]:
    course = resample(read_centerlines()[name], _POINTS)
    return course[::-1] if name.split("_")[0] in _AGAINST_AFQ else course
