"""What the compiled density of a region is made of: data sorted into blocks, priors, and tabulated functions."""

from typing import NamedTuple

import numpy as np

from harmoniq.harmonization.hbr.mapping import SigmaTable


class Terms(NamedTuple):
    """Data and priors of one region, for `kernels.log_density`.

    Participants are sorted into blocks of the same knot interval and the same site and sex. A cell is a combination of
    site and sex.

    Parameters
    ----------
    y : numpy.ndarray, shape (n,)
        Standardized values.
    splines : numpy.ndarray, shape (n, 4)
        The four cubic splines that are not zero at a participant's age.
    starts : numpy.ndarray of int, shape (n_blocks + 1,)
        First participant of each block, and `n`.
    block_first, block_cell : numpy.ndarray of int, shape (n_blocks,)
        First of the block's four spline coefficients, and its cell.
    cells : numpy.ndarray, shape (n_cells, n_offsets)
        Zero-sum coordinates to the offset of each cell.
    precision : numpy.ndarray, shape (2, n_splines, n_splines)
        Prior precision of the spline coefficients, of mean and SD.
    groups : numpy.ndarray of int, shape (n_groups, 2)
        Start and size in theta of each group of offsets that share an SD.
    log_priors : numpy.ndarray, shape (n_groups, n_points, 2)
        Log prior of a group, its SD integrated out, and its slope, over the log of the sum of squares.
    prior_start, prior_step : float
        First point of `log_priors` and the distance between points, in the log of the sum of squares.
    floor2 : float
        Added to the sum of squares, so that its log exists.
    sigma : SigmaTable
        From eta to the SD.
    """

    y: np.ndarray
    splines: np.ndarray
    starts: np.ndarray
    block_first: np.ndarray
    block_cell: np.ndarray
    cells: np.ndarray
    precision: np.ndarray
    groups: np.ndarray
    log_priors: np.ndarray
    prior_start: float
    prior_step: float
    floor2: float
    sigma: SigmaTable
