"""Whole-brain tracking, seeded: the same seed gives the same streamlines for any number of threads.

DIPY's probabilistic tracking is called directly. That of pyAFQ 3.4 on a processor (its ``directions="prob"``) cannot be
seeded: it seeds NumPy's generator, but draws from Numba's.
"""

import numpy as np
import numpy.typing as npt

from harmoniq.data.errors import InputError
from harmoniq.diffusion.fibers import Fibers

Streamline = npt.NDArray[np.float32]

#: Shortest and longest streamline, mm.
LENGTHS_MM = (20.0, 250.0)
#: Tracking begins and ends at these fractions of white matter. They are low: a bundle whose R1 is under the average's
#: reads as half white, and what has no fibers is kept out by their density.
_SEED_WHITE, _STOP_WHITE = 0.3, 0.2


def track(
    fibers: Fibers,
    white: npt.NDArray[np.float32],
    *,
    n_seeds: int,
    step_mm: float = 1.0,
    angle: float = 30.0,
    cutoff: float = 0.2,
    seed: int = 0,
    source: str = "dwi",
) -> list[Streamline]:
    """Track from random places in white matter.

    Parameters
    ----------
    fibers : Fibers
        As `harmoniq.diffusion.fibers.fit_fibers` returns them.
    white : numpy.ndarray, shape (x, y, z)
        Fraction of white matter in the fibers' box.
    n_seeds : int
        Places to begin at.
    step_mm : float
        Length of a step.
    angle : float
        Largest turn per step, degrees.
    cutoff : float
        Tracking ends where the largest orientation density falls below this part of a single fiber's, as MRtrix3's
        ``-cutoff``.
    seed : int
        Of places and directions.
    source : str
        Named in errors.

    Returns
    -------
    list of numpy.ndarray, float32, shape (n, 3)
        RAS mm, from 20 to 250 mm long.

    Raises
    ------
    InputError
        When there is nowhere to begin, or nothing was tracked.
    """
    from dipy.tracking.stopping_criterion import ThresholdStoppingCriterion
    from dipy.tracking.tracker import probabilistic_tracking
    from dipy.tracking.utils import random_seeds_from_mask

    there = np.where(fibers.amplitude.max(axis=-1) >= cutoff, white, 0.0).astype(np.float64)
    if not (there > _SEED_WHITE).any():
        raise InputError("has no voxel to track from", file=source, key="bundles.fod_cutoff", value=cutoff)
    seeds = random_seeds_from_mask(
        there > _SEED_WHITE, affine=fibers.affine, seeds_count=n_seeds, seed_count_per_voxel=False, random_seed=seed
    )
    shortest, longest = LENGTHS_MM
    generator = probabilistic_tracking(
        seeds, ThresholdStoppingCriterion(there, _STOP_WHITE), fibers.affine,
        sf=fibers.amplitude, sphere=fibers.sphere, step_size=step_mm, max_angle=angle,
        min_len=shortest, max_len=longest, random_seed=seed + 1, nbr_threads=1, return_all=False,
    )  # fmt: skip
    lines = [np.asarray(line, dtype=np.float32) for line in generator]
    lines = [line for line in lines if len(line) >= 2 and np.isfinite(line).all()]
    if not lines:
        raise InputError("nothing could be tracked", file=source, remedy="check bvec, the mask and the number of seeds")
    return lines
